"""The definition finds what an answer gets wrong, also after it has accepted answers of nearly the same shape."""

import json
from typing import Any

import pytest

from devkit.connector.answers import Definition

ITEM = {
    "type": "object",
    "required": ["kind"],
    "properties": {
        "kind": {"type": "string", "enum": ["created", "cancelled"]},
        "count": {"type": "integer"},
        "note": {"type": "string", "x-nullable": True},
    },
}
LIST = {"type": "object", "properties": {"value": {"type": "array", "items": ITEM}}}
OPERATION = {"operationId": "List", "responses": {"200": {"description": "They.", "schema": LIST}}}
GOOD = {"kind": "created", "count": 1, "note": "x"}


@pytest.fixture(scope="module")
def definition() -> Definition:
    return Definition({"paths": {"/things": {"get": OPERATION}}})


def complaints(definition: Definition, *items: Any) -> list[str]:
    body = json.dumps({"value": items}).encode()
    return definition.complaints("GET", "/things", 200, "application/json", body)


@pytest.mark.parametrize("good", [{"note": None}, {"note": "cancelled"}, {"kind": "cancelled"}, {"count": 2.0}])
def test_what_is_described_is_accepted(definition: Definition, good: dict[str, Any]) -> None:
    assert complaints(definition, GOOD, GOOD | good) == []
    assert complaints(definition) == []


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"kind": "gone"}, "value/1/kind"),
        ({"count": "1"}, "value/1/count"),
        ({"count": True}, "value/1/count"),
        ({"count": 1.5}, "value/1/count"),
        ({"count": None}, "value/1/count"),
        ({"note": 1}, "value/1/note"),
        ({"more": "x"}, "value/1"),
    ],
)
def test_a_wrong_item_is_found_behind_good_ones(definition: Definition, wrong: dict[str, Any], place: str) -> None:
    assert complaints(definition, GOOD, GOOD) == []
    for _ in range(2):
        [found] = complaints(definition, GOOD, GOOD | wrong)
        assert found.startswith(f"List 200 at {place}:")


def test_a_missing_property_and_an_unlisted_status_are_found(definition: Definition) -> None:
    assert complaints(definition, {"count": 1}) == ["List 200 at value/0: 'kind' is a required property"]
    assert definition.complaints("GET", "/things", 404, "application/json", b"{}") == ["List: 404 is not listed"]


def test_bytes_come_as_what_the_definition_says_they_are() -> None:
    file = {"description": "It.", "schema": {"type": "string", "format": "binary"}}
    operation = {"operationId": "Get", "produces": ["application/octet-stream"], "responses": {"200": file}}
    definition = Definition({"paths": {"/file": {"get": operation}}})
    assert definition.complaints("GET", "/file", 200, "application/octet-stream", b"a") == []
    [found] = definition.complaints("GET", "/file", 200, "text/plain; charset=utf-8", b"a")
    assert found == "Get 200 comes as text/plain; charset=utf-8, not as application/octet-stream"
