"""Scan a business: read what Graph shows now, compare it with the last snapshot, publish the changes.

    near scan    from a day ago to the end of the window; every time
    far scan     from there to two years on; once a day, by the timer only

Microsoft does not document which appointments calendarView shows at the edges of a range, so the scan asks for a day
more on both sides and drops what begins outside.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bookings.changes.comparing import Comparison, Doubt, compare
from bookings.changes.journal import Journal, Scan, State
from bookings.changes.snapshots import Snapshot, View, digest, read_records, start_of
from bookings.changes.whole_records import complete
from bookings.windows import cut_windows
from shared.errors import ConfigurationError, Forbidden, GatewayError, NotFound, Unavailable
from shared.events import Event, log_event
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.time_zones.zones import UnreadableMomentError, find_zone, read_moment
from shared.workers import Workers

_log = logging.getLogger("gateway.changes")

_EDGE = timedelta(days=1)
_LONGEST_GAP = timedelta(days=30)  # after a longer pause, older appointments are not compared any more
_FAR = timedelta(days=731)
_DETAILS_WANTED = timedelta(days=31)
FAR_SCAN_EVERY = timedelta(days=1)


@dataclass(frozen=True)
class Pace:
    """How many days ahead a scan reads, and how old the last scan may be when a caller asks."""

    window: timedelta
    refresh: timedelta


type ReadWhole = Callable[[str, Sequence[Json]], Mapping[str, Json]]


class Scanner:
    """Scans the businesses of one connection.

    `read_whole` returns the whole records of a business by id, without those that Graph does not send now.
    """

    def __init__(self, graph: GraphBookings, workers: Workers, pace: Pace, read_whole: ReadWhole) -> None:
        self._graph = graph
        self._read_whole = read_whole
        self._workers = workers
        self.pace = pace

    def run(self, journal: Journal, scan: Scan, *, with_far_scan: bool = False) -> State:
        """Scan once and publish the changes. The first scan publishes none, only where to go on from."""
        state, now = scan.state, datetime.now(UTC)
        last = state.moment("scanned_at") if state.is_seeded else now
        start = max(now - _LONGEST_GAP, min(now, last)) - _EDGE
        end = now + self.pace.window
        near = self._view(journal.business, start, end)
        seen = digest(near.records)
        wishes = journal.read_wishes(now - _DETAILS_WANTED)
        values: dict[str, object] = {"scanned_at": now, "seeded_until": max(end, state.moment("seeded_until"))}
        values |= {"reads_whole": wishes.details, "reads_groups": wishes.people}
        is_whole = state["is_whole"] and state["blob"] == state["whole_blob"]  # else an older version has scanned
        are_wishes_known = (state["reads_whole"] or not wishes.details) and (is_whole or not wishes.people)
        is_known = seen == state["digest"] and are_wishes_known
        if state.is_seeded and not with_far_scan and is_known:
            return scan.finish(**values)
        old = journal.snapshot(state)
        if old is None:
            if state.is_seeded:
                log_event(Event.CHANGES_LOST, connection=journal.connection, business=journal.business)
            values |= {"digest": seen, "seeded_at": now, "seeded_until": end}
            return self._seed(journal, scan, Snapshot(near.records), values)
        views = [near]
        if with_far_scan:
            views.append(self._view(journal.business, end, now + _FAR))
            values |= {"seeded_until": now + _FAR}
        found = compare(
            old,
            views,
            lambda names: self._verify(journal.business, names, old),
            lambda record: _existed_before(record, state),
            retire=start,
        )
        _log.info("scanned %s: %d changes", journal.partition, len(found.changes))
        if with_far_scan and found.is_complete:
            values |= {"far_scanned_at": now}
        # An empty digest makes the next scan compare again; without the stamp the far scan is repeated, too.
        values |= {"digest": seen if found.is_complete else ""}
        return self._publish(journal, scan, old, found, values)

    def _seed(self, journal: Journal, scan: Scan, snapshot: Snapshot, values: Mapping[str, object]) -> State:
        """Begin a new generation of the feed: numbers of an earlier generation are not valid any more."""
        fresh = {"first": 1, "last": 0, "generation": str(scan.state["next_blob"]).rpartition("/")[2][:12]}
        return self._publish(journal, scan, Snapshot(), Comparison([], snapshot, is_complete=True), {**values, **fresh})

    def _publish(
        self, journal: Journal, scan: Scan, old: Snapshot, found: Comparison, values: Mapping[str, object]
    ) -> State:
        """Publish what was found, with whole records where they are wanted."""
        if not values["reads_groups"]:
            return scan.publish(found.changes, found.snapshot, **values, is_whole=False)
        completed = complete(
            old,
            found.snapshot,
            found.changes,
            lambda records: self._read_whole(journal.business, records),
            only_groups=not values["reads_whole"],
        )
        return scan.publish(completed.changes, completed.snapshot, **values, is_whole=completed.is_complete)

    def _view(self, business: str, start: datetime, end: datetime) -> View:
        windows = cut_windows(start - _EDGE, end + _EDGE)
        found = self._workers.map(lambda window: self._graph.calendar_view(business, *window), windows)
        return View(start, end, read_records((item for items in found for item in items), start, end))

    def _verify(self, business: str, names: Sequence[str], old: Snapshot) -> dict[str, "Json | Doubt | None"]:
        """Look up vanished appointments: each does not exist any more, exists outside the views, or is in doubt."""

        def look_up(name: str) -> Json | Doubt | None:
            try:
                item = self._graph.get_appointment(business, name)
            except NotFound as error:
                if error.code != "AppointmentNotFound":
                    raise
                return None
            except (ConfigurationError, Forbidden):
                raise
            except GatewayError as error:
                _log.warning("Graph did not say whether an appointment still exists: %s", error)
                return Doubt(counts=not isinstance(error, Unavailable))
            return _as_listed(item, old.records[name])

        return dict(zip(names, self._workers.map(look_up, names), strict=True))


def _as_listed(item: Json, known: Json) -> Json:
    """Return a whole record as a list would show it: properties that lists leave empty keep the listed value."""
    return {name: item.get(name) if value not in (None, []) else value for name, value in known.items()}


def _existed_before(record: Json, state: State) -> bool:
    """Return whether an appointment that a scan sees for the first time was booked before the feed began."""
    if start_of(record) < state.moment("seeded_until"):
        return False
    try:
        created = read_moment(str(record.get("createdDateTime") or ""), find_zone("UTC"))
    except UnreadableMomentError:  # absent in US Government
        return True
    return created <= state.moment("seeded_at")
