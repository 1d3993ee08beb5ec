"""The connector's definition against the app: operations and routes correspond, and every name is known."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blueprints._subscriptions import MAIL_KINDS, TICKET_KINDS
from bookings.changes.kinds import EVENT_KINDS, INSTANT_KINDS, TRIGGER_KINDS
from devkit.bootstrap import ROOT
from devkit.connector.answers import load_definition
from devkit.connector.document import build_definition, build_files
from devkit.connector.files import FOLDER
from tests.house.triggers import functions
from tests.originals import CONTRACTS, find_contracts

LINT = Path(__file__).with_name("vendored") / "connector_lint.py"
# Routes for people, browsers and the platform, which flows do not use; nor those of event subscriptions, to whose place
# instant triggers come.
NOT_FOR_FLOWS = {"health", "health/ready", "doctor", "openapi.json", "swagger.json", "docs", "docs/{asset}"} | {
    "graph-notifications/{part}",
    "{nothing:maxlength(0)?}",
    "console",
    "console/{asset}",
    "console/{folder}/{asset}",
    "bookings/businesses/{business}/overview",
    "signed-in",
    "signed-in/{*path}",
    "mail-history",
    "mails",
    "triggers",
}
OPERATIONS = load_definition().operations()


def test_the_files_are_what_the_descriptions_say() -> None:
    for path, text in build_files().items():
        assert path.read_text() == text, f"{path.name}: run python3 -m devkit docs"


def route_of(path: str) -> str:
    """The app's route behind a path of the definition: triggers are one route for all kinds."""
    return re.sub(r"^((?:instant-)?triggers/\w+)/[\w-]+$", r"\1/{kind}", path.removeprefix("/"))


def test_every_operation_has_its_route_and_every_route_its_operation() -> None:
    built = {
        f"{method} {each['route']}" for each in functions() for method in each["methods"]
        if each["route"] not in NOT_FOR_FLOWS and not each["route"].startswith("subscriptions")
    }  # fmt: skip
    assert {f"{method} {route_of(path)}" for method, path, _ in OPERATIONS.values()} == built


def test_every_kind_of_trigger_is_an_operation() -> None:
    paths = {path for _, path, _ in OPERATIONS.values()}
    kinds = {"appointments": TRIGGER_KINDS, "mails": MAIL_KINDS, "tickets": TICKET_KINDS}
    expected = {f"/triggers/{feed}/{kind}" for feed, known in kinds.items() for kind in known}
    assert {path for path in paths if path.startswith("/triggers/")} == expected
    instant = kinds | {"appointments": INSTANT_KINDS}
    expected = {f"/instant-triggers/{feed}/{kind}" for feed, known in instant.items() for kind in known}
    assert {path for path in paths if path.count("/") == 3 and path.startswith("/instant-triggers/")} == expected


def test_an_instant_trigger_has_the_words_the_filters_and_the_items_of_the_polling_one() -> None:
    definition = load_definition()
    for path, item in definition.document["paths"].items():
        if "x-ms-notification-content" not in item:
            continue
        instant, polling = item["post"], definition.document["paths"][path.replace("/instant-", "/")]["get"]
        assert instant["summary"] == f"{polling['summary']} (instant)"
        assert instant["description"].startswith(polling["description"])
        own, others = (
            {one["name"] for one in definition.parameters(each) if one["in"] == "query"} for each in (instant, polling)
        )
        assert others - own == {"triggerState"} | ({"expand"} if "details" in own else set())
        items = definition.resolve(polling["responses"]["200"]["schema"])["properties"]["value"]["items"]
        assert item["x-ms-notification-content"]["schema"] == items
        assert instant["x-ms-trigger"] == "single"


def test_the_kinds_of_events_are_one_list_in_code_connector_and_documents() -> None:
    described = build_definition()["definitions"]
    for name in ("AppointmentEvent", "UpcomingAppointment"):
        assert set(described[name]["properties"]["eventKind"]["enum"]) == set(EVENT_KINDS)
    for page in ("docs/api.md", "docs/vocabulary.md"):
        text = (ROOT / page).read_text()
        assert [kind for kind in {*EVENT_KINDS, *TRIGGER_KINDS} if f"`{kind}`" not in text] == [], page
    names = {f"OnAppointment{kind.title()}" for kind in TRIGGER_KINDS if kind != "any"} | {"OnAnyAppointmentEvent"}
    assert {name for name, (_, path, _) in OPERATIONS.items() if path.startswith("/triggers/appointments/")} == names


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_query_parameter_is_the_routes_own(name: str) -> None:
    method, path, operation = OPERATIONS[name]
    declared = {one["name"] for one in load_definition().parameters(operation) if one["in"] == "query"}
    known = next(
        set(each["parameters"]) for each in functions() if each["route"] == route_of(path) and method in each["methods"]
    ) - {"connection", "code"}  # part of the connection, and another form of the key
    if path.startswith("/triggers/appointments/") and not path.endswith("/upcoming"):
        known -= {"minutes"}
    assert declared == known


def test_links_of_pages_are_written_by_the_app_alone() -> None:
    """tests/functional/test_connector_gateway.py follows them; a policy would rewrite them a second time."""
    properties = json.loads((FOLDER / "apiProperties.json").read_text())["properties"]
    assert "updatenextlink" not in {each["templateId"] for each in properties["policyTemplateInstances"]}
    for name, (_, _, operation) in OPERATIONS.items():
        if "x-ms-pageable" in operation:
            assert operation["x-ms-pageable"] == {"nextLinkName": "nextLink"}, name


def test_every_schema_is_where_designers_look_for_it() -> None:
    """Microsoft's parser (Azure/LogicAppsUX, outputprocessor.ts) knows 200, 201 and the default answer, no other."""
    carriers = {
        name: [status for status, response in operation["responses"].items() if "schema" in response]
        for name, (_, _, operation) in OPERATIONS.items()
    }
    assert {name: codes for name, codes in carriers.items() if codes not in ([], ["200"], ["201"])} == {}
    empty = {name for name, codes in carriers.items() if not codes}
    assert {name for name in empty if "204" not in OPERATIONS[name][2]["responses"]} == set()


def find_objects(node: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        if node.get("type") == "object":
            yield place, node
        for key, inner in node.items():
            yield from find_objects(inner, f"{place}/{key}")
    elif isinstance(node, list):
        for inner in node:
            yield from find_objects(inner, place)


def test_no_object_that_makers_see_is_without_members_or_types() -> None:
    """Certification: "Remove empty properties". The schema that designers read is open by what it is."""
    definition = load_definition().document
    assert [place for place, shape in find_objects(definition) if shape.get("properties") == {}] == []
    open_ones = [
        place for place, shape in find_objects(definition) if not {"properties", "additionalProperties"} & {*shape}
    ]
    assert open_ones == ["/definitions/QuestionSchema/properties/schema"]


def test_every_tag_of_an_operation_is_declared() -> None:
    declared = [tag["name"] for tag in load_definition().document["tags"]]
    assert len(declared) == len(set(declared))
    assert {tag for _, _, operation in OPERATIONS.values() for tag in operation["tags"]} == set(declared)


# Which inner or public operation serves each kind of field, by the field's name.
PICKERS = {
    "business": "ListBookingPages", "service": "ListServices", "staff": "ListStaffMembers",
    "staffIds": "ListStaffMembers", "id": "ListComingAppointments", "customer": "ListKnownCustomers",
    "customerId": "ListKnownCustomers", "mailbox": "ListSupportMailboxes", "key": "ListLatestMails",
    "number": "ListStoredFiles", "folder": "ListMailFolders", "timeZone": "ListTimeZones",
    "customerTimeZone": "ListTimeZones", "sink": "GetGatewayStatus",
}  # fmt: skip
# Services and staff of several pages: no list could be asked for, because designers cannot pass a list of pages on.
WITHOUT_PICKER = {("FindFreeSlotsOfPages", "service"), ("FindFreeSlotsOfPages", "staff")}


def find_inputs(fields: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, shape in fields.items():
        inner = shape.get("items", shape)
        yield name, shape
        if "properties" in inner:
            yield from find_inputs(inner["properties"])


def test_makers_pick_whatever_a_list_can_offer_instead_of_typing_ids() -> None:
    definition = load_definition()
    bare, wrong = set(), set()
    for operation_id, (_, _, operation) in OPERATIONS.items():
        if operation.get("x-ms-visibility") == "internal":
            continue
        plain = {one["name"]: one for one in definition.parameters(operation) if one["in"] != "body"}
        bodies = [one["schema"]["properties"] for one in definition.parameters(operation) if one["in"] == "body"]
        for name, shape in [*plain.items(), *(each for body in bodies for each in find_inputs(body))]:
            if name not in PICKERS or "properties" in shape:
                continue
            leaf = shape if "x-ms-dynamic-list" in shape else shape.get("items", shape)
            lists = [leaf.get("x-ms-dynamic-values"), leaf.get("x-ms-dynamic-list")]
            if lists == [None, None]:
                bare.add((operation_id, name))
            elif [each and each["operationId"] for each in lists] != [PICKERS[name]] * 2:
                wrong.add((operation_id, name))
    assert (bare, wrong) == (WITHOUT_PICKER, set())


def test_parameters_that_take_several_values_are_lists() -> None:
    """A text separated by commas would have a list that picks one value and replaces the others."""
    definition = load_definition()
    several = {
        (name, one["name"]) for name, (_, _, operation) in OPERATIONS.items()
        for one in definition.parameters(operation) if one.get("type") == "array"
    }  # fmt: skip
    pages = {("FindFreeSlotsOfPages", name) for name in ("business", "service", "staff")}
    assert several == {("FindFreeSlots", "service"), ("FindFreeSlots", "staff")} | pages
    for _, _, operation in OPERATIONS.values():
        for one in definition.parameters(operation):
            assert "commas" not in one.get("description", "")
            assert one.get("type") != "array" or one["collectionFormat"] == "multi"


def test_every_trigger_can_be_tried_with_what_it_was_given() -> None:
    definition = load_definition()
    for name, (_, _, operation) in OPERATIONS.items():
        if operation.get("x-ms-trigger") != "batch":
            continue  # previews are lists, and an instant trigger brings one thing
        trial = operation["x-ms-operation-context"]["simulate"]
        preview = {one["name"]: one for one in definition.parameters(OPERATIONS[trial["operationId"]][2])}
        given = {one["name"] for one in definition.parameters(operation)} | set(trial["parameters"])
        assert {each for each, one in preview.items() if one["required"]} <= given, name
        assert trial["parameters"]["kind"] in preview["kind"]["enum"]


def test_the_readme_lists_every_operation_that_makers_see_word_for_word() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", (FOLDER / "readme.md").read_text(), flags=re.MULTILINE)
    shown = [
        (name, operation["summary"], operation["description"])
        for name, (_, _, operation) in OPERATIONS.items()
        if operation.get("x-ms-visibility") != "internal"
    ]
    assert sorted(rows) == sorted(shown)


def test_the_definition_keeps_its_size_and_its_version() -> None:
    definition = build_definition()
    assert (FOLDER / "apiDefinition.swagger.json").stat().st_size < 1024 * 1024
    assert re.fullmatch(r"\d+\.\d+\.\d+", definition["info"]["version"])
    assert len(OPERATIONS) <= 256


# "Pageable operations are covered by an updatenextlink policy": here the app writes the links, see build_properties.
NOT_OURS = "G02"


def lint(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(LINT), str(folder), "--level", "gold", "--publisher", "verified", *more]
    command += ["--ignore", NOT_OURS]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_lint_finds_nothing_at_its_strictest_level() -> None:
    done = lint(FOLDER)
    assert re.fullmatch(r"\d{4,} passed, 0 failed", done.stdout.splitlines()[-1]), done.stdout[-3000:]


def test_the_lint_finds_nothing_with_microsofts_schemas() -> None:
    find_contracts("power-platform-apidefinition-swagger.schema.json", "power-platform-apiproperties.schema.json")
    done = lint(FOLDER, "--schemas", str(CONTRACTS))
    assert re.fullmatch(r"\d{4,} passed, 0 failed", done.stdout.splitlines()[-1]), done.stdout[-3000:]


def test_the_lint_does_find_faults(tmp_path: Path) -> None:
    for file in FOLDER.glob("*.*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    broken = build_definition()
    broken["paths"]["/status"]["get"].pop("description")
    (tmp_path / "apiDefinition.swagger.json").write_text(json.dumps(broken, indent=4))
    done = lint(tmp_path)
    assert done.returncode == 1
    assert "GET /status" in done.stdout
