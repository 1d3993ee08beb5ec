"""Checks side by side: their order, what is skipped, and the time they get."""

import threading
import time

from doctor.examination import Finding, Status, Step, Verdict, examine, report
from shared import context
from shared.errors import Unavailable


def step(name: str, told: str | Verdict | Exception = "fine", *needs: str) -> Step:
    def look() -> str | Verdict:
        if isinstance(told, Exception):
            raise told
        return told

    return Step(name, "", look, f"mend {name}", tuple((need, "") for need in needs))


def statuses(found: list[Finding]) -> dict[str, str]:
    return {one.step: one.status.value for one in found}


def test_findings_come_in_the_order_of_the_steps() -> None:
    found = examine([step("a"), step("b", "fine", "a"), step("c")])
    assert [(one.step, one.status, one.remedy) for one in found] == [(name, Status.OK, None) for name in "abc"]


def test_what_needs_a_failed_step_is_skipped_and_says_why() -> None:
    found = examine([step("a", Unavailable("Gone.")), step("b", "fine", "a"), step("c", "fine", "b"), step("d")])
    assert statuses(found) == {"a": "fail", "b": "skipped", "c": "skipped", "d": "ok"}
    assert [one.message for one in found[:3]] == [
        "Gone.",
        "Skipped because a failed.",
        "Skipped because b was skipped.",
    ]
    assert [one.remedy for one in found] == ["mend a", None, None, None]


def test_a_warning_stops_nothing() -> None:
    found = examine([step("a", Verdict(Status.WARN, "Soon.", "Now.")), step("b", "fine", "a")])
    assert statuses(found) == {"a": "warn", "b": "ok"}
    assert found[0].remedy == "Now."


def test_a_check_that_breaks_shows_its_kind_and_not_its_text() -> None:
    found = examine([step("a", ValueError("a secret")), step("b")])
    assert statuses(found) == {"a": "fail", "b": "ok"}
    assert "ValueError" in found[0].message
    assert "secret" not in found[0].message


def test_a_check_that_hangs_is_left_behind() -> None:
    let_go = threading.Event()

    def hang() -> str:
        let_go.wait(30)
        return "too late"

    began = time.monotonic()
    try:
        found = examine([Step("a", "", hang, "wait"), step("b", "fine", "a"), step("c")], each_seconds=0.1)
    finally:
        let_go.set()
    assert time.monotonic() - began < 5
    assert statuses(found) == {"a": "fail", "b": "skipped", "c": "ok"}
    assert found[0].message == "There was no answer in time."


def test_the_whole_has_an_end() -> None:
    let_go = threading.Event()

    def hang() -> str:
        let_go.wait(30)
        return "too late"

    try:
        found = examine([Step(f"{number}", "", hang, "wait") for number in range(20)], all_seconds=0.3)
    finally:
        let_go.set()
    assert set(statuses(found).values()) == {"fail"}


def test_a_check_knows_its_time_and_whose_call_it_is() -> None:
    def look() -> str:
        return f"{context.request_id()} {context.remaining() <= 20}"

    with context.call("c0ffee00-0000-4000-8000-000000000001", seconds=90):
        [found] = examine([Step("a", "", look, "")])
    assert found.message == "c0ffee00-0000-4000-8000-000000000001 True"


def test_the_worst_finding_is_the_status_of_all() -> None:
    def status(*found: Status) -> str:
        return str(report([Finding("a", "", one, "") for one in found])["status"])

    assert status() == status(Status.OK, Status.SKIPPED) == "ok"
    assert status(Status.OK, Status.WARN) == "warn"
    assert status(Status.WARN, Status.FAIL) == "fail"
