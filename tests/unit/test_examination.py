"""Steps run in parallel: the order of their findings, what is skipped, and the time limits."""

import threading
import time

from doctor.examination import Finding, Status, Step, Verdict, report, run_steps
from shared import context
from shared.errors import Unavailable


def step(name: str, outcome: str | Verdict | Exception = "fine", *needs: str) -> Step:
    def check() -> str | Verdict:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return Step(name, "", check, f"mend {name}", tuple((need, "") for need in needs))


def statuses(found: list[Finding]) -> dict[str, str]:
    return {one.step: one.status.value for one in found}


def test_findings_come_in_the_order_of_the_steps() -> None:
    found = run_steps([step("a"), step("b", "fine", "a"), step("c")])
    assert [(one.step, one.status, one.remedy) for one in found] == [(name, Status.OK, None) for name in "abc"]


def test_a_step_that_needs_a_failed_one_is_skipped_with_the_reason() -> None:
    found = run_steps([step("a", Unavailable("Gone.")), step("b", "fine", "a"), step("c", "fine", "b"), step("d")])
    assert statuses(found) == {"a": "fail", "b": "skipped", "c": "skipped", "d": "ok"}
    assert [one.message for one in found[:3]] == [
        "Gone.",
        "Skipped because a failed.",
        "Skipped because b was skipped.",
    ]
    assert [one.remedy for one in found] == ["mend a", None, None, None]


def test_steps_that_need_one_with_a_warning_run() -> None:
    found = run_steps([step("a", Verdict(Status.WARN, "Soon.", "Now.")), step("b", "fine", "a")])
    assert statuses(found) == {"a": "warn", "b": "ok"}
    assert found[0].remedy == "Now."


def test_a_check_that_fails_itself_shows_the_kind_of_the_error_and_not_its_text() -> None:
    found = run_steps([step("a", ValueError("a secret")), step("b")])
    assert statuses(found) == {"a": "fail", "b": "ok"}
    assert "ValueError" in found[0].message
    assert "secret" not in found[0].message


def test_the_report_does_not_wait_for_a_check_that_hangs() -> None:
    let_go = threading.Event()

    def hang() -> str:
        let_go.wait(30)
        return "too late"

    began = time.monotonic()
    try:
        found = run_steps([Step("a", "", hang, "wait"), step("b", "fine", "a"), step("c")], each_seconds=0.1)
    finally:
        let_go.set()
    assert time.monotonic() - began < 20
    assert statuses(found) == {"a": "fail", "b": "skipped", "c": "ok"}
    assert found[0].message == "There was no answer in time."


def test_all_steps_together_have_a_time_limit() -> None:
    let_go = threading.Event()

    def hang() -> str:
        let_go.wait(30)
        return "too late"

    try:
        found = run_steps([Step(f"{number}", "", hang, "wait") for number in range(20)], all_seconds=0.3)
    finally:
        let_go.set()
    assert set(statuses(found).values()) == {"fail"}


def test_a_check_runs_with_its_time_limit_and_the_request_id() -> None:
    def check() -> str:
        return f"{context.request_id()} {context.remaining() <= 20}"

    with context.call("c0ffee00-0000-4000-8000-000000000001", seconds=90):
        [found] = run_steps([Step("a", "", check, "")])
    assert found.message == "c0ffee00-0000-4000-8000-000000000001 True"


def test_the_worst_finding_is_the_status_of_the_report() -> None:
    def status(*found: Status) -> str:
        return str(report([Finding("a", "", one, "") for one in found])["status"])

    assert status() == status(Status.OK, Status.SKIPPED) == "ok"
    assert status(Status.OK, Status.WARN) == "warn"
    assert status(Status.WARN, Status.FAIL) == "fail"
