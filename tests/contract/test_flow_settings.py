"""Settings of the sample flows in the containers: picked from lists where there are any, plain texts elsewhere."""

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from devkit.flow_runs.values import Scope, evaluate
from devkit.flows.build import load_sources
from devkit.flows.check_packages import check_solution
from devkit.flows.check_settings import check_settings
from devkit.flows.contents import list_contents
from devkit.flows.names import make_identity
from devkit.flows.packing import Files, pack, unpack
from devkit.flows.solution_xml import write_variable
from devkit.flows.sources import Flow, Setting, load_flows

SITE, LIST = "ggw_SharePointSite", "ggw_TicketList"
SHAREPOINT = "shared_sharepointonline"


def solutions(built: Files) -> Iterator[tuple[str, Files]]:
    for name, content in built.items():
        if name.startswith("solutions/") and name.endswith(".zip"):
            yield name, unpack(content)


def find_variable(built: Files, schema_name: str) -> bytes:
    path = f"environmentvariabledefinitions/{schema_name}/environmentvariabledefinition.xml"
    return next(files[path] for _, files in solutions(built) if path in files)


def test_sites_and_lists_are_variables_of_a_data_source_as_the_platform_exports_them(built: Files) -> None:
    """The form of exports, element by element (pnp/powerplatform-samples, sharepoint-group-creation)."""
    shown = {}
    for name in (SITE, LIST):
        root = ET.fromstring(find_variable(built, name))  # noqa: S314 - our own file
        shown[name] = [(each.tag, each.findtext("schemaname") or (each.text or "").strip()) for each in root]
    more = [("introducedversion", shown[SITE][3][1]), ("iscustomizable", "1"), ("isrequired", "0")]
    begin = [("apiid", f"/providers/microsoft.powerapps/apis/{SHAREPOINT}"), ("description", ""), ("displayname", "")]
    end = [("secretstore", "0"), ("type", "100000004")]
    assert shown[SITE] == [*begin, *more, ("parameterkey", "dataset"), *end]
    assert shown[LIST] == [*begin, *more, ("parameterkey", "table"), ("parentdefinitionid", SITE), *end]


def test_no_variable_is_required_because_no_export_has_one() -> None:
    for setting in (Setting("", "Hours", "ggw_Hours", "String", "8", "H."), Setting("", "K", "ggw_K", "Int", "", "K.")):
        xml = write_variable(setting, "1.0.0.0")
        assert b"<isrequired>0</isrequired>" in xml
        assert (b"<defaultvalue>8</defaultvalue>" in xml) == (not setting.is_asked)
        assert b"apiid" not in xml


def test_flows_of_a_solution_have_no_value_and_nothing_of_ours_for_what_is_picked(built: Files) -> None:
    seen = 0
    for _, files in solutions(built):
        for name, content in files.items():
            if not name.startswith("Workflows/"):
                continue
            for parameter in json.loads(content)["properties"]["definition"]["parameters"].values():
                assert "dataSource" not in parameter.get("metadata", {})
                if parameter.get("metadata", {}).get("schemaName") in (SITE, LIST):
                    seen += 1
                    assert {*parameter} == {"type", "metadata"}
                    assert {*parameter["metadata"]} == {"schemaName", "description"}
    assert seen >= 8


def test_packages_and_workflows_have_plain_values_for_them(built: Files) -> None:
    package = unpack(built["packages/new-appointment-ticket.zip"])
    [definition] = [json.loads(data) for name, data in package.items() if name.endswith("definition.json")]
    actions = definition["properties"]["definition"]["actions"]
    assert actions["Settings"]["inputs"]["TicketList"] == "Tickets"
    workflow = json.loads(built["logic-apps/new-appointment-ticket.json"])
    assert workflow["parameters"]["TicketList"] == {"value": "Tickets"}
    assert "dataSource" not in json.dumps([definition, workflow])
    sources = load_sources()
    contents = {each.file: each for each in list_contents(sources.flows, sources.connectors, make_identity("X"))}
    assert LIST in contents["solutions/appointments.zip"].to_fill_in
    for file in ("packages/new-appointment-ticket.zip", "logic-apps/new-appointment-ticket.bicepparam"):
        assert (LIST in contents[file].with_default, SITE in contents[file].to_fill_in) == (True, True)


LINK = "Channel link (ggw_ChannelLink)"
TEAM, CHANNEL = "0b7c3f6e-team", "19:0a1b2c3d@thread.tacv2"


@pytest.mark.parametrize(
    "link",
    [
        "https://teams.microsoft.com/l/channel/19%3a0a1b2c3d%40thread.tacv2/General?groupId=0b7c3f6e-team&tenantId=t",
        "https://teams.microsoft.com/l/channel/19%3A0a1b2c3d%40thread.tacv2/Help%20desk?tenantId=t&groupId=0b7c3f6e-team",
        "https://teams.example.com/l/channel/19:0a1b2c3d@thread.tacv2/?groupId=0b7c3f6e-team&tenantId=t&allowXTenantAccess=0",
    ],
)
def test_team_and_channel_are_read_out_of_the_link_as_teams_copies_it(link: str) -> None:
    scope = Scope(now=datetime(2026, 5, 5, tzinfo=UTC), parameters={LINK: link})
    seen = 0
    for flow in load_flows():
        for step in flow.steps:
            given = step.action.get("inputs", {})
            given = given.get("parameters", {}) if isinstance(given, dict) else {}
            if "body/recipient/channelId" in given:
                seen += 1
                ids = [evaluate(given[f"body/recipient/{name}"], scope) for name in ("groupId", "channelId")]
                assert ids == [TEAM, CHANNEL]
    assert seen >= 6


def spoil(name: str, change: Any) -> list[tuple[str, str]]:
    [flow] = [flow for flow in load_flows() if flow.name == name]
    document = copy.deepcopy(flow.document)
    change(document["properties"]["definition"])
    return [(each.rule, each.message) for each in check_settings(Flow(flow.name, document))]


def test_a_setting_that_would_be_typed_although_there_is_a_list_is_seen() -> None:
    parameter = "Ticket list (ggw_TicketList)"
    assert spoil("new-appointment-ticket", lambda _: None) == []
    for change in (
        lambda one: one["parameters"][parameter]["metadata"].pop("dataSource"),
        lambda one: one["parameters"][parameter]["metadata"]["dataSource"].update(parameter="dataset"),
        lambda one: one["parameters"][parameter]["metadata"]["dataSource"].pop("within"),
    ):
        found = spoil("new-appointment-ticket", change)
        assert {rule for rule, _ in found} == {"picked"}
        assert all("“Ticket list” is a list's entry" in message for _, message in found)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("<parameterkey>table</parameterkey>", "", "need both"),
        ("100000004", "100000000", "need both"),
        ("apis/shared_sharepointonline", "apis/shared_sql", "no connection of"),
        ("<description", "<defaultvalue>Tickets</defaultvalue><description", "would not ask"),
        (f"<schemaname>{SITE}", "<schemaname>ggw_OtherSite", "lists what is within ggw_OtherSite"),
    ],
)
def test_a_variable_whose_values_an_import_could_not_list_is_seen(built: Files, old: str, new: str, words: str) -> None:
    path = f"environmentvariabledefinitions/{LIST}/environmentvariabledefinition.xml"
    name, files = next((name, files) for name, files in solutions(built) if path in files)
    assert check_solution(name, pack(files)) == []
    assert old in files[path].decode()
    broken = pack({**files, path: files[path].replace(old.encode(), new.encode(), 1)})
    assert [each.message for each in check_solution(name, broken) if each.rule == "picked" and words in each.message]
