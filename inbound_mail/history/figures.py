"""What happened to the mails of a mailbox in an hour or a day, as numbers that can be added.

Delays from mail to ticket are counted in classes: each second up to a minute, then classes that grow by a twenty-fifth.
So a median of any number of hours is right to a second or to a fiftieth, and an hour takes a few bytes.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.json_text import parse_json

_FINE = 60  # seconds
_GROWTH = math.log(1.04)


@dataclass
class Figures:
    """Numbers of mails that came, became tickets, failed, were set aside; and the delays of those with tickets."""

    mails: int = 0
    tickets: int = 0
    failures: int = 0
    set_aside: int = 0
    longest: int | None = None
    delays: Counter[int] = field(default_factory=Counter)

    def note_ticket(self, delay: float | None) -> None:
        """Count a mail that became a ticket so many seconds after it was received; None: nobody knows."""
        self.tickets += 1
        if delay is not None:
            seconds = max(0, round(delay))
            self.longest = max(self.longest or 0, seconds)
            self.delays[_find_class(seconds)] += 1

    def add(self, other: "Figures") -> None:
        """Add those of another time."""
        self.mails += other.mails
        self.tickets += other.tickets
        self.failures += other.failures
        self.set_aside += other.set_aside
        if other.longest is not None:
            self.longest = max(self.longest or 0, other.longest)
        self.delays.update(other.delays)

    @property
    def median(self) -> int | None:
        """The delay in seconds that half of the tickets did not exceed; None without any."""
        half = (self.delays.total() + 1) // 2
        for number in sorted(self.delays):
            half -= self.delays[number]
            if half <= 0:
                return min(_find_seconds(number), self.longest or 0)
        return None

    def dump(self) -> list[Any]:
        """Return them as JSON values."""
        return [self.mails, self.tickets, self.failures, self.set_aside, self.longest, _join(self.delays)]


def load_figures(values: list[Any]) -> Figures:
    """Return figures from what `dump` returned."""
    mails, tickets, failures, set_aside, longest, delays = values
    return Figures(mails, tickets, failures, set_aside, longest, Counter(dict(delays)))


def dump_hours(hours: Mapping[int, Figures]) -> str:
    """Return the figures of the hours of a day as text."""
    return json.dumps({str(hour): hours[hour].dump() for hour in sorted(hours)}, separators=(",", ":"))


def load_hours(text: str) -> dict[int, Figures]:
    """Return figures by the hour of the day."""
    return {int(hour): load_figures(values) for hour, values in parse_json(text.encode()).items()}


def sum_up(some: Iterable[Figures]) -> Figures:
    """Return the sum of figures."""
    total = Figures()
    for one in some:
        total.add(one)
    return total


def _join(delays: Counter[int]) -> list[tuple[int, int]]:
    return sorted(delays.items())


def _find_class(seconds: int) -> int:
    return seconds if seconds < _FINE else _FINE + int(math.log(seconds / _FINE) / _GROWTH)


def _find_seconds(number: int) -> int:
    return number if number < _FINE else round(_FINE * math.exp((number - _FINE + 0.5) * _GROWTH))
