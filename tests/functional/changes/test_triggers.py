"""Triggers about appointments, asked by flows as their engine asks."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bookings.changes.upcoming import begin, find_due
from devkit.flow_engine import PREFIX, Backend, Flow
from tests.functional.changes.conftest import Page
from tests.functional.conftest import ahead, read_error
from twin.core.faults import Answer
from twin.seeds import tiny

pytestmark = pytest.mark.usefixtures("rows_in_memory")


def flow(page: Page, kind: str = "any", prefix: str | None = PREFIX, **query: Any) -> Flow:
    """A flow that was just switched on."""
    backend = Backend(page.gateway.base_url, page.gateway.key)
    made = Flow(backend, f"triggers/appointments/{kind}", {"business": page.name} | query, prefix)
    assert made.recur() == []
    return made


def recur(page: Page, one: Flow) -> list[dict[str, Any]]:
    """A recurrence of the flow, after the refresh interval."""
    page.age()
    return one.recur()


def state_of(one: Flow) -> str:
    return parse_qs(urlsplit(one.location or "").query)["triggerState"][0]


def book_many(page: Page, count: int) -> list[str]:
    start = ahead(days=2)
    return [page.book(start + timedelta(minutes=number)) for number in range(count)]


def test_the_first_call_starts_no_run_and_says_where_to_go_on(page: Page) -> None:
    page.book(ahead(days=1))
    one = flow(page)
    assert [(poll.status, poll.retry_after) for poll in one.history] == [(202, 60)]
    assert (one.location or "").startswith(f"{PREFIX}/triggers/appointments/any?business=")
    assert len(state_of(one)) < 500
    assert recur(page, one) == []
    assert one.history[-1].status == 202


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("created", ["created"]),
        ("updated", ["rescheduled", "reassigned", "edited"]),
        ("rescheduled", ["rescheduled"]),
        ("reassigned", ["reassigned"]),
        ("cancelled", ["cancelled"]),
        ("any", ["created", "rescheduled", "reassigned", "edited", "cancelled"]),
    ],
)
def test_each_kind_starts_runs_for_its_own_and_once(kind: str, expected: list[str], page: Page) -> None:
    ids = book_many(page, 4)
    one = flow(page, kind)
    page.book(ahead(days=4))
    page.move(ids[0], ahead(days=5))
    page.change(ids[1], staffMemberIds=[tiny.BOB])
    page.change(ids[2], customerPhone="1")
    page.cancel(ids[3])
    assert sorted(item["eventKind"] for item in recur(page, one)) == sorted(expected)
    assert recur(page, one) == []
    assert len({item["eventId"] for item in one.runs}) == len(expected)


def test_more_than_a_hundred_come_a_hundred_at_a_time_at_once(page: Page) -> None:
    one = flow(page, "created")
    ids = book_many(page, 230)
    assert [item["appointmentId"] for item in recur(page, one)] == ids
    assert [(poll.items, poll.retry_after) for poll in one.history[1:]] == [(100, 1), (100, 1), (30, 60)]


def test_a_hundred_and_none_behind_them_do_not_ask_back_at_once(page: Page) -> None:
    one = flow(page, "created")
    book_many(page, 100)
    assert len(recur(page, one)) == 100
    assert one.history[-1].retry_after == 60


def test_what_is_filtered_out_does_not_come_back(page: Page) -> None:
    bob = flow(page, "created", staff=tiny.BOB)
    group = flow(page, "created", service=tiny.GROUP)
    ids = book_many(page, 3)
    mine = page.book(ahead(days=4), staffMemberIds=[tiny.BOB], serviceId=tiny.GROUP)
    assert [item["appointmentId"] for item in recur(page, bob)] == [mine]
    assert [item["appointmentId"] for item in recur(page, group)] == [mine]
    page.change(ids[0], staffMemberIds=[tiny.BOB])
    page.age()
    handed = flow(page, "reassigned", staff=tiny.ANNE)
    page.change(ids[1], staffMemberIds=[tiny.BOB])
    assert [item["appointmentId"] for item in recur(page, handed)] == [ids[1]]


def test_details_come_when_they_are_asked_for(page: Page) -> None:
    one = flow(page, "created", details="true")
    page.book(ahead(days=2))
    [item] = recur(page, one)
    assert item["customers"][0]["emailAddress"] == "cleo@example.com"


def test_links_lead_through_the_gateway_or_back_to_where_they_were_asked(page: Page) -> None:
    assert (flow(page, prefix=None).location or "").startswith(page.gateway.base_url)
    query: dict[str, Any] = {"business": page.name}
    for prefix in (
        "https://evil.example/apim/x",
        "http://env.azure-apihub.net/apim/x",
        "https://azure-apihub.net.evil",
    ):
        answer = page.gateway.get("triggers/appointments/any", headers={"X-MS-APIM-Referrer-Prefix": prefix}, **query)
        assert answer.headers["Location"].startswith(page.gateway.base_url)
    answer = page.gateway.get("triggers/appointments/any", key="", code=page.gateway.key, **query)
    assert page.gateway.key not in answer.headers["Location"]


@pytest.mark.parametrize("damage", ["garbled", "cut", "long", "foreign", "other life", "too old", "empty"])
def test_a_state_that_cannot_be_used_goes_on_from_now(damage: str, page: Page) -> None:
    one = flow(page)
    page.book(ahead(days=2))
    assert len(recur(page, one)) == 1
    state = state_of(one)
    match damage:
        case "garbled":
            new = "%C3%A4" + state[4:]
        case "cut":
            new = state[:-5]
        case "long":
            new = "A" * 1500
        case "foreign":
            new = state_of(flow(page, "created"))
        case "empty":
            new = ""
        case "other life":
            new = state
            page.set_state(generation="another")
        case _:
            new = state
            page.set_state(first=3, last=5)
    page.age()
    one.location = (one.location or "").replace(state, new)
    assert one.recur() == []
    assert (one.history[-1].status, one.history[-1].was_reset) == (202, damage != "empty")
    page.book(ahead(days=3))
    assert len(recur(page, one)) == 1


def test_parameters_changed_by_hand_begin_anew(page: Page) -> None:
    one = flow(page)
    one.location = (one.location or "") + "&timeZone=UTC"
    assert recur(page, one) == []
    assert one.history[-1].was_reset


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("status", "our_status"), [(503, 503), (429, 429), (500, 502)])
def test_while_graph_fails_nothing_is_lost_and_the_flow_goes_on(status: int, our_status: int, page: Page) -> None:
    one = flow(page)
    made = page.book(ahead(days=2))
    page.gateway.sim.faults.add(Answer(status), api="bookings", path="calendarView$", times=None)
    assert recur(page, one) == []
    assert [poll.status for poll in one.history[1:]] == [our_status, 503, 503, 503, 503]
    page.gateway.sim.faults.clear()
    assert [item["appointmentId"] for item in recur(page, one)] == [made]


@pytest.mark.usefixtures("impatient")
def test_what_is_known_already_comes_while_graph_fails(page: Page) -> None:
    one, other = flow(page), flow(page)
    made = page.book(ahead(days=2))
    assert len(recur(page, other)) == 1
    page.gateway.sim.faults.add(Answer(503), api="bookings", path="calendarView$", times=None)
    page.age()
    assert [item["appointmentId"] for item in one.recur()] == [made]


def test_an_answer_that_got_lost_is_given_again_and_runs_once(page: Page) -> None:
    one = flow(page)
    made = page.book(ahead(days=2))
    losses = iter([True, False])
    one.lose = lambda: next(losses, False)
    assert [item["appointmentId"] for item in recur(page, one)] == [made]
    assert [poll.status for poll in one.history[1:]] == [0, 200]
    assert recur(page, one) == []


def test_the_app_may_die_between_two_polls(page: Page) -> None:
    one = flow(page)
    made = page.book(ahead(days=2))
    page.restart()
    assert [item["appointmentId"] for item in recur(page, one)] == [made]
    page.restart()
    assert recur(page, one) == []


# -- what it costs ----------------------------------------------------------------------------------------------------


def test_inside_the_interval_a_poll_costs_no_call_and_after_it_the_windows_only(page: Page) -> None:
    page.book(ahead(days=2))
    one = flow(page)
    page.gateway.forget()
    assert one.recur() == []
    assert page.calls() == []
    assert recur(page, one) == []
    assert page.calls() == ["calendarView"] * 3


def test_fifty_flows_cost_no_more_calls_than_one(page: Page) -> None:
    flows = [flow(page, "created") for _ in range(50)]
    made = page.book(ahead(days=2))
    page.age()
    page.gateway.forget()
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda one: one.recur(), flows))
    assert [[item["appointmentId"] for item in items] for items in found] == [[made]] * 50
    assert sorted(page.calls()) == ["calendarView"] * 3 + [page.name, "services", "staffMembers"]


# -- about to start ---------------------------------------------------------------------------------------------------


def test_an_appointment_is_reported_once_so_many_minutes_before(page: Page) -> None:
    later = page.book(ahead(hours=5))
    one = flow(page, "upcoming", minutes=120)
    soon = page.book(ahead(minutes=90))  # booked when it was about to start already
    [item] = recur(page, one)
    assert (item["appointmentId"], item["eventKind"]) == (soon, "upcoming")
    page.move(later, ahead(minutes=80))
    assert [item["appointmentId"] for item in recur(page, one)] == [later]
    page.cancel(soon)
    page.change(later, customerPhone="1")
    assert recur(page, one) == []
    page.move(later, ahead(minutes=70))
    assert [item["appointmentId"] for item in recur(page, one)] == [later]
    assert len({item["eventId"] for item in one.runs}) == 3


def test_what_comes_near_by_the_clock_is_reported_a_hundred_at_a_time(page: Page) -> None:
    near = {page.book(ahead(minutes=30)) for _ in range(130)}
    page.book(ahead(minutes=60))
    horizon = begin(page.feed, page.name, timedelta(minutes=20))
    found: list[str] = []
    for expected in (100, 30, 0):  # as if twenty minutes had passed
        due = find_due(page.feed, page.name, horizon, timedelta(minutes=40), limit=100, wanted=lambda _: True)
        assert (len(due.records), due.has_more) == (expected, expected == 100)
        found += [record["id"] for record in due.records]
        horizon = due.horizon
    assert (len(found), set(found)) == (130, near)


def test_what_has_begun_while_a_flow_was_off_is_not_about_to_start(page: Page) -> None:
    page.book(ahead(minutes=-5))
    soon = page.book(ahead(minutes=5))
    horizon = begin(page.feed, page.name, timedelta(minutes=-30))
    due = find_due(page.feed, page.name, horizon, timedelta(minutes=10), limit=100, wanted=lambda _: True)
    assert [record["id"] for record in due.records] == [soon]


# -- wrong questions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "query", "expected"),
    [
        ("any", {}, (400, "MissingParameter", "business")),
        ("moved", {"business": "x@contoso.com"}, (400, "InvalidChoice", "kind")),
        ("any", {"business": "no address"}, (400, "InvalidId", "business")),
        ("any", {"business": "foreign@contoso.com"}, (403, "BusinessNotAllowed", "business")),
        ("any", {"business": "other@contoso.com"}, (404, "BusinessNotFound", "business")),
        ("upcoming", {"business": "other@contoso.com", "minutes": "0"}, (400, "InvalidNumber", "minutes")),
        ("any", {"business": "other@contoso.com", "since": "2026-01-01"}, (400, "UnknownParameter", "since")),
    ],
)
def test_what_is_wrong_in_the_flow_shows_in_its_history(
    kind: str, query: dict[str, Any], expected: tuple[int, str, str], page: Page
) -> None:
    error = read_error(page.gateway.get(f"triggers/appointments/{kind}", **query))
    assert (error["status"], error["code"], error["target"]) == expected
