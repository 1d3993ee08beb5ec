"""The change feed as consumers see it: pages behind a position, fresh enough, seen once and in order.

A look is made when somebody asks and the last one is too old, and by the clock for those who asked within a month.
However many ask at once, on however many instances, one of them looks; the others wait for it.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import cachetools

from bookings.changes.journal import Entry, Journal, Look, State, list_feeds
from bookings.changes.scanning import NET_EVERY, Observer
from bookings.changes.snapshots import Snapshot
from shared import context
from shared.errors import Conflict, GatewayError, Invalid, OutcomeUnknown, Unavailable, place_of
from shared.storage.blobs import Container
from shared.storage.tables import Table
from shared.workers import Workers

_log = logging.getLogger("gateway.changes")

KEPT = timedelta(days=30)
_UNASKED = timedelta(days=31)
_PATIENCE = 8.0  # seconds to wait for somebody else's look
_GLANCE = 0.15
_CLAIM = (30.0, 60.0, 300.0)  # shortest, usual, longest; a call's own time counts if it has one
_PAUSE = (10.0, 60.0)
_MOST_SCANNED = 1_000
_SNAPSHOTS_REMEMBERED = 8

type Wanted = Callable[[Entry], bool]


@dataclass(frozen=True)
class Position:
    """Behind which change a consumer is, in which life of the feed."""

    generation: str
    number: int


@dataclass(frozen=True)
class Page:
    """Changes in order, where to go on, and whether more are waiting."""

    entries: list[Entry]
    position: Position
    has_more: bool


class ChangeFeed:
    """The change feeds of one connection."""

    def __init__(self, connection: str, observer: Observer, table: Table, blobs: Container) -> None:
        self._connection = connection
        self._observer = observer
        self._table = table
        self._blobs = blobs
        self._locks: dict[str, threading.Lock] = {}
        self._locks_lock = threading.Lock()
        self._asked: cachetools.TTLCache[str, bool] = cachetools.TTLCache(1_000, 12 * 3600)
        self._snapshots: cachetools.LRUCache[str, Snapshot] = cachetools.LRUCache(_SNAPSHOTS_REMEMBERED)

    def tail(self, business: str) -> Position:
        """Return the position behind the newest change."""
        state = self._fresh(self._journal(business))
        return Position(state.generation, state.last)

    def start(self, business: str, since: datetime | None = None) -> Position:
        """Return the position in front of what was published since a moment; without one, of all that is kept."""
        journal = self._journal(business)
        state = self._fresh(journal)
        number = journal.find_last_before(since, state) if since else state.first - 1
        return Position(state.generation, number)

    def page(
        self,
        business: str,
        position: Position,
        limit: int,
        wanted: Wanted = lambda _: True,
        until: Position | None = None,
    ) -> Page:
        """Return the wanted changes behind a position. Raises Invalid (CursorTooOld) for one that is not kept.

        When Graph fails, what is known already comes all the same; only where that is nothing, the error does.
        """
        journal = self._journal(business)
        error: GatewayError | None = None
        try:
            state = self._fresh(journal)
        except (Unavailable, OutcomeUnknown) as caught:
            error, state = caught, journal.state()
        last = min(state.last, until.number) if until else state.last
        page = self._read(journal, state, position, last=last, limit=limit, wanted=wanted)
        if error and not page.entries:
            raise error
        return page

    def snapshot(self, business: str) -> tuple[Snapshot, Position]:
        """Return the appointments of the last look, and the position of that very look."""
        journal = self._journal(business)
        state = self._fresh(journal)
        for _ in range(3):
            with self._locks_lock:
                found = self._snapshots.get(str(state["blob"]))
            found = found or journal.snapshot(state)
            if found is not None:
                with self._locks_lock:
                    self._snapshots[str(state["blob"])] = found
                return found, Position(state.generation, state.last)
            state = journal.state()  # a newer look has just replaced it
        raise Unavailable("The change feed is being renewed. Try again.", retry_after=1)

    def tick(self, business: str) -> None:
        """Do what the clock asks for: a look if the last one is too old, the net once a day; and sweep."""
        journal = self._journal(business)
        state = journal.state()
        net_is_due = datetime.now(UTC) - state.moment("net_at") > NET_EVERY
        state = self._fresh(journal, with_net=state.is_seeded and net_is_due)
        journal.forget(state, datetime.now(UTC) - KEPT)

    def drop(self, business: str) -> None:
        """Remove a feed that nobody wants any more."""
        self._journal(business).drop()

    def _journal(self, business: str) -> Journal:
        return Journal(self._table, self._blobs, self._connection, business)

    @staticmethod
    def _read(journal: Journal, state: State, position: Position, *, last: int, limit: int, wanted: Wanted) -> Page:
        known = state.first - 1 <= position.number <= state.last
        if position.generation != state.generation or not known:
            raise Invalid(
                "This cursor is older than what the change feed keeps. Begin again without it.",
                code="CursorTooOld",
                target="cursor",
            )
        found: list[Entry] = []
        number = position.number
        while len(found) < limit and number < last and number - position.number < _MOST_SCANNED:
            entries = journal.read(number, last, limit)
            if not entries:
                break
            for entry in entries:
                if wanted(entry):
                    found.append(entry)
                number = entry.number
                if len(found) == limit:
                    break
        return Page(found, Position(state.generation, number), number < last)

    def _fresh(self, journal: Journal, *, with_net: bool = False) -> State:
        """Return a state that is young enough, looking or waiting for somebody else's look."""
        if not with_net and journal.partition not in self._asked:
            journal.ask(datetime.now(UTC))
            self._asked[journal.partition] = True
        until = time.monotonic() + min(_PATIENCE, context.remaining() / 2)
        lock = self._lock(journal.partition)
        is_first = lock.acquire(timeout=max(0.0, until - time.monotonic()))
        try:
            while True:
                state, now = journal.state(), datetime.now(UTC)
                if not with_net and now - state.moment("looked_at") <= self._observer.pace.refresh:
                    return state
                if (pause := (state.moment("paused_until") - now).total_seconds()) > 0:
                    raise Unavailable("Microsoft Graph failed a moment ago. Try again soon.", retry_after=pause)
                if state.moment("held_until") <= now and (look := journal.claim(state, now, _claim_seconds())):
                    with suppress(Conflict):
                        return self._look(journal, look, with_net=with_net)
                if time.monotonic() >= until:
                    if state.is_seeded and not with_net:
                        return state
                    raise Unavailable("The business is being looked at just now. Try again soon.", retry_after=2)
                time.sleep(_GLANCE)
        finally:
            if is_first:
                lock.release()

    def _look(self, journal: Journal, look: Look, *, with_net: bool) -> State:
        try:
            return self._observer.look(journal, look, with_net=with_net)
        except Conflict:
            _log.info("a look at %s was overtaken", journal.partition)
            raise
        except Exception as error:
            pause = 0.0
            if isinstance(error, Unavailable | OutcomeUnknown):
                asked_for = getattr(error, "retry_after", None) or 0.0
                pause = min(_PAUSE[1], max(_PAUSE[0], asked_for))
            with suppress(GatewayError):
                look.give_up(paused_until=datetime.now(UTC) + timedelta(seconds=pause))
            raise

    def _lock(self, partition: str) -> threading.Lock:
        with self._locks_lock:
            return self._locks.setdefault(partition, threading.Lock())


def tick_feeds(table: Table, feeds: Mapping[str, ChangeFeed], allows: Callable[[str, str], bool], own: Workers) -> None:
    """Do what the clock asks for, for every feed that somebody asked for within a month; remove the others.

    `own`: threads that the looks themselves do not use.
    """

    def tick(known: tuple[str, str, datetime]) -> None:
        connection, business, asked_at = known
        feed = feeds.get(connection)
        if feed is None or not allows(connection, business):
            return
        try:
            if datetime.now(UTC) - asked_at > _UNASKED:
                feed.drop(business)
            else:
                feed.tick(business)
        except GatewayError as error:
            _log.warning("the change feed of %s, %s: %s", connection, business, error)
        except Exception as error:  # noqa: BLE001 - one strange business must not keep the others from being looked at
            _log.error("the change feed of %s, %s broke: %s", connection, business, place_of(error))

    own.map(tick, list_feeds(table))


def _claim_seconds() -> float:
    shortest, usual, longest = _CLAIM
    left = context.remaining()
    return usual if left == float("inf") else min(longest, max(shortest, left + 5))
