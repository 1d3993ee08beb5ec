"""Examples in the descriptions of the API: recorded calls and answers, each of which keeps to its own schema."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from devkit.connector.document import build_description
from devkit.connector.examples import Examples, load_examples
from devkit.connector.files import CLIENT_DESCRIPTION, EXAMPLES, PAGE_DESCRIPTION
from devkit.connector.reference import cut, write_examples
from devkit.connector.trials import Trial
from shared.version import VERSION

type Json = dict[str, Any]

DESCRIPTION = build_description()
PAGE = json.loads(PAGE_DESCRIPTION.read_text(encoding="utf-8"))


def list_operations(document: Json) -> list[Json]:
    return [
        operation for item in document["paths"].values() for key, operation in item.items() if key != "parameters"
    ]  # fmt: skip


def list_examples() -> Iterator[tuple[str, Json, Any]]:
    """Yield the place of each example of the 3.1 text, its schema, and the example."""
    shared = DESCRIPTION["components"]["parameters"]
    for operation in list_operations(DESCRIPTION):
        name = operation["operationId"]
        for one in operation["parameters"]:
            parameter = shared[one["$ref"].rpartition("/")[2]] if "$ref" in one else one
            if "example" in parameter:
                yield f"{name} {parameter['name']}", parameter["schema"], parameter["example"]
        contents = [(status, each.get("content", {})) for status, each in operation["responses"].items()]
        for status, content in [("body", operation.get("requestBody", {}).get("content", {})), *contents]:
            described = content.get("application/json", {})
            if "example" in described:
                yield f"{name} {status}", described["schema"], described["example"]


def test_every_example_keeps_to_its_schema() -> None:
    found = list(list_examples())
    for place, schema, example in found:
        whole = {**schema, "components": DESCRIPTION["components"]}
        assert [error.message for error in Draft202012Validator(whole).iter_errors(example)] == [], place
    assert len(found) > 250


def test_every_answer_and_body_has_one() -> None:
    have = {place for place, _, _ in list_examples()}
    for operation in list_operations(DESCRIPTION):
        name = operation["operationId"]
        if "requestBody" in operation:
            assert f"{name} body" in have
        for status, response in operation["responses"].items():
            if status.startswith("2") and "application/json" in response.get("content", {}):
                assert f"{name} {status}" in have


def test_the_values_are_those_of_the_sample_world() -> None:
    shared = DESCRIPTION["components"]["parameters"]
    assert shared["Business"]["example"] == "ithelpdesk@contoso.com"
    assert shared["Mailbox"]["example"] == "support"
    assert re.fullmatch("[0-9a-f]{40}", shared["MailKey"]["example"])
    texts = CLIENT_DESCRIPTION.read_text(encoding="utf-8") + PAGE_DESCRIPTION.read_text(encoding="utf-8")
    assert not re.findall(r"127\.0\.0\.1|localhost|[?&]sig=", texts)


def test_a_form_is_filled_with_what_a_call_needs_and_with_no_more() -> None:
    for operation in list_operations(PAGE):
        for one in operation["parameters"]:
            parameter = PAGE["parameters"][one["$ref"].rpartition("/")[2]] if "$ref" in one else one
            if parameter["in"] == "body":
                assert "example" in parameter["schema"], operation["operationId"]
            else:
                assert ("x-example" in parameter) == parameter["required"], (operation["operationId"], parameter)


def test_the_page_shows_every_operation_the_one_that_needs_the_master_key_with_that_word() -> None:
    assert {each["operationId"] for each in list_operations(PAGE)} == {
        each["operationId"] for each in list_operations(DESCRIPTION)
    }
    assert "master key" in PAGE["paths"]["/doctor"]["get"]["description"]
    assert {"host", "basePath", "schemes"}.isdisjoint(PAGE)


def test_all_texts_have_the_version_of_the_package() -> None:
    assert {DESCRIPTION["info"]["version"], PAGE["info"]["version"]} == {VERSION}


def test_what_is_not_recorded_is_made_of_recorded_values() -> None:
    examples = Examples({"One": {"given": {"business": "page@contoso.com"}, "answer": {"count": 7, "at": "noon"}}})
    schema = {
        "type": "object",
        "properties": {
            "business": {"type": "string"},
            "count": {"type": ["integer", "null"], "maximum": 5},
            "at": {"type": "string", "format": "date-time"},
            "kind": {"enum": [None, "a", "b"], "type": ["string", "null"]},
            "all": {"type": "array", "items": {"$ref": "#/x/Inner"}},
        },
    }
    made = examples.make(schema, "", lambda _: {"type": "object", "properties": {"count": {"type": "integer"}}})
    assert made == {
        "business": "page@contoso.com", "count": 1, "at": "2026-05-05T09:00:00Z", "kind": "a", "all": [{"count": 7}],
    }  # fmt: skip


@pytest.mark.parametrize("address", ["http://127.0.0.1:39951", "http://localhost:7071"])
def test_what_is_recorded_holds_no_address_of_the_machine_and_no_signed_link(address: str) -> None:
    signed = "http://127.0.0.1:10000/devstoreaccount1/mails/a/001?se=2026&sig=secret"
    trial = Trial({"limit": 1}, 200, {"nextLink": f"{address}/api/x", "url": signed, "value": [1, 2], "empty": None})
    written = json.loads(write_examples({"One": trial}, address))
    assert written["One"]["answer"] == {
        "nextLink": "https://gateway.example.com/api/x",
        "url": "https://YOURSTORAGE.blob.core.windows.net/mails/a/001?sv=…", "value": [1], "empty": None,
    }  # fmt: skip


def test_recorded_lists_have_one_member() -> None:
    recorded = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    assert cut({"value": [1, 2, {"a": [None, 3]}], "at": ""}) == {"value": [1], "at": ""}
    assert len(recorded["ListMails"]["answer"]["value"]) == 1
    [page] = load_examples().answer("ListBookingPages", {}, lambda _: {})["value"]
    assert page["id"].endswith("@contoso.com")
