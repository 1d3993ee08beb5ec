"""Where holds are kept: all holds of a business in one row of a table, guarded by the row's version.

    read the row -> read the calendar -> is the place free? -> replace the row, if it still has that version

So of two calls that want the last place, on two instances as well, one replaces the row and the other one reads it
again. Every write of the gateway that takes somebody's time does the same before it is sent to Graph, and counts up
`writes` when it is done: a calendar that was read before may lack it and is read again (`Overtaken`).

A hold ends by itself when it expires; the next change of the row removes it. A worker that dies at any step leaves
nothing but holds that expire.
"""

import hashlib
import json
import logging
import random
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace

from bookings.free_time.held_time import Hold, Overtaken, Place
from shared.errors import Conflict, GatewayError, Unavailable
from shared.json_text import Json
from shared.retry import space_tries
from shared.storage.idempotency import LEASE, Attempt, WriteLost
from shared.storage.tables import Entity, Table

_log = logging.getLogger("gateway.holds")

TABLE = "holds"
MOST_HOLDS = 200
_ROW = "holds"
_MOST_TRIES = 25
_MOST_BYTES = 60 * 1024  # a property holds 64 KiB
_MOST_REPEATS = 4
_PAUSE = 0.05
_FIELDS = frozenset(field.name for field in fields(Hold))

type Check = Callable[[Sequence[Hold]], None]


def repeat_overtaken[Result](work: Callable[[], Result]) -> Result:
    """Do the work; do it again from the beginning if others were faster. Raises Overtaken in the end."""
    for _ in range(_MOST_REPEATS):
        try:
            return work()
        except Overtaken as overtaken:
            time.sleep(random.uniform(0.5, 1) * overtaken.pause)  # noqa: S311 - spreads load, guards nothing
    return work()


def mark_change(attempt: Attempt, appointment: str) -> Attempt:
    """Return the attempt of a change, marked by its appointment.

    So a change that is sent again, without a key as well, knows the place that a lost try of it still holds.
    """
    return replace(attempt, mark=hashlib.sha256(appointment.encode()).hexdigest()[:12])


@dataclass(frozen=True)
class HeldPage:
    """The holds of a business that have not expired, the number of writes that ended, and the version of the row."""

    holds: tuple[Hold, ...] = ()
    writes: int = 0
    etag: str | None = None

    def find(self, hold: str | None) -> Hold | None:
        """Return a hold by its id, or None."""
        return next((each for each in self.holds if each.id == hold), None)

    def others(self, own: str | None, mark: str | None = None) -> list[Hold]:
        """Return the holds without one's own, by its id or by the mark of the attempt that made it."""
        return [hold for hold in self.holds if hold.id != own and (mark is None or hold.mark != mark)]


class HoldStore:
    """The holds of all businesses, by the address of the page: several connections may lead to one page."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, business: str) -> HeldPage:
        """Read the holds of a business: one read of storage."""
        row = self._table.get(business.lower(), _ROW)
        if row is None:
            return HeldPage()
        now = time.time()
        holds = tuple(hold for hold in _unpack(row.values["holds"]) if hold.expires > now)
        return HeldPage(holds, int(row.values["writes"]), row.etag)

    def read_holds(self, business: str, own: str | None) -> Sequence[Hold]:
        """Return the holds of a business without one's own, as `ReadHolds` says."""
        return self.read(business).others(own)

    def take(self, business: str, page: HeldPage, hold: Hold, check: Check) -> None:
        """Add a hold, or replace the one with its id.

        `page` was read before the calendar; `check` gets the other holds and raises Conflict if one is in the way.
        Raises Overtaken, and Conflict if there are too many holds.
        """
        writes = page.writes
        for number in space_tries(_MOST_TRIES):
            if number:
                page = self.read(business)
            if page.writes != writes:
                raise Overtaken(_PAUSE)
            others = page.others(hold.id)
            check([other for other in others if other.mark != hold.mark])
            if not hold.is_write and sum(not other.is_write for other in others) >= MOST_HOLDS:
                raise Conflict(
                    f"{MOST_HOLDS} slots of this page are held already. Try again in some minutes, or release some.",
                    code="TooManyHolds",
                )
            if self._replace(business, page, [*others, hold], added=hold):
                return
        raise Overtaken(_PAUSE)

    def end(self, business: str, hold: str, *, back: Hold | None = None, has_written: bool = False) -> None:
        """Remove a hold, or put `back` what it was before. `has_written`: its place is in the calendar now."""
        for _ in space_tries(_MOST_TRIES):
            page = self.read(business)
            if page.find(hold) is None and not has_written:
                return
            kept = page.others(hold)
            if back is not None and not has_written:
                kept.append(back)
            page = replace(page, writes=page.writes + 1) if has_written else page
            if self._replace(business, page, kept):
                return
        raise Overtaken(_PAUSE)

    @contextmanager
    def keep(
        self,
        business: str,
        page: HeldPage,
        place: Place,
        *,
        staff: Sequence[str],
        attempt: Attempt,
        check: Check,
        own: Hold | None = None,
    ) -> Iterator[None]:
        """Hold a place while the block writes it to Graph; `own` is the hold that the write uses up.

        Raises what `take` raises, before anything is written. If the block raises WriteLost, the place stays held
        for a while, because the write may still be under way.
        """
        now = int(time.time())
        ends = now + int(LEASE.total_seconds())
        seats = max(place.seats, own.seats) if own else place.seats
        hold = Hold(
            **asdict(place) | {"seats": seats},
            id=own.id if own else f"write-{attempt.mark}",
            mark=attempt.mark,
            staff=tuple(staff),
            made=own.made if own else now,
            expires=max(ends, own.expires) if own else ends,
            is_write=True,
        )
        self.take(business, page, hold, check)
        try:
            yield
        except WriteLost:
            self._end_quietly(business, hold.id, back=replace(hold, is_write=False))
            raise
        except GatewayError:
            self._end_quietly(business, hold.id, back=own)
            raise
        self._end_quietly(business, hold.id, has_written=True)

    def _end_quietly(self, business: str, hold: str, *, back: Hold | None = None, has_written: bool = False) -> None:
        """End a hold whose write is over and must be answered; if storage fails, the hold ends by itself."""
        try:
            self.end(business, hold, back=back, has_written=has_written)
        except GatewayError as error:
            _log.warning("a hold could not be ended and expires by itself: %s", error)

    def _replace(self, business: str, page: HeldPage, holds: Sequence[Hold], *, added: Hold | None = None) -> bool:
        """Replace the row of which `page` was read; False if it has another version by now."""
        entity: Entity = {
            "PartitionKey": business.lower(),
            "RowKey": _ROW,
            "holds": _pack(holds),
            "writes": page.writes,
        }
        try:
            return self._table.create(entity) if page.etag is None else self._table.update(entity, page.etag)
        except Unavailable:  # the answer may have been lost
            if added is not None and added in self.read(business).holds:
                return True
            raise


def _pack(holds: Sequence[Hold]) -> bytes:
    packed = zlib.compress(json.dumps([asdict(hold) for hold in holds], separators=(",", ":")).encode())
    if len(packed) > _MOST_BYTES:
        raise Conflict("Too many slots of this page are held. Try again in some minutes.", code="TooManyHolds")
    return packed


def _unpack(packed: bytes) -> list[Hold]:
    return [_read_hold(each) for each in json.loads(zlib.decompress(packed))]


def _read_hold(values: Json) -> Hold:
    """Return a hold; what a later version of the gateway may have added is left out."""
    known = {name: value for name, value in values.items() if name in _FIELDS}
    return Hold(**known | {"staff": tuple(known["staff"])})
