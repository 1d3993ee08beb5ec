"""The details of an appointment: what Graph's metadata let an app write is written, read back and checked."""

import time
from datetime import timedelta
from typing import Any

import pytest

from shared.storage import idempotency
from tests.functional.booking_writes import CLEO, TOMORROW, Writer, clock, open_page, refused
from tests.functional.conftest import Gateway
from tests.functional.test_bookings_appointments import book
from twin.seeds import tiny

REMINDER = {"offset": "PT24H", "recipients": "customer", "message": "Bis morgen!"}
DETAILS: dict[str, Any] = {
    "appointmentLabel": "VIP",
    "customerTimeZone": "Asia/Kolkata",
    "isCustomerAllowedToManageBooking": False,
    "isLocationOnline": True,
    "optOutOfCustomerEmail": True,
    "preBuffer": "PT15M",
    "postBuffer": "PT1H30M",
    "price": 49.5,
    "priceType": "fixedPrice",
    "reminders": [REMINDER],
    "smsNotificationsEnabled": True,
}


@pytest.fixture
def writer(gateway_process: Gateway, monkeypatch: pytest.MonkeyPatch) -> Writer:
    monkeypatch.setattr(idempotency, "TABLE", f"t{time.time_ns()}")
    return open_page(gateway_process)


def details_of(item: Any) -> dict[str, Any]:
    return {name: item[name] for name in DETAILS}


def test_all_details_are_booked(writer: Writer) -> None:
    assert details_of(writer.made(**DETAILS)) == DETAILS


@pytest.mark.parametrize("name", DETAILS)
def test_each_detail_is_changed_alone(writer: Writer, name: str) -> None:
    made = writer.made()
    answer = writer.update(made["id"], **{name: DETAILS[name]})
    assert answer.status_code == 200, answer.text
    assert details_of(answer.json()) == details_of(made) | {name: DETAILS[name]}


def test_the_customers_zone_is_a_field_of_its_own(writer: Writer) -> None:
    made = writer.made(timeZone="Europe/Berlin", customerTimeZone="Pacific Standard Time")
    assert (made["customerTimeZone"], made["timeZoneIana"]) == ("America/Los_Angeles", "Europe/Berlin")


def test_reminders_and_label_are_emptied_when_that_is_said(writer: Writer) -> None:
    made = writer.made(**DETAILS)
    fresh = writer.update(made["id"], clear=["reminders", "appointmentLabel"]).json()
    assert details_of(fresh) == DETAILS | {"reminders": [], "appointmentLabel": ""}


def test_staff_must_be_free_for_the_buffers_of_this_booking(writer: Writer) -> None:
    for member in (tiny.ANNE, tiny.BOB):
        book(writer.gateway, TOMORROW + timedelta(hours=10), staffMemberIds=[member])
    assert refused(writer.create(postBuffer="PT31M")) == (409, "SlotTaken", "start")
    assert writer.create(postBuffer="PT30M").status_code == 201


def test_staff_must_be_free_for_buffers_that_grow(writer: Writer) -> None:
    """Anne is booked from nine to half past; another one ended at half past eight, and the next one begins at ten."""
    made = writer.made(staff=[tiny.ANNE], preBuffer="PT10M")
    book(writer.gateway, TOMORROW + timedelta(hours=10), preBuffer="PT10M")
    book(writer.gateway, TOMORROW + timedelta(hours=8), minutes=30)
    writer.gateway.forget()
    for buffers in ({"postBuffer": "PT21M"}, {"postBuffer": "PT21M", "customers": [CLEO | {"notes": "Late"}]}):
        assert refused(writer.update(made["id"], **buffers)) == (409, "StaffNotFree", "postBuffer")
    assert refused(writer.update(made["id"], preBuffer="PT31M")) == (409, "StaffNotFree", "preBuffer")
    assert writer.writes() == []
    both = {"preBuffer": "PT30M", "postBuffer": "PT20M"}
    fresh = writer.update(made["id"], **both).json()
    assert {name: fresh[name] for name in both} == both
    writer.gateway.forget()
    assert writer.update(made["id"], preBuffer="PT5M", postBuffer="PT0S").status_code == 200
    assert len(writer.gateway.graph_calls()) == 3, "what shrinks is read, written and read again"


def test_a_buffer_does_not_grow_into_what_is_held(writer: Writer) -> None:
    made = writer.made(staff=[tiny.ANNE])
    hold = {"service": tiny.VISIT, "start": clock(10), "staff": [tiny.ANNE]}
    assert writer.send("POST", "/slots/holds", hold).status_code == 201
    assert refused(writer.update(made["id"], postBuffer="PT45M"))[:2] == (409, "SlotHeld")
    assert writer.update(made["id"], postBuffer="PT30M").status_code == 200


def test_an_appointment_takes_its_own_buffers_along_when_it_is_moved(writer: Writer) -> None:
    made = writer.made(staff=[tiny.ANNE], postBuffer="PT1H")
    book(writer.gateway, TOMORROW + timedelta(hours=14))
    assert refused(writer.verb("reschedule", made["id"], start=clock(13)))[:2] == (409, "StaffNotFree")
    assert writer.verb("reschedule", made["id"], start=clock(12.5)).status_code == 200


def test_three_seats_of_one_person_are_three_customers(writer: Writer) -> None:
    """Graph has no number of seats for a customer (bookingCustomerInformation): each entry takes one."""
    writer.made(service=tiny.GROUP, customers=[{"name": "Robin", "emailAddress": "robin@example.com"}])
    guests = [{"name": f"Guest {number} of Cleo", "emailAddress": f"cleo+{number}@example.com"} for number in (1, 2)]
    made = writer.made(service=tiny.GROUP, customers=[CLEO, *guests])
    assert (made["filledAttendeesCount"], len(made["customers"])) == (4, 4)
    answer = writer.create(service=tiny.GROUP, customers=[CLEO | {"seats": 3}])
    assert refused(answer) == (400, "UnknownParameter", "seats")


@pytest.mark.parametrize(
    ("details", "code", "target"),
    [
        ({"price": -1}, "InvalidNumber", "price"),
        ({"price": True}, "InvalidNumber", "price"),
        ({"price": "49,50"}, "InvalidNumber", "price"),
        ({"priceType": "unknownFutureValue"}, "InvalidChoice", "priceType"),
        ({"preBuffer": "15 minutes"}, "InvalidDuration", "preBuffer"),
        ({"preBuffer": "P"}, "InvalidDuration", "preBuffer"),
        ({"postBuffer": "P1DT1S"}, "InvalidDuration", "postBuffer"),
        ({"customerTimeZone": "Mars/Olympus"}, "UnknownTimeZone", "customerTimeZone"),
        ({"reminders": []}, "MissingParameter", "reminders"),
        ({"reminders": [REMINDER | {"offset": None}]}, "MissingParameter", "reminders[0].offset"),
        ({"reminders": [REMINDER, REMINDER | {"offset": "1 Tag"}]}, "InvalidDuration", "reminders[1].offset"),
        ({"reminders": [REMINDER | {"recipients": "everybody"}]}, "InvalidChoice", "reminders[0].recipients"),
        ({"reminders": [REMINDER] * 21}, "InvalidParameter", "reminders"),
        ({"maximumAttendeesCount": 3}, "UnknownParameter", "maximumAttendeesCount"),
        ({"joinWebUrl": "https://example.com"}, "UnknownParameter", "joinWebUrl"),
    ],
)
def test_a_wrong_detail_is_refused_with_its_field(
    writer: Writer, details: dict[str, Any], code: str, target: str
) -> None:
    assert refused(writer.create(start=clock(9), **details)) == (400, code, target)
    assert writer.writes() == []
