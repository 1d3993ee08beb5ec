"""Actions that stand beside one another: in which order they run, and what each of them waits for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class GroupStep:
    """One action of a group, and which others must have ended in which statuses before it runs."""

    name: str
    action: dict[str, Any]
    before: tuple[tuple[str, frozenset[str]], ...]


@dataclass(frozen=True)
class Group:
    """The actions in the order in which they run."""

    steps: tuple[GroupStep, ...]
    ends: tuple[str, ...]  # those that no other follows
    is_stuck: bool  # some wait for one another, which another check says


def read_group(actions: Mapping[str, dict[str, Any]]) -> Group:
    """Put actions into order by their `runAfter`."""
    waiting = {name: set(action.get("runAfter", {})) for name, action in actions.items()}
    steps: list[GroupStep] = []
    while ready := [name for name, before in waiting.items() if not before & waiting.keys()]:
        for name in ready:
            del waiting[name]
            before = actions[name].get("runAfter", {})
            lowered = tuple((other, frozenset(str(one).lower() for one in found)) for other, found in before.items())
            steps.append(GroupStep(name, actions[name], lowered))
    followed = {name for action in actions.values() for name in action.get("runAfter", {})}
    return Group(tuple(steps), tuple(name for name in actions if name not in followed), bool(waiting))
