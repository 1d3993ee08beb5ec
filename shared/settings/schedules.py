"""Checks timer schedules (NCRONTAB) by the platform's rules, and finds runs that are missing.

Rules: https://github.com/atifaziz/NCrontab. Names may be any prefix of the English ones, Sunday is 0 only, and
`? L W # @daily` are not supported. If the platform refuses a schedule, the function does not start.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_LONGEST_SEARCH = timedelta(days=8)
_MINUTE = timedelta(minutes=1)
_NUMBER = re.compile(r"[0-9]{1,4}")


@dataclass(frozen=True)
class _Field:
    name: str
    first: int
    last: int
    words: tuple[str, ...] = ()

    def find_fault(self, text: str) -> str | None:
        for item in text.split(","):
            body, slash, step = item.partition("/")
            if slash and not _NUMBER.fullmatch(step):
                return f"{step!r} is not a valid step for the {self.name}"
            ends = [] if body == "*" else body.split("-", 1) if "-" in body[1:] else [body]
            for end in ends:
                if not self._is_value(end):
                    return f"{end!r} is not a valid {self.name}"
        return None

    def list_values(self, text: str) -> frozenset[int]:
        """Return the numbers that a text without fault allows. The ends of a range may be in any order."""
        found: set[int] = set()
        for item in text.split(","):
            body, slash, step = item.partition("/")
            if body == "*":
                low, high = self.first, self.last
            elif "-" in body[1:]:
                low, high = sorted(map(self._read_value, body.split("-", 1)))
            else:
                low = self._read_value(body)
                high = self.last if slash else low
            found.update(range(low, high + 1, max(1, int(step)) if slash else 1))
        return frozenset(found)

    def _read_value(self, text: str) -> int:
        if _NUMBER.fullmatch(text):
            return int(text)
        return self.first + next(number for number, word in enumerate(self.words) if word.startswith(text.lower()))

    def _is_value(self, text: str) -> bool:
        if _NUMBER.fullmatch(text):
            return self.first <= int(text) <= self.last
        return bool(text) and any(word.startswith(text.lower()) for word in self.words)


_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 6, _DAYS),
)


def find_schedule_fault(text: str) -> str | None:
    """Return what is wrong with a schedule, in words, or None."""
    parts = text.split()
    if len(parts) != len(_FIELDS):
        return f"it has {len(parts)} fields and needs six: second, minute, hour, day, month, day of the week"
    faults = (field.find_fault(part) for field, part in zip(_FIELDS, parts, strict=True))
    return next((fault for fault in faults if fault), None)


def is_refused(text: str | None) -> bool:
    """Return whether the platform starts no timer with this schedule. Five fields it takes, with the second 0."""
    if text is None:
        return True
    is_short = len(text.split()) == len(_FIELDS) - 1
    return find_schedule_fault(f"0 {text}" if is_short else text) is not None


def find_missed_run(text: str, after: datetime, before: datetime) -> datetime | None:
    """Return the first run of a schedule between two moments, None without one. Searches eight days at most."""
    seconds, minutes, hours, days, months, weekdays = (
        field.list_values(part) for field, part in zip(_FIELDS, text.split(), strict=True)
    )
    minute = after.astimezone(UTC).replace(second=0, microsecond=0)
    ends = min(before, after + _LONGEST_SEARCH)
    while minute < ends:
        is_day = minute.day in days and minute.month in months and minute.isoweekday() % 7 in weekdays
        if is_day and minute.hour in hours and minute.minute in minutes:
            runs = (minute + timedelta(seconds=second) for second in sorted(seconds))
            if (found := next((run for run in runs if after < run < ends), None)) is not None:
                return found
        minute += _MINUTE
    return None
