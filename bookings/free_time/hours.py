"""Turns opening hours, weekly rules in local time, into spans of real time; changes of clocks are respected."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from bookings.free_time.intervals import Interval, Intervals, merge
from shared.errors import OutcomeUnknown
from shared.time_zones.zones import UnknownZoneError, Zone, find_zone

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# Graph's time of day ends at 23:59:59.9999999, so a day open to its end closes a minute early or less.
_COUNTS_AS_MIDNIGHT = time(23, 59)

type WeeklyHours = Sequence[Mapping[str, Any]]
type _Slot = Mapping[str, Any]


def day_spans(hours: WeeklyHours, day: date, zone: Zone) -> list[Interval]:
    """Return the open spans of one local day from bookingWorkHours [{"day", "timeSlots": [{startTime, endTime}]}]."""
    return spans_of_days(hours, [day], zone)


def local_days(start: datetime, end: datetime, zone: Zone) -> Iterator[date]:
    """Yield the local days of the range, and one before and after it for hours that cross midnight."""
    day = start.astimezone(zone.rules).date() - timedelta(days=1)
    last = end.astimezone(zone.rules).date() + timedelta(days=1)
    while day <= last:
        yield day
        day += timedelta(days=1)


def spans_of_days(hours: WeeklyHours, days: Iterable[date], zone: Zone) -> list[Interval]:
    """Return the open spans of several local days."""
    week: dict[str, list[_Slot]] = {}
    for entry in hours:
        week.setdefault(str(entry.get("day")).lower(), []).extend(entry.get("timeSlots") or ())
    return [_span(slot, day, zone) for day in days for slot in week.get(_DAYS[day.weekday()], ())]


def staff_hours(
    people: Mapping[str, Mapping[str, Any]], business_hours: WeeklyHours, range_: tuple[datetime, datetime], zone: Zone
) -> dict[str, Intervals]:
    """Return the working hours of staff members around a range, by their ids.

    They are those of the business in its `zone`, or, without `useBusinessHours`, the person's own in the person's zone.
    """
    business_open = merge(spans_of_days(business_hours, local_days(*range_, zone), zone))
    return {
        member: business_open if person.get("useBusinessHours") else _own_hours(person, range_, zone)
        for member, person in people.items()
    }


def _own_hours(person: Mapping[str, Any], range_: tuple[datetime, datetime], zone: Zone) -> Intervals:
    with suppress(UnknownZoneError):
        zone = find_zone(person.get("timeZone") or zone.iana)
    return merge(spans_of_days(person.get("workingHours") or (), local_days(*range_, zone), zone))


def _span(slot: _Slot, day: date, zone: Zone) -> Interval:
    start, end = _time(str(slot.get("startTime"))), _time(str(slot.get("endTime")))
    last_day = day + timedelta(days=1) if end >= _COUNTS_AS_MIDNIGHT or end <= start else day
    closing = time.min if end >= _COUNTS_AS_MIDNIGHT else end
    return _instant(day, start, zone), _instant(last_day, closing, zone)


def _instant(day: date, moment: time, zone: Zone) -> int:
    return int(datetime.combine(day, moment, tzinfo=zone.rules).timestamp())


@lru_cache(maxsize=256)
def _time(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise OutcomeUnknown(
            "Microsoft Graph sent opening hours that the gateway cannot read. Check the hours of the booking page.",
            code="UpstreamBadAnswer",
        ) from None
