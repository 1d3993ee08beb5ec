"""Larger buffers of an appointment that stands: the time that they add must be free for its staff, as for a booking."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from bookings.describe import appointment_times
from bookings.free_time.held_time import Hold, Place, refuse_held
from bookings.free_time.intervals import Interval, touches
from bookings.free_time.staff_spans import SpanQuestion, read_calendar, read_spans
from bookings.free_time.staff_time import find_staff_time
from bookings.holds.store import HoldStore
from bookings.names import Names
from shared.errors import Conflict
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.storage.idempotency import Attempt
from shared.time_zones.zones import read_duration

_NONE = timedelta(0)


class Buffers:
    """Changes of buffers on the businesses of one connection."""

    def __init__(self, graph: GraphBookings, names: Names, holds: HoldStore) -> None:
        self._graph = graph
        self._names = names
        self._holds = holds

    @contextmanager
    def keep(self, business: str, old: Json, details: Json, attempt: Attempt) -> Iterator[None]:
        """Hold the time that larger buffers add to an appointment while the block writes them.

        Costs nothing unless a buffer grows, and then three calls to Graph. Raises Conflict if somebody of the staff is
        not free then or it is held for others, and Overtaken.
        """
        before, after = _read_buffers(old, old), _read_buffers(details, old)
        start, end = appointment_times(old)
        parts = {
            "preBuffer": _seconds(start - after[0], start - before[0]),
            "postBuffer": _seconds(end + before[1], end + after[1]),
        }
        added = {name: part for name, part in parts.items() if part[0] < part[1]}
        if not added:
            yield
            return
        page = self._holds.read(business)
        staff = self._check_free(business, old, added, (start - after[0], end + after[1]))
        first, last = _seconds(start, end)
        place = Place(
            service=str(old.get("serviceId")),
            start=first,
            end=last,
            before=int(after[0].total_seconds()),
            after=int(after[1].total_seconds()),
            seats=max(1, int(old.get("filledAttendeesCount") or 1)),
            capacity=max(1, int(old.get("maximumAttendeesCount") or 1)),
        )

        def check(others: Sequence[Hold]) -> None:
            held = [hold for hold in others if not staff.isdisjoint(hold.staff)]
            if obstacles := [hold for hold in held if any(touches([hold.taken], *part) for part in added.values())]:
                raise refuse_held(obstacles)

        with self._holds.keep(business, page, place, staff=sorted(staff), attempt=attempt, check=check):
            yield

    def _check_free(
        self, business: str, old: Json, added: dict[str, Interval], whole: tuple[datetime, datetime]
    ) -> set[str]:
        """Check that the staff of an appointment are free in these parts; return who they are. Raises Conflict."""
        page, everybody = self._graph.get_business(business), self._names.staff(business)
        people = {member: everybody[member] for member in old.get("staffMemberIds") or [] if member in everybody}
        zone = self._names.learn_zone(business, page)
        asked = SpanQuestion(business, people, page.get("businessHours") or (), zone, *whole)
        calendar = read_calendar(self._graph, business, *whole)
        times = find_staff_time(asked, read_spans(self._graph, asked, lambda: calendar), calendar, moving=old)
        for name, part in added.items():
            for member, own in times.items():
                if touches(own.blocked, *part):
                    raise Conflict(
                        f"{people[member].get('displayName') or member} is not free in the time that {name} would add. "
                        "Send a shorter one, or move the appointment.",
                        code="StaffNotFree",
                        target=name,
                    )
        return set(people)


def _read_buffers(item: Json, old: Json) -> tuple[timedelta, timedelta]:
    """Return both buffers of an appointment or a change of it; what is not given is as it was."""
    before, after = (read_duration(item.get(name) or old.get(name), _NONE) for name in ("preBuffer", "postBuffer"))
    return before, after


def _seconds(start: datetime, end: datetime) -> Interval:
    return int(start.timestamp()), int(end.timestamp())
