"""Values are left out where a definition allows it, one at a time and together."""

from typing import Any

from devkit.flow_runs.missing_values import vary
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
    found = dict(vary(VALUE, SCHEMA, CONNECTOR, "people name id owner count"))
    assert list(found) == ["people/name null", "people empty", "owner null", "all"]
    assert found["people/name null"] == VALUE | {"people": [{"name": None, "id": "1"}, {"name": None, "id": "2"}]}
    assert found["people empty"] == VALUE | {"people": []}
    assert found["all"] == VALUE | {"people": [], "owner": None}


def test_a_place_can_be_left_as_it_is() -> None:
    assert list(dict(vary(VALUE, SCHEMA, CONNECTOR, "people name owner", {"people", "owner"}))) == ["people/name null"]
