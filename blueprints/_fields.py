"""The fields of a request: query parameters and body fields, checked and turned into values.

Each refusal is an `Invalid` with a stable code, a message that says what to do, and the field as its target.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from blueprints._bounds import Bounds
from shared.errors import Invalid, TooLarge
from shared.time_zones.zones import (
    UnknownZoneError,
    UnreadableMomentError,
    Zone,
    find_zone,
    has_offset,
    read_date,
    read_moment,
)

MOST_BODY_BYTES = 64 * 1024
_LONGEST_TEXT = 1_024
_LONGEST_LONG_TEXT = 16_384
# A blank in an Exchange id was a plus that nobody encoded; shorter ids of Bookings are GUIDs, which have none.
_SHORTEST_WITH_PLUS = 64
_MAIL = r"""[^\s@<>()\[\]\\,;:"]{1,64}@[^\W_](?:[\w.-]{0,251}[^\W_])?"""
_PHONE = r"(?i)[\s\d+()./*#,;\-\u2010-\u2015]*\d[\s\d+()./*#,;\-\u2010-\u2015]*(?:(?:ext\.?|x)[\s\d]*)?"
_ID = r"[A-Za-z0-9+/=_-]{1,1024}"
_LIST_IDS = "Take ids from the gateway's lists."
_EXAMPLE = "2026-05-05, 2026-05-05T09:00:00Z or 2026-05-05T09:00:00 with timeZone"
# What calendars hold, with room on either side for zones and days around.
_FIRST_YEAR, _LAST_YEAR = 1900, 2199
_CLOCKS_CHANGE = timedelta(hours=2)

type ReadZone = Callable[[], Zone]


class Fields:
    """Named values of one request: texts of a query, or JSON values of a body. `values` holds them as they came."""

    def __init__(self, values: Mapping[str, Any], allowed: Sequence[str], *, kind: str) -> None:
        for name in values:
            if name not in allowed:
                raise Invalid(
                    f"There is no {kind} called {name[:64]!r} here. Known: {', '.join(allowed) or 'none'}.",
                    code="UnknownParameter",
                    target=name[:64],
                )
        self.values = values

    def text(self, name: str) -> str | None:
        """Return a text, or None if it is missing or empty."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise _wrong_type(name, "a text")
        if len(value) > _LONGEST_TEXT:
            raise Invalid(f"{name} is too long. Send {_LONGEST_TEXT} characters at most.", target=name)
        return value.strip() or None

    def needed_text(self, name: str) -> str:
        """Return a text that must be there."""
        value = self.text(name)
        if value is None:
            raise Invalid(f"{name} is missing, and it is required. Send it.", code="MissingParameter", target=name)
        return value

    def identifier(self, name: str) -> str | None:
        """Return an id as Graph forms them: letters, digits and + / = _ -."""
        value = self.text(name)
        if value is not None and len(value) >= _SHORTEST_WITH_PLUS:
            value = value.replace(" ", "+")
        if value is not None and not re.fullmatch(_ID, value):
            raise Invalid(
                f"{name} is not an id of Microsoft Bookings. {_LIST_IDS}",
                code="InvalidId",
                target=name,
            )
        return value

    def needed_identifier(self, name: str) -> str:
        """Return an id that must be there."""
        self.needed_text(name)
        return self.identifier(name) or ""

    def mail_address(self, name: str) -> str | None:
        """Return a person's mail address, or None if it is missing or empty."""
        value = self.text(name)
        if value is not None and (not re.fullmatch(_MAIL, value) or ".." in value):
            raise Invalid(
                f"{name} is not a mail address. Write it alone, such as robin@example.com.",
                code="InvalidMailAddress",
                target=name,
            )
        return value

    def phone(self, name: str) -> str | None:
        """Return a telephone number, or None if it is missing or empty."""
        wrong = "is not a telephone number. Write digits, such as +44 20 7946 0000 ext. 12."
        return self.formed_text(name, re.compile(_PHONE), wrong, code="InvalidPhone")

    def formed_text(self, name: str, form: re.Pattern[str], wrong: str, *, code: str) -> str | None:
        """Return a text of one form, or None if it is missing or empty. `wrong` follows the name in the error."""
        value = self.text(name)
        if value is not None and not form.fullmatch(value):
            raise Invalid(f"{name} {wrong}", code=code, target=name)
        return value

    def identifiers(self, name: str, *, most: int | None = None) -> tuple[str, ...]:
        """Return several ids: a JSON list in a body, separated by commas in a query; () if it is missing."""
        value = self.values.get(name)
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        if not isinstance(value or [], list):
            raise _wrong_type(name, "a list of ids")
        for part in value or []:
            if not isinstance(part, str):
                raise _wrong_type(name, "a list of ids")
            if not re.fullmatch(_ID, part):
                raise Invalid(
                    f"{name} holds a value that is not an id. {_LIST_IDS}",
                    code="InvalidId",
                    target=name,
                )
        if most is not None and len(value or []) > most:
            raise Invalid(f"{name} holds too many ids. Send {most} at most.", target=name)
        return tuple(value or ())

    def switch(self, name: str) -> bool:
        """Return true or false, as a text in any case; false if it is missing."""
        value = (self.text(name) or "false").lower()
        if value not in ("true", "false"):
            raise Invalid(f"{name} is neither true nor false. Send one of them.", code="InvalidChoice", target=name)
        return value == "true"

    def wants_details(self) -> bool:
        """Return what `details` says; without it, whether `expand=details`, its older form, is there."""
        before = self.choice("expand", "details") is not None
        return self.switch("details") if self.text("details") else before

    def whole_number(self, name: str, bounds: Bounds) -> int:
        """Return a whole number within bounds."""
        value = self.text(name)
        if value is None:
            return bounds.default
        is_number = value.isascii() and value.isdecimal() and len(value) <= 9  # noqa: PLR2004 - no bound needs more digits
        if not is_number or not bounds.least <= int(value) <= bounds.most:
            raise _wrong_number(name, bounds)
        return int(value)

    def count(self, name: str, bounds: Bounds) -> int:
        """Return a whole number of a body within bounds."""
        value = self.values.get(name)
        if value is None:
            return bounds.default
        is_whole = not isinstance(value, bool) and (isinstance(value, int) or value in range(bounds.most + 1))
        if not is_whole or not bounds.least <= value <= bounds.most:
            raise _wrong_number(name, bounds)
        return int(value)

    def choice(self, name: str, *known: str) -> str | None:
        """Return one of the known words, or None if it is missing."""
        value = self.text(name)
        if value is not None and value not in known:
            raise Invalid(
                f"{name} has an unknown value. Send one of: {', '.join(known)}.", code="InvalidChoice", target=name
            )
        return value

    def words(self, name: str, *known: str) -> tuple[str, ...]:
        """Return several of the known words: a JSON list, or separated by commas; () if it is missing."""
        value = self.values.get(name)
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        if not isinstance(value or [], list):
            raise _wrong_type(name, f"a list of: {', '.join(known)}")
        if any(word not in known for word in value or []):
            raise Invalid(
                f"{name} has an unknown value. Send some of: {', '.join(known)}.", code="InvalidChoice", target=name
            )
        return tuple(dict.fromkeys(value or ()))

    def zone(self, name: str = "timeZone") -> Zone | None:
        """Return a zone by its IANA or Windows name, or None if it is missing."""
        value = self.text(name)
        try:
            return find_zone(value) if value else None
        except UnknownZoneError:
            raise Invalid(
                "There is no such time zone. Use an IANA name such as Europe/Berlin or a Windows name such as "
                "W. Europe Standard Time.",
                code="UnknownTimeZone",
                target=name,
            ) from None

    def day(self, name: str) -> date:
        """Return a date that must be there."""
        try:
            return _within_years(name, read_date(self.needed_text(name)))
        except UnreadableMomentError:
            raise Invalid(f"{name} is not a date. Write it as 2026-05-05.", code="InvalidDate", target=name) from None

    def optional_moment(self, name: str, read_zone: ReadZone) -> datetime | None:
        """Return a moment in UTC, or None if it is missing; see `moment`."""
        return self.moment(name, read_zone) if self.text(name) else None

    def flag(self, name: str) -> bool | None:
        """Return true or false, or None if it is missing."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, bool):
            raise _wrong_type(name, "true or false")
        return value

    def long_text(self, name: str) -> str | None:
        """Return a text of several lines, "" too; None if it is missing."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            raise _wrong_type(name, "a text")
        if value is not None and len(value) > _LONGEST_LONG_TEXT:
            raise Invalid(f"{name} is too long. Send {_LONGEST_LONG_TEXT} characters at most.", target=name)
        return value

    def texts(self, name: str) -> dict[str, str]:
        """Return an object of texts without those that are null or blank; {} if it is missing."""
        value = self.values.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise _wrong_type(name, "an object of texts")
        for key, each in value.items():
            if each is not None and not isinstance(each, str):
                raise Invalid(
                    f'The value of "{key[:200]}" is no text. Send a text, or leave "{key[:200]}" out.',
                    code="WrongType",
                    target=f"{name}.{key[:200]}",
                )
        return {key: each for key, each in value.items() if each and each.strip()}

    def inner(self, name: str, *allowed: str) -> "Fields | None":
        """Return the fields of an object, or None if it is missing or empty: forms send {} for blank fields."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, dict):
            raise _wrong_type(name, "an object")
        return Fields(value, allowed, kind="field") if value else None

    def several(self, name: str, *allowed: str) -> list["Fields"] | None:
        """Return the fields of each object in a list, or None if it is missing."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise _wrong_type(name, "a list of objects")
        return [Fields(each, allowed, kind="field") for each in value]

    def range(self, read_zone: ReadZone, *, longest: timedelta) -> tuple[datetime, datetime]:
        """Return start and end, both needed, as moments in UTC; see `moment`."""
        self.check_range(longest=longest)
        names = ("start", "end")
        offsets = {has_offset(self.needed_text(name)) for name in names}
        start, end = (self.moment(name, _utc) for name in names)
        if offsets != {True}:
            start, end = (self.moment(name, read_zone) for name in names)
        _check_range(start, end, longest)
        return start, end

    def check_range(self, *, longest: timedelta) -> None:
        """Check start and end, both needed, as far as that is possible before the zone is read."""
        names = ("start", "end")
        offsets = {has_offset(self.needed_text(name)) for name in names}
        start, end = (self.moment(name, _utc) for name in names)
        if len(offsets) == 1:
            _check_range(start, end, longest + _CLOCKS_CHANGE)

    def moment(self, name: str, read_zone: ReadZone) -> datetime:
        """Return a moment that must be there. Only a wall time needs the zone, which may take a call to Graph."""
        text = self.needed_text(name)
        try:
            moment = _within_years(name, read_moment(text, _utc()))
            return moment if has_offset(text) else _within_years(name, read_moment(text, read_zone()))
        except UnreadableMomentError:
            raise Invalid(f"{name} is not a date or time. Write {_EXAMPLE}.", code="InvalidDate", target=name) from None


def read_body(raw: bytes, allowed: Sequence[str]) -> Fields:
    """Return the fields of a JSON body."""
    if len(raw) > MOST_BODY_BYTES:
        raise TooLarge(f"The body is too large. Send {MOST_BODY_BYTES // 1024} KiB at most.", target="body")
    try:
        values = json.loads(raw)
        json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # "\ud83d" alone: legal JSON, but it cannot be written as UTF-8
        raise Invalid(
            "A text in the body holds half of a surrogate pair. Send whole characters.",
            code="InvalidJson",
            target="body",
        ) from None
    except (ValueError, RecursionError):
        raise Invalid("The body is not JSON. Send a JSON object.", code="InvalidJson", target="body") from None
    if not isinstance(values, dict):
        raise _wrong_type("body", "a JSON object")
    return Fields(values, allowed, kind="field")


def _utc() -> Zone:
    return find_zone("UTC")


def _check_range(start: datetime, end: datetime, longest: timedelta) -> None:
    if end <= start:
        raise Invalid(
            "end does not lie after start. Send a later end, or an earlier start.", code="EndBeforeStart", target="end"
        )
    if end - start > longest + _CLOCKS_CHANGE:  # days of 25 hours count as days
        raise Invalid(f"The range is too long. Ask for {longest.days} days at most.", code="RangeTooLong", target="end")


def _within_years[Day: date](name: str, day: Day) -> Day:
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise Invalid(
            f"{name} is out of bounds. Send a time in the years from {_FIRST_YEAR} to {_LAST_YEAR}.",
            code="InvalidDate",
            target=name,
        )
    return day


def _wrong_number(name: str, bounds: Bounds) -> Invalid:
    return Invalid(
        f"{name} is not a whole number within its bounds. Send one from {bounds.least} to {bounds.most}.",
        code="InvalidNumber",
        target=name,
    )


def _wrong_type(name: str, wanted: str) -> Invalid:
    return Invalid(f"{name} has another JSON type. Send {wanted}.", code="WrongType", target=name)
