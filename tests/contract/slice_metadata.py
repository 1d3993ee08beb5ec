"""Makes `tests/contract/graph/*.json` from OpenAPI documents of Microsoft Graph: the part that the tests check against.

    python -m tests.contract.slice_metadata FOLDER

FOLDER holds `graph-v1.0-bookings.json` and `graph-v1.0-mail.json`: the paths under `/solutions/bookingBusinesses`,
`/solutions/bookingCurrencies` and the mail paths under `/users/{id}`, converted from the CSDL metadata of Graph v1.0
(microsoftgraph/msgraph-metadata at commit f54f11b6, 2026-08-20), with the permissions of
microsoftgraph/microsoft-graph-devx-content (commit 6cbd6bb, 2026-08-07).

A slice keeps names, types, enums, required members, query options and permissions: the keywords in KEPT. Descriptions,
summaries, notes and links, which are Microsoft's prose, stay out. The examples are invented and are kept as they are.
Each document becomes several files, so that a person can read and compare them. Where the originals are at hand, a test
compares the slices with them. `graph_written` holds what has no original there: a person wrote it after the reference
pages of subscription, changeNotification and changeNotificationCollection.
"""

import json
import sys
from pathlib import Path
from typing import Any

GRAPH = Path(__file__).with_name("graph")
WRITTEN = Path(__file__).with_name("graph_written")
SOURCES = {"bookings": "graph-v1.0-bookings.json", "mail": "graph-v1.0-mail.json"}
KEPT = frozenset({
    "get", "post", "put", "patch", "delete",
    "parameters", "name", "in", "required", "schema", "requestBody", "responses", "content",
    "$ref", "title", "type", "format", "enum", "items", "properties", "nullable", "additionalProperties", "pattern",
    "allOf", "anyOf", "oneOf", "discriminator", "propertyName", "mapping", "minimum", "maximum",
    "x-ms-pageable", "x-ms-navigationProperty", "x-single-get-only", "x-known-values", "x-documented",
    "x-graph-permissions",
})  # fmt: skip
_NAMED = frozenset({"properties", "responses", "content"})  # their keys are names of Graph's own: all are kept
_WHOLE = frozenset({"mapping", "x-graph-permissions", "x-ms-pageable"})
_WIDTH = 120


def slice_document(document: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a document's slice: paths, schemas, components and, where there are any, examples."""
    components = document["components"]
    parts = {
        "paths": _reduce_all(document["paths"]),
        "schemas": _reduce_all(components["schemas"]),
        "components": {kind: _reduce_all(components[kind]) for kind in ("parameters", "responses")},
        "examples": {name: {"value": one["value"]} for name, one in components.get("examples", {}).items()},
    }
    return {kind: part for kind, part in parts.items() if part}


def read_slice(name: str) -> dict[str, Any]:
    """Return the slice of "bookings", "mail" or "subscriptions" as one OpenAPI document."""
    files = [path for folder in (GRAPH, WRITTEN) for path in folder.glob(f"{name}-*.json")]
    parts = {path.stem: json.loads(path.read_text("utf-8")) for path in files}
    components = {
        "schemas": parts[f"{name}-schemas"],
        "examples": parts.get(f"{name}-examples", {}),
        **parts[f"{name}-components"],
    }
    return {"openapi": "3.0.3", "paths": parts[f"{name}-paths"], "components": components}


def build_files(folder: Path) -> dict[Path, str]:
    """Return the files of all slices with their text, made from the originals in a folder."""
    return {
        GRAPH / f"{name}-{kind}.json": f"{write_readable(part)}\n"
        for name, source in SOURCES.items()
        for kind, part in slice_document(json.loads((folder / source).read_text("utf-8"))).items()
    }


def write_readable(value: Any, margin: int = 0, used: int = 0) -> str:
    """Return JSON text in which every value that fits into a line stands on one line."""
    flat = json.dumps(value, ensure_ascii=False)
    if margin + used + len(flat) < _WIDTH or not isinstance(value, dict | list) or not value:
        return flat
    inner = margin + 1
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        lines = _fill([json.dumps(each, ensure_ascii=False) for each in value], _WIDTH - inner)
    elif isinstance(value, list):
        lines = [write_readable(each, inner) for each in value]
    else:
        lines = [f"{json.dumps(key)}: {write_readable(each, inner, len(key) + 4)}" for key, each in value.items()]
    opening, closing = ("[", "]") if isinstance(value, list) else ("{", "}")
    body = ",\n".join(f"{' ' * inner}{line}" for line in lines)
    return f"{opening}\n{body}\n{' ' * margin}{closing}"


def _fill(texts: list[str], width: int) -> list[str]:
    lines = texts[:1]
    for text in texts[1:]:
        if len(lines[-1]) + len(text) + 3 <= width:
            lines[-1] += f", {text}"
        else:
            lines.append(text)
    return lines


def _reduce_all(named: dict[str, Any]) -> dict[str, Any]:
    return {name: _reduce(one) for name, one in named.items()}


def _reduce(value: Any) -> Any:
    if isinstance(value, list):
        return [_reduce(each) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, each in value.items():
        if key not in KEPT:
            continue
        if key in _WHOLE:
            if isinstance(each, dict):  # otherwise a sentence: the permissions data does not have this operation
                kept[key] = each
        else:
            kept[key] = _reduce_all(each) if key in _NAMED else _reduce(each)
    return kept


def main(folder: str) -> None:
    """Write the slices."""
    GRAPH.mkdir(exist_ok=True)
    for path, text in build_files(Path(folder)).items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
