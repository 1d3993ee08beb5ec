"""Chooses who serves a booking that names no staff: an app must name somebody, or Graph answers 400 "Invalid Staff".

Source: microsoft-graph-docs pull request 22029. The choice is fair: of those who are free, the one with the fewest
booked minutes of that week, from Monday to Sunday as the page's zone has it; then by id.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta

from bookings.describe import appointment_times
from bookings.writing.rules import Span
from shared.json_text import Json
from shared.time_zones.zones import Zone


def choose_fairly(free: Iterable[str], week: Span, appointments: Iterable[Json]) -> str:
    """Choose one of those who are free; `appointments` are those of the week."""
    minutes: Counter[str] = Counter()
    for item in appointments:
        begins, ends = appointment_times(item)
        taken = (min(ends, week[1]) - max(begins, week[0])).total_seconds() / 60
        for member in item.get("staffMemberIds") or [] if taken > 0 else []:
            minutes[member] += round(taken)
    return min(free, key=lambda member: (minutes[member], member))


def week_of(moment: datetime, zone: Zone) -> Span:
    """Return the week around a moment."""
    day = moment.astimezone(zone.rules).date()
    monday = day - timedelta(days=day.weekday())
    first, last = (datetime.combine(each, time(), zone.rules) for each in (monday, monday + timedelta(days=7)))
    return first.astimezone(UTC), last.astimezone(UTC)


def is_taken(member: str, span: Span, appointments: Iterable[Json]) -> bool:
    """Say whether one of the appointments takes a staff member's time."""
    return any(
        member in (item.get("staffMemberIds") or []) and begins < span[1] and span[0] < ends
        for item in appointments
        for begins, ends in [appointment_times(item)]
    )
