"""The routes in docs/api.md that nobody has described there: written from the connector's description of them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from devkit.connector import trigger_operations
from devkit.connector.document import build_definition
from devkit.connector.operations import list_operations
from devkit.documents.blocks import Texts, make_table

_PATH, _BLOCK = "docs/api.md", "other routes"
_HEADING = re.compile(r"^### (.+)$", re.MULTILINE)
_TRIGGER = re.compile(r"^((?:instant-)?triggers/\w+)/[\w-]+$")


def write(texts: Texts) -> None:
    """Write a section for each route that has none."""
    texts.put_block(_PATH, "kinds of triggers", _make_triggers())
    texts.put_block(_PATH, _BLOCK, [])
    described = set(_HEADING.findall(texts.read(_PATH)))
    definition = build_definition()
    lines: list[str] = []
    for heading, operation in _list_routes(definition):
        if heading not in described:
            described.add(heading)
            lines += [f"### {heading}", operation["description"], "", *_make_parameters(operation, definition)]
    texts.put_block(_PATH, _BLOCK, ["## Other routes", "", *lines] if lines else [])


def _make_triggers() -> list[str]:
    kinds = {
        path.rpartition("/")[2]: operations["get"]["description"].removeprefix("This operation triggers when ")
        for path, operations in trigger_operations.OPERATIONS.items()
        if path.startswith("/triggers/appointments/")
    }
    return make_table(("`{kind}`", "Triggers when"), [(f"`{kind}`", when) for kind, when in kinds.items()])


def _list_routes(definition: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path, operations in definition["paths"].items():
        route = _TRIGGER.sub(r"\1/{kind}", path.removeprefix("/"))
        for method, operation in list_operations(operations).items():
            yield f"{method.upper()} {route}", operation


def _make_parameters(operation: Mapping[str, Any], definition: Mapping[str, Any]) -> list[str]:
    rows = []
    for each in operation["parameters"]:
        one = definition["parameters"][each["$ref"].rpartition("/")[2]] if "$ref" in each else each
        if one["in"] == "query":
            bounds = f" {one['minimum']} to {one['maximum']}." if "minimum" in one else ""
            needed = " Needed." if one.get("required") else ""
            rows.append((f"`{one['name']}`", f"{one['description']}{bounds}{needed}"))
    return [*make_table(("Parameter", "Meaning"), rows), ""] if rows else []
