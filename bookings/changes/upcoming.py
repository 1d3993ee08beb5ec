"""Find the appointments that are about to start: each is reported once, a given time before its start.

A consumer has a place in the calendar (a moment, and an appointment at that moment) and a position in the change feed.
Due is what begins between that place and the given time from now. Also due is what was created or rescheduled, since
that position, to a time before that place.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bookings.changes.feed import ChangeFeed, InvalidPositionError, Position
from bookings.changes.journal import Entry
from bookings.changes.kinds import Kind
from bookings.changes.snapshots import Records, start_of
from shared.json_text import Json

type Matches = Callable[[Json], bool]

_END = "~"  # sorts behind all names


@dataclass(frozen=True, order=True)
class Place:
    """A place in the calendar: a start, then a digest of the appointment's id."""

    start: datetime
    name: str = ""


@dataclass(frozen=True)
class Horizon:
    """How far a consumer has read: a place in the calendar, and a position in the change feed."""

    place: Place
    position: Position

    def to_json(self) -> list[Any]:
        """Return what a trigger state holds."""
        return [*self.position.to_json(), self.place.start.timestamp(), self.place.name]

    @staticmethod
    def from_json(payload: Any) -> "Horizon":
        """Read what `to_json` returned. Raises InvalidPositionError."""
        match payload:
            case [generation, number, int() | float() as start, str() as name]:
                place = Place(datetime.fromtimestamp(start, UTC), name)
                return Horizon(place, Position.from_json([generation, number]))
            case _:
                raise InvalidPositionError(
                    "This is not a state of an upcoming appointment. Begin again without it.",
                    code="InvalidCursor",
                    target="triggerState",
                )


@dataclass(frozen=True)
class Due:
    """The appointments that are due, where to go on, and whether more are waiting."""

    records: list[Json]
    horizon: Horizon
    has_more: bool


def begin(feed: ChangeFeed, business: str, ahead: timedelta) -> Horizon:
    """Return where a new consumer begins: behind the appointments that start within the time ahead."""
    return Horizon(Place(datetime.now(UTC) + ahead, _END), feed.tail(business))


def find_due(
    feed: ChangeFeed, business: str, horizon: Horizon, ahead: timedelta, *, limit: int, wanted: Matches
) -> Due:
    """Return what became due since the consumer last asked. Raises InvalidPositionError like `ChangeFeed.page`."""
    now = datetime.now(UTC)
    snapshot, scanned = feed.snapshot(business)
    page = feed.page(business, horizon.position, limit, _may_be_late, until=scanned)
    records: list[Json] = []
    for entry in page.entries:
        known = snapshot.records.get(entry.record["id"])
        is_behind = place_of(entry.record) <= horizon.place and start_of(entry.record) > now
        if known and start_of(known) == start_of(entry.record) and is_behind and wanted(known):
            records.append(known)
    if page.has_more:  # the calendar has to wait, or an appointment booked before the place would be reported twice
        return Due(records, Horizon(horizon.place, page.position), has_more=True)
    due = _between(snapshot.records, horizon.place, max(now, horizon.place.start), now + ahead, wanted)
    left = limit - len(records)
    if len(due) <= left:
        return Due(records + due, Horizon(max(horizon.place, Place(now + ahead, _END)), page.position), has_more=False)
    place = place_of(due[left - 1]) if left else horizon.place
    return Due(records + due[:left], Horizon(place, page.position), has_more=True)


def _may_be_late(entry: Entry) -> bool:
    return bool({Kind.CREATED, Kind.RESCHEDULED} & set(entry.kinds))


def place_of(record: Json) -> Place:
    """Return an appointment's place in the calendar."""
    return Place(start_of(record), hashlib.sha256(str(record["id"]).encode()).hexdigest()[:12])


def _between(records: Records, place: Place, start: datetime, end: datetime, wanted: Matches) -> list[Json]:
    found = [
        record
        for record in records.values()
        if start <= start_of(record) <= end and place_of(record) > place and wanted(record)
    ]
    return sorted(found, key=place_of)
