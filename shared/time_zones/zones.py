"""Time zones by IANA and Windows name, and moments as callers and Graph write them.

Inside the gateway a moment is an aware `datetime` in UTC. Rules of the zones come from the `tzdata` package (or the
system), the Windows names from CLDR through `tzlocal`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from shared.errors import OutcomeUnknown
from shared.time_zones.names import DISPLAY_NAMES

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

LONG_AGO = datetime.min.replace(tzinfo=UTC)
"""Before every other moment: for what has never happened."""

# Compiled, and kept by `re`, when they are used first: every start of the app imports this module.
_DISPLAY = r"\(UTC(?:[+-]\d{2}:\d{2})?\)\s*(.+)"
_DATE = r"\d{4}-\d{2}-\d{2}"
_MOMENT = _DATE + r"(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?"
_OFFSET = r"T.*(Z|[+ -]\d{2}:\d{2})$"
_UP_TO_SECONDS = len("2026-05-05T09:00:00")
_LOST_PLUS = r" (\d{2}:\d{2})$"  # an unescaped + in a query arrives as a blank


@dataclass(frozen=True)
class Zone:
    """One time zone under both of its names; `windows` is None for the few that Windows does not know."""

    iana: str
    windows: str | None
    rules: "ZoneInfo"


class UnknownZoneError(ValueError):
    """No time zone has this name."""


class UnreadableMomentError(ValueError):
    """The text is neither a date nor a date with time."""


@lru_cache(maxsize=512)
def find_zone(name: str) -> Zone:
    """Return the zone of an IANA name, a Windows id or a Windows display name. Raises UnknownZoneError."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from tzlocal.windows_tz import tz_win, win_tz

    text = name.strip()
    if display := re.fullmatch(_DISPLAY, text):
        text = DISPLAY_NAMES.get(display[1].strip(), text)
    windows = next((known for known in (text, f"{text} Standard Time") if known in win_tz), None)
    iana = "UTC" if windows == "UTC" else win_tz[windows] if windows else text
    try:
        rules = ZoneInfo(iana)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnknownZoneError(name) from None
    return Zone(iana=iana, windows=windows or tz_win.get(iana), rules=rules)


def list_zones() -> list[Zone]:
    """Return the zones that Windows knows, by their Windows names."""
    from tzlocal.windows_tz import win_tz

    return [find_zone(name) for name in sorted(win_tz)]


def read_moment(text: str, zone: Zone) -> datetime:
    """Read ISO 8601: with offset or Z as it stands, without as wall time in `zone`; a bare date is its midnight.

    A wall time that the zone skips in spring means the same moment as an hour later; one that it repeats in autumn
    means the first. Raises UnreadableMomentError.
    """
    return _read_iso(re.sub(_LOST_PLUS, r"+\1", text.strip()), zone)


def has_offset(text: str) -> bool:
    """Return whether a text that `read_moment` reads means the same moment in every zone."""
    return bool(re.search(_OFFSET, text.strip()))


def _read_iso(text: str, zone: Zone) -> datetime:
    if not re.fullmatch(_MOMENT, text):
        raise UnreadableMomentError(text)
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone.rules)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UnreadableMomentError(text) from None


def read_date(text: str) -> date:
    """Read YYYY-MM-DD. Raises UnreadableMomentError."""
    try:
        if re.fullmatch(_DATE, text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise UnreadableMomentError(text)


def read_graph_moment(value: Mapping[str, Any]) -> datetime:
    """Read Graph's dateTimeTimeZone {"dateTime", "timeZone"}; a zone may be an id or a display name.

    Raises OutcomeUnknown when Graph sent something that cannot be understood: a guess could give a wrong time.
    """
    try:
        return _read_zoned(value["dateTime"], value.get("timeZone"))
    except (KeyError, TypeError, UnknownZoneError, UnreadableMomentError) as error:
        raise OutcomeUnknown(
            "Microsoft Graph sent a time that the gateway cannot read. Look at the item in Bookings or Outlook.",
            code="UpstreamBadAnswer",
            detail=repr(error),
        ) from None


@lru_cache(maxsize=4096)
def _read_zoned(text: object, zone: object) -> datetime:
    """Read a moment. Cached, because the appointments and availability of a calendar share few different ones."""
    return _read_iso(str(text).strip(), find_zone(str(zone or "UTC")))


def graph_moment(moment: datetime) -> dict[str, str]:
    """Return Graph's dateTimeTimeZone in UTC."""
    return {"dateTime": _seconds_text(moment.astimezone(UTC)), "timeZone": "UTC"}


def utc_text(moment: datetime) -> str:
    """Return the moment as 2026-05-05T09:00:00Z."""
    return f"{_seconds_text(moment.astimezone(UTC))}Z"


def local_text(moment: datetime, zone: Zone) -> str:
    """Return the wall time in the zone, without offset: 2026-05-05T11:00:00."""
    return _seconds_text(moment.astimezone(zone.rules))


def _seconds_text(moment: datetime) -> str:
    """Return the moment up to seconds. Years have four digits, which strftime does not do on every platform."""
    return moment.isoformat(timespec="seconds")[:_UP_TO_SECONDS]


def read_duration(text: str | None, default: timedelta) -> timedelta:
    """Read an ISO 8601 duration of days to seconds, as Graph sends it; empty gives the default."""
    return _parse_duration(text) if text else default


@lru_cache(maxsize=512)
def _parse_duration(text: str) -> timedelta:
    import isodate

    try:
        duration = isodate.parse_duration(text)
    except (ValueError, TypeError, OverflowError):
        duration = None
    if not isinstance(duration, timedelta):  # months and years have no length
        raise OutcomeUnknown(
            "Microsoft Graph sent a duration that the gateway cannot read. Check the service on the booking page.",
            code="UpstreamBadAnswer",
        )
    return duration
