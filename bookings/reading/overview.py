"""What goes on at a booking page: appointments of today, how the week is used, and the next free slots.

One read of the page's time serves all of it, so it costs five calls to Graph, as slots do. A page without staff or
services is no error: what it does not have is null, and so is what it cannot say.
"""

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from itertools import pairwise

from bookings.describe import appointment_times, describe_appointment
from bookings.free_time.hours import staff_hours
from bookings.free_time.intervals import Interval, Intervals, intersect, merge
from bookings.free_time.service_context import PageContext
from bookings.free_time.slots import SlotFinder
from bookings.names import Table
from shared.json_text import Json
from shared.time_zones.zones import Zone, utc_text

SEARCHED = timedelta(days=14)
"""How far ahead the next appointment and free slots are looked for."""
_DAYS_OF_A_WEEK = 7
_ONE_DAY = timedelta(days=1)
_MINUTE = 60


class Overviews:
    """Overviews of the booking pages of one connection."""

    def __init__(self, finder: SlotFinder) -> None:
        self._finder = finder

    def read(self, business: str) -> Json:
        """Return the overview of a page now, without the age of its change feed. Raises NotFound."""
        now = datetime.fromtimestamp(time.time(), UTC)
        page = self._finder.start_page(business, None)()
        days = _list_days(now, page.zone)
        until = now + SEARCHED
        people: Table = {}
        for context in page.services:
            people |= context.team
        margin = max((context.policy.margin for context in page.services), default=timedelta(0))
        span = (min(days[0], now - margin), max(days[-1], until + margin))
        page_time = self._finder.start_time(page, people, span)()
        appointments = sorted(page_time.appointments, key=lambda item: (appointment_times(item), str(item["id"])))
        today, coming = _pick_today(appointments, now, page.zone), _pick_next(appointments, now, until)
        services = [
            _describe_slot(context.service, self._finder.find_first(context, page_time, now, until), now)
            for context in page.services
        ]
        return {
            "id": page.business,
            "displayName": page.name,
            "asOfDateTime": utc_text(now),
            "timeZone": page.zone.windows or page.zone.iana,
            "timeZoneIana": page.zone.iana,
            "today": _describe(page, today),
            "next": next(iter(_describe(page, coming)), None),
            "week": _describe_week(page, people, days, appointments),
            "services": sorted(services, key=lambda each: (str(each["displayName"] or "").casefold(), each["id"])),
            "searchedUntilDateTime": utc_text(until),
        }


def _list_days(now: datetime, zone: Zone) -> list[datetime]:
    """Return when the days of this week begin in a zone, from Monday on, and when the last of them ends."""
    today = now.astimezone(zone.rules).date()
    monday = today - timedelta(days=today.weekday())
    return [_begin(monday + timedelta(days=number), zone) for number in range(_DAYS_OF_A_WEEK + 1)]


def _begin(day: date, zone: Zone) -> datetime:
    return datetime.combine(day, clock_time.min, tzinfo=zone.rules).astimezone(UTC)


def _pick_today(appointments: Sequence[Json], now: datetime, zone: Zone) -> list[Json]:
    """Return the appointments that overlap the page's present day."""
    day = now.astimezone(zone.rules).date()
    begins, ends = _begin(day, zone), _begin(day + _ONE_DAY, zone)
    return [item for item in appointments if (times := appointment_times(item))[0] < ends and times[1] > begins]


def _pick_next(appointments: Sequence[Json], now: datetime, until: datetime) -> list[Json]:
    """Return the first appointment that begins now or later, if there is one."""
    return [item for item in appointments if now <= appointment_times(item)[0] < until][:1]


def _describe(page: PageContext, appointments: Sequence[Json]) -> list[Json]:
    services = {str(context.service["id"]): context.service for context in page.services}
    return [
        describe_appointment(item, page.zone, staff=page.staff, services=services, has_details=False)
        for item in appointments
    ]


def _describe_week(page: PageContext, people: Table, days: Sequence[datetime], appointments: Sequence[Json]) -> Json:
    """Return how many of the minutes that staff offer are booked, by day.

    Offered are the hours of everybody who provides a service, and booked is the part of them that appointments take,
    without buffers; what is booked outside of hours is no part of it.
    """
    hours = staff_hours(people, page.hours, (days[0], days[-1]), page.zone)
    taken: dict[str, list[Interval]] = {member: [] for member in hours}
    for item in appointments:
        begins, ends = appointment_times(item)
        for member in taken.keys() & set(item.get("staffMemberIds") or []):
            taken[member].append((int(begins.timestamp()), int(ends.timestamp())))
    booked = {member: intersect(own, merge(taken[member])) for member, own in hours.items()}
    described: list[Json] = []
    for begins, ends in pairwise(days):
        whole = [(int(begins.timestamp()), int(ends.timestamp()))]
        day = begins.astimezone(page.zone.rules).date().isoformat()
        described.append({"date": day} | _describe_use(_count(booked, whole), _count(hours, whole)))
    all_booked, all_offered = (sum(day[name] for day in described) for name in ("bookedMinutes", "offeredMinutes"))
    share = round(all_booked / all_offered, 3) if all_offered else None
    return _describe_use(all_booked, all_offered) | {"utilization": share, "days": described}


def _describe_use(booked: int, offered: int) -> Json:
    return {"bookedMinutes": booked, "offeredMinutes": offered}


def _count(times: dict[str, Intervals], within: Intervals) -> int:
    """Return how many minutes of everybody's times lie within."""
    return sum(end - start for own in times.values() for start, end in intersect(own, within)) // _MINUTE


def _describe_slot(service: Json, begins: datetime | None, now: datetime) -> Json:
    return {
        "id": str(service["id"]),
        "displayName": service.get("displayName"),
        "nextSlotStartUtc": utc_text(begins) if begins else None,
        "secondsToNextSlot": max(0, round((begins - now).total_seconds())) if begins else None,
    }
