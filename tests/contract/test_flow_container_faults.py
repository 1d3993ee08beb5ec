"""Each fault in a container of sample flows is seen: one is put into what was built, and the check names it."""

import json
import re
from collections.abc import Callable

import pytest

from devkit.flows.check_packages import check_built, check_names, check_package, check_solution
from devkit.flows.packing import Files, pack, unpack

type Spoil = Callable[[dict[str, bytes]], object]


def swap(name: str, old: str, new: str) -> Spoil:
    """A fault: other words in every file whose name holds this."""

    def spoil(files: dict[str, bytes]) -> None:
        touched = [each for each in files if name in each and old.encode() in files[each]]
        assert touched, f"no {name} holds {old}"
        for each in touched:
            files[each] = files[each].replace(old.encode(), new.encode(), 1)

    return spoil


def drop(name: str) -> Spoil:
    def spoil(files: dict[str, bytes]) -> None:
        del files[next(each for each in files if name in each)]

    return spoil


def add(name: str, data: bytes) -> Spoil:
    return lambda files: files.update({name: data})


SOLUTION_FAULTS: list[tuple[str, str, Spoil, str]] = [
    ("appointments.zip", "form", swap("customizations.xml", "</Workflows>", "</Workflow>"), "cannot be read"),
    ("appointments.zip", "form", swap("Workflows/DailyAgenda", "{", "{{"), "cannot be read"),
    ("appointments.zip", "zip", drop("solution.xml"), "is missing"),
    (
        "appointments.zip",
        "zip",
        swap("[Content_Types].xml", 'Extension="json"', 'Extension="jsn"'),
        "says nothing of “json”",
    ),
    ("appointments.zip", "zip", add("Workflows\\Extra.json", b"{}"), "backslashes"),
    ("appointments.zip", "guid", drop("Workflows/DailyAgenda"), "holds other files"),
    (
        "appointments.zip",
        "guid",
        swap("solution.xml", '<RootComponent type="29" id="{3', '<RootComponent type="29" id="{4'),
        "lists other flows",
    ),
    (
        "appointments.zip",
        "guid",
        swap("customizations.xml", 'WorkflowId="{3', 'WorkflowId="{4'),
        "does not carry the id",
    ),
    ("appointments.zip", "form", swap("customizations.xml", "<Category>5<", "<Category>0<"), "category 5"),
    (
        "appointments.zip",
        "reference",
        swap("customizations.xml", 'logicalname="ggw_Teams"', 'logicalname="ggw_Team"'),
        "no connection reference ggw_Teams",
    ),
    ("appointments.zip", "reference", swap("customizations.xml", "shared_teams", "shared_team"), "another connector"),
    (
        "appointments.zip",
        "reference",
        swap("customizations.xml", "customconnectorid>", "customconnector>"),
        "cannot be read|calls the connector ours",
    ),
    (
        "appointments.zip",
        "setting",
        add(
            "environmentvariabledefinitions/ggw_Spare/environmentvariabledefinition.xml",
            b'<environmentvariabledefinition schemaname="ggw_Spare" />',
        ),
        "nothing uses this variable",
    ),
    ("plain-http.zip", "setting", drop("ggw_GatewayKey/"), "no variable ggw_GatewayKey"),
    ("appointments.zip", "setting", drop("ggw_ChannelLink/"), "no variable ggw_ChannelLink"),
    (
        "appointments.zip",
        "guid",
        swap("ggw_ChannelLink/", 'schemaname="ggw_ChannelLink"', 'schemaname="ggw_Channel"'),
        "folder names",
    ),
    (
        "appointments.zip",
        "form",
        swap(
            "ggw_ChannelLink/",
            "<environmentvariabledefinition ",
            '<?xml version="1.0"?><environmentvariabledefinition ',
        ),
        "more than its root",
    ),
    ("connector.zip", "guid", swap("solution.xml", 'type="372" id="{e', 'type="372" id="{f'), "lists other connectors"),
    (
        "connector.zip",
        "guid",
        swap("solution.xml", 'schemaName="ggw_', 'schemaName="gw_'),
        "does not list the connector",
    ),
    ("connector.zip", "guid", drop("_iconblob.Png"), "holds other files"),
    (
        "connector.zip",
        "form",
        swap("_connectionparameters.json", '{\n  "host"', '{"properties": {},\n  "host"'),
        "bare object",
    ),
]


@pytest.mark.parametrize(("zip_name", "rule", "spoil", "words"), SOLUTION_FAULTS)
def test_a_fault_in_a_solution_is_seen(built: Files, zip_name: str, rule: str, spoil: Spoil, words: str) -> None:
    files = unpack(built[f"solutions/{zip_name}"])
    spoil(files)
    found = check_solution(zip_name, pack(files))
    assert any(one.rule in (rule, "form") and re.search(words, one.message) for one in found), found


def test_what_is_no_zip_is_no_solution() -> None:
    assert [one.message for one in check_solution("appointments.zip", b"PK")] == ["is no zip"]


PACKAGE_FAULTS: list[tuple[str, Spoil, str]] = [
    ("manifest", swap("manifest.json", '"resources": {', '"resource": {'), "names no flow"),
    ("manifest", swap("flows/manifest.json", '"assetPaths": [', '"assets": ['), "names no flow"),
    ("manifest", swap("apisMap.json", '"shared_teams": "', '"shared_teams": "0'), "leads to no resource"),
    ("manifest", swap("connectionsMap.json", '"shared_teams": "', '"shared_teams": "0'), "leads to no resource"),
    ("manifest", swap("apisMap.json", '"shared_teams"', '"shared_team"'), "does not name the connections"),
    (
        "reference",
        swap("definition.json", '"connectionReferences": {', '"connectionReferences": {"spare": {},'),
        "do not name the same",
    ),
    ("form", swap("definition.json", "{", "{{"), "cannot be read"),
]


@pytest.mark.parametrize(("rule", "spoil", "words"), PACKAGE_FAULTS)
def test_a_fault_in_a_package_is_seen(built: Files, rule: str, spoil: Spoil, words: str) -> None:
    name = "packages/new-appointment-ticket.zip"
    files = unpack(built[name])
    spoil(files)
    found = check_package(name, pack(files))
    assert any(one.rule == rule and words in one.message for one in found), found


def test_a_dependency_on_nothing_is_seen(built: Files) -> None:
    files = unpack(built["packages/daily-agenda.zip"])
    manifest = json.loads(files["manifest.json"])
    next(iter(manifest["resources"].values()))["dependsOn"].append("nowhere")
    files["manifest.json"] = json.dumps(manifest).encode()
    assert [one.rule for one in check_package("daily-agenda.zip", pack(files))] == ["manifest"]


def test_faults_in_a_workflow_are_seen(built: Files) -> None:
    name = "logic-apps/appointment-cancelled.json"
    for old, new, rule in (
        ("triggerOutputs()?['body']?['eventId']", "triggerOutputs()?['body/eventId']", "path"),
        ('"ApiConnection"', '"OpenApiConnection"', "operation"),
        ("['shared_teams']", "['teams']", "reference"),
        ('"ChannelLink": {\n      "value"', '"Channel": {\n      "value"', "setting"),
    ):
        text = built[name].decode()
        assert old in text
        spoilt = text.replace(old, new, 1).encode()
        assert rule in {one.rule for one in check_built({name: spoilt})}


def test_a_real_name_is_seen_anywhere(built: Files) -> None:
    name = "solutions/forms.zip"
    files = {name: pack(unpack(built[name]) | {"Workflows/x.json": b'{"to": "alex@fabrikam.com"}'})}
    assert "alex@fabrikam.com" in "".join(one.message for one in check_names(files))
