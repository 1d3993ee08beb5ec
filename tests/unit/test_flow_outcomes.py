"""What becomes of a run whose steps fail, and the complaints about flows in which that would stay unseen."""

from collections.abc import Callable
from typing import Any

import pytest

from devkit.flows.check_outcomes import check_outcomes
from devkit.flows.outcomes import find_certain, find_outcome, find_outcomes
from devkit.flows.sources import Flow, load_flows
from tests.unit.flow_bench import make_flow

type Actions = dict[str, Any]

ALL = ["Succeeded", "Failed", "Skipped", "TimedOut"]
BAD = ["Failed", "TimedOut", "Skipped"]
LAST = "Tell"  # the last step of the small flow
SLOW = {"retryPolicy": {"type": "fixed", "count": 2, "interval": "PT5S"}}


def compose(**after: list[str]) -> dict[str, Any]:
    return {"type": "Compose", "inputs": "text", "runAfter": after}


def scope(actions: Actions, kind: str = "Scope", **after: list[str]) -> dict[str, Any]:
    return {"type": kind, "actions": actions, "runAfter": after}


def response(**after: list[str]) -> dict[str, Any]:
    return {"type": "Response", "inputs": {"statusCode": 200}, "runAfter": after}


def ask(inputs: Actions | None = None, timeout: str | None = None) -> dict[str, Any]:
    limit = {"limit": {"timeout": timeout}} if timeout else {}
    return {"type": "Http", "inputs": inputs or {}, "runAfter": {}, **limit}


def flow_of(actions: Actions, trigger: str = "Request") -> Flow:
    definition = {"triggers": {"Begin": {"type": trigger}}, "actions": actions}
    return Flow("small", {"properties": {"definition": definition, "connectionReferences": {}}})


def complaints(flow: Flow) -> set[tuple[str, str]]:
    return {(found.rule, found.place) for found in check_outcomes(flow)}


@pytest.mark.parametrize(
    ("actions", "failing", "status"),
    [
        ({"A": compose(), "B": compose(A=["Succeeded"])}, "A", "failed"),
        ({"A": compose(), "B": compose(A=["Failed"])}, "A", "succeeded"),
        ({"A": compose(), "B": compose(A=ALL), "C": compose(A=["Succeeded"], B=["Succeeded"])}, "A", "failed"),
        ({"A": compose(), "B": compose(), "C": compose(B=["Succeeded"])}, "A", "failed"),
        ({"S": scope({"A": compose()}), "B": compose(S=["Failed"])}, "A", "succeeded"),
        ({"S": scope({"A": compose()}, "Foreach"), "B": compose(S=["Succeeded"])}, "A", "failed"),
        (
            {
                "A": compose(),
                "E": {"type": "Terminate", "inputs": {"runStatus": "Failed"}, "runAfter": {"A": BAD}},
            },
            "A",
            "failed",
        ),
    ],
)
def test_a_run_ends_as_its_last_steps_do(actions: Actions, failing: str, status: str) -> None:
    assert [outcome.status for outcome in find_outcomes(flow_of(actions), {failing: "failed"})] == [status]


def test_each_way_of_conditions_is_gone_once() -> None:
    inner = {"type": "If", "actions": {"B": compose()}, "else": {"actions": {"C": compose()}}, "runAfter": {}}
    outer = {"type": "If", "actions": {"I": inner}, "runAfter": {}}
    ran = [
        {name for name in "BCD" if outcome.has_run(name)}
        for outcome in find_outcomes(flow_of({"O": outer, "D": compose(O=["Succeeded"])}), {})
    ]
    assert ran == [{"B", "D"}, {"C", "D"}, {"D"}]


def test_a_step_is_certain_if_no_way_leads_around_it() -> None:
    actions = {"A": compose(), "B": compose(A=ALL), "C": compose(B=["Succeeded"])}
    assert find_certain(flow_of(actions)) == {"A": set(), "B": set(), "C": {"B"}}


def test_the_small_flow_reports_every_failure() -> None:
    assert complaints(make_flow()) == set()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda work, _: work["Tell"].update(runAfter={"Alone": ALL}), ("failed", "Ask")),
        (lambda work, _: work["Alone"].update(runAfter={"Each": ["Succeeded", "Failed"]}), ("failed", "Make")),
        (lambda work, _: work.update(More=compose(**{LAST: ["Failed"]})), ("failed", LAST)),
        (lambda work, _: work.update(More=compose(**{LAST: BAD}), Then=compose(**{LAST: ["Succeeded"]})), None),
        (
            lambda work, _: work.update(End={"type": "Terminate", "inputs": {"runStatus": "Failed"}, "runAfter": {}}),
            ("silent", "actions"),
        ),
        (lambda _, report: report.update(runAfter={"Work": ["TimedOut"]}), ("silent", "List")),
        (lambda _, report: report["actions"].pop("Tell_those_in_charge"), ("silent", "List")),
        (
            lambda _, report: report["actions"]["End_as_failed"].update(
                runAfter={"Tell_those_in_charge": ["Succeeded", "Skipped"]}
            ),
            None,
        ),
        (
            lambda _, report: report["actions"].update(
                Calm={"type": "Terminate", "inputs": {"runStatus": "Succeeded"}, "runAfter": {"What_went_wrong": ALL}}
            ),
            ("failed", "List"),
        ),
    ],
)
def test_a_failure_that_stays_unseen_is_seen(
    change: Callable[[Actions, Actions], object], found: tuple[str, str] | None
) -> None:
    def spoil(flow: Flow) -> Flow:
        actions = flow.document["properties"]["definition"]["actions"]
        change(actions["Work"]["actions"], actions["Report_the_failure"])
        return flow

    seen = complaints(spoil(make_flow()))
    assert seen == set() if found is None else found in seen


GOOD = ask(SLOW, "PT75S")


@pytest.mark.parametrize(
    ("actions", "words"),
    [
        ({"A": GOOD, "R": response(A=["Succeeded"]), "F": response(A=BAD)}, None),
        ({"A": ask({"retryPolicy": {"type": "none"}}), "R": response(A=ALL)}, None),
        ({"A": ask(SLOW), "R": response(A=ALL)}, "may come after 120 seconds"),
        ({"A": ask(), "R": response(A=ALL)}, "may come after 120 seconds"),
        ({"A": ask(SLOW, "PT90S"), "R": response(A=ALL)}, "may come after 120 seconds"),
        ({"S": scope({"A": GOOD}), "B": {**GOOD, "runAfter": {"S": ALL}}, "R": response(B=ALL)}, "after 210 seconds"),
        ({"W": {"type": "Wait", "inputs": {}, "runAfter": {}}, "R": response(W=ALL)}, "may come after 120 seconds"),
        ({"A": GOOD, "R": response(A=["Succeeded"]), "F": response(A=["Failed"])}, "timedout, no Response"),
        ({"A": GOOD, "R": response(A=["Succeeded"])}, "failed, no Response"),
        ({"A": GOOD, "R": response(A=["Succeeded"]), "F": response(A=ALL)}, "with 2 Responses"),
        ({"I": {"type": "If", "actions": {"R": response()}, "runAfter": {}}}, "with 0 Responses"),
    ],
)
def test_whoever_waits_gets_one_answer_in_time(actions: Actions, words: str | None) -> None:
    found = [str(one) for one in check_outcomes(flow_of(actions)) if one.rule == "answer"]
    assert (found == []) if words is None else any(words in one for one in found), found


def test_only_a_request_waits_for_an_answer() -> None:
    assert [one for one in check_outcomes(flow_of({"A": ask()}, "Recurrence")) if one.rule == "answer"] == []


def test_no_flow_has_more_ways_than_are_gone() -> None:
    for flow in load_flows():
        assert sum(1 for _ in find_outcomes(flow, {})) < 1000, flow.name


def test_without_failure_the_flows_are_green_and_report_nothing() -> None:
    for flow in load_flows():
        for outcome in find_outcomes(flow, {}):
            assert outcome.status == "succeeded", flow.name
            assert not outcome.has_run("Tell_those_in_charge"), flow.name
            assert find_outcome(flow, outcome.ways).steps == outcome.steps
