"""Rewrite flows for a container; all functions return copies."""

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any

from devkit.flows.expressions import find_interpolations
from devkit.flows.sources import Json, find_branches

_FLAT = re.compile(r"(outputs\('(?:[^']|'')*'\)|triggerOutputs\(\))\??\['([^']+/[^']+)'\]")


def rewrite_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Return a copy with every string changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: rewrite_texts(below, change) for key, below in value.items()}
    if isinstance(value, list):
        return [rewrite_texts(below, change) for below in value]
    return value


def replace_parameters(text: str, replacements: Mapping[str, str]) -> str:
    """Replace parameters by other expressions."""
    for name, expression in replacements.items():
        text = text.replace(f"parameters('{name}')", expression)
    return text


def unfold_paths(text: str) -> str:
    """Write `outputs('X')?['body/a']`, which only Power Automate reads, as `outputs('X')?['body']?['a']`."""

    def unfold(found: re.Match[str]) -> str:
        return found[1] + "".join(f"?['{part}']" for part in found[2].split("/"))

    return _FLAT.sub(unfold, text)


def as_expression(text: Any) -> str:
    """Return a value of a step as an expression without `@`: a literal in quotes, a template as a concat."""
    if not isinstance(text, str):
        return str(text).lower() if isinstance(text, bool) else str(text)
    if text.startswith("@") and not text.startswith(("@{", "@@")):
        return text[1:]
    parts, position = [], 0
    for start, end in find_interpolations(text):
        parts += [_quote(text[position:start])] if start > position else []
        parts.append(text[start + 2 : end - 1])
        position = end
    if position < len(text) or not parts:
        parts.append(_quote(text[position:]))
    return parts[0] if len(parts) == 1 else f"concat({', '.join(parts)})"


def put_first(definition: Json, name: str, action: Json) -> Json:
    """Return a copy of a definition in which every action waits for a new one."""
    changed = copy.deepcopy(definition)
    for other in changed["actions"].values():
        if not other.get("runAfter"):
            other["runAfter"] = {name: ["Succeeded"]}
    changed["actions"] = {name: {**action, "runAfter": {}}, **changed["actions"]}
    return changed


def rewrite_actions(actions: Mapping[str, Json], change: Callable[[Json], Json]) -> Json:
    """Return a copy of the actions with a function applied to each, at any depth."""
    changed = {}
    for name, action in actions.items():
        new = change(copy.deepcopy(dict(action)))
        for branch in find_branches(new):
            inside = rewrite_actions(branch, change)
            branch.clear()
            branch.update(inside)
        changed[name] = new
    return changed


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
