"""Group appointments of more than four customers: filling them, taking somebody out, and a cap of Graph on changes.

Graph refuses a create with more than four customers. Whether it refuses such a PATCH is not known, so each behaviour is
tested with and without that cap.
"""

import time
from datetime import timedelta
from typing import Any

import pytest

from shared import retry
from shared.storage import idempotency
from tests.functional.booking_writes import CLEO, TOMORROW, Writer, clock, open_page, refused
from tests.functional.conftest import Gateway
from tests.functional.test_bookings_appointments import book
from twin.core.faults import Answer
from twin.seeds import tiny
from twin.seeds.booking_pages import week

pytestmark = pytest.mark.usefixtures("rows_in_memory")

CUSTOMER = "#microsoft.graph.bookingCustomerInformation"
UNKNOWN = {"error": {"code": "UnknownError", "message": ""}}
GUESTS = [{"name": f"Guest {number}", "emailAddress": f"guest{number}@example.com"} for number in range(6)]
DAY = timedelta(days=1)
LEAVES = {"emailAddress": "GUEST0@example.com", "remove": True}
TOO_LARGE = (409, "GroupTooLarge", "customers")


@pytest.fixture
def writer(gateway_process: Gateway, monkeypatch: pytest.MonkeyPatch) -> Writer:
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(idempotency, "TABLE", f"t{time.time_ns()}")
    return open_page(gateway_process)


@pytest.fixture
def capped(writer: Writer) -> Writer:
    """A world in which PATCH takes four customers at most, as create does."""
    writer.gateway.sim.bookings.set_switches({"update_caps_customers": True})
    return writer


def mails(appointment: Any) -> list[str]:
    return [each["emailAddress"] for each in appointment["customers"]]


def book_group(writer: Writer, count: int) -> str:
    """Put a group appointment of so many guests into the calendar, as customers on the booking page would."""
    business = writer.gateway.sim.bookings.business(tiny.BUSINESS)
    people = []
    for guest in GUESTS[:count]:
        record = {"displayName": guest["name"], "emailAddress": guest["emailAddress"]}
        customer = business.customers.add(record)
        people.append({"@odata.type": CUSTOMER, "customerId": customer} | guest)
    group = {"serviceId": tiny.GROUP, "staffMemberIds": [tiny.BOB], "maximumAttendeesCount": 6}
    return book(writer.gateway, TOMORROW + timedelta(hours=9), minutes=60, customers=people, **group)


def seats(writer: Writer) -> dict[str, int]:
    found = writer.gateway.ask("/slots", service=tiny.GROUP, start=clock(9), end=clock(11))["value"]
    return {slot["startUtc"]: slot["seatsAvailable"] for slot in found}


def test_a_group_fills_up_one_by_one(writer: Writer) -> None:
    for guest in GUESTS:
        made = writer.made(service=tiny.GROUP, customers=[guest])
    assert mails(made) == [guest["emailAddress"] for guest in GUESTS]
    assert made["filledAttendeesCount"] == 6
    assert refused(writer.create(service=tiny.GROUP, customers=[{"emailAddress": "late@example.com"}]))[1] == "NoSeats"


def test_six_customers_are_booked_in_one_call(writer: Writer) -> None:
    made = writer.made(service=tiny.GROUP, customers=GUESTS)
    assert mails(made) == [guest["emailAddress"] for guest in GUESTS]
    assert writer.writes().count("POST appointments") == 1
    assert mails(writer.made(service=tiny.GROUP, customers=GUESTS)) == mails(made)
    assert len(writer.calendar()) == 1


def test_more_customers_than_seats_are_refused(writer: Writer) -> None:
    late = {"name": "Late", "emailAddress": "late@example.com"}
    answer = writer.create(service=tiny.GROUP, customers=[*GUESTS, late])
    assert refused(answer) == (400, "TooManyCustomers", "customers")
    assert writer.writes() == []


def test_a_group_that_somebody_else_joined_keeps_those_customers(writer: Writer) -> None:
    writer.made(service=tiny.GROUP, customers=GUESTS[:2])
    made = writer.made(service=tiny.GROUP, customers=GUESTS[1:])
    assert mails(made) == [guest["emailAddress"] for guest in GUESTS]


@pytest.mark.parametrize("count", [6, 5, 2])
def test_somebody_is_taken_out_of_a_group_of_any_size(writer: Writer, count: int) -> None:
    group = book_group(writer, count)
    answer = writer.update(group, customers=[LEAVES])
    assert answer.status_code == 200, answer.text
    assert mails(answer.json()) == [guest["emailAddress"] for guest in GUESTS[1:count]]


def test_taking_somebody_out_is_not_called_done_before_it_is(writer: Writer) -> None:
    """Those who stay are in the appointment before and after: only their number shows that it was done."""
    group = book_group(writer, 3)
    writer.gateway.sim.faults.add(
        Answer(500, body=UNKNOWN), api="bookings", method="PATCH", path="/appointments/", times=None
    )
    assert refused(writer.update(group, customers=[LEAVES])) == (409, "OutcomeUnknown", None)
    writer.gateway.sim.faults.clear()
    writer.gateway.sim.faults.add(Answer(500, body=UNKNOWN), api="bookings", method="PATCH", path="/appointments/")
    assert mails(writer.update(group, customers=[LEAVES]).json()) == mails({"customers": GUESTS[1:3]})


def test_a_capped_group_takes_nobody_above_four_and_says_so(capped: Writer) -> None:
    group = book_group(capped, 4)
    answer = capped.create("run-1", service=tiny.GROUP, customers=[GUESTS[4]])
    assert refused(answer) == TOO_LARGE
    assert "unchanged" in answer.json()["error"]["message"]
    assert capped.gateway.sim.bookings.business(tiny.BUSINESS).appointments.get(group).seats_taken == 4


def test_a_capped_create_says_who_is_booked_and_repeats_nothing(capped: Writer) -> None:
    for _ in range(2):
        answer = capped.create("run-2", service=tiny.GROUP, customers=GUESTS)
        assert refused(answer) == TOO_LARGE
        (only,) = capped.calendar()
        assert only.seats_taken == 4
    assert refused(capped.create(service=tiny.GROUP, start=clock(14), customers=GUESTS)) == TOO_LARGE
    assert len(capped.calendar()) == 1, "the cap is known: nothing is booked in part"


@pytest.mark.parametrize(("count", "status"), [(6, 409), (5, 200), (2, 200)])
def test_a_capped_group_loses_a_customer_if_four_or_fewer_stay(capped: Writer, count: int, status: int) -> None:
    group = book_group(capped, count)
    answer = capped.update(group, customers=[LEAVES])
    assert answer.status_code == status, answer.text
    if status != 200:
        assert refused(answer) == TOO_LARGE


def test_slots_show_only_the_seats_that_can_be_booked(capped: Writer) -> None:
    book_group(capped, 4)
    assert seats(capped) == {clock(9): 2, clock(10): 6, clock(10.5): 6}
    assert refused(capped.create(service=tiny.GROUP, customers=[GUESTS[4]])) == TOO_LARGE
    assert seats(capped) == {clock(10): 4, clock(10.5): 4}
    capped.gateway.sim.bookings.set_switches({"update_caps_customers": False})
    assert capped.create(service=tiny.GROUP, customers=[GUESTS[4]]).status_code == 201
    assert seats(capped) == {clock(9): 1, clock(10): 6, clock(10.5): 6}


@pytest.mark.parametrize("minutes", [60, 90])
def test_a_group_outside_of_hours_or_of_another_length_is_offered_and_joined(writer: Writer, minutes: int) -> None:
    business = writer.gateway.sim.bookings.business(tiny.BUSINESS)
    business.patch({"businessHours": week(("09:00", "17:00"), days=("monday",))})
    start = TOMORROW + timedelta(days=-TOMORROW.weekday() % 7, hours=18 if minutes == 60 else 10)
    shared = {"serviceId": tiny.GROUP, "staffMemberIds": [tiny.BOB], "maximumAttendeesCount": 6}
    group = book(writer.gateway, start, minutes=minutes, customers=[], **shared)
    day = start.strftime("%Y-%m-%d")
    found = writer.gateway.ask("/slots", service=tiny.GROUP, start=day, end=(start + DAY).strftime("%Y-%m-%d"))["value"]
    (slot,) = [slot for slot in found if slot["staffMembers"][0]["appointmentId"]]
    assert (slot["durationMinutes"], slot["staffMembers"][0]["appointmentId"]) == (minutes, group)
    for guest, more in zip(GUESTS, ({}, {"end": slot["endUtc"]}), strict=False):
        made = writer.made(service=tiny.GROUP, start=slot["startUtc"], customers=[guest], **more)
        assert made["id"] == group
    assert refused(writer.create(service=tiny.GROUP, start=slot["startUtc"], customers=[*GUESTS[2:], CLEO]))[0] == 409


def test_a_failure_of_graph_in_a_small_group_is_no_cap(writer: Writer) -> None:
    book_group(writer, 1)
    writer.gateway.sim.faults.add(
        Answer(500, body=UNKNOWN), api="bookings", method="PATCH", path="/appointments/", times=None
    )
    assert refused(writer.create(service=tiny.GROUP, customers=[GUESTS[1]])) == (409, "OutcomeUnknown", None)
    assert seats(writer)[clock(10)] == 6
