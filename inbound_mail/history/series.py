"""The history of mailboxes as points for plots: 24 hours or 30 days, the running one last, all in UTC.

A few requests read the figures of all mailboxes. What is newer in a mailbox than its figures takes two more, and is
looked for only while its polls find something.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from inbound_mail.history.figures import Figures, sum_up
from inbound_mail.history.news import News, begin_hour, complete_news, read_news
from inbound_mail.history.roll_up import has_news
from inbound_mail.history.rows import HistoryRows, Place, Places
from inbound_mail.ledger.ledger import Ledger
from inbound_mail.ledger.planned_polls import PlannedPoll
from shared.json_text import Json
from shared.storage.tables import Table
from shared.time_zones.zones import utc_text
from shared.workers import Workers

_MOST_TRIES = 5

type Times = Mapping[datetime, Figures]


class Period(StrEnum):
    """How far back a history goes, and with it how long its steps are."""

    DAY = "day"
    MONTH = "month"

    @property
    def step(self) -> timedelta:
        """The time between two points."""
        return timedelta(hours=1) if self is Period.DAY else timedelta(days=1)

    @property
    def points(self) -> int:
        """How many points there are."""
        return 24 if self is Period.DAY else 30

    def begin_step(self, moment: datetime) -> datetime:
        """Return the beginning of the step in which a moment is."""
        hour = begin_hour(moment)
        return hour if self is Period.DAY else hour.replace(hour=0)


@dataclass(frozen=True)
class Series:
    """The figures of one mailbox by the beginning of each step, the oldest first."""

    mailbox: str
    points: Sequence[tuple[datetime, Figures]]

    def describe(self) -> Json:
        """Return it as an answer shows it."""
        total = sum_up(figures for _, figures in self.points)
        return {
            "mailbox": self.mailbox,
            "points": [_describe_point(start, figures) for start, figures in self.points],
            "totals": {
                "received": total.mails,
                "delivered": total.tickets,
                "failed": total.failures,
                "setAside": total.set_aside,
            },
        }


class History(NamedTuple):
    """The series of some mailboxes. `is_complete`: no roll-up has to see yet what an older version has entered."""

    period: Period
    series: Sequence[Series]
    is_complete: bool

    def describe(self) -> Json:
        """Return it as an answer shows it."""
        return {
            "period": self.period.value,
            "stepSeconds": round(self.period.step.total_seconds()),
            "isComplete": self.is_complete,
            "value": [one.describe() for one in self.series],
        }


class HistoryReader:
    """Reads the history of some mailboxes."""

    def __init__(self, table: Table, ledgers: Sequence[Ledger], workers: Workers) -> None:
        self._rows = HistoryRows(table)
        self._ledgers = ledgers
        self._workers = workers

    def read(self, period: Period, planned: Mapping[str, PlannedPoll], now: datetime) -> History:
        """Return the figures of each mailbox. `planned`: their next polls."""
        if not self._ledgers:
            return History(period, [], is_complete=True)
        last = period.begin_step(now)
        starts = [last - period.step * back for back in reversed(range(period.points))]
        places, known, fits = self._read_figures(period, starts[0].date(), last.date())
        newer = self._workers.map(
            lambda one: self._read_newer(one, places.of(one.mailbox), planned.get(one.mailbox, PlannedPoll())),
            self._ledgers,
        )
        series = [
            _build_series(one.mailbox, starts, period, [known.get(one.mailbox, {}), self._count(one, news)])
            for one, news in zip(self._ledgers, newer, strict=True)
        ]
        return History(period, series, fits and all(news is None or news.is_whole for news in newer))

    def _read_figures(self, period: Period, start: date, end: date) -> tuple[Places, Mapping[str, Times], bool]:
        """Return places and figures, and whether no roll-up has written between them."""
        read = self._rows.read_hours if period is Period.DAY else self._rows.read_days
        places = self._rows.read_places()
        for _ in range(_MOST_TRIES):
            before, known, places = places, read(start, end), self._rows.read_places()
            if places.by_mailbox == before.by_mailbox:
                return places, known, True
        return places, known, False

    def _read_newer(self, ledger: Ledger, place: Place, planned: PlannedPoll) -> News | None:
        """Return what is newer than a mailbox's place; None if nothing can be."""
        return read_news(ledger, place) if has_news(place, planned) else None

    def _count(self, ledger: Ledger, news: News | None) -> Times:
        return complete_news(ledger, news, self._workers).count() if news else {}


def _build_series(mailbox: str, starts: Sequence[datetime], period: Period, times: Sequence[Times]) -> Series:
    points = {start: Figures() for start in starts}
    for each in times:
        for moment, figures in each.items():
            if (start := period.begin_step(moment)) in points:
                points[start].add(figures)
    return Series(mailbox, list(points.items()))


def _describe_point(start: datetime, figures: Figures) -> Json:
    return {
        "startDateTime": utc_text(start),
        "mails": figures.mails,
        "tickets": figures.tickets,
        "failures": figures.failures,
        "delaySecondsMedian": figures.median,
        "delaySecondsMost": figures.longest,
    }
