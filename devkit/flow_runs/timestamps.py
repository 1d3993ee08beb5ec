"""Timestamps as .NET reads and writes them (culture en-US): ticks of 100 ns since year 1, and whether they are UTC.

Sources: "Standard date and time format strings", "Custom date and time format strings". A timestamp with an offset is
turned into UTC when it is read; one without stays as it is, and is written without `Z`.
"""

import re
from calendar import day_abbr, day_name, month_abbr, month_name
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

TICKS_OF_A_SECOND = 10_000_000
_FIRST = datetime(1, 1, 1)  # noqa: DTZ001 - ticks count wall time
_MONTHS = {name.lower(): number for number, name in enumerate(month_name) if name}
_MONTHS |= {name.lower(): number for number, name in enumerate(month_abbr) if name}

_TIME = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<part>\d{1,7})\d*)?)?(?:\s*(?P<half>[AaPp][Mm]))?"
)
_ZONE = r"\s*(?P<zone>[Zz]|GMT|[+-]\d{2}:?\d{2})?"
_DAY = r"(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\s+"
_FORMS = [
    re.compile(rf"\s*{date}(?:(?:T|\s+){_TIME})?{_ZONE}\s*", re.IGNORECASE)
    for date in (
        r"(?P<year>\d{4})[-/](?P<month>\d{1,2})[-/](?P<day>\d{1,2})",
        r"(?P<month>\d{1,2})[-/](?P<day>\d{1,2})[-/](?P<year>\d{4})",
        rf"(?:{_DAY})?(?P<day>\d{{1,2}})\s+(?P<month>[A-Za-z]{{3,9}}),?\s+(?P<year>\d{{4}})",
        rf"(?:{_DAY})?(?P<month>[A-Za-z]{{3,9}})\s+(?P<day>\d{{1,2}}),?\s+(?P<year>\d{{4}})",
    )
]
_STANDARD = {
    "d": "M/d/yyyy", "D": "dddd, MMMM d, yyyy", "f": "dddd, MMMM d, yyyy h:mm tt", "F": "dddd, MMMM d, yyyy h:mm:ss tt",
    "g": "M/d/yyyy h:mm tt", "G": "M/d/yyyy h:mm:ss tt", "m": "MMMM d", "M": "MMMM d",
    "o": "yyyy-MM-ddTHH:mm:ss.fffffffK", "O": "yyyy-MM-ddTHH:mm:ss.fffffffK",
    "r": "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'", "R": "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'", "s": "yyyy-MM-ddTHH:mm:ss",
    "t": "h:mm tt", "T": "h:mm:ss tt", "u": "yyyy-MM-dd HH:mm:ss'Z'", "U": "dddd, MMMM d, yyyy h:mm:ss tt",
    "y": "MMMM yyyy", "Y": "MMMM yyyy",
}  # fmt: skip
_PIECE = re.compile(
    r"(?P<quoted>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")|\\(?P<escaped>.)|%(?P<alone>[dfFghHKmMstyz])"
    r"|\.(?P<rest>F+)|(?P<run>d+|f+|F+|g+|h+|H+|K|m+|M+|s+|t+|y+|z+)|(?P<other>.)",
    re.DOTALL,
)


class TimestampError(ValueError):
    """The text is no timestamp, or the format no format."""


@dataclass(frozen=True)
class Timestamp:
    """A moment in UTC, or a wall time of no zone."""

    ticks: int
    is_utc: bool

    @property
    def wall(self) -> datetime:
        """The date and time up to microseconds, without zone."""
        return _FIRST + timedelta(microseconds=self.ticks // 10)

    def move(self, span: timedelta) -> "Timestamp":
        """Return the timestamp a span later."""
        return from_wall(self.wall + span, is_utc=self.is_utc, rest=self.ticks % 10)


def from_wall(wall: datetime, *, is_utc: bool, rest: int = 0) -> Timestamp:
    """Make a timestamp of a datetime without zone; `rest` are the ticks that it cannot hold."""
    whole = wall - _FIRST
    return Timestamp((whole.days * 86_400 + whole.seconds) * TICKS_OF_A_SECOND + whole.microseconds * 10 + rest, is_utc)


def from_moment(moment: datetime) -> Timestamp:
    """Make a timestamp of an aware datetime."""
    return from_wall(moment.astimezone(UTC).replace(tzinfo=None), is_utc=True)


def read_timestamp(text: str) -> Timestamp:
    """Read a timestamp in one of the forms that en-US knows. Raises TimestampError."""
    found = next((match for form in _FORMS if (match := form.fullmatch(text)) is not None), None)
    if found is None:
        raise TimestampError(f"'{text}' is no timestamp")
    try:
        wall = datetime(int(found["year"]), _read_month(found["month"]), int(found["day"]), *_read_time(found))  # noqa: DTZ001 - its zone is not known
        stamp = from_wall(wall, is_utc=False, rest=int((found["part"] or "").ljust(7, "0")))
        return _to_utc(stamp, found["zone"])
    except (ValueError, OverflowError) as error:
        raise TimestampError(f"'{text}' is no timestamp: {error}") from None


def write_timestamp(stamp: Timestamp, form: str = "o") -> str:
    """Write a timestamp in a standard or custom format. Raises TimestampError."""
    if len(form) == 1:
        if form not in _STANDARD:
            raise TimestampError(f"there is no standard format '{form}'")
        form = _STANDARD[form]
    return "".join(_write_piece(stamp, piece) for piece in _PIECE.finditer(form))


def _read_month(text: str) -> int:
    if text.isdigit():
        return int(text)
    if text.lower() not in _MONTHS:
        raise ValueError(f"there is no month '{text}'")
    return _MONTHS[text.lower()]


def _read_time(found: re.Match[str]) -> tuple[int, int, int]:
    hour, half = int(found["hour"] or 0), (found["half"] or "").lower()
    if half and not 1 <= hour <= 12:  # noqa: PLR2004 - hours of half a day
        raise ValueError(f"there is no hour {hour} {half}")
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return hour, int(found["minute"] or 0), int(found["second"] or 0)


def _to_utc(stamp: Timestamp, zone: str | None) -> Timestamp:
    if zone is None:
        return stamp
    if zone.upper() in ("Z", "GMT"):
        return Timestamp(stamp.ticks, is_utc=True)
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    moved = stamp.move(timedelta(minutes=-minutes if zone[0] == "+" else minutes))
    return Timestamp(moved.ticks, is_utc=True)


def _write_piece(stamp: Timestamp, piece: re.Match[str]) -> str:
    if piece["quoted"] is not None:
        return re.sub(r"\\(.)", r"\1", piece["quoted"][1:-1])
    if piece["escaped"] is not None:
        return piece["escaped"]
    if piece["rest"] is not None:
        return f".{_write_parts(stamp, len(piece['rest']))}".rstrip("0").removesuffix(".")
    run = piece["alone"] or piece["run"]
    if run is None:
        if piece["other"] in "'\"\\%":
            raise TimestampError(f"the format has a '{piece['other']}' without its end")
        return piece["other"]
    return _WRITERS[run[0]](stamp, len(run))


def _write_day(stamp: Timestamp, count: int) -> str:
    wall = stamp.wall
    if count <= 2:  # noqa: PLR2004 - d and dd are numbers
        return str(wall.day).zfill(count)
    return (day_abbr if count == 3 else day_name)[wall.weekday()]  # noqa: PLR2004 - ddd


def _write_month(stamp: Timestamp, count: int) -> str:
    wall = stamp.wall
    if count <= 2:  # noqa: PLR2004 - M and MM are numbers
        return str(wall.month).zfill(count)
    return (month_abbr if count == 3 else month_name)[wall.month]  # noqa: PLR2004 - MMM


def _write_year(stamp: Timestamp, count: int) -> str:
    year = stamp.wall.year
    return str(year % 100).zfill(count) if count <= 2 else str(year).zfill(count)  # noqa: PLR2004 - yy


def _write_parts(stamp: Timestamp, count: int) -> str:
    if count > 7:  # noqa: PLR2004 - a tick is the seventh digit
        raise TimestampError("a format has at most seven digits of a second")
    return str(stamp.ticks % TICKS_OF_A_SECOND).zfill(7)[:count]


def _write_offset(_: Timestamp, count: int) -> str:
    return ("+0", "+00", "+00:00")[min(count, 3) - 1]


def _number(read: Callable[[datetime], int]) -> Callable[[Timestamp, int], str]:
    return lambda stamp, count: str(read(stamp.wall)).zfill(min(count, 2))


_WRITERS: dict[str, Callable[[Timestamp, int], str]] = {
    "d": _write_day, "M": _write_month, "y": _write_year, "f": _write_parts,
    "F": lambda stamp, count: _write_parts(stamp, count).rstrip("0"),
    "g": lambda _, __: "A.D.",
    "h": _number(lambda wall: wall.hour % 12 or 12), "H": _number(lambda wall: wall.hour),
    "m": _number(lambda wall: wall.minute), "s": _number(lambda wall: wall.second),
    "t": lambda stamp, count: ("AM" if stamp.wall.hour < 12 else "PM")[:count],  # noqa: PLR2004 - noon
    "K": lambda stamp, _: "Z" if stamp.is_utc else "",
    "z": _write_offset,
}  # fmt: skip
