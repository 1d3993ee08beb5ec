"""Rules for references: they resolve, stand alone, and lead to no circle that no value could satisfy."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from devkit.connector.standard_walk import Json

type Checked = Iterator[tuple[str, str | None]]

_REFERENCE = re.compile(r"#/(?P<section>definitions|parameters|responses)/(?P<name>[\w.-]+)")


def check_references(definition: Json) -> Checked:
    """Require references that resolve and stand alone (…ReferenceNotFound, …RefLoopNotAllowed, …AdjacentToRef).

    RequiredLoopInSchemaNotAllowed: a definition that requires itself has no value.
    """
    for place, shape in _list_references(definition, ""):
        found = _REFERENCE.fullmatch(str(shape["$ref"]))
        is_known = found is not None and found["name"] in definition[found["section"]]
        yield place, None if is_known else f"{shape['$ref']} leads to nothing"
        yield place, None if len(shape) == 1 else f"{shape['$ref']} does not stand alone"
    for section in ("definitions", "parameters", "responses"):
        for name, shape in definition[section].items():
            yield f"{section}/{name}", "is a reference itself" if "$ref" in shape else None
    for name in definition["definitions"]:
        is_endless = name in _list_required(definition, {"$ref": f"#/definitions/{name}"}, frozenset())
        yield f"definitions/{name}", "requires itself" if is_endless else None


def _list_references(node: Any, place: str) -> Iterator[tuple[str, Json]]:
    if isinstance(node, Mapping):
        if isinstance(node.get("$ref"), str):
            yield place, node
        for key, inner in node.items():
            yield from _list_references(inner, f"{place}/{key}")
    elif isinstance(node, list):
        for number, inner in enumerate(node):
            yield from _list_references(inner, f"{place}/{number}")


def _list_required(definition: Json, shape: Json, above: frozenset[str]) -> Iterator[str]:
    """Return every definition that is met again below itself, on a way of required members only."""
    if "$ref" in shape:
        name = str(shape["$ref"]).rpartition("/")[2]
        if name in above:
            yield name
            return
        above |= {name}
        shape = definition["definitions"].get(name, {})
    for name in shape.get("required", []) if isinstance(shape.get("required"), list) else []:
        yield from _list_required(definition, shape.get("properties", {}).get(name, {}), above)
