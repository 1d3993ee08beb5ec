"""The roll-up: a timer takes what is new in the ledgers of all mailboxes into the history.

Each step is one transaction: what happened, and how far the feeds are done with, or nothing of it. So a process that
dies leaves a step undone or done, and the next one goes on behind it. Two that run at the same time do not meet: every
step replaces the row `place`, and the second one stops.

A mailbox is looked at while its polls find something, and once more than a run may last after the last one that did:
then nothing can be new until a poll says so.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from inbound_mail.history import rows
from inbound_mail.history.figures import Figures
from inbound_mail.history.news import News, complete_news, read_news
from inbound_mail.history.rows import HistoryRows, Place, Places
from inbound_mail.history.segments import MOST_BYTES, MOST_LINES, Line, pack
from inbound_mail.ledger.ledger import Ledger
from inbound_mail.ledger.planned_polls import PlannedPoll
from shared.errors import Conflict
from shared.storage.tables import TRANSACTION_SIZE, Operation, Table
from shared.workers import Workers

KEPT = timedelta(days=35)
_PIECE = 400  # rows of each feed of a mailbox in one step
_MAILBOXES_AT_ONCE = 16
_LONGEST_RUN = timedelta(minutes=5)  # functionTimeout
_MOST_REMOVED = 90
_ENOUGH = TRANSACTION_SIZE - 60  # operations: the news of one mailbox are a place, 36 days and some segments


def has_news(place: Place, planned: PlannedPoll) -> bool:
    """Return whether a mailbox may have something that is newer than its place."""
    since = planned.quiet_since
    return since is None or place.seen_at <= since + _LONGEST_RUN


class RollUp:
    """Takes what is new into the history, for a limited time."""

    def __init__(self, table: Table, workers: Workers) -> None:
        self._table = table
        self._rows = HistoryRows(table)
        self._workers = workers

    def run(self, ledgers: Sequence[Ledger], planned: Mapping[str, PlannedPoll], *, seconds: float) -> None:
        """Go on for so many seconds at most."""
        ends = time.monotonic() + seconds
        places = self._rows.read_places()
        step = _Step(self._rows, places)
        waiting = [one for one in ledgers if has_news(places.of(one.mailbox), planned.get(one.mailbox, PlannedPoll()))]
        self._prune(step)
        while waiting and time.monotonic() < ends:
            some, waiting = waiting[:_MAILBOXES_AT_ONCE], waiting[_MAILBOXES_AT_ONCE:]
            seen_at = datetime.now(UTC)
            found = self._workers.map(lambda one: read_news(one, step.place_of(one.mailbox), limit=_PIECE), some)
            for ledger, news in zip(some, found, strict=True):
                if step.is_full and not self._write(step):
                    return
                whole = complete_news(ledger, news, self._workers)
                step.take(whole, seen_at, planned.get(ledger.mailbox, PlannedPoll()))
                if not news.is_whole:
                    waiting.append(ledger)
            if not self._write(step):
                return

    def _prune(self, step: "_Step") -> None:
        """Remove some days that are too old: once a day there are some."""
        oldest = str(_find_oldest())
        if step.head.pruned_until >= oldest or not step.head.etag:
            return
        old = self._rows.find_old_days(_find_oldest(), _MOST_REMOVED)
        if len(old) < _MOST_REMOVED:
            step.head = replace(step.head, pruned_until=oldest)
        try:
            etags = self._table.transact([step.head.operation(), *old])
        except Conflict:
            return
        step.head = replace(step.head, etag=etags[0])

    def _write(self, step: "_Step") -> bool:
        """Write a step; return False if another process has written one meanwhile."""
        operations = step.list_operations()
        if not operations:
            return True
        try:
            etags = self._table.transact([step.head.operation(), *operations])
        except Conflict:
            return False
        step.begin_next(etags[0])
        return True


class _Step:
    """What the next transaction writes, and what is known of the rows that it changes."""

    def __init__(self, history: HistoryRows, places: Places) -> None:
        self._rows = history
        self._known = dict(places.by_mailbox)
        self.head = places.head
        self._places: dict[str, Place] = {}
        self._days: dict[tuple[date, str], dict[int, Figures]] = {}
        self._changed: set[tuple[date, str]] = set()
        self._current: list[Line] | None = None  # of the segment that is being filled
        self._lines: list[Line] = []
        self._characters = 0

    def place_of(self, mailbox: str) -> Place:
        """Return how far a mailbox is rolled up."""
        return self._known.get(mailbox, Place())

    @property
    def is_full(self) -> bool:
        """Whether the next mailbox may be too much for one transaction."""
        segments = 1 + len(self._lines) // MOST_LINES + self._characters // (MOST_BYTES // 2)
        return 1 + len(self._places) + len(self._changed) + segments > _ENOUGH

    def take(self, news: News, seen_at: datetime, planned: PlannedPoll) -> None:
        """Add what is new in a mailbox, and that a look found nothing more, if that spares the next one."""
        place = replace(news.next_place, seen_at=seen_at) if news.is_whole else news.next_place
        if not (news.arrivals or news.outcomes) and has_news(place, planned):
            return
        self._places[news.mailbox] = self._known[news.mailbox] = place
        oldest = _find_oldest()
        for hour, figures in news.count().items():
            if hour.date() >= oldest:
                self._read_day(hour.date(), news.mailbox).setdefault(hour.hour, Figures()).add(figures)
                self._changed.add((hour.date(), news.mailbox))
        lines = news.list_lines()
        self._lines += lines
        self._characters += sum(len(text) for line in lines for text in line.mail[:5])

    def list_operations(self) -> list[Operation]:
        """Return what is to be written, without the row `place`."""
        return [
            *(rows.write_place(mailbox, place) for mailbox, place in self._places.items()),
            *(rows.write_day(day, mailbox, self._days[day, mailbox]) for day, mailbox in self._changed),
            *self._fill_segments(),
        ]

    def begin_next(self, etag: str) -> None:
        """Go on behind what was written."""
        self.head = replace(self.head, etag=etag)
        self._places, self._changed, self._lines, self._characters = {}, set(), [], 0

    def _read_day(self, day: date, mailbox: str) -> dict[int, Figures]:
        if (day, mailbox) not in self._days:
            self._days[day, mailbox] = self._rows.read_day(day, mailbox)
        return self._days[day, mailbox]

    def _fill_segments(self) -> Iterator[Operation]:
        """Yield the operations that add the lines to the segment that is being filled, and to further ones."""
        if not self._lines:
            return
        if self._current is None:
            self._current = [line for one in self._rows.read_segments([self.head.segment]) for line in one.read_lines()]
        left = [*self._current, *self._lines]
        while left:
            some = left[:MOST_LINES]
            while (columns := pack(some)) is None:
                some = some[: len(some) // 2]
            yield rows.write_segment(self.head.segment, columns)
            left, self._current = left[len(some) :], some
            if left or len(some) == MOST_LINES:
                self.head, self._current = replace(self.head, segment=self.head.segment + 1), []


def _find_oldest() -> date:
    return (datetime.now(UTC) - KEPT).date()
