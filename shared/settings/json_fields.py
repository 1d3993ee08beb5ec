"""Checks the fields of JSON objects inside settings against their descriptions."""

from collections.abc import Callable, Mapping, Sequence
from types import UnionType
from typing import Any

from shared.settings.catalogue import Field

type Report = Callable[[str, str], None]

_JSON_NAMES: Mapping[type | UnionType, str] = {
    str: "a text",
    list: "a list",
    dict: "an object",
    int: "a whole number",
    bool: "true or false",
    str | list: "a text or a list of texts",
}


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
