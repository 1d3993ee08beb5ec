"""Texts of the definition that stand in pages for makers: the readme's tables, and the reference's headings.

Both are replaced in place, so that a page follows a reworded description without a running gateway. The examples of the
reference are asked of the sample world (`reference.py`).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_TABLE = re.compile(
    r"(### (Triggers|Actions)\n\n\| Operation \| Summary \| What it does \|\n\|---\|---\|---\|\n)(?:\|.*\n)+"
)
_HEADING = re.compile(r"^### .*\n`(\w+)`\. .*$", flags=re.MULTILINE)


def visible_operations(definition: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the operations that makers see, in the definition's order."""
    for item in definition["paths"].values():
        for operation in item.values():
            if operation.get("x-ms-visibility") != "internal":
                yield operation


def update_readme(page: str, definition: Mapping[str, Any]) -> str:
    """Return the connector's readme with the rows of its two tables written anew."""
    rows: dict[str, list[str]] = {"Triggers": [], "Actions": []}
    for operation in visible_operations(definition):
        row = f"| `{operation['operationId']}` | {operation['summary']} | {operation['description']} |\n"
        rows["Triggers" if "x-ms-trigger" in operation else "Actions"].append(row)
    return _TABLE.sub(lambda found: found[1] + "".join(rows[found[2]]), page)


def update_reference(page: str, definition: Mapping[str, Any]) -> str:
    """Return the makers' reference with the heading and the description of each operation written anew."""
    headings = {operation["operationId"]: heading(operation) for operation in visible_operations(definition)}
    return _HEADING.sub(lambda found: headings.get(found[1], found[0]), page)


def heading(operation: Mapping[str, Any]) -> str:
    """Return what an operation's section of the reference begins with."""
    return f"### {operation['summary']}\n`{operation['operationId']}`. {operation['description']}"
