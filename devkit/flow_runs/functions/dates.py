"""Functions of timestamps. Zones have the names of Windows, as the platform wants them."""

import calendar
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from devkit.flow_runs.failures import UnknownFunctionError, need_english, need_integer, need_text, refuse, refuse_value
from devkit.flow_runs.scope import Scope
from devkit.flow_runs.timestamps import (
    TICKS_OF_A_SECOND,
    Timestamp,
    TimestampError,
    from_moment,
    from_wall,
    read_timestamp,
    write_timestamp,
)
from shared.time_zones.zones import UnknownZoneError, Zone, find_zone

_SPANS = {unit: timedelta(**{f"{unit}s": 1}) for unit in ("second", "minute", "hour", "day", "week")}
_MONTHS = {"month": 1, "year": 12}


def format_timestamp(text: Any, form: Any = "o", locale: Any = "en-us") -> str:
    """formatDateTime(): only in the language en-US."""
    need_english("formatDateTime", 2, locale)
    return _write("formatDateTime", _read("formatDateTime", text), form, 1)


def parse_timestamp(text: Any, locale: Any = "en-us", form: Any = None) -> str:
    """parseDateTime(): only in the language en-US, and without a format."""
    if form is not None:
        raise UnknownFunctionError("parseDateTime() with a format is not known here")
    need_english("parseDateTime", 1, locale)
    return _write("parseDateTime", _read("parseDateTime", text), "o", 1)


def add_spans(function: str, unit: str) -> Callable[..., str]:
    """Make addDays and its siblings."""

    def call(text: Any, count: Any, form: Any = "o") -> str:
        moved = _move(function, _read(function, text), need_integer(function, 1, count), unit)
        return _write(function, moved, form, 2)

    return call


def add_units(function: str, sign: int) -> Callable[..., str]:
    """Make addToTime and subtractFromTime."""

    def call(text: Any, count: Any, unit: Any, form: Any = "o") -> str:
        number = sign * need_integer(function, 1, count)
        moved = _move(function, _read(function, text), number, need_text(function, 2, unit))
        return _write(function, moved, form, 3)

    return call


def add_to_now(function: str, sign: int) -> Callable[..., str]:
    """Make getFutureTime and getPastTime."""

    def call(scope: Scope, count: Any, unit: Any, form: Any = "o") -> str:
        number = sign * need_integer(function, 0, count)
        moved = _move(function, from_moment(scope.now), number, need_text(function, 1, unit))
        return _write(function, moved, form, 2)

    return call


def read_now(scope: Scope, form: Any = "o") -> str:
    """utcNow()."""
    return _write("utcNow", from_moment(scope.now), form, 0)


def convert_from_utc(text: Any, zone: Any, form: Any = "o") -> str:
    """convertFromUtc(): a timestamp without offset is UTC."""
    stamp = _from_utc(_read("convertFromUtc", text), _find_zone("convertFromUtc", 1, zone))
    return _write("convertFromUtc", stamp, form, 2)


def convert_to_utc(text: Any, zone: Any, form: Any = "o") -> str:
    """convertToUtc()."""
    stamp = _to_utc("convertToUtc", _read("convertToUtc", text), _find_zone("convertToUtc", 1, zone))
    return _write("convertToUtc", stamp, form, 2)


def convert_zone(text: Any, source: Any, target: Any, form: Any = "o") -> str:
    """convertTimeZone()."""
    name = "convertTimeZone"
    moment = _to_utc(name, _read(name, text), _find_zone(name, 1, source))
    return _write(name, _from_utc(moment, _find_zone(name, 2, target)), form, 3)


def find_difference(start: Any, end: Any) -> str:
    """dateDifference(): days, hours, minutes and seconds as .NET writes a TimeSpan."""
    ticks = _read("dateDifference", end, 1).ticks - _read("dateDifference", start).ticks
    seconds, part = divmod(abs(ticks), TICKS_OF_A_SECOND)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    text = f"{hour:02}:{minute:02}:{second:02}"
    return ("-" if ticks < 0 else "") + (f"{days}." if days else "") + text + (f".{part:07}" if part else "")


def find_start(function: str, hour: int | None = None, day: int | None = None) -> Callable[..., str]:
    """Make startOfDay and its siblings."""

    def call(text: Any, form: Any = "o") -> str:
        stamp = _read(function, text)
        wall = stamp.wall.replace(minute=0, second=0, microsecond=0)
        wall = wall.replace(hour=wall.hour if hour is None else hour, day=day or wall.day)
        return _write(function, from_wall(wall, is_utc=stamp.is_utc), form, 1)

    return call


def read_part(function: str, part: Callable[[datetime], int]) -> Callable[[Any], int]:
    """Make dayOfMonth and its siblings."""
    return lambda text: part(_read(function, text).wall)


def _read(function: str, text: Any, place: int = 0) -> Timestamp:
    if not isinstance(text, str):
        raise refuse(function, place, "a string that contains the time", text)
    try:
        return read_timestamp(text)
    except TimestampError as error:
        raise refuse_value(function, str(error)) from error


def _write(function: str, stamp: Timestamp, form: Any, place: int) -> str:
    try:
        return write_timestamp(stamp, need_text(function, place, form) or "G")
    except TimestampError as error:
        raise refuse_value(function, str(error)) from error


def _move(function: str, stamp: Timestamp, count: int, unit: str) -> Timestamp:
    name = unit.lower()
    try:
        if name in _SPANS:
            return stamp.move(_SPANS[name] * count)
        if name in _MONTHS:
            return _move_months(stamp, _MONTHS[name] * count)
    except (OverflowError, ValueError) as error:
        raise refuse_value(function, str(error)) from error
    raise refuse_value(function, f"there is no unit '{unit}'")


def _move_months(stamp: Timestamp, count: int) -> Timestamp:
    wall = stamp.wall
    years, month = divmod(wall.month - 1 + count, 12)
    year = wall.year + years
    day = min(wall.day, calendar.monthrange(year, month + 1)[1])
    return from_wall(wall.replace(year=year, month=month + 1, day=day), is_utc=stamp.is_utc, rest=stamp.ticks % 10)


def _find_zone(function: str, place: int, name: Any) -> Zone:
    text = need_text(function, place, name)
    try:
        zone = find_zone(text)
    except UnknownZoneError:
        zone = None
    if zone is None or zone.windows is None or zone.windows.lower() != text.lower():
        raise refuse_value(function, f"the time zone id '{text}' is not valid")
    return zone


def _from_utc(stamp: Timestamp, zone: Zone) -> Timestamp:
    wall = stamp.wall.replace(tzinfo=UTC).astimezone(zone.rules).replace(tzinfo=None)
    return from_wall(wall, is_utc=False, rest=stamp.ticks % 10)


def _to_utc(function: str, stamp: Timestamp, zone: Zone) -> Timestamp:
    if stamp.is_utc:
        if zone.windows != "UTC":
            raise refuse_value(function, f"the timestamp is in UTC, not in '{zone.windows}'")
        return stamp
    moment = stamp.wall.replace(tzinfo=zone.rules, fold=1).astimezone(UTC)  # of two, .NET takes the standard time
    if moment.astimezone(zone.rules).replace(tzinfo=None) != stamp.wall:
        raise refuse_value(function, f"there is no such time in '{zone.windows}'")
    return from_wall(moment.replace(tzinfo=None), is_utc=True, rest=stamp.ticks % 10)


OF_THE_RUN: dict[str, Callable[..., Any]] = {
    "utcNow": read_now, "getFutureTime": add_to_now("getFutureTime", 1), "getPastTime": add_to_now("getPastTime", -1),
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "formatDateTime": format_timestamp, "parseDateTime": parse_timestamp,
    "addDays": add_spans("addDays", "day"), "addHours": add_spans("addHours", "hour"),
    "addMinutes": add_spans("addMinutes", "minute"), "addSeconds": add_spans("addSeconds", "second"),
    "addToTime": add_units("addToTime", 1), "subtractFromTime": add_units("subtractFromTime", -1),
    "convertFromUtc": convert_from_utc, "convertToUtc": convert_to_utc, "convertTimeZone": convert_zone,
    "dateDifference": find_difference, "ticks": lambda text: _read("ticks", text).ticks,
    "startOfHour": find_start("startOfHour"), "startOfDay": find_start("startOfDay", hour=0),
    "startOfMonth": find_start("startOfMonth", hour=0, day=1),
    "dayOfMonth": read_part("dayOfMonth", lambda wall: wall.day),
    "dayOfWeek": read_part("dayOfWeek", lambda wall: wall.isoweekday() % 7),
    "dayOfYear": read_part("dayOfYear", lambda wall: wall.timetuple().tm_yday),
}  # fmt: skip
