"""What becomes of a run if steps fail: statuses only, from `runAfter`, nesting and every way that conditions can go.

A step runs if each step that it names under `runAfter` ended in one of the statuses given there; otherwise it is
skipped. A run, a scope, a loop or a condition has failed if a last step of it has failed, and a last step that was
skipped counts as those before it do (Microsoft, "Handle errors and exceptions in Azure Logic Apps", on scopes and their
results). Loops are run once here. Nothing is evaluated.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from devkit.flows.groups import GroupStep, read_group
from devkit.flows.sources import Flow, Json, find_branches

SUCCEEDED, FAILED, TIMED_OUT, SKIPPED = "succeeded", "failed", "timedout", "skipped"
_BAD = {FAILED, TIMED_OUT}
_MOST_PATHS = 4096  # of one flow with one failure: more conditions than that one after the other are not distinguished


@dataclass
class Outcome:
    """How one run ended: its status, the status of each step that it came to, in order, and how conditions went."""

    status: str = SUCCEEDED
    steps: dict[str, str] = field(default_factory=dict)
    ways: dict[str, int] = field(default_factory=dict)

    @property
    def has_failed(self) -> bool:
        """Whether the run history shows a failure."""
        return self.status in _BAD

    def has_run(self, name: str) -> bool:
        """Whether the run came to a step, and did not skip it."""
        return self.steps.get(name, SKIPPED) != SKIPPED


def find_outcomes(flow: Flow, failing: Mapping[str, str]) -> Iterator[Outcome]:
    """Yield the outcome of each way through a flow in which the given steps end so, if the run comes to them."""
    ways: list[tuple[str, int, int]] = []  # condition, which branch, how many branches
    for _ in range(_MOST_PATHS):
        run = _Run(flow, failing, {name: way for name, way, _ in ways})
        yield run.go()
        ways += run.found
        while ways and ways[-1][1] + 1 == ways[-1][2]:
            ways.pop()
        if not ways:
            return
        name, way, count = ways[-1]
        ways[-1] = (name, way + 1, count)


def find_outcome(flow: Flow, ways: Mapping[str, int]) -> Outcome:
    """Return the outcome without any failure, where conditions go as given; others take their first branch."""
    return _Run(flow, {}, ways).go()


def find_certain(flow: Flow) -> dict[str, set[str]]:
    """Return for each step the names of those that have succeeded whenever it runs, if at most one step fails."""
    certain: dict[str, set[str]] = {}
    for failing in ({}, *({step.name: FAILED} for step in flow.steps)):
        for outcome in find_outcomes(flow, failing):
            good = {name for name, status in outcome.steps.items() if status == SUCCEEDED}
            for name in outcome.steps:
                if outcome.has_run(name):
                    certain[name] = certain.get(name, good) & good
    return certain


class _EndedError(Exception):
    """A step has ended the whole run."""


class _Run:
    def __init__(self, flow: Flow, failing: Mapping[str, str], ways: Mapping[str, int]) -> None:
        self._flow = flow
        self._failing = failing
        self._outcome = Outcome(ways=dict(ways))
        self.found: list[tuple[str, int, int]] = []

    def go(self) -> Outcome:
        try:
            self._outcome.status = self._run_group(self._flow.definition["actions"])
        except _EndedError as ended:
            self._outcome.status = str(ended)
        return self._outcome

    def _run_group(self, actions: Mapping[str, Json]) -> str:
        group = self._flow.groups.get(id(actions)) or read_group(actions)
        done: dict[str, str] = {}
        for step in group.steps:
            done[step.name] = self._run_step(step, done)
        if group.is_stuck:
            return FAILED
        ends = [_judge(name, actions, done) for name in group.ends]
        return FAILED if _BAD & set(ends) else SUCCEEDED

    def _run_step(self, step: GroupStep, done: Mapping[str, str]) -> str:
        name = step.name
        if not all(done.get(other, SKIPPED) in statuses for other, statuses in step.before):
            self._outcome.steps[name] = SKIPPED
            return SKIPPED
        self._outcome.steps[name] = SUCCEEDED
        status = self._failing.get(name) or self._run_inside(name, step.action)
        self._outcome.steps[name] = status
        if step.action["type"] == "Terminate" and status == SUCCEEDED:
            raise _EndedError(str(step.action["inputs"]["runStatus"]).lower())
        return status

    def _run_inside(self, name: str, action: Json) -> str:
        branches: list[dict[str, Json]] = find_branches(action)
        if action["type"] in ("If", "Switch"):
            if action["type"] == "Switch" or len(branches) == 1:
                branches = [*branches, {}]
            if name not in self._outcome.ways:
                self._outcome.ways[name] = 0
                self.found.append((name, 0, len(branches)))
            branches = branches[self._outcome.ways[name] : self._outcome.ways[name] + 1]
        return FAILED if _BAD & {self._run_group(branch) for branch in branches} else SUCCEEDED


def _judge(name: str, actions: Mapping[str, Any], done: Mapping[str, str]) -> str:
    """Return what a last step says of its branch: a skipped one, what those before it say."""
    if done[name] != SKIPPED:
        return done[name]
    before = [_judge(other, actions, done) for other in actions[name].get("runAfter", {}) if other in done]
    return FAILED if _BAD & set(before) else SUCCEEDED
