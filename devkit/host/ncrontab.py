"""Timer schedules with the platform's own rules.

The platform reads NCRONTAB (https://github.com/atifaziz/NCrontab), which differs from classic cron in ways that
general cron libraries get wrong: day and day-of-week are both required, reversed ranges are swapped rather than
wrapped, 7 is no Sunday, and names are any prefix of the English name. A schedule that a library accepts and the
platform refuses would pass here and fail on the first deployment, so the rules are written out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Self

from devkit.host.errors import FunctionError

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_SEARCH_DAYS = 366 * 41
"""29 February on a given weekday returns within 40 years, across the skipped leap year 2100 included."""


@dataclass(frozen=True)
class _Field:
    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()

    def parse(self, text: str) -> frozenset[int]:
        """Return the numbers that ``text`` allows, e.g. ``"1-10/2"``; raise ValueError with the reason."""
        allowed: set[int] = set()
        for item in text.split(","):
            body, slash, step_text = item.partition("/")
            step = max(1, _parse_number(step_text)) if slash else 1
            if body == "*":
                low, high = self.first, self.last
            elif "-" in body[1:]:
                left, _, right = body.partition("-")
                low, high = sorted((self._parse_value(left), self._parse_value(right)))
            else:
                low = self._parse_value(body)
                high = self.last if slash else low
            allowed.update(range(low, high + 1, step))
        return frozenset(allowed)

    def _parse_value(self, text: str) -> int:
        if text[:1].isdigit() or not self.names:
            value = _parse_number(text)
        else:
            value = next((i for i, name in enumerate(self.names) if text and name.startswith(text.lower())), -1)
            if value < 0:
                raise ValueError(f"'{text}' is no {self.name}")
            value += self.first
        if not self.first <= value <= self.last:
            raise ValueError(f"{value} is outside {self.first}-{self.last} for the {self.name}")
        return value


def _parse_number(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text):
        raise ValueError(f"'{text}' is no number")
    return int(text)


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 6, _DAYS),
)


@dataclass(frozen=True)
class Schedule:
    """A parsed schedule. All times are UTC, as on Azure."""

    text: str
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``{second} {minute} {hour} {day} {month} {day-of-week}``; five fields mean second 0.

        Raises FunctionError with the reason: the platform refuses to start the function then. TimeSpan strings
        (``00:05:00``) work on dedicated plans only and are refused here, as on Flex Consumption
        (https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer).
        """
        fields = [field for field in text.split(" ") if field]
        if len(fields) == len(_FIELDS) - 1:
            fields.insert(0, "0")
        if len(fields) != len(_FIELDS):
            raise FunctionError(f"The schedule '{text}' has {len(fields)} fields; it needs six (or five).")
        try:
            parsed = [field.parse(part) for field, part in zip(_FIELDS, fields, strict=True)]
        except ValueError as error:
            raise FunctionError(f"The schedule '{text}' is invalid: {error}.") from None
        seconds, minutes, hours, days, months, weekdays = parsed
        return cls(text, tuple(sorted(seconds)), tuple(sorted(minutes)), tuple(sorted(hours)), days, months, weekdays)

    def find_next(self, base: datetime) -> datetime | None:
        """Return the first occurrence strictly after ``base`` (aware), or None if there is none (30 February)."""
        return next(self.iterate(base), None)

    def iterate(self, base: datetime) -> Iterator[datetime]:
        """Yield the occurrences strictly after ``base`` (aware), in order, as UTC times."""
        earliest = base.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        midnight = earliest.replace(hour=0, minute=0, second=0)
        for offset in range(_SEARCH_DAYS):
            day = midnight + timedelta(days=offset)
            if not self._has_day(day):
                continue
            for hour in self.hours:
                for minute in self.minutes:
                    if offset == 0 and (hour, minute) < (earliest.hour, earliest.minute):
                        continue
                    for second in self.seconds:
                        moment = day.replace(hour=hour, minute=minute, second=second)
                        if moment >= earliest:
                            yield moment

    def is_frequent(self, now: datetime) -> bool:
        """Say whether the timer fires more than once in each minute: such timers are not monitored.

        The platform decides it just so, at start-up (TimerSchedule.Create in azure-webjobs-sdk-extensions).
        """
        end = now + timedelta(minutes=1)
        fields = (self.minutes, self.hours, self.days, self.months, self.weekdays)
        is_of_every_minute = sum(map(len, fields)) == sum(field.last - field.first + 1 for field in _FIELDS[1:])
        return is_of_every_minute and sum(1 for _ in takewhile(lambda moment: moment < end, self.iterate(now))) > 1

    def _has_day(self, day: datetime) -> bool:
        return day.month in self.months and day.day in self.days and (day.weekday() + 1) % len(_DAYS) in self.weekdays
