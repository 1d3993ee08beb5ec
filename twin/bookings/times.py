"""Times as Bookings writes them: UTC with seven decimals, durations of days and below, times of day."""

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from twin.bookings.zones import find_zone
from twin.core.wire import Json

_DURATION = re.compile(r"(-)?P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_SECONDS_PER_DAY, _SECONDS_PER_HOUR, _SECONDS_PER_MINUTE = 86400, 3600, 60


class Span(NamedTuple):
    """A span of time between two aware instants, without its end."""

    start: datetime
    end: datetime

    def overlaps(self, other: "Span") -> bool:
        """Return whether the two overlap."""
        return self.start < other.end and other.start < self.end

    def contains(self, other: "Span") -> bool:
        """Return whether the other one is within this one."""
        return self.start <= other.start and other.end <= self.end

    def widened(self, before: timedelta, after: timedelta) -> "Span":
        """Return the span with more time at both ends."""
        return Span(self.start - before, self.end + after)


@cache
def parse_duration(text: str) -> timedelta:
    """Read an ISO 8601 duration of days, hours, minutes and seconds. ValueError for any other text."""
    match = _DURATION.fullmatch(text)
    if match is None or text.endswith(("P", "T")):
        raise ValueError(f"not a duration: {text}")
    sign, days, hours, minutes, seconds = match.groups()
    span = timedelta(days=int(days or 0), hours=int(hours or 0), minutes=int(minutes or 0), seconds=float(seconds or 0))
    return -span if sign else span


def render_duration(span: timedelta) -> str:
    """Return a duration as Graph writes it: P1D, PT1H30M, PT0S."""
    total = int(span.total_seconds())
    days, rest = divmod(total, _SECONDS_PER_DAY)
    hours, rest = divmod(rest, _SECONDS_PER_HOUR)
    minutes, seconds = divmod(rest, _SECONDS_PER_MINUTE)
    clock = "".join(f"{value}{unit}" for value, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if value)
    if not days and not clock:
        return "PT0S"
    return "P" + (f"{days}D" if days else "") + (f"T{clock}" if clock else "")


def render_instant(instant: datetime) -> str:
    """Write a timestamp such as createdDateTime: UTC, seconds, Z."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def render_zoned(instant: datetime) -> Json:
    """Return a dateTimeTimeZone as the service writes it: always UTC, seven decimals, Z."""
    utc = instant.astimezone(UTC)
    return {"dateTime": f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond:06d}0Z", "timeZone": "UTC"}


def parse_zoned(value: Json) -> datetime:
    """Read the instant of a dateTimeTimeZone that was sent: local time plus zone, or with an offset that fits the zone.

    ValueError for an unreadable time, an unknown zone or a contradiction between the two.
    """
    zone_name = value.get("timeZone") or "UTC"
    try:
        zone = find_zone(zone_name)
    except KeyError as error:
        raise ValueError(f"unknown time zone {zone_name}") from error
    moment = datetime.fromisoformat(value["dateTime"])
    if moment.tzinfo is None:
        return moment.replace(tzinfo=zone).astimezone(UTC)
    if moment.utcoffset() != moment.astimezone(zone).utcoffset():
        raise ValueError(f"the offset of {value['dateTime']} contradicts {zone_name}")
    return moment.astimezone(UTC)


def parse_instant(text: Any) -> datetime:
    """Read an instant with Z or an offset, as calendarView wants it. ValueError for anything else."""
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError("an offset or Z is needed")
    return moment.astimezone(UTC)


def join_spans(spans: list[Span]) -> list[Span]:
    """Return sorted spans; those that touch or overlap are joined."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined
