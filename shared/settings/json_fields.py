"""Reads the JSON of settings, and checks the fields of its objects against their descriptions."""

import json
from collections.abc import Callable, Mapping, Sequence
from types import UnionType
from typing import Any

from shared.settings.json_catalogue import Field

type Report = Callable[[str, str], None]

_JSON_NAMES: Mapping[type | UnionType, str] = {
    str: "a text",
    list: "a list",
    dict: "an object",
    int: "a whole number",
    bool: "true or false",
    str | list: "a text or a list of texts",
}


class NamedTwiceError(ValueError):
    """A JSON object has a member twice; JSON readers would silently ignore the first."""


def parse_once_named(text: str) -> Any:
    """Return the value of a JSON text. Raises NamedTwiceError, and what `json.loads` raises."""
    return json.loads(text, object_pairs_hook=_refuse_twice)


def explain_json_fault(error: json.JSONDecodeError) -> str:
    """Return what stands in the way of reading a JSON text, and where; nothing of the text itself."""
    return f"line {error.lineno}, column {error.colno}: {error.msg[:1].lower()}{error.msg[1:]}"


def _refuse_twice(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        names = [name for name, _ in members]
        twice = next(name for name in found if names.count(name) > 1)
        raise NamedTwiceError(f"One object has the name {twice!r} twice. Give each its own.")
    return found


def check_fields(given: Mapping[str, Any], fields: Sequence[Field], report: Report) -> None:
    """Report unknown fields, wrong types, and whole numbers out of their bounds."""
    known = {field.name: field for field in fields}
    for name, value in given.items():
        field = known.get(name)
        if field is None:
            report(name, f"There is no such field. Known: {', '.join(known)}.")
        elif not isinstance(value, field.type) or (field.type is int and isinstance(value, bool)):
            report(name, f"This must be {_JSON_NAMES[field.type]} in JSON.")
        elif field.bounds and not (isinstance(value, int) and field.bounds.allows(value)):
            report(name, field.bounds.fault)
