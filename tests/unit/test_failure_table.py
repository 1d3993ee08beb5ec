"""Verdicts about failing steps come from what was done: small flows with a known fault in each."""

from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from devkit.flow_engine import Backend
from devkit.flow_runs.connections import App
from devkit.flow_runs.failure_table import BadRunError, Case, Judge, judge_case, write_table
from devkit.flow_runs.faults import Fault, Kind
from devkit.flow_runs.world import SETTINGS
from devkit.flows.sources import Flow

NO_RETRY = {"retryPolicy": {"type": "none"}}
BAD = ["Failed", "TimedOut"]
ALL = ["Succeeded", "Skipped", *BAD]
LIST = {"dataset": SETTINGS["SharePointSite"], "table": SETTINGS["TicketList"]}

type Actions = dict[str, Any]


def call(connector: str, operation: str, parameters: dict[str, Any], more: Any = None, **after: list[str]) -> Actions:
    host = {"connectionName": f"shared_{connector}", "operationId": operation}
    inputs = {"host": host, "parameters": parameters} | (more or {})
    return {"type": "OpenApiConnection", "inputs": inputs, "runAfter": after}


def ticket(more: Any = None, **after: list[str]) -> Actions:
    values = {"item/Title": "T", "item/EventId": "e", "item/Description": "@utcNow()"}
    return call("sharepointonline", "PostItem", LIST | values, more, **after)


def mail(to: str, more: Any = None, body: str = "B", **after: list[str]) -> Actions:
    values = {
        "emailMessage/To": to,
        "emailMessage/Subject": "S @{workflow()?['run']?['name']}",
        "emailMessage/Body": body,
    }
    return call("office365", "SendEmailV2", values, more, **after)


def report(body: str = "The step “Work” failed.", **after: list[str]) -> Actions:
    """The branch for failures: it mails those in charge, and the run ends as failed."""
    end = {"type": "Terminate", "inputs": {"runStatus": "Failed"}, "runAfter": {"Notice": ALL}}
    return {
        "type": "Scope",
        "actions": {"Notice": mail(SETTINGS["Recipients"], body=body), "End": end},
        "runAfter": after,
    }


def look(actions: Actions) -> Actions:
    """Actions that run only if there is no ticket yet."""
    found = call("sharepointonline", "GetItems", LIST | {"$filter": "EventId eq 'e'"})
    expression = {"equals": ["@length(body('Look')?['value'])", 0]}
    return {
        "Look": found,
        "If": {"type": "If", "expression": expression, "actions": actions, "runAfter": {"Look": ["Succeeded"]}},
    }


def make(actions: Actions, trigger: str = "Recurrence") -> Case:
    document = {
        "connectionReferences": {},
        "definition": {"triggers": {"T": {"type": trigger}}, "actions": actions},
    }
    app = App(Backend("https://gateway.invalid", ""), requests.Session())
    return Case(Flow("f", {"properties": document}), "c", {"outputs": {}}, app, datetime(2026, 5, 4, tzinfo=UTC), {})


def cells(actions: Actions) -> dict[str, tuple[str, ...]]:
    return {row.step: row.cells for row in judge_case(make(actions))[0]}


def losses(actions: Actions) -> list[str]:
    return judge_case(make(actions))[1]


def test_a_failure_that_a_step_hides_is_a_silent_loss() -> None:
    actions = {"Ticket": ticket(), "Mail": mail("a@example.com", Ticket=["Succeeded", "Failed"])}
    assert cells(actions)["Ticket"][1] == "**ticket lost**"
    assert losses(actions)[0] == "f, c: Ticket: **ticket lost**"


def test_a_failure_that_nobody_hears_of_is_a_silent_loss() -> None:
    assert cells({"Ticket": ticket()})["Ticket"][1] == "failed, nobody informed; **ticket lost**"
    assert len(losses({"Ticket": ticket()})) == 4


def test_a_failure_that_is_reported_is_none() -> None:
    actions = {"Work": {"type": "Scope", "actions": {"Ticket": ticket()}, "runAfter": {}}, "Report": report(Work=BAD)}
    assert losses(actions) == []
    assert cells(actions)["Ticket"] == ("done", "failed, charge informed", "done", "ticket twice")
    assert cells(actions)["*(the event comes again)*"][0] == "ticket twice"


def test_a_report_that_names_no_step_is_seen() -> None:
    work = {"type": "Scope", "actions": {"Ticket": ticket()}, "runAfter": {}}
    for body, words in (("It failed.", "charge (not which step) informed"), ("“Ticket” failed.", "charge informed")):
        actions = {"Work": work, "Report": report(body, Work=BAD)}
        assert cells(actions)["Ticket"][1] == f"failed, {words}"
        assert bool(losses(actions)) == ("not which" in words)


def test_a_step_that_looks_first_and_is_not_repeated_does_nothing_twice() -> None:
    work = {"type": "Scope", "actions": look({"Ticket": ticket(NO_RETRY)}), "runAfter": {}}
    actions = {"Work": work, "Report": report(Work=BAD)}
    reported = "failed, charge informed, then done"
    assert cells(actions)["Ticket"] == (reported, "failed, charge informed", "done", reported)
    assert cells(actions)["*(the event comes again)*"][0] == "done"


def test_what_a_resubmitted_run_leaves_out_is_a_loss() -> None:
    inner = look({"Ticket": ticket(NO_RETRY), "Mail": mail("a@example.com", NO_RETRY, Ticket=["Succeeded"])})
    actions = {"Work": {"type": "Scope", "actions": inner, "runAfter": {}}, "Report": report(Work=BAD)}
    assert cells(actions)["Mail"][1:3] == ("failed, charge informed", "**mail lost**")
    assert "f, c: Mail: after resubmitting **mail lost**, mail missing" in losses(actions)


def test_a_caller_who_is_answered_too_late_is_not_informed() -> None:
    answer = {"type": "Response", "inputs": {"statusCode": 503}, "runAfter": {"Ticket": BAD}}
    good = {"type": "Response", "inputs": {"statusCode": 200}, "runAfter": {"Ticket": ["Succeeded"]}}
    for more, informed in ((NO_RETRY, ("caller",)), (None, ())):
        judge = Judge(make({"Ticket": ticket(more), "Refuse": answer, "Answer": good}, "Request"))
        for kind, expected in ((Kind.UNAVAILABLE, ("caller",)), (Kind.TIMED_OUT, informed)):
            first, _ = judge.judge(Fault("Ticket", kind))
            assert first.informed == expected, kind


def test_steps_on_data_fail_too() -> None:
    compose = {"type": "Compose", "inputs": "x", "runAfter": {}}
    actions = {"Write": compose, "Ticket": ticket(Write=["Succeeded"])}
    assert cells(actions)["Write"] == ("-", "failed, nobody informed; **ticket lost**", "done", "-")


def test_a_service_that_is_down_is_a_fault_of_all_its_steps() -> None:
    work = {"type": "Scope", "actions": look({"Mail": mail("a@example.com", NO_RETRY)}), "runAfter": {}}
    found = cells({"Work": work, "Report": report(Work=BAD)})
    assert found["*(all of SharePoint)*"][1:3] == ("failed, charge informed", "done")
    assert found["*(all of Office 365 Outlook)*"][1:3] == ("failed, nobody informed", "done")
    hidden = {"Ticket": ticket(), "Mail": mail("a@example.com", Ticket=ALL)}
    assert any(one.startswith("f, c: *(all of SharePoint)*: **ticket lost**") for one in losses(hidden))


def test_a_later_turn_of_a_loop_may_fail_alone() -> None:
    step = mail("@{item()}@example.com", NO_RETRY)
    loop = {"type": "Foreach", "foreach": ["a", "b"], "actions": {"Mail": step}, "runAfter": {}}
    both = "mail twice"
    assert cells({"Loop": loop})["Mail"][2] == f"done / {both}"


def test_each_kind_of_fault_is_counted_by_what_it_did() -> None:
    judge = Judge(make({"Ticket": ticket(NO_RETRY)}))
    for kind, is_missing in (
        (Kind.REFUSED, True),
        (Kind.UNAVAILABLE, True),
        (Kind.TIMED_OUT, True),
        (Kind.LOST, False),
    ):
        first, again = judge.judge(Fault("Ticket", kind))
        assert bool(first.missing) == is_missing
        assert again is not None
        assert again.twice == (() if is_missing else ("ticket",))


def test_a_flow_that_does_not_do_its_work_is_not_judged() -> None:
    with pytest.raises(BadRunError, match="recipient"):
        Judge(make({"Mail": mail("nobody")}))


def test_steps_with_the_same_verdicts_share_a_row_and_cases_that_differ_are_named() -> None:
    one = judge_case(make({"Ticket_1": ticket(), "Ticket_2": mail("a@example.com")}))[0]
    other = judge_case(make({"Ticket_1": ticket(NO_RETRY), "Ticket_2": mail("a@example.com")}))[0]
    _, _, first, *others = write_table({"a": one, "b": other})
    assert first.startswith("| Ticket 1 (a) | done |")
    assert len(others) == 5
    assert "| Ticket 1 (b) |" in "\n".join(others)
