"""Which appointments are about to start: each is told once, so many minutes before.

A consumer stands behind a moment (and the appointment at it) in the calendar, and behind a change of the feed. Due is
what begins between that moment and so many minutes from now; and what was booked or moved, since that change, to a time
that the moment has passed already.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bookings.changes.comparing import Kind
from bookings.changes.feed import ChangeFeed, Position
from bookings.changes.journal import Entry
from bookings.changes.snapshots import Records, start_of
from shared.json_text import Json

type Matches = Callable[[Json], bool]

_END = "~"  # behind all names


@dataclass(frozen=True, order=True)
class Place:
    """A place in the calendar: start, then a digest of the id."""

    start: datetime
    name: str = ""


@dataclass(frozen=True)
class Horizon:
    """Where a consumer stands."""

    place: Place
    position: Position


@dataclass(frozen=True)
class Due:
    """What is to be told now, where to go on, and whether more is waiting."""

    records: list[Json]
    horizon: Horizon
    has_more: bool


def begin(feed: ChangeFeed, business: str, ahead: timedelta) -> Horizon:
    """Return where a new consumer stands: what begins within the time ahead is not told any more."""
    return Horizon(Place(datetime.now(UTC) + ahead, _END), feed.tail(business))


def find_due(
    feed: ChangeFeed, business: str, horizon: Horizon, ahead: timedelta, *, limit: int, wanted: Matches
) -> Due:
    """Return what became due since the consumer last asked. Raises Invalid like `ChangeFeed.page`."""
    now = datetime.now(UTC)
    snapshot, looked = feed.snapshot(business)
    page = feed.page(business, horizon.position, limit, _may_be_late, until=looked)
    records: list[Json] = []
    for entry in page.entries:
        known = snapshot.records.get(entry.record["id"])
        is_behind = place_of(entry.record) <= horizon.place and start_of(entry.record) > now
        if known and start_of(known) == start_of(entry.record) and is_behind and wanted(known):
            records.append(known)
    if page.has_more:  # the calendar has to wait, or what is booked in front of the place would be told twice
        return Due(records, Horizon(horizon.place, page.position), has_more=True)
    due = _between(snapshot.records, horizon.place, max(now, horizon.place.start), now + ahead, wanted)
    room = limit - len(records)
    if len(due) <= room:
        return Due(records + due, Horizon(max(horizon.place, Place(now + ahead, _END)), page.position), has_more=False)
    place = place_of(due[room - 1]) if room else horizon.place
    return Due(records + due[:room], Horizon(place, page.position), has_more=True)


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
