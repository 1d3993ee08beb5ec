"""Check that shipped flows report failures in one way: a branch tells of them, and ends the run as failed.

Each flow does its work in the scope `Work`. The scope `Report_the_failure` runs if that one did not succeed; it is the
same in every flow, and known from one file. Only the list of what is inside loops and conditions differs, because
`result` shows one level. That each failure leads there, in any flow, is found out by devkit/flows/check_outcomes.py.
"""

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from devkit.flows.complaints import Complaint
from devkit.flows.sources import Flow, Json, find_branches

BRANCH_FILE = Path(__file__).with_name("error_branch.json")
WORK = "Work"
_OUTCOMES = {"Succeeded", "Failed", "TimedOut", "Skipped"}
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
    """Return where the branch is missing, another one, or does not run."""
    return [Complaint(flow.name, _RULE, *found) for found in _check_branch(flow)]


def _check_branch(flow: Flow) -> Iterator[Found]:
    actions = flow.definition["actions"]
    name, known = make_branch(flow)
    if actions.get(WORK, {}).get("type") != "Scope":
        yield "actions", f"there is no scope “{WORK}” around what the flow does"
        return
    for step, action in actions.items():
        if step not in (WORK, name) and action["type"] != "InitializeVariable" and not action.get("runAfter"):
            yield step, f"stands outside “{WORK}”, where nobody is informed if it fails"
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
