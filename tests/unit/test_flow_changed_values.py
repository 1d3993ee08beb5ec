"""Values are changed where a definition allows it, one at a time and together."""

from typing import Any

from devkit.flow_runs.changed_values import exchange_texts, leave_out
from devkit.flows.connectors import Connector

CONNECTOR = Connector(
    "x",
    {
        "info": {"title": "X"},
        "definitions": {
            "Person": {"properties": {"name": {"type": "string", "x-nullable": True}, "id": {"type": "string"}}},
            "Nobody": {"x-nullable": True, "properties": {}},
        },
    },
)
SCHEMA = {
    "properties": {
        "people": {"type": "array", "items": {"$ref": "#/definitions/Person"}},
        "owner": {"$ref": "#/definitions/Nobody"},
        "count": {"type": "integer", "x-nullable": True},
        "unread": {"type": "string", "x-nullable": True},
    }
}
VALUE: dict[str, Any] = {
    "people": [{"name": "A", "id": "1"}, {"name": None, "id": "2"}],
    "owner": {},
    "count": None,
    "unread": "u",
}


def test_each_gap_comes_alone_and_then_all() -> None:
    found = dict(leave_out(VALUE, SCHEMA, CONNECTOR, "people name id owner count"))
    assert list(found) == ["people/name null", "people empty", "owner null", "all"]
    assert found["people/name null"] == VALUE | {"people": [{"name": None, "id": "1"}, {"name": None, "id": "2"}]}
    assert found["people empty"] == VALUE | {"people": []}
    assert found["all"] == VALUE | {"people": [], "owner": None}


def test_a_place_can_be_left_as_it_is() -> None:
    assert list(dict(leave_out(VALUE, SCHEMA, CONNECTOR, "people name owner", never={"people", "owner"}))) == [
        "people/name null"
    ]


def test_free_texts_are_exchanged() -> None:
    schema = {
        "properties": {
            "title": {"type": "string"},
            "mail": {"type": "string"},
            "at": {"type": "string", "format": "date-time"},
            "kind": {"type": "string", "enum": ["a"]},
            "people": SCHEMA["properties"]["people"],
        }
    }
    value = {"title": "T", "mail": "a@example.com", "at": "2026", "kind": "a", "people": VALUE["people"]}
    found = dict(
        exchange_texts(value, schema, CONNECTOR, "title mail at kind people name id", new="new", never={"people/id"})
    )
    assert found == {
        "title": value | {"title": "new"},
        "people/name": value | {"people": [{"name": "new", "id": "1"}, {"name": "new", "id": "2"}]},
    }
