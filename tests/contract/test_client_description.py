"""The OpenAPI 3.1 text: one name for one thing, typed failures, and nothing that only Power Automate understands."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from devkit.connector import (
    failures,
    gateway_operations,
    history_operations,
    overview_operations,
    subscription_operations,
)
from devkit.connector.answers import load_definition
from devkit.connector.client_answers import Description, load_description
from devkit.connector.client_description import DescriptionError, build_client_description
from devkit.connector.document import build_definition, build_description
from devkit.connector.shapes import NAME, Shape, text, thing
from tests.house.triggers import functions

DOCUMENT = build_description()
SCHEMAS = DOCUMENT["components"]["schemas"]
# OpenAPI 3.1 and its registry of formats, https://spec.openapis.org/registry/format/
FORMATS = {"date-time", "date", "int32", "double", "binary", "uuid", "uri"}
OPEN = {"Description", "JsonSchema"}  # objects whose members only the tenant knows


def operations(document: dict[str, Any]) -> dict[str, tuple[str, str, dict[str, Any]]]:
    return {
        operation["operationId"]: (method, path, operation)
        for path, item in document["paths"].items() for method, operation in item.items() if method != "parameters"
    }  # fmt: skip


OPERATIONS = operations(DOCUMENT)
# For browsers, Microsoft Graph, Power Platform.
UNDESCRIBED = {"/docs", "/docs/{asset}", "/graph-notifications/{part}", "/swagger.json"} | {
    "/{nothing:maxlength(0)?}",
    "/console",
    "/console/{asset}",
    "/console/{folder}/{asset}",
    "/signed-in",
    "/signed-in/{*path}",
}
OF_THEIR_OWN = {("GetHealth", "503"), ("GetReadiness", "503")}  # these say what is wrong with the gateway


def nodes(node: Any, *where: str) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield every object of the text with its place."""
    if isinstance(node, dict):
        yield where, node
    for key, each in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from nodes(each, *where, str(key))


def without_texts(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: without_texts(each) for key, each in node.items() if key != "description" or isinstance(each, dict)
        }
    return [without_texts(each) for each in node] if isinstance(node, list) else node


def test_it_describes_the_connector_s_operations_and_those_about_the_gateway() -> None:
    known = {name: (method.lower(), path) for name, (method, path, _) in load_definition().operations().items()}
    for part in (gateway_operations, history_operations, overview_operations, subscription_operations):
        for path, item in part.OPERATIONS.items():
            known |= {operation["operationId"]: (method, path) for method, operation in item.items()}
    assert {name: (method, path) for name, (method, path, _) in OPERATIONS.items()} == known
    open_to_all = {path for _, path, operation in OPERATIONS.values() if operation.get("security") == []}
    assert open_to_all == {"/health", "/openapi.json"}
    built = {f"/{each['route']}" for each in functions()} - UNDESCRIBED
    triggers = re.compile(r"^(/(?:instant-)?triggers/\w+)/[\w-]+$")
    assert {triggers.sub(r"\1/{kind}", path) for path in DOCUMENT["paths"]} == built


def test_nothing_that_only_power_automate_understands_is_left() -> None:
    for where, node in nodes(DOCUMENT):
        is_headers = where[-1:] == ("headers",)
        assert is_headers or not [key for key in node if key.startswith("x-")], where
        if where[-1:] != ("properties",):
            assert node.get("format", "date") in FORMATS, where
            assert not {"collectionFormat", "nullable", "schemes"} & set(node), where
    local = SCHEMAS["Appointment"]["properties"]["startLocal"]
    assert re.fullmatch(local["pattern"], local["examples"][0])
    assert NAME not in json.dumps(build_definition())


def test_every_object_list_and_body_is_named_once() -> None:
    for where, node in nodes(DOCUMENT):
        if node.get("type") == "object" and where[:-1] != ("components", "schemas"):
            pytest.fail(f"{'/'.join(where)} has no name")
        if where[-2:] == ("application/json", "schema"):
            assert set(node) == {"$ref"}, where
    assert not [name for name in SCHEMAS if re.search(r"\d|^Response|^Body|Inline", name)]
    assert {name for name, schema in SCHEMAS.items() if schema == {"type": "object"}} <= OPEN


def test_one_thing_has_one_name() -> None:
    seen: dict[str, str] = {}
    for name, schema in SCHEMAS.items():
        if schema.get("properties"):
            other = seen.setdefault(json.dumps(without_texts(schema), sort_keys=True), name)
            assert other == name, f"{other} and {name} are the same: give them one name in devkit/connector"


def test_what_occurs_often_is_the_same_class_everywhere() -> None:
    used = [node["$ref"].rpartition("/")[2] for _, node in nodes(DOCUMENT) if "$ref" in node]
    for name in ("Address", "Coordinates", "DateTimeTimeZone", "Location", "Recipient", "SchedulingPolicy", "Expand"):
        assert name in SCHEMAS
        assert used.count(name) >= 1
    assert used.count("DateTimeTimeZone") >= 8
    assert used.count("Location") >= 5


def test_every_failure_is_typed_but_what_the_platform_answers_without_a_body() -> None:
    responses = DOCUMENT["components"]["responses"]
    for name, (_, _, operation) in OPERATIONS.items():
        for status, response in operation["responses"].items():
            if int(status) >= 400 and (name, status) not in OF_THEIR_OWN:
                assert response == {"$ref": f"#/components/responses/Failure{status}"}, name
    for status in failures.FAILURES:
        response = responses[f"Failure{status}"]
        if status == failures.BY_THE_HOST:
            assert "content" not in response
            continue
        assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Failure"}
        assert "x-request-id" in response["headers"]
        assert ("Retry-After" in response["headers"]) == (status in (409, 429, 503))
    assert SCHEMAS["Failure"]["properties"]["error"] == {"$ref": "#/components/schemas/FailureDetails"}


def test_codes_of_errors_are_listed_and_others_are_allowed() -> None:
    code = SCHEMAS["FailureDetails"]["properties"]["code"]
    assert code["type"] == "string"
    assert "enum" not in code
    assert code["examples"] == failures.list_codes()
    assert {"SlotTaken", "UnknownTimeZone", "OutcomeUnknown", "Throttled"} <= set(code["examples"])
    assert "GaveUp" not in code["examples"]  # the cause of a quarantine: no answer has it as its code


def test_headers_are_described_once_where_they_occur() -> None:
    assert {"Retry-After", "x-request-id", "ETag", "Idempotency-Replayed"} <= set(DOCUMENT["components"]["headers"])
    for where, node in nodes(DOCUMENT["paths"]):
        if where[-1:] == ("headers",):
            assert all(set(each) == {"$ref"} for each in node.values()), where
    replayed = {
        name for name, (_, _, operation) in OPERATIONS.items()
        if any("Idempotency-Replayed" in each.get("headers", {}) for each in operation["responses"].values())
    }  # fmt: skip
    assert {"CreateAppointment", "CancelAppointment", "SaveCustomer"} <= replayed
    assert "ListAppointments" not in replayed
    triggers = OPERATIONS["OnAppointmentCreated"][2]["responses"]
    assert {"Location", "Retry-After"} <= set(triggers["200"]["headers"]) & set(triggers["202"]["headers"])
    assert "ETag" in OPERATIONS["GetDescription"][2]["responses"]["200"]["headers"]


def source(*shapes: Shape) -> dict[str, Any]:
    """A definition whose operations answer these shapes."""
    return build_definition() | {
        "paths": {
            f"/{number}": {
                "get": {
                    "operationId": f"Get{number}", "tags": ["All"], "summary": "Get", "description": "Gets.",
                    "parameters": [], "responses": {"200": {"description": "It.", "schema": shape}},
                }
            }
            for number, shape in enumerate(shapes)
        },
        "parameters": {},
    }  # fmt: skip


def test_one_name_for_two_things_is_refused() -> None:
    one = thing({"a": text("A", "One.")}, name="Same")
    with pytest.raises(DescriptionError, match="Same"):
        build_client_description(source(one, thing({"b": text("A", "One.")}, name="Same")), {})
    other = thing({"a": text("A", "Another.")}, name="Same")
    with pytest.raises(DescriptionError, match="DEFINITIONS"):
        build_client_description(source(one, other), {})
    built = build_client_description(source(one, other), {"Same": thing({"a": text("A", "Any.")}, name="Same")})
    assert built["components"]["schemas"]["Same"]["properties"]["a"]["description"] == "Any."


def test_an_object_without_a_name_is_named_by_its_place() -> None:
    inner = thing({"a": text("A", "One.")}, "Inner", "What is inside.", null=True)
    built = build_client_description(source(thing({"inner": inner})), {})["components"]["schemas"]
    assert built["Get0Answer"]["properties"]["inner"] == {
        "oneOf": [{"$ref": "#/components/schemas/Get0AnswerInner"}, {"type": "null"}],
        "description": "What is inside.",
    }
    assert built["Get0AnswerInner"]["properties"]["a"] == {"type": "string", "description": "One."}


APPOINTMENT = {"id": "1", "price": 0, "serviceName": None, "startLocal": "2026-05-05T10:00:00"}
ERROR = {"code": "AppointmentNotFound", "message": "It does not exist.", "requestId": "1"}
SENT = {"X-Request-Id": "1", "Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("status", "headers", "body", "complaint"),
    [
        (200, SENT, APPOINTMENT, ""),
        (200, SENT, APPOINTMENT | {"price": None}, "at price: None is not of type 'number'"),
        (200, SENT, APPOINTMENT | {"startLocal": "2026-05-05T10:00:00Z"}, "at startLocal: "),
        (200, SENT, APPOINTMENT | {"serviceLocation": {"adress": {}}}, "at serviceLocation: "),
        (200, SENT, APPOINTMENT | {"more": 1}, "'more' was unexpected"),
        (200, {}, APPOINTMENT, "the header x-request-id is missing"),
        (200, SENT | {"ETag": "1"}, APPOINTMENT, "the header etag is not described"),
        (201, SENT, APPOINTMENT, "201 is not listed"),
        (200, {"x-request-id": "1"}, APPOINTMENT, "the answer is no JSON"),
        (500, {"content-type": "text/plain"}, "killed", ""),
        (404, SENT, {"error": ERROR}, ""),
        (404, SENT, {"error": ERROR | {"code": "Nonsense"}}, "docs/errors.md does not list Nonsense"),
        (404, SENT, {"error": ERROR | {"requestId": None}}, "None is not of type 'string'"),
        (401, {}, {"error": ERROR}, "there is a body, and none is described"),
    ],
)
def test_a_fault_in_an_answer_is_found(status: int, headers: dict[str, str], body: Any, complaint: str) -> None:
    description = Description(load_description().document)
    path = "/bookings/businesses/it@contoso.com/appointment"
    sound = json.dumps(APPOINTMENT).encode()
    assert description.complaints("GET", path, 200, SENT, sound) == []  # so that a like one is known to be sound
    found = description.complaints("GET", path, status, headers, json.dumps(body).encode())
    assert any(complaint in each for each in found) if complaint else found == []
