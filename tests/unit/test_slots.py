"""Free slots against hand-made calendars; `test_random_worlds.py` has those that nobody thought of."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
import time_machine

from bookings.free_time.group_limit import GroupLimit
from bookings.free_time.slots import SlotFinder, Slots
from bookings.names import Names
from shared.errors import Invalid, NotFound
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.workers import Workers

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONDAY = date(2026, 5, 4)
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
WORKERS = Workers(2)
BUSINESS = "desk@contoso.example"


def week(*spans: tuple[str, str], days: Sequence[str] = DAYS[:5]) -> list[Json]:
    slots: list[Json] = [{"startTime": f"{start}:00.0000000", "endTime": f"{end}:00.0000000"} for start, end in spans]
    return [{"day": day, "timeSlots": slots} for day in days]


def graph_time(moment: datetime) -> Json:
    return {"dateTime": moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.0000000Z"), "timeZone": "UTC"}


def utc(hour: int, minute: int = 0, day: date = MONDAY) -> datetime:
    return datetime.combine(day, time(hour, minute), tzinfo=UTC)


def overlaps(item: Json, start: datetime, end: datetime) -> bool:
    begins, ends = (datetime.fromisoformat(item[name]["dateTime"]) for name in ("startDateTime", "endDateTime"))
    return begins < end and start < ends


class Calendar(GraphBookings):
    """A booking page held in memory; availability is everything that is not said to be busy."""

    def __init__(self) -> None:
        self.business: Json = {
            "bookingPageSettings": {"businessTimeZone": "UTC"},
            "businessHours": week(("09:00", "12:00")),
            "schedulingPolicy": {"timeSlotInterval": "PT30M", "minimumLeadTime": "PT0S", "maximumAdvance": "P365D"},
        }
        self.service: Json = {
            "id": "S",
            "defaultDuration": "PT30M",
            "maximumAttendeesCount": 1,
            "staffMemberIds": ["A"],
        }
        self.staff: list[Json] = [
            {"id": "A", "displayName": "Ann", "useBusinessHours": True, "membershipStatus": "active"}
        ]
        self.limit = GroupLimit()
        self.appointments: list[Json] = []
        self.reported_only_between: tuple[datetime, datetime] | None = None
        self.busy: dict[str, list[tuple[datetime, datetime, str]]] = {}

    def get_business(self, business: str) -> Json:
        assert business == BUSINESS
        return self.business

    def get_service(self, business: str, service: str) -> Json:
        if service != "S":
            raise NotFound("There is no such service.", code="ServiceNotFound", target="service")
        return self.service

    def list_staff(self, business: str) -> list[Json]:
        return self.staff

    def calendar_view(self, business: str, start: datetime, end: datetime) -> list[Json]:
        return [item for item in self.appointments if overlaps(item, start, end)]

    def get_staff_availability(self, business: str, staff: Sequence[str], start: datetime, end: datetime) -> list[Json]:
        return [{"staffId": member, "availabilityItems": list(self._items(member, start, end))} for member in staff]

    def _items(self, member: str, start: datetime, end: datetime) -> Iterator[Json]:
        start, end = self.reported_only_between or (start, end)
        at = start
        for begins, ends, status in sorted(self.busy.get(member, [])):
            yield {"status": "Available", "startDateTime": graph_time(at), "endDateTime": graph_time(begins)}
            yield {"status": status, "startDateTime": graph_time(begins), "endDateTime": graph_time(ends)}
            at = ends
        yield {"status": "available", "startDateTime": graph_time(at), "endDateTime": graph_time(end)}

    def book(self, start: datetime, minutes: int, *staff: str, **more: Any) -> None:
        self.appointments.append(
            {
                "id": f"appointment {len(self.appointments)}",
                "startDateTime": graph_time(start),
                "endDateTime": graph_time(start + timedelta(minutes=minutes)),
                "staffMemberIds": list(staff),
            }
            | more
        )

    def find(self, start: datetime, end: datetime, *staff: str, now: datetime = NOW) -> Slots:
        with time_machine.travel(now, tick=False):
            finder = SlotFinder(self, Names(self), WORKERS, self.limit)
            return finder.find(business=BUSINESS, service="S", start=start, end=end, staff=staff)

    def starts(self, *staff: str, now: datetime = NOW, days: int = 1) -> list[str]:
        found = self.find(utc(0), utc(0) + timedelta(days=days), *staff, now=now)
        return [item["startLocal"][11:16] for item in found.items]


@pytest.fixture
def page() -> Calendar:
    return Calendar()


def test_an_empty_day_is_free_in_steps_of_the_interval(page: Calendar) -> None:
    assert page.starts() == ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]


def test_a_slot_must_end_before_closing(page: Calendar) -> None:
    page.service["defaultDuration"] = "PT50M"
    assert page.starts() == ["09:00", "09:30", "10:00", "10:30", "11:00"]


def test_the_services_own_policy_wins_and_its_gaps_fall_back_to_the_business(page: Calendar) -> None:
    page.service["schedulingPolicy"] = {"timeSlotInterval": "PT1H"}
    page.business["schedulingPolicy"]["minimumLeadTime"] = "PT1H"
    assert page.starts(now=utc(9)) == ["10:00", "11:00"]


def test_the_last_moments_of_lead_time_and_maximum_advance_can_be_booked(page: Calendar) -> None:
    page.business["schedulingPolicy"] |= {"minimumLeadTime": "PT90M", "maximumAdvance": "PT2H30M"}
    assert page.starts(now=utc(9)) == ["10:30", "11:00", "11:30"]
    assert page.starts(now=utc(9) + timedelta(seconds=1)) == ["11:00", "11:30"]
    assert page.starts(now=utc(9) - timedelta(seconds=1)) == ["10:30", "11:00"]


def test_buffers_keep_their_distance_on_both_sides_of_an_appointment(page: Calendar) -> None:
    page.service |= {"preBuffer": "PT10M", "postBuffer": "PT20M"}
    page.book(utc(10, 30), 30, "A")
    assert page.starts() == ["09:00", "09:30", "11:30"]


def test_the_buffers_of_what_is_already_booked_count_too(page: Calendar) -> None:
    page.book(utc(10), 30, "A", preBuffer="PT30M", postBuffer="PT30M")
    assert page.starts() == ["09:00", "11:00", "11:30"]


def test_an_appointment_that_is_over_keeps_its_buffer(page: Calendar) -> None:
    page.book(utc(9), 30, "A", postBuffer="PT90M")
    page.book(utc(12), 30, "A", preBuffer="PT45M")
    found = page.find(utc(10), utc(11, 30), now=utc(9, 45))
    assert [item["startLocal"][11:16] for item in found.items] == []
    assert page.starts(now=utc(9, 45)) == []


def test_buffers_may_lie_outside_opening_hours(page: Calendar) -> None:
    page.service |= {"preBuffer": "PT30M", "postBuffer": "PT30M"}
    assert page.starts()[0] == "09:00"
    assert page.starts()[-1] == "11:30"


def test_busy_and_out_of_office_time_is_not_offered(page: Calendar) -> None:
    page.busy["A"] = [(utc(9), utc(9, 40), "busy"), (utc(11), utc(12), "outOfOffice")]
    assert page.starts() == ["10:00", "10:30"]


def test_the_closed_night_is_nothing_that_a_buffer_may_not_touch(page: Calendar) -> None:
    page.service |= {"defaultDuration": "PT1H", "preBuffer": "PT5M", "postBuffer": "PT10M"}
    page.busy["A"] = [(utc(0), utc(9), "outOfOffice"), (utc(12), utc(23), "outOfOffice")]
    assert (page.starts()[0], page.starts()[-1]) == ("09:00", "11:00")


def test_time_off_beside_a_slot_keeps_its_distance(page: Calendar) -> None:
    page.service |= {"postBuffer": "PT10M", "preBuffer": "PT5M"}
    page.busy["A"] = [(utc(9, 30), utc(10), "outOfOffice"), (utc(11, 30), utc(23), "outOfOffice")]
    assert page.starts() == ["10:30"]


def test_what_is_busy_at_night_is_a_thing(page: Calendar) -> None:
    page.service |= {"preBuffer": "PT5M"}
    page.busy["A"] = [(utc(0), utc(8), "outOfOffice"), (utc(8), utc(9), "busy")]
    assert page.starts()[0] == "09:30"


def test_a_closed_noon_of_the_staff_member_is_no_thing(page: Calendar) -> None:
    page.service |= {"preBuffer": "PT15M", "postBuffer": "PT15M"}
    page.staff[0] |= {"useBusinessHours": False, "workingHours": week(("09:00", "10:00"), ("11:00", "12:00"))}
    page.busy["A"] = [(utc(10), utc(11), "outOfOffice")]
    assert page.starts() == ["09:00", "09:30", "11:00", "11:30"]


def test_time_that_availability_does_not_speak_of_is_not_offered(page: Calendar) -> None:
    page.reported_only_between = utc(10), utc(11)
    assert page.starts() == ["10:00", "10:30"]


def test_an_appointment_blocks_even_where_availability_says_free(page: Calendar) -> None:
    page.book(utc(9), 60, "A")
    assert page.starts() == ["10:00", "10:30", "11:00", "11:30"]


def test_each_slot_says_who_can_take_it(page: Calendar) -> None:
    page.staff.append(
        {"id": "B", "displayName": "Bea", "useBusinessHours": False, "workingHours": week(("10:00", "11:00"))}
    )
    page.service["staffMemberIds"] = ["A", "B"]
    page.book(utc(10, 30), 30, "A")
    found = {
        item["startLocal"][11:16]: [member["displayName"] for member in item["staffMembers"]]
        for item in page.find(utc(0), utc(23)).items
    }
    assert found == {
        "09:00": ["Ann"],
        "09:30": ["Ann"],
        "10:00": ["Ann", "Bea"],
        "10:30": ["Bea"],
        "11:00": ["Ann"],
        "11:30": ["Ann"],
    }


def test_working_hours_are_read_in_the_staff_members_own_zone(page: Calendar) -> None:
    page.staff[0] |= {
        "useBusinessHours": False,
        "workingHours": week(("12:00", "13:00")),
        "timeZone": "W. Europe Standard Time",
    }
    assert page.starts() == ["10:00", "10:30"]


def test_only_staff_who_provide_the_service_and_have_joined_are_offered(page: Calendar) -> None:
    page.staff += [{"id": "B", "useBusinessHours": True}, {"id": "C", "useBusinessHours": True}]
    page.staff[2]["membershipStatus"] = "rejectedByStaff"
    page.service["staffMemberIds"] = ["C", "gone"]
    assert page.starts() == []


def test_the_caller_may_choose_staff_but_not_invent_it(page: Calendar) -> None:
    page.staff.append({"id": "B", "displayName": "Bea", "useBusinessHours": True})
    page.service["staffMemberIds"] = ["A", "B"]
    assert [member["id"] for member in page.find(utc(0), utc(23), "B").items[0]["staffMembers"]] == ["B"]
    with pytest.raises(Invalid) as raised:
        page.starts("Z")
    assert raised.value.target == "staff"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("notBookable", []),
        ("bookWhenStaffAreFree", ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]),
        ("customWeeklyHours", ["10:15", "10:45", "11:15"]),
    ],
)
def test_general_availability_of_a_service(page: Calendar, kind: str, expected: list[str]) -> None:
    page.service["schedulingPolicy"] = {
        "generalAvailability": {"availabilityType": kind, "businessHours": week(("10:15", "13:00"))}
    }
    assert page.starts() == expected


def test_a_dated_availability_replaces_the_general_one_on_its_days(page: Calendar) -> None:
    page.service["schedulingPolicy"] = {
        "generalAvailability": {"availabilityType": "notBookable", "businessHours": []},
        "customAvailabilities": [
            {
                "startDate": "2026-05-05",
                "endDate": "2026-05-05",
                "availabilityType": "customWeeklyHours",
                "businessHours": week(("09:00", "10:00")),
            }
        ],
    }
    found = page.find(utc(0), utc(0) + timedelta(days=5))
    assert [item["startUtc"] for item in found.items] == ["2026-05-05T09:00:00Z", "2026-05-05T09:30:00Z"]


def test_a_group_appointment_with_free_seats_is_offered_with_its_own_staff_and_time(page: Calendar) -> None:
    page.service |= {"maximumAttendeesCount": 5}
    page.book(utc(9, 10), 30, "A", serviceId="S", maximumAttendeesCount=5, filledAttendeesCount=3)
    page.book(utc(11), 60, "A", serviceId="S", maximumAttendeesCount=5, filledAttendeesCount=5)
    found = {item["startLocal"][11:16]: item for item in page.find(utc(0), utc(23)).items}
    assert list(found) == ["09:10", "10:00", "10:30"]
    assert found["09:10"]["seatsAvailable"] == 2
    assert found["09:10"]["staffMembers"][0]["appointmentId"] == "appointment 0"
    assert found["10:00"]["seatsAvailable"] == 5
    assert found["10:00"]["staffMembers"][0]["appointmentId"] is None


def test_seats_of_another_services_group_are_not_offered(page: Calendar) -> None:
    page.service |= {"maximumAttendeesCount": 5}
    page.book(utc(9), 180, "A", serviceId="T", maximumAttendeesCount=5, filledAttendeesCount=1)
    assert page.starts() == []


def test_hours_follow_the_business_zone_over_a_change_of_clocks(page: Calendar) -> None:
    page.business["bookingPageSettings"]["businessTimeZone"] = "W. Europe Standard Time"
    page.business["businessHours"] = week(("01:00", "04:00"), days=DAYS)
    spring = page.find(
        utc(0, day=date(2026, 3, 29)) - timedelta(hours=2), utc(5, day=date(2026, 3, 29)), now=NOW.replace(month=3)
    )
    autumn = page.find(utc(0, day=date(2026, 10, 25)) - timedelta(hours=3), utc(5, day=date(2026, 10, 25)))
    assert [item["startLocal"][11:16] for item in spring.items] == ["01:00", "01:30", "03:00", "03:30"]
    assert [item["startLocal"][11:16] for item in autumn.items] == [
        "01:00", "01:30", "02:00", "02:30", "02:00", "02:30", "03:00", "03:30",
    ]  # fmt: skip
    assert len({item["startUtc"] for item in autumn.items}) == 8


def test_a_day_open_to_its_end_runs_on_into_the_next(page: Calendar) -> None:
    page.business["businessHours"] = [
        {"day": "monday", "timeSlots": [{"startTime": "23:00:00", "endTime": "23:59:59.9999999"}]},
        {"day": "tuesday", "timeSlots": [{"startTime": "00:00:00", "endTime": "01:00:00"}]},
    ]
    page.service["defaultDuration"] = "PT1H"
    assert page.starts(days=2) == ["23:00", "23:30", "00:00"]


def test_without_a_business_zone_most_of_the_staff_decide(page: Calendar) -> None:
    del page.business["bookingPageSettings"]
    page.staff[0]["timeZone"] = "Eastern Standard Time"
    assert page.find(utc(0), utc(23)).business_zone.iana == "America/New_York"
    page.staff[0]["timeZone"] = None
    assert page.find(utc(0), utc(23)).business_zone.iana == "UTC"


def test_an_unknown_service_is_reported(page: Calendar) -> None:
    finder = SlotFinder(page, Names(page), WORKERS, page.limit)
    with time_machine.travel(NOW), pytest.raises(NotFound):
        finder.find(business=BUSINESS, service="X", start=utc(0), end=utc(1))
