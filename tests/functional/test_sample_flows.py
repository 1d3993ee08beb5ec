"""Each call that a sample flow about appointments makes is answered by the app, and with what the flow goes on with."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from devkit.flows.sources import load_flows
from tests.functional.booking_writes import clock
from tests.functional.changes.conftest import Page
from tests.functional.conftest import Gateway, ahead
from tests.functional.flow_calls import FlowCaller, open_flow
from twin.seeds import tiny

pytestmark = pytest.mark.usefixtures("rows_in_memory")

ZONE = "GMT Standard Time"
TODAY = datetime.now(UTC).date()
TOMORROW = TODAY + timedelta(days=1)
MAILS = {"support-mail-ticket", "support-mail-failed"}  # see tests/functional/flow_runs/test_support_mail.py

type Happen = Callable[[Page, str], object]

EVENTS: dict[str, tuple[str, Happen]] = {
    "new-appointment-ticket": ("created", lambda page, _: page.book(ahead(hours=30))),
    "appointment-cancelled": ("cancelled", lambda page, booked: page.cancel(booked)),
    "appointment-reminder": ("upcoming", lambda page, _: page.book(ahead(minutes=40))),
    "appointment-rescheduled": ("rescheduled", lambda page, booked: page.move(booked, ahead(hours=31))),
    "appointment-reassigned": ("reassigned", lambda page, booked: page.change(booked, staffMemberIds=[tiny.BOB])),
}


@pytest.fixture
def page(gateway_process: Gateway) -> Page:
    """A page of its own, which may be written to."""
    return Page(gateway_process, BOOKINGS_WRITES="on")


@pytest.fixture
def settings(page: Page) -> dict[str, Any]:
    """What a maker would choose."""
    return {
        "BookingPage": page.name,
        "TimeZone": ZONE,
        "Service": tiny.VISIT,
        "GatewayAddress": page.gateway.base_url,
        "GatewayKey": page.gateway.key,
    }


def ask_to_book(page: Page, settings: dict[str, Any], **wish: Any) -> FlowCaller:
    """The flow that writes, in a run of its own, asked for a visit tomorrow at nine or what is wished."""
    asked = {"service": tiny.VISIT, "start": clock(9), "name": "Cleo", "emailAddress": "cleo@example.com"}
    blank = dict.fromkeys(("phone", "notes", "timeZone", "requestKey"))
    item = blank | asked | wish
    known = {
        f"if(empty(triggerBody()?['{name}']),null,triggerBody()?['{name}'])": item[name]
        for name in ("phone", "notes", "timeZone")
    } | {"outputs('Request_key')": uuid.uuid4().hex}
    return open_flow(page.gateway, "book-appointment", settings, item=item, known=known)


def book(page: Page, settings: dict[str, Any]) -> Any:
    answer = ask_to_book(page, settings).call("Book_the_appointment")
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.mark.parametrize("name", EVENTS)
def test_a_trigger_is_answered_with_where_to_ask_next(page: Page, settings: dict[str, Any], name: str) -> None:
    caller = open_flow(page.gateway, name, settings)
    answer = caller.call(caller.flow.trigger[0])
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"].startswith("https://env.01.common")
    assert f"/triggers/appointments/{EVENTS[name][0]}?" in answer.headers["Location"]


@pytest.mark.parametrize("name", EVENTS)
def test_what_happened_has_every_field_that_the_flow_reads(page: Page, settings: dict[str, Any], name: str) -> None:
    kind, happen = EVENTS[name]
    caller = open_flow(page.gateway, name, settings)
    booked = page.book(ahead(hours=30))
    page.ask()  # the first look tells nothing
    first = caller.call(caller.flow.trigger[0]).headers["Location"]
    happen(page, booked)
    page.ask()
    answer = page.gateway.http.get(
        page.gateway.base_url + "/api" + first.partition("/0123456789abcdef")[2],
        headers={"x-functions-key": page.gateway.key}, timeout=60,
    )  # fmt: skip
    assert answer.status_code == 200, f"{kind}: {answer.text}"
    item = answer.json()["value"][0]
    assert caller.fields() - set(item) <= {"answersText", "joinWebUrl"}
    assert len(caller.fields() & set(item)) > 3


def test_after_a_cancellation_the_freed_time_is_found_again(page: Page, settings: dict[str, Any]) -> None:
    booked = book(page, settings)
    page.cancel(booked["id"])
    item = {"serviceId": tiny.VISIT, "startUtc": booked["startUtc"], "endUtc": booked["endUtc"]}
    slots = open_flow(page.gateway, "appointment-cancelled", settings, item=item).call("Find_the_free_slot")
    assert slots.status_code == 200, slots.text
    assert [slot["startUtc"] for slot in slots.json()["value"]] == [booked["startUtc"]]


def test_the_agenda_is_text_to_print(page: Page, settings: dict[str, Any]) -> None:
    book(page, settings)
    caller = open_flow(page.gateway, "daily-agenda", settings, known={"outputs('Today')": str(TOMORROW)})
    answer = caller.call("Get_the_agenda")
    assert answer.status_code == 200, answer.text
    assert "Cleo" in answer.json()["text"]


def test_a_form_is_answered_with_slots(page: Page, settings: dict[str, Any]) -> None:
    known = {
        "outputs('First_day')": str(TOMORROW),
        "addDays(outputs('First_day'),7,'yyyy-MM-dd')": str(TOMORROW + timedelta(days=7)),
    }
    answer = open_flow(page.gateway, "free-slot-answer", settings, known=known).call("Find_free_slots")
    assert answer.status_code == 200, answer.text
    first = answer.json()["value"][0]
    assert first["startLocal"]
    assert first["staffNames"]


def test_the_nightly_list_shows_tomorrow(page: Page, settings: dict[str, Any]) -> None:
    book(page, settings)
    known = {
        "outputs('Tomorrow')": str(TOMORROW),
        "addDays(outputs('Tomorrow'),1,'yyyy-MM-dd')": str(TOMORROW + timedelta(days=1)),
    }
    answer = open_flow(page.gateway, "error-catcher", settings, known=known).call("List_the_appointments")
    assert answer.status_code == 200, answer.text
    assert [one["customerName"] for one in answer.json()["value"]] == ["Cleo"]


def test_a_step_that_is_repeated_books_once(page: Page, settings: dict[str, Any]) -> None:
    caller = ask_to_book(page, settings)
    first, again = caller.call("Book_the_appointment"), caller.call("Book_the_appointment")
    assert (first.status_code, again.status_code) == (201, 201), first.text
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.json()["id"] == again.json()["id"]


def test_an_appointment_is_moved(page: Page, settings: dict[str, Any]) -> None:
    booked = book(page, settings)
    mover = ask_to_book(page, settings, appointmentId=booked["id"], start=clock(12))
    answer = mover.call("Move_the_appointment")
    assert answer.status_code == 200, answer.text
    assert answer.json()["startUtc"] == clock(12)


def test_what_is_refused_says_why_where_the_flow_looks_for_it(page: Page, settings: dict[str, Any]) -> None:
    answer = ask_to_book(page, settings, start="yesterday").call("Book_the_appointment")
    assert answer.status_code == 400
    assert {"code", "message"} <= set(answer.json()["error"])


def test_the_twin_without_the_connector_goes_on_from_its_cursor(page: Page, settings: dict[str, Any]) -> None:
    twin = open_flow(page.gateway, "new-appointment-without-connector", settings)
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    twin.known = {"outputs('From_where')": f"since={since}"}
    first = twin.call("Ask_for_changes")
    assert first.status_code == 200, first.text
    assert first.json()["value"] == []
    book(page, settings)
    page.age()
    twin.known = {"outputs('From_where')": f"cursor={first.json()['cursor']}"}
    second = twin.call("Ask_for_changes").json()
    assert [change["eventKind"] for change in second["value"]] == ["created"]
    assert second["value"][0]["customerName"] == "Cleo"
    assert {"eventId", "appointmentId", "serviceName", "startLocal", "staffNames"} <= set(second["value"][0])
    page.age()
    twin.known = {"outputs('From_where')": f"cursor={second['cursor']}"}
    assert twin.call("Ask_for_changes").json()["value"] == []


def test_the_twin_is_informed_when_its_cursor_is_of_no_use(page: Page, settings: dict[str, Any]) -> None:
    twin = open_flow(page.gateway, "new-appointment-without-connector", settings)
    twin.known = {"outputs('From_where')": "cursor=worn-out"}
    refused = twin.call("Ask_for_changes")
    assert refused.status_code == 400
    assert refused.json()["error"]["message"]


def test_every_call_of_the_flows_is_made_here(gateway_process: Gateway) -> None:
    made = {
        ("appointment-cancelled", "Find_the_free_slot"),
        ("daily-agenda", "Get_the_agenda"),
        ("free-slot-answer", "Find_free_slots"),
        ("error-catcher", "List_the_appointments"),
        ("book-appointment", "Book_the_appointment"),
        ("book-appointment", "Move_the_appointment"),
        ("new-appointment-without-connector", "Ask_for_changes"),
    }
    callers = [FlowCaller(gateway_process, flow, {}) for flow in load_flows() if flow.name not in MAILS]
    triggers = {(caller.flow.name, caller.flow.trigger[0]) for caller in callers if caller.flow.name in EVENTS}
    assert {(caller.flow.name, step) for caller in callers for step in caller.steps()} == made | triggers
