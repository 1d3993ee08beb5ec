"""The details of an appointment: what Graph's metadata let an app write is written, read back and checked."""

import time
from datetime import timedelta
from typing import Any

import pytest

from shared.storage import idempotency
from tests.functional.booking_writes import TOMORROW, Writer, clock, open_page, refused
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
