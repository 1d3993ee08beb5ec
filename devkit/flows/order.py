"""Find the actions that have always ended before another one begins, from `runAfter` and nesting."""

from collections.abc import Mapping

from devkit.flows.sources import Flow, Json, Step, find_branches


def find_earlier(flow: Flow) -> dict[str, set[str]]:
    """Return for every action the names of those that it may refer to."""
    earlier: dict[str, set[str]] = {}
    for step in flow.steps:
        above = earlier[step.parents[-1].name] if step.parents else set()
        earlier[step.name] = above | _find_before(step)
    return earlier


def find_circle(siblings: Mapping[str, Json]) -> list[str]:
    """Return the names of actions that wait for one another, or nothing."""
    left = {name: set(action.get("runAfter", {})) & set(siblings) for name, action in siblings.items()}
    while ready := [name for name, waits in left.items() if not waits]:
        for name in ready:
            del left[name]
        left = {name: waits - set(ready) for name, waits in left.items()}
    return sorted(left)


def _find_before(step: Step) -> set[str]:
    found: set[str] = set()
    waiting = list(step.action.get("runAfter", {}))
    while waiting:
        name = waiting.pop()
        if name in found or name not in step.siblings:
            continue
        found.add(name)
        waiting += step.siblings[name].get("runAfter", {})
    for name in list(found):
        found |= _find_inside(step.siblings[name])
    return found


def _find_inside(action: Json) -> set[str]:
    found: set[str] = set()
    for branch in find_branches(action):
        for name, below in branch.items():
            found |= {name} | _find_inside(below)
    return found
