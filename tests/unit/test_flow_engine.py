"""The engine of flows waits, repeats and goes on as the platform's does: what it proves is worth no more than that."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from devkit.flow_engine import Backend, CursorFlow, Flow, ProtocolError

HOME = "http://127.0.0.1:1/api"


def answer(status: int, *items: str, **headers: str) -> requests.Response:
    made = requests.Response()
    made.status_code = status
    made.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    made._content = json.dumps({"value": [{"eventId": item} for item in items]}).encode() if items else b""
    return made


def nothing(retry_after: str = "10", location: str = f"{HOME}/on") -> requests.Response:
    return answer(202, Location=location, Retry_After=retry_after)


def something(*items: str, retry_after: str = "10", location: str = f"{HOME}/on") -> requests.Response:
    return answer(200, *items, Location=location, Retry_After=retry_after)


class Line:
    """Gives one answer after the other, and notes what was asked; None: the connection breaks."""

    def __init__(self, *answers: requests.Response | None) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def get(self, url: str, **_: Any) -> requests.Response:
        self.asked.append(url)
        found = self._answers.pop(0)
        if found is None:
            raise requests.ConnectionError
        return found


def flow(*answers: requests.Response | None, **more: Any) -> tuple[Flow, Line]:
    line = Line(*answers)
    return Flow(Backend("http://127.0.0.1:1", "k"), "t", {"a": "b"}, prefix=None, http=line, **more), line  # type: ignore[arg-type]  # stands in for a session


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["eventId"] for item in items]


def test_it_goes_on_from_location_and_runs_each_item() -> None:
    one, line = flow(nothing(), something("1", "2", location=f"{HOME}/further"), nothing())
    assert [ids(one.check()) for _ in range(3)] == [[], ["1", "2"], []]
    assert line.asked == [f"{HOME}/t?a=b", f"{HOME}/on", f"{HOME}/further"]


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (nothing("10"), 60.0),  # below the recurrence
        (nothing("90"), 90.0),
        (something("1", retry_after="10"), 10.0),
        (something("1", retry_after="90"), 90.0),
        (answer(400), 60.0),
    ],
)
def test_after_items_it_waits_for_retry_after_and_otherwise_for_the_recurrence_at_least(
    given: requests.Response, seconds: float
) -> None:
    one, _ = flow(given)
    one.check()
    assert (one.next_check, one.waits) == (seconds, [])


def test_what_may_heal_is_asked_for_again_and_what_will_not_is_not() -> None:
    one, line = flow(answer(503, Retry_After="3"), answer(429, Retry_After="4"), answer(500), None, something("1"))
    assert ids(one.check()) == ["1"]
    assert one.waits == [3.0, 4.0, 30.0, 45.0]
    assert len(set(line.asked)) == 1
    refused, line = flow(answer(403), nothing())
    assert refused.check() == []
    assert len(line.asked) == 1


def test_after_the_last_try_the_next_recurrence_asks_the_same() -> None:
    one, line = flow(nothing(), *[None] * 5, something("1"))
    one.check()
    assert one.check() == []
    assert one.next_check == 60.0
    assert ids(one.check()) == ["1"]
    assert line.asked[1:] == [f"{HOME}/on"] * 6


def test_it_passes_every_wait_while_it_lives() -> None:
    passed: list[float] = []
    one, _ = flow(nothing(), something("1"), answer(503, Retry_After="2"), nothing(), wait=passed.append)
    one.live(lambda: len(one.history) == 4)
    assert passed == [60.0, 10.0, 2.0, 60.0]


def once() -> Callable[[], bool]:
    reported = iter([True])
    return lambda: next(reported, False)


def test_an_answer_that_gets_lost_runs_nothing_and_is_asked_for_again() -> None:
    one, line = flow(something("1"), something("1"), lose=once())
    assert ids(one.check()) == ["1"]
    assert ids(one.runs) == ["1"]
    assert line.asked == [f"{HOME}/t?a=b"] * 2


def test_an_engine_that_loses_the_location_runs_the_same_again() -> None:
    one, _ = flow(something("1"), something("1"), forget=once())
    one.check()
    one.check()
    assert ids(one.runs) == ["1", "1"]


@pytest.mark.parametrize(
    "wrong",
    [
        answer(202, Retry_After="10"),
        answer(202, Location=f"{HOME}/on"),
        answer(202, "1", Location=f"{HOME}/on", Retry_After="10"),
        something(*map(str, range(101))),
        answer(503),
    ],
)
def test_answers_beside_the_protocol_are_errors(wrong: requests.Response) -> None:
    one, _ = flow(wrong)
    with pytest.raises(ProtocolError):
        one.check()


def test_no_key_goes_where_the_connection_does_not_lead() -> None:
    one, line = flow(nothing(location="https://elsewhere.example/on"), nothing())
    one.check()
    with pytest.raises(ProtocolError):
        one.check()
    assert len(line.asked) == 1


def test_without_a_trigger_the_cursor_leads_on() -> None:
    def changes(cursor: str, *kinds: str) -> requests.Response:
        made = answer(200)
        made._content = json.dumps({"value": [{"eventKind": kind} for kind in kinds], "cursor": cursor}).encode()
        return made

    line = Line(changes("c1", "created", "cancelled"), answer(404), changes("c2"))
    one = CursorFlow(
        Backend("http://127.0.0.1:1", "k"), "changes", {}, prefix=None, http=line,  # type: ignore[arg-type]  # stands in for a session
        wanted=frozenset({"created"}), since="2026-05-05T09:00:00+00:00",
    )  # fmt: skip
    assert [len(one.check()) for _ in range(3)] == [1, 0, 0]
    assert [url.partition("?")[2] for url in line.asked] == [
        "since=2026-05-05T09%3A00%3A00%2B00%3A00", "cursor=c1", "cursor=c1",
    ]  # fmt: skip
