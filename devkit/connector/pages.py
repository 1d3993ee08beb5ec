"""Texts of the definition that stand in pages for makers: the readme's tables, and the reference's headings.

Both are replaced in place, so that a page follows a reworded description without a running gateway. The examples of the
reference are asked of the sample world (`reference.py`).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from devkit.connector.operations import list_operations

_TABLE = re.compile(
    r"(### (Triggers|Actions)\n\n\| Operation \| Summary \| What it does \|\n\|---\|---\|---\|\n)(?:\|.*\n)+"
)
_HEADING = re.compile(r"^### .*\n`(\w+)`\. .*$", flags=re.MULTILINE)
_GIVEN = re.compile(r"^\| (.+?) \| `.*` \|$", flags=re.MULTILINE)
_ANSWERED = re.compile(r"^```json\n|^The file's bytes, as `|^Answers nothing\.$", flags=re.MULTILINE)


def visible_operations(definition: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the operations that makers see, in the definition's order."""
    for item in definition["paths"].values():
        for operation in list_operations(item).values():
            if operation.get("x-ms-visibility") != "internal":
                yield operation


def recorded_operations(definition: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield those that have an example in the reference: an instant trigger brings what its polling one does."""
    for operation in visible_operations(definition):
        if operation.get("x-ms-trigger") != "single":
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


def find_gaps(page: str, definition: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the recorded examples of the makers' reference, as sentences.

    An operation without a section or an answer, a section of no operation, a value of a field that no longer exists.
    """
    operations = {each["operationId"]: each for each in recorded_operations(definition)}
    headings = list(_HEADING.finditer(page))
    ends = [found.start() for found in headings[1:]] + [len(page)]
    sections = {found[1]: page[found.end() : end] for found, end in zip(headings, ends, strict=True)}
    gaps = [f"{name} has no recorded example" for name in operations if not _ANSWERED.search(sections.get(name, ""))]
    gaps += [f"{name} is no operation that makers see" for name in sections if name not in operations]
    for name in operations.keys() & sections.keys():
        known = {title for _, title in titles(operations[name], definition)}
        unknown = [given for given in _GIVEN.findall(sections[name]) if given not in known]
        gaps += [f"{name} has no field {given} any more" for given in unknown]
    return gaps


def titles(operation: Mapping[str, Any], definition: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return name and title of each parameter and field, as makers see them."""
    found: list[tuple[str, str]] = []
    for parameter in operation["parameters"]:
        one = definition["parameters"][parameter["$ref"].rpartition("/")[2]] if "$ref" in parameter else parameter
        if one["in"] == "body":
            fields = one["schema"]["properties"].items()
            found += [(name, each.get("x-ms-summary", name.capitalize())) for name, each in fields]
        else:
            found.append((one["name"], one["x-ms-summary"]))
    return found


def heading(operation: Mapping[str, Any]) -> str:
    """Return what an operation's section of the reference begins with."""
    return f"### {operation['summary']}\n`{operation['operationId']}`. {operation['description']}"
