from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from twin import Simulator
from twin.bookings.state import Business
from twin.client import RawGraphClient
from twin.seeds.booking_pages import week
from twin.seeds.tiny import ANNE, BOB, BUSINESS, CUSTOMER, GROUP, VISIT

MONDAY = datetime(2026, 5, 4, tzinfo=UTC)
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CUSTOMER_INFORMATION = {"@odata.type": "#microsoft.graph.bookingCustomerInformation", "customerId": CUSTOMER}


@pytest.fixture
def sim(running: Simulator) -> Simulator:
    running.reset()
    running.bookings.switches.availability_starts_early = False
    return running


@pytest.fixture
def page(sim: Simulator) -> Business:
    business = sim.bookings.business(BUSINESS)
    business.patch({"businessHours": week(("09:00", "17:00"), days=DAYS)})
    return business


def at(hour: int, minute: int = 0, day: int = 0) -> datetime:
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


def ask(graph: RawGraphClient, *staff: str, zone: str = "UTC", start: str = "", end: str = "") -> requests.Response:
    body = {
        "staffIds": list(staff),
        "startDateTime": {"dateTime": start or "2026-05-04T00:00:00", "timeZone": zone},
        "endDateTime": {"dateTime": end or "2026-05-05T00:00:00", "timeZone": zone},
    }
    return graph.request("POST", f"/solutions/bookingBusinesses/{BUSINESS}/getStaffAvailability", json=body)


def read_day(answer: requests.Response) -> list[tuple[str, str, str, str]]:
    assert answer.ok, answer.text
    return [
        (item["status"], item["startDateTime"]["dateTime"][11:16], item["endDateTime"]["dateTime"][11:16],
         item["serviceId"])
        for item in answer.json()["value"][0]["availabilityItems"]
    ]  # fmt: skip


def add(page: Business, staff: str, start: datetime, minutes: int, **more: Any) -> None:
    page.appointments.add(
        {
            "startDateTime": {"dateTime": start.isoformat(), "timeZone": "UTC"},
            "endDateTime": {"dateTime": (start + timedelta(minutes=minutes)).isoformat(), "timeZone": "UTC"},
            "staffMemberIds": [staff],
            "serviceId": VISIT,
        }
        | more,
    )


def test_a_free_day_is_its_hours(graph: RawGraphClient, page: Business) -> None:
    assert len(page.appointments) == 0
    assert read_day(ask(graph, ANNE)) == [
        ("outOfOffice", "00:00", "09:00", ""),
        ("available", "09:00", "17:00", ""),
        ("outOfOffice", "17:00", "00:00", ""),
    ]


def test_appointments_with_their_buffers_are_busy(graph: RawGraphClient, page: Business) -> None:
    add(page, ANNE, at(10), 30, preBuffer="PT5M", postBuffer="PT10M")
    add(page, BOB, at(12), 30)

    assert read_day(ask(graph, ANNE))[1:4] == [
        ("available", "09:00", "09:55", ""),
        ("busy", "09:55", "10:40", VISIT),
        ("available", "10:40", "17:00", ""),
    ]


def test_a_group_has_slots_until_it_is_full(graph: RawGraphClient, page: Business) -> None:
    one = {"serviceId": GROUP, "maximumAttendeesCount": 2, "customers": [CUSTOMER_INFORMATION]}
    full = one | {"customers": [CUSTOMER_INFORMATION] * 2}
    add(page, ANNE, at(10), 60, postBuffer="PT15M", **one)
    add(page, ANNE, at(14), 60, **full)

    day = read_day(ask(graph, ANNE))

    assert ("slotsAvailable", "10:00", "11:00", GROUP) in day
    assert ("busy", "11:00", "11:15", GROUP) in day
    assert ("busy", "14:00", "15:00", GROUP) in day


def test_time_off_beats_all_and_private_meetings_count(sim: Simulator, graph: RawGraphClient, page: Business) -> None:
    add(page, ANNE, at(12), 60)
    page.add_time_off(ANNE, at(11), at(13))
    page.add_personal_event(ANNE, at(15), at(16))

    assert read_day(ask(graph, ANNE))[1:] == [
        ("available", "09:00", "11:00", ""),
        ("outOfOffice", "11:00", "13:00", ""),
        ("available", "13:00", "15:00", ""),
        ("busy", "15:00", "16:00", ""),
        ("available", "16:00", "17:00", ""),
        ("outOfOffice", "17:00", "00:00", ""),
    ]
    sim.bookings.switches.availability_ignores_personal_calendar = True
    assert ("available", "13:00", "17:00", "") in read_day(ask(graph, ANNE))


def test_own_hours_in_an_own_zone(graph: RawGraphClient, page: Business) -> None:
    own = {"useBusinessHours": False, "timeZone": "Pacific Standard Time", "workingHours": week(("09:00", "11:00"))}
    page.staff.patch(ANNE, own)

    assert ("available", "16:00", "18:00", "") in read_day(ask(graph, ANNE))


def test_hours_can_be_ignored_as_reported(sim: Simulator, graph: RawGraphClient, page: Business) -> None:
    assert page.values["businessHours"]
    sim.bookings.switches.availability_ignores_hours = True

    assert read_day(ask(graph, ANNE)) == [("available", "00:00", "00:00", "")]


def test_output_comes_in_the_zone_that_was_asked_for(sim: Simulator, graph: RawGraphClient, page: Business) -> None:
    assert page.zone_name == "UTC"
    by_id = ask(graph, ANNE, zone="Pacific Standard Time", start="2026-05-04T00:00:00", end="2026-05-04T12:00:00")
    sim.bookings.switches.availability_zone = "display"
    by_name = ask(graph, ANNE, zone="Pacific Standard Time", start="2026-05-04T00:00:00", end="2026-05-04T12:00:00")

    assert [item[:3] for item in read_day(by_id)] == [
        ("outOfOffice", "00:00", "02:00"),
        ("available", "02:00", "10:00"),
        ("outOfOffice", "10:00", "12:00"),
    ]
    zones = [
        {item["startDateTime"]["timeZone"] for item in answer.json()["value"][0]["availabilityItems"]}
        for answer in (by_id, by_name)
    ]
    assert zones == [{"Pacific Standard Time"}, {"(UTC-08:00) Pacific Time (US & Canada)"}]


def test_output_starts_a_day_early_unless_it_is_switched_off(
    sim: Simulator, graph: RawGraphClient, page: Business
) -> None:
    sim.bookings.switches.availability_starts_early = True
    add(page, ANNE, at(12, day=-1), 60)

    items = ask(graph, ANNE).json()["value"][0]["availabilityItems"]

    assert items[0]["startDateTime"]["dateTime"] == "2026-05-03T00:00:00"
    assert items[-1]["endDateTime"]["dateTime"] == "2026-05-05T00:00:00"
    assert any(item["status"] == "busy" for item in items)


def test_the_other_shape_and_the_other_case(sim: Simulator, graph: RawGraphClient, page: Business) -> None:
    assert len(page.staff) == 3
    sim.bookings.switches.availability_key = "staffAvailabilityItem"
    sim.bookings.switches.availability_capitalised = True

    body = ask(graph, ANNE, BOB).json()

    assert "value" not in body
    assert [one["staffId"] for one in body["staffAvailabilityItem"]] == [ANNE, BOB]
    statuses = {item["status"] for item in body["staffAvailabilityItem"][0]["availabilityItems"]}
    assert statuses == {"Available", "OutOfOffice"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"staffIds": ["stranger"]}, 500, "UnknownError"),
        ({"staffIds": []}, 500, "UnknownError"),
        ({"staffIds": [ANNE, "stranger"]}, 500, "UnknownError"),
        ({"endDateTime": {"dateTime": "2026-05-03T00:00:00", "timeZone": "UTC"}}, 500, "UnknownError"),
        ({"endDateTime": {"dateTime": "2026-05-05T00:00:00", "timeZone": "Nowhere"}}, 500, "UnknownError"),
        ({"endDateTime": {"timeZone": "UTC"}}, 500, "UnknownError"),
        ({"endDateTime": None}, 400, "RequestBodyRead"),
        ({"staffIds": "one"}, 400, "RequestBodyRead"),
        ({"staff": []}, 400, "RequestBodyRead"),
    ],
)
def test_bad_questions(graph: RawGraphClient, body: dict[str, Any], status: int, code: str) -> None:
    good = {
        "staffIds": [ANNE],
        "startDateTime": {"dateTime": "2026-05-04T00:00:00", "timeZone": "UTC"},
        "endDateTime": {"dateTime": "2026-05-05T00:00:00", "timeZone": "UTC"},
    }
    path = f"/solutions/bookingBusinesses/{BUSINESS}/getStaffAvailability"

    answer = graph.request("POST", path, json=good | body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_day_of_the_summer_change_keeps_local_hours(graph: RawGraphClient, page: Business) -> None:
    page.patch({"bookingPageSettings": {"businessTimeZone": "GMT Standard Time"}})
    spring = read_day(ask(graph, ANNE, start="2026-03-28T00:00:00", end="2026-03-30T00:00:00"))

    assert [item[1:3] for item in spring if item[0] == "available"] == [("09:00", "17:00"), ("08:00", "16:00")]
