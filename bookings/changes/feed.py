"""The change feed as its consumers see it: pages of changes behind a position, each change once and in order.

A scan runs when a caller asks and the last scan is too old, and by the timer for the feeds that were asked for within a
month. If many callers ask at once, on any number of instances, one of them scans and the others wait for its result.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import cachetools

from bookings.changes.journal import Entry, Journal, Scan, State, list_feeds
from bookings.changes.scanning import FAR_SCAN_EVERY, Scanner
from bookings.changes.snapshots import Snapshot
from shared import context
from shared.errors import Conflict, GatewayError, Invalid, OutcomeUnknown, Unavailable, place_of
from shared.json_text import Json
from shared.storage.blobs import Container
from shared.storage.tables import Table
from shared.time_zones.zones import LONG_AGO, utc_text
from shared.workers import Workers

_log = logging.getLogger("gateway.changes")

KEPT_DAYS = 30
KEPT = timedelta(days=KEPT_DAYS)
_UNWANTED_AFTER = timedelta(days=31)
_PATIENCE = 8.0  # seconds to wait for the scan of another caller
_CHECK_EVERY = 0.15
_CLAIM = (30.0, 60.0, 300.0)  # shortest, usual, longest; the call's remaining time counts if it has a limit
_PAUSE = (10.0, 60.0)
_MOST_FILTERED = 1_000
_SNAPSHOTS_REMEMBERED = 8

type Wanted = Callable[[Entry], bool]
type ReadEntries = Callable[[int, int, int], list[Entry]]
type Announce = Callable[[str], None]  # it gets the business whose feed has grown, and raises nothing


class InvalidPositionError(Invalid):
    """A position of a change feed that cannot be read, or that the feed does not keep any more."""


@dataclass(frozen=True)
class Position:
    """The last change that a consumer has read, and the generation of the feed that the number belongs to."""

    generation: str
    number: int

    def to_json(self) -> list[Any]:
        """Return what a cursor or a trigger state holds."""
        return [self.generation, self.number]

    @staticmethod
    def from_json(payload: Any) -> "Position":
        """Read what `to_json` returned. Raises InvalidPositionError."""
        match payload:
            case [str() as generation, int() as number]:
                return Position(generation, number)
            case _:
                raise InvalidPositionError(
                    "This cursor is not one of a change feed. Begin again without it.",
                    code="InvalidCursor",
                    target="cursor",
                )


@dataclass(frozen=True)
class Page:
    """Changes in order, where to go on, and whether more are waiting."""

    entries: list[Entry]
    position: Position
    has_more: bool


@dataclass(frozen=True)
class FeedAge:
    """When a business was last scanned, None: never; and whether the timer scans it, because somebody asks for it."""

    scanned_at: datetime | None
    is_followed: bool

    def describe(self, now: datetime) -> Json:
        """Return it for an answer."""
        age = round((now - self.scanned_at).total_seconds()) if self.scanned_at else None
        return {
            "lastScanDateTime": utc_text(self.scanned_at) if self.scanned_at else None,
            "ageSeconds": None if age is None else max(0, age),
            "isFollowed": self.is_followed,
        }


class ChangeFeed:
    """The change feeds of one connection. `announce` is called when one has grown."""

    def __init__(
        self,
        connection: str,
        scanner: Scanner,
        table: Table,
        blobs: Container,
        announce: Announce = lambda _: None,
    ) -> None:
        self._announce = announce
        self._connection = connection
        self._scanner = scanner
        self._table = table
        self._blobs = blobs
        self._locks: dict[str, threading.Lock] = {}
        self._locks_lock = threading.Lock()
        self._registered: cachetools.TTLCache[str, bool] = cachetools.TTLCache(1_000, 12 * 3600)
        self._snapshots: cachetools.LRUCache[str, Snapshot] = cachetools.LRUCache(_SNAPSHOTS_REMEMBERED)

    def want_details(self, business: str, *, only_people: bool = False) -> None:
        """Let scans keep whole records from now on: a month, or for as long as somebody asks for details.

        `only_people`: of groups. The next question waits for a scan that reads them: whoever joins a group after it is
        known to be new.
        """
        journal = self._journal(business)
        if (key := _wish_of(journal, only_people=only_people)) not in self._registered:
            journal.register_details(datetime.now(UTC), only_people=only_people)
            self._registered[key] = True

    def tail(self, business: str) -> Position:
        """Return the position behind the newest change."""
        state = self._fresh(self._journal(business))
        return Position(state.generation, state.last)

    def start(self, business: str, since: datetime | None = None) -> Position:
        """Return the position before the changes published since a moment; without one, before all that are kept."""
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
        """Return the wanted changes behind a position. Raises InvalidPositionError for one that is not kept.

        If Graph fails, return the changes recorded so far; raise only if there are none.
        """
        journal = self._journal(business)
        error: GatewayError | None = None
        try:
            state = self._fresh(journal)
        except (Unavailable, OutcomeUnknown) as caught:
            error, state = caught, journal.state()
        last = min(state.last, until.number) if until else state.last
        page = read_page(journal.read, state, position, last=last, limit=limit, wanted=wanted)
        if error and not page.entries:
            raise error
        return page

    def open_recorded(self, business: str) -> "RecordedChanges":
        """Return what reads the changes that are recorded, and never scans."""
        return RecordedChanges(self._journal(business))

    def keep(self, business: str) -> datetime:
        """Let the timer go on with the scans of a business, as if a caller had asked; return that moment."""
        now = datetime.now(UTC)
        self._journal(business).register_interest(now)
        return now

    def read_age(self, business: str) -> FeedAge:
        """Return how old the feed is. It scans nothing, and is no question that prolongs the scans."""
        journal, now = self._journal(business), datetime.now(UTC)
        scanned_at = journal.state().moment("scanned_at")
        return FeedAge(scanned_at if scanned_at > LONG_AGO else None, now - journal.read_interest() <= _UNWANTED_AFTER)

    def snapshot(self, business: str) -> tuple[Snapshot, Position]:
        """Return the appointments of the last scan, and the position behind that scan's changes."""
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
            state = journal.state()  # a newer scan has just replaced it
        raise Unavailable("The change feed is being renewed. Try again.", retry_after=1)

    def tick(self, business: str) -> None:
        """Timer work: scan if the last scan is too old, scan the far future once a day, delete old changes."""
        journal = self._journal(business)
        state = journal.state()
        far_scan_is_due = datetime.now(UTC) - state.moment("far_scanned_at") > FAR_SCAN_EVERY
        state = self._fresh(journal, with_far_scan=state.is_seeded and far_scan_is_due)
        journal.forget(state, datetime.now(UTC) - KEPT)

    def look(self, business: str, announced_at: datetime) -> None:
        """Scan a business, of which changes were announced until a moment, unless a later scan has seen them.

        What nobody asks for is not scanned, and its scans are not prolonged by that.
        """
        journal = self._journal(business)
        if journal.state().is_seeded:
            self._fresh(journal, not_before=announced_at)

    def drop(self, business: str) -> None:
        """Remove a feed that nobody has asked for within a month."""
        self._journal(business).drop()

    def _journal(self, business: str) -> Journal:
        return Journal(self._table, self._blobs, self._connection, business)

    def _fresh(self, journal: Journal, *, with_far_scan: bool = False, not_before: datetime | None = None) -> State:
        """Return a fresh state: scan now, or wait for the scan that another caller has begun.

        `not_before`: a scan since then is fresh; without it, one within the interval.
        """
        if not (with_far_scan or not_before) and journal.partition not in self._registered:
            journal.register_interest(datetime.now(UTC))
            self._registered[journal.partition] = True
        until = time.monotonic() + min(_PATIENCE, context.remaining() / 2)
        lock = self._lock(journal.partition)
        is_first = lock.acquire(timeout=max(0.0, until - time.monotonic()))
        try:
            while True:
                state, now = journal.state(), datetime.now(UTC)
                is_read = self._is_read(journal, state)
                is_fresh = state.moment("scanned_at") >= (not_before or now - self._scanner.pace.refresh)
                if not with_far_scan and is_read and is_fresh:
                    return state
                if (pause := (state.moment("paused_until") - now).total_seconds()) > 0:
                    raise Unavailable("Microsoft Graph failed a moment ago. Try again soon.", retry_after=pause)
                if state.moment("held_until") <= now and (scan := journal.claim(state, now, _claim_seconds())):
                    with suppress(Conflict):
                        return self._scan(journal, scan, with_far_scan=with_far_scan)
                if time.monotonic() >= until:
                    if state.is_seeded and not with_far_scan:
                        return state
                    raise Unavailable(
                        "Another call is scanning this business now. Try again in a few seconds.", retry_after=2
                    )
                time.sleep(_CHECK_EVERY)
        finally:
            if is_first:
                lock.release()

    def _is_read(self, journal: Journal, state: State) -> bool:
        """Say whether the last scan read the whole records that callers of this process want."""
        wants_all, wants_groups = (_wish_of(journal, only_people=each) in self._registered for each in (False, True))
        reads = bool(state["reads_whole"]), bool(state["reads_groups"])
        return (reads[0] or not wants_all) and (any(reads) or not wants_groups)

    def _scan(self, journal: Journal, scan: Scan, *, with_far_scan: bool) -> State:
        """Run a claimed scan; if it fails, release the claim and pause the scans of this business for a while."""
        last = scan.state.last
        try:
            state = self._scanner.run(journal, scan, with_far_scan=with_far_scan)
        except Conflict:
            _log.info("another scan of %s has taken over", journal.partition)
            raise
        except Exception as error:
            pause = 0.0
            if isinstance(error, Unavailable | OutcomeUnknown):
                asked_for = getattr(error, "retry_after", None) or 0.0
                pause = min(_PAUSE[1], max(_PAUSE[0], asked_for))
            with suppress(GatewayError):
                scan.give_up(paused_until=datetime.now(UTC) + timedelta(seconds=pause))
            raise
        if state.last > last:
            self._announce(journal.business)
        return state

    def _lock(self, partition: str) -> threading.Lock:
        with self._locks_lock:
            return self._locks.setdefault(partition, threading.Lock())


class RecordedChanges:
    """The recorded changes of one business as they were at the first look, for many consumers: each is read once."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        self._state: State | None = None
        self._read: dict[tuple[int, int, int], list[Entry]] = {}

    def tail(self) -> Position:
        """Return the position behind the newest change."""
        state = self._look()
        return Position(state.generation, state.last)

    def page(self, position: Position, limit: int, wanted: Wanted) -> Page:
        """Return the wanted changes behind a position. Raises InvalidPositionError for one that is not kept."""
        state = self._look()
        return read_page(self._entries, state, position, last=state.last, limit=limit, wanted=wanted)

    def _look(self) -> State:
        with self._lock:
            if self._state is None:
                self._state = self._journal.state()
            return self._state

    def _entries(self, after: int, last: int, limit: int) -> list[Entry]:
        key = (after, last, limit)
        with self._lock:
            if key not in self._read:
                self._read[key] = self._journal.read(after, last, limit)
            return self._read[key]


def read_page(read: ReadEntries, state: State, position: Position, *, last: int, limit: int, wanted: Wanted) -> Page:
    """Return the wanted changes behind a position. Raises InvalidPositionError for one that is not kept."""
    known = state.first - 1 <= position.number <= state.last
    if position.generation != state.generation or not known:
        raise InvalidPositionError(
            "This cursor is older than the changes that are kept. Begin again without it.",
            code="CursorTooOld",
            target="cursor",
        )
    found: list[Entry] = []
    number = position.number
    while len(found) < limit and number < last and number - position.number < _MOST_FILTERED:
        entries = read(number, last, limit)
        if not entries:
            break
        for entry in entries:
            if entry.kinds and wanted(entry):
                found.append(entry)
            number = entry.number
            if len(found) == limit:
                break
    return Page(found, Position(state.generation, number), number < last)


def tick_feeds(table: Table, feeds: Mapping[str, ChangeFeed], allows: Callable[[str, str], bool], own: Workers) -> None:
    """Do the timer work of every feed that a caller asked for within a month; remove the others.

    `own`: threads that the scans themselves do not use.
    """

    def tick(known: tuple[str, str, datetime]) -> None:
        connection, business, asked_at = known
        feed = feeds.get(connection)
        if feed is None or not allows(connection, business):
            return
        try:
            if datetime.now(UTC) - asked_at > _UNWANTED_AFTER:
                feed.drop(business)
            else:
                feed.tick(business)
        except GatewayError as error:
            _log.warning("the change feed of %s, %s: %s", connection, business, error)
        except Exception as error:  # noqa: BLE001 - one business that fails must not stop the scans of the others
            _log.error("the change feed of %s, %s failed: %s", connection, business, place_of(error))

    own.map(tick, list_feeds(table))


def _wish_of(journal: Journal, *, only_people: bool) -> str:
    return f"{journal.partition}|{'people' if only_people else 'details'}"


def _claim_seconds() -> float:
    shortest, usual, longest = _CLAIM
    left = context.remaining()
    return usual if left == float("inf") else min(longest, max(shortest, left + 5))
