"""Every shipped flow has the branch that reports failures, and it runs when it must."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from devkit.flows.check_failures import check_failures, load_branch, make_branch
from devkit.flows.sources import Flow
from tests.unit.flow_bench import make_flow

type Actions = dict[str, Any]
ALL = ["Succeeded", "Failed", "TimedOut", "Skipped"]
NAME, BRANCH = load_branch()


def step(**after: list[str]) -> dict[str, Any]:
    """A step that runs after others."""
    return {"type": "Compose", "inputs": "text", "runAfter": after}


def complaints(change: Callable[[Actions], object]) -> list[str]:
    """Complaints about the small flow whose actions were changed."""
    flow = make_flow()
    document = copy.deepcopy(flow.document)
    change(document["properties"]["definition"]["actions"])
    return [f"{found.place}: {found.message}" for found in check_failures(Flow("things", document))]


def test_a_flow_with_the_branch_is_not_complained_about() -> None:
    assert complaints(lambda _: None) == []
    assert complaints(lambda actions: actions.update(Count={"type": "InitializeVariable", "runAfter": {}})) == []


def test_a_branch_may_wait_for_more_than_the_work() -> None:
    def add(actions: Actions, outcomes: list[str]) -> None:
        actions["Answer"] = step(Work=["Failed", "TimedOut", "Skipped"])
        actions[NAME]["runAfter"]["Answer"] = outcomes

    assert complaints(lambda actions: add(actions, ALL)) == []
    assert "every outcome of “Answer”" in complaints(lambda actions: add(actions, ["Succeeded"]))[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda actions: actions.pop("Work"), "no scope “Work”"),
        (lambda actions: actions.pop(NAME), "copy it from"),
        (lambda actions: actions.update(Alone=step()), "Alone: stands outside"),
        (lambda actions: actions[NAME]["actions"].pop("End_as_failed"), "copy it again"),
        (lambda actions: actions[NAME]["runAfter"].update(Work=["Failed"]), "took too long or was skipped"),
    ],
)
def test_a_branch_that_would_not_report_is_seen(change: Callable[[Actions], object], words: str) -> None:
    found = complaints(change)
    assert any(words in one for one in found), found


@pytest.mark.parametrize("name", ["What_went_wrong", "Address_of_the_run", "Tell_those_in_charge"])
def test_the_run_ends_as_failed_whatever_goes_wrong_in_the_branch(name: str) -> None:
    steps, order = BRANCH["actions"], list(BRANCH["actions"])
    for later in order[order.index(name) + 1 :]:
        assert list(steps[later]["runAfter"].values()) == [ALL]
    assert order[-1] == "End_as_failed"
    assert steps["End_as_failed"]["inputs"]["runStatus"] == "Failed"


def test_the_branch_does_not_read_results_of_steps_that_hide_something() -> None:
    source = make_branch(make_flow())[1]["actions"]["Failed_steps_inside"]["inputs"]["from"]
    assert source == "@coalesce(result('Each'),json('[]'))"  # and not of the scope around the step that sends a key
