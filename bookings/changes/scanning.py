"""One look at a business: what Graph shows now, compared with what it showed last.

    near    from a day ago to the end of the window; each look
    far     from there to two years on; once a day, and by the clock only

Which appointments calendarView shows at the edges of a range is nowhere written, so a day more is asked for on both
sides, and what begins outside is dropped.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bookings.changes.comparing import Doubt, compare
from bookings.changes.journal import Journal, Look, State
from bookings.changes.snapshots import Snapshot, View, digest, read_records, start_of
from bookings.windows import cut_windows
from shared.errors import ConfigurationError, Forbidden, GatewayError, NotFound, Unavailable
from shared.events import Event, log_event
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.time_zones.zones import UnreadableMomentError, find_zone, read_moment
from shared.workers import Workers

_log = logging.getLogger("gateway.changes")

_EDGE = timedelta(days=1)
_LONGEST_GAP = timedelta(days=30)  # after a longer silence older appointments are of no interest any more
_FAR = timedelta(days=731)
NET_EVERY = timedelta(days=1)


@dataclass(frozen=True)
class Pace:
    """How far ahead is looked, and how old a look may be for somebody who asks."""

    window: timedelta
    refresh: timedelta


class Observer:
    """Looks at the businesses of one connection."""

    def __init__(self, graph: GraphBookings, workers: Workers, pace: Pace) -> None:
        self._graph = graph
        self._workers = workers
        self.pace = pace

    def look(self, journal: Journal, look: Look, *, with_net: bool = False) -> State:
        """Look once and publish what has happened. The first look publishes nothing but where to go on from."""
        state, now = look.state, datetime.now(UTC)
        last = state.moment("looked_at") if state.is_seeded else now
        start = max(now - _LONGEST_GAP, min(now, last)) - _EDGE
        end = now + self.pace.window
        near = self._view(journal.business, start, end)
        seen = digest(near.records)
        values = {"looked_at": now, "seeded_until": max(end, state.moment("seeded_until"))}
        if state.is_seeded and not with_net and seen == state["digest"]:
            return look.finish(**values)
        old = journal.snapshot(state)
        if old is None:
            if state.is_seeded:
                log_event(Event.CHANGES_LOST, connection=journal.connection, business=journal.business)
            return self._seed(look, near, values | {"digest": seen, "seeded_at": now, "seeded_until": end})
        views = [near]
        if with_net:
            views.append(self._view(journal.business, end, now + _FAR))
            values |= {"seeded_until": now + _FAR}
        outcome = compare(
            old,
            views,
            lambda names: self._verify(journal.business, names, old),
            lambda record: _was_there_before(record, state),
            retire=start,
        )
        _log.info("looked at %s: %d changes", journal.partition, len(outcome.changes))
        if with_net and outcome.is_whole:
            values |= {"net_at": now}
        # Without a digest the next look compares again, without that stamp the net, and both finish what was left.
        return look.publish(outcome.changes, outcome.snapshot, **values, digest=seen if outcome.is_whole else "")

    @staticmethod
    def _seed(look: Look, near: View, values: Mapping[str, object]) -> State:
        """Begin the feed's life, or its next one: numbers of an earlier one end here."""
        fresh = {"first": 1, "last": 0, "generation": str(look.state["next_blob"]).rpartition("/")[2][:12]}
        return look.publish([], Snapshot(near.records), **{**values, **fresh})

    def _view(self, business: str, start: datetime, end: datetime) -> View:
        windows = cut_windows(start - _EDGE, end + _EDGE)
        found = self._workers.map(lambda window: self._graph.calendar_view(business, *window), windows)
        return View(start, end, read_records((item for items in found for item in items), start, end))

    def _verify(self, business: str, names: Sequence[str], old: Snapshot) -> dict[str, "Json | Doubt | None"]:
        """Look up appointments that vanished: gone, moved out of sight, or not to be known just now."""

        def ask(name: str) -> Json | Doubt | None:
            try:
                item = self._graph.get_appointment(business, name)
            except NotFound as error:
                if error.code != "AppointmentNotFound":
                    raise
                return None
            except (ConfigurationError, Forbidden):
                raise
            except GatewayError as error:
                _log.warning("whether an appointment is gone could not be found out: %s", error)
                return Doubt(counts=not isinstance(error, Unavailable))
            return _as_listed(item, old.records[name])

        return dict(zip(names, self._workers.map(ask, names), strict=True))


def _as_listed(item: Json, known: Json) -> Json:
    """Return a whole record as a list would show it: properties that lists leave empty say nothing here."""
    return {name: item.get(name) if value not in (None, []) else value for name, value in known.items()}


def _was_there_before(record: Json, state: State) -> bool:
    """Say whether an appointment that comes into sight was booked before the feed began."""
    if start_of(record) < state.moment("seeded_until"):
        return False
    try:
        created = read_moment(str(record.get("createdDateTime") or ""), find_zone("UTC"))
    except UnreadableMomentError:  # absent in US Government
        return True
    return created <= state.moment("seeded_at")
