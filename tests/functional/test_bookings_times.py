"""Times without `timeZone` are those of the page, and the agenda's text is right on every day."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.functional.conftest import Gateway
from tests.functional.test_bookings_appointments import book
from twin.seeds import tiny

ZONES = ["America/Los_Angeles", "Asia/Kolkata", "Pacific Standard Time", "Europe/Lisbon"]
BASE = f"bookings/businesses/{tiny.BUSINESS}"


def set_zone(gateway: Gateway, zone: str) -> None:
    settings = {"@odata.type": "#microsoft.graph.bookingPageSettings", "businessTimeZone": zone}
    gateway.sim.bookings.business(tiny.BUSINESS).patch({"bookingPageSettings": settings})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def agenda_lines(gateway: Gateway, day: str, **query: Any) -> list[str]:
    """Return the lines of an agenda of one staff member, without the name."""
    text: str = gateway.ask("/agenda", date=day, **query)["text"]
    return text.split("\n\n")[1].splitlines()[1:]


def ask_list(gateway: Gateway, **zone: str) -> Any:
    return gateway.ask("/appointments", start="2026-05-04", end="2026-05-06", **zone)["value"]


def ask_one(gateway: Gateway, **zone: str) -> Any:
    appointment = ask_list(gateway)[0]["id"]
    return [gateway.ask("/appointment", id=appointment, **zone)]


def ask_agenda(gateway: Gateway, **zone: str) -> Any:
    return gateway.ask("/agenda", date="2026-05-04", **zone)["value"][0]["appointments"]


def ask_availability(gateway: Gateway, **zone: str) -> Any:
    body = {"start": "2026-05-04", "end": "2026-05-05", "staffIds": [tiny.ANNE], **zone}
    answer = gateway.post(f"{BASE}/availability", body)
    assert answer.status_code == 200, answer.text
    return answer.json()["value"][0]["availabilityItems"]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("ask", [ask_list, ask_one, ask_agenda, ask_availability])
def test_without_a_time_zone_the_page_s_own_counts(gateway: Gateway, zone: str, ask: Callable[..., Any]) -> None:
    set_zone(gateway, zone)
    book(gateway, datetime(2026, 5, 4, 12, tzinfo=UTC))
    shown = ask(gateway)
    assert shown == ask(gateway, timeZone=zone)
    assert shown[0]["timeZone"] != "UTC"


def test_wall_times_of_a_range_are_those_of_the_page(gateway: Gateway) -> None:
    set_zone(gateway, "America/Los_Angeles")
    book(gateway, at("2026-05-04T23:00:00-07:00"))
    book(gateway, at("2026-05-03T23:00:00-07:00"))
    found = gateway.ask("/appointments", start="2026-05-04", end="2026-05-05")["value"]
    assert [item["startLocal"] for item in found] == ["2026-05-04T23:00:00"]


def test_a_day_of_slots_is_a_day_of_the_page(gateway: Gateway) -> None:
    set_zone(gateway, "Asia/Kolkata")
    day = (datetime.now(UTC) + timedelta(days=3)).date()
    answer = gateway.ask("/slots", service=tiny.VISIT, start=f"{day}", end=f"{day + timedelta(days=1)}")
    assert answer["start"] == f"{day - timedelta(days=1)}T18:30:00Z"
    assert {item["startLocal"][:10] for item in answer["value"]} == {f"{day}"}


def test_a_page_without_a_zone_keeps_that_of_most_of_its_staff(gateway: Gateway) -> None:
    set_zone(gateway, "")
    for member in (tiny.ANNE, tiny.BOB):
        gateway.sim.bookings.business(tiny.BUSINESS).staff.patch(member, {"timeZone": "Eastern Standard Time"})
    book(gateway, datetime(2026, 5, 4, 12, tzinfo=UTC))
    assert ask_list(gateway)[0]["timeZoneIana"] == "America/New_York"


def test_the_zone_of_a_page_costs_one_call_and_none_where_it_is_not_needed(gateway: Gateway) -> None:
    def asked_for_the_page() -> int:
        return len([seen for seen in gateway.graph_calls() if seen.path.endswith(tiny.BUSINESS)])

    book(gateway, datetime(2026, 5, 4, 12, tzinfo=UTC))
    ask_list(gateway, timeZone="Europe/London")
    assert asked_for_the_page() == 0
    for _ in range(2):
        for ask in (ask_list, ask_one, ask_agenda, ask_availability):
            ask(gateway)
    assert asked_for_the_page() == 1


def test_slots_with_moments_in_utc_read_the_business_once(gateway: Gateway) -> None:
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    span = {"start": f"{start:%Y-%m-%dT%H:%M:%SZ}", "end": f"{start + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"}
    gateway.ask("/slots", service=tiny.VISIT, **span)
    assert len(gateway.graph_calls()) == 5


def test_the_text_of_the_agenda_names_its_zone(gateway: Gateway) -> None:
    set_zone(gateway, "America/Los_Angeles")
    book(gateway, at("2026-05-04T15:00:00-07:00"))
    text = gateway.ask("/agenda", date="2026-05-04")["text"]
    assert text == "2026-05-04, times in America/Los_Angeles\n\nAnne\n15:00-15:30  Visit  Cleo Customer"
    assert gateway.ask("/agenda", date="2026-05-05")["text"] == ""


@pytest.mark.parametrize(("people", "seats"), [(0, 20), (1, 20), (3, 20), (6, 6)])
def test_a_group_prints_how_many_of_how_many(gateway: Gateway, people: int, seats: int) -> None:
    customers = [{"name": f"Person {number}", "emailAddress": f"p{number}@example.com"} for number in range(people)]
    typed = [each | {"@odata.type": "#microsoft.graph.bookingCustomerInformation"} for each in customers]
    book(gateway, at("2026-05-04T09:00:00Z"), customers=typed, maximumAttendeesCount=seats)
    line = f"09:00-09:30  Visit  {people} of {seats} seats taken"
    assert agenda_lines(gateway, "2026-05-04") == [line]
    names = ", ".join(f"Person {number}" for number in range(people))
    assert agenda_lines(gateway, "2026-05-04", details="true") == [f"{line}: {names}" if names else line]


@pytest.mark.parametrize(
    ("start", "days", "day", "line"),
    [
        ("2026-05-04T00:00:00+01:00", 2, "2026-05-04", "00:00-2026-05-06 00:00"),
        ("2026-05-04T00:00:00+01:00", 2, "2026-05-05", "2026-05-04 00:00-24:00"),
        ("2026-05-04T00:00:00+01:00", 1, "2026-05-04", "00:00-24:00"),
        ("2026-05-04T14:00:00+01:00", 3, "2026-05-05", "2026-05-04 14:00-2026-05-07 14:00"),
        ("2026-05-04T22:00:00+01:00", 0.25, "2026-05-05", "2026-05-04 22:00-04:00"),
    ],
)
def test_an_appointment_of_several_days_prints_its_dates(
    gateway: Gateway, start: str, days: float, day: str, line: str
) -> None:
    book(gateway, at(start), minutes=round(days * 1440))
    assert agenda_lines(gateway, day, timeZone="Europe/London") == [f"{line}  Visit  Cleo Customer"]


@pytest.mark.parametrize(
    ("zone", "day", "start", "line"),
    [
        ("Europe/Berlin", "2026-10-25", "2026-10-25T00:30:00Z", "02:30 (UTC+02:00)-02:59 (UTC+02:00)"),
        ("Europe/Berlin", "2026-10-25", "2026-10-25T01:30:00Z", "02:30 (UTC+01:00)-02:59 (UTC+01:00)"),
        ("America/Los_Angeles", "2026-11-01", "2026-11-01T08:40:00Z", "01:40 (UTC-07:00)-01:09 (UTC-08:00)"),
        ("Europe/London", "2026-10-25", "2026-10-24T23:40:00Z", "00:40-01:09 (UTC+01:00)"),
        ("Europe/London", "2026-03-29", "2026-03-29T00:40:00Z", "00:40-02:09"),
    ],
)
def test_an_hour_that_the_clocks_show_twice_has_its_offset(
    gateway: Gateway, zone: str, day: str, start: str, line: str
) -> None:
    book(gateway, at(start), minutes=29)
    assert agenda_lines(gateway, day, timeZone=zone) == [f"{line}  Visit  Cleo Customer"]


def test_staff_who_left_are_no_raw_ids(gateway: Gateway) -> None:
    book(gateway, at("2026-05-04T09:00:00Z"), staffMemberIds=["de9a97ed-0000-4000-8000-000000000001"])
    agenda = gateway.ask("/agenda", date="2026-05-04")
    assert [group["displayName"] for group in agenda["value"]] == ["Somebody who left"]
    assert "\n\nSomebody who left\n" in agenda["text"]
    assert agenda["value"][0]["staffId"] == "de9a97ed-0000-4000-8000-000000000001"
    [listed] = gateway.ask("/appointments", start="2026-05-04", end="2026-05-05")["value"]
    assert (listed["staffNames"], listed["staffMembers"][0]["displayName"]) == ("Somebody who left", None)
