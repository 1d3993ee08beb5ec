"""Check that no failure of a shipped flow stays silent: a branch tells of it, and the run ends as failed.

Each flow does its work in the scope `Work`. The scope `Report_the_failure` runs if that one did not succeed; it is the
same in every flow, and known from one file. Only the list of what is inside loops and conditions differs, because
`result` shows one level. A step that runs although another has failed hides that failure if nothing
else of its group stays failed: "a branch that ends with a skipped action has the status of what came before it"
(Microsoft, "Handle errors and exceptions"), so one more step that wants the other to succeed is enough.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from devkit.flows.complaints import Complaint
from devkit.flows.sources import Flow, Json, find_branches

BRANCH_FILE = Path(__file__).with_name("error_branch.json")
WORK = "Work"
_SUCCEEDED, _FAILED, _SKIPPED = "Succeeded", "Failed", "Skipped"
_OUTCOMES = {_SUCCEEDED, _FAILED, "TimedOut", _SKIPPED}
_RULE = "failure"
_AROUND = ("Scope", "If", "Switch", "Foreach", "Until")
_INSIDE = "Failed_steps_inside"

type Found = tuple[str, str]  # place, message


@cache
def load_branch() -> tuple[str, Json]:
    """Return the name of the branch for failures and the scope."""
    document: dict[str, Json] = json.loads(BRANCH_FILE.read_text("utf-8"))
    [(name, scope)] = document.items()
    return name, scope


def make_branch(flow: Flow) -> tuple[str, Json]:
    """Return the name of the branch and the scope as this flow needs it."""
    name, scope = load_branch()
    results = [
        f"coalesce(result('{step.name}'),json('[]'))"
        for step in flow.steps
        if step.action["type"] in _AROUND and step.parents and step.parents[0].name == WORK and not _hides(step.action)
    ]
    if results:
        scope = copy.deepcopy(scope)
        joined = ",".join(results)
        scope["actions"][_INSIDE]["inputs"]["from"] = f"@{joined}" if len(results) == 1 else f"@union({joined})"
    return name, scope


def _hides(action: Json) -> bool:
    """Return whether a step inside hides inputs or outputs: `result` would hand them to steps that hide nothing."""
    inside = [below for group in find_branches(action) for below in group.values()]
    return any("secureData" in below.get("runtimeConfiguration", {}) for below in inside)


def check_failures(flow: Flow) -> list[Complaint]:
    """Return where a failure would stay silent."""
    return [Complaint(flow.name, _RULE, *found) for found in (*_check_branch(flow), *_check_hidden(flow))]


def find_outcome(siblings: Mapping[str, Json], failed: str, how: str = _FAILED) -> str:
    """Return how a group of steps ends if one of them fails and all others that run succeed."""
    statuses = {failed: how}
    if not _may_run(siblings[failed], {}):
        statuses |= dict.fromkeys(_list_before(siblings, failed), _SUCCEEDED)
    left = [name for name in siblings if name not in statuses]
    while left:
        ready = [name for name in left if not set(siblings[name].get("runAfter", {})) & set(left)]
        if not ready:
            return _SKIPPED  # they wait for one another, which another check says
        for name in ready:
            statuses[name] = _SUCCEEDED if _may_run(siblings[name], statuses) else _SKIPPED
            left.remove(name)
    waited_for = {name for action in siblings.values() for name in action.get("runAfter", {})}
    ends = [name for name in siblings if name not in waited_for]
    return how if any(_ends_badly(siblings, statuses, name) for name in ends) else _SUCCEEDED


def _check_branch(flow: Flow) -> Iterator[Found]:
    actions = flow.definition["actions"]
    name, known = make_branch(flow)
    if actions.get(WORK, {}).get("type") != "Scope":
        yield "actions", f"there is no scope “{WORK}” around what the flow does"
        return
    for step, action in actions.items():
        if step not in (WORK, name) and action["type"] != "InitializeVariable" and not action.get("runAfter"):
            yield step, f"stands outside “{WORK}”, where nobody is told if it fails"
    if (branch := actions.get(name)) is None:
        yield "actions", f"there is no “{name}”: copy it from {BRANCH_FILE.name}"
        return
    if {**branch, "runAfter": None} != {**known, "runAfter": None}:
        source = known["actions"][_INSIDE]["inputs"]["from"]
        yield name, f"is not as in {BRANCH_FILE.name}, with {source} in {_INSIDE}: copy it again"
    waits = dict(branch.get("runAfter", {}))
    if waits.pop(WORK, None) != known["runAfter"][WORK]:
        yield name, f"has to run if “{WORK}” failed, took too long or was skipped"
    for other, outcomes in waits.items():
        if set(outcomes) != _OUTCOMES:
            yield name, f"does not run after every outcome of “{other}”"


def _check_hidden(flow: Flow) -> Iterator[Found]:
    work = flow.definition["actions"].get(WORK, {})
    for siblings in _list_groups(work):
        for name, action in siblings.items():
            if action["type"] == "Terminate" and action.get("inputs", {}).get("runStatus") == _FAILED:
                yield name, "ends the run before anybody is told: let a step fail instead"
            if any(find_outcome(siblings, name, how) != how for how in (_FAILED, "TimedOut")):
                yield name, "its failure is hidden: what runs after it succeeds, and the run ends well"


def _list_groups(action: Json) -> Iterator[dict[str, Json]]:
    for group in find_branches(action):
        yield group
        for below in group.values():
            yield from _list_groups(below)


def _may_run(action: Json, statuses: Mapping[str, str]) -> bool:
    return all(statuses.get(name) in outcomes for name, outcomes in action.get("runAfter", {}).items())


def _list_before(siblings: Mapping[str, Json], name: str) -> set[str]:
    found: set[str] = set()
    waiting = list(siblings[name].get("runAfter", {}))
    while waiting:
        one = waiting.pop()
        if one in siblings and one not in found:
            found.add(one)
            waiting += siblings[one].get("runAfter", {})
    return found


def _ends_badly(siblings: Mapping[str, Json], statuses: Mapping[str, str], name: str) -> bool:
    """Return whether a branch ended as failed; one that ends with a skipped step ended as what came before it."""
    if statuses[name] != _SKIPPED:
        return statuses[name] != _SUCCEEDED
    return any(
        _ends_badly(siblings, statuses, before) for before in siblings[name].get("runAfter", {}) if before in siblings
    )
