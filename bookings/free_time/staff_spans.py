"""When staff are free or busy, as spans of one status each: from Graph's availability, or from hours and calendar.

getStaffAvailability accepts apps only; Graph has no such call for a signed-in user (reference page of the call;
microsoft-graph-docs issue 18308). For a connection that signs in as a user the spans are put together from the working
hours and the appointments of the calendar. That cannot know what lies outside the page: the other calendars of the
staff, and time off, which no call shows to a user.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from bookings.describe import appointment_times
from bookings.free_time.hours import WeeklyHours, staff_hours
from bookings.free_time.intervals import Interval, Intervals, intersect, merge, subtract
from bookings.names import Table
from bookings.windows import cut_windows
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.time_zones.zones import Zone, read_duration, read_graph_moment

FREE, BUSY, SEATS, AWAY = "available", "busy", "slotsAvailable", "outOfOffice"
_STATUSES = {name.lower(): name for name in (FREE, BUSY, SEATS, AWAY)}
_STATUSES["slotavailable"] = SEATS  # how the reference page spells it in one place
_NONE = timedelta(0)
_LONGEST_BUFFER = timedelta(days=1)  # of an appointment: while it lasts its staff are not free

type _Taken = tuple[int, int, str | None]
type _Part = tuple[str, str | None, Interval]
type ReadCalendar = Callable[[], Iterable[Json]]


class Basis(StrEnum):
    """What free time is computed from, as answers name it."""

    AVAILABILITY = "availability"
    CALENDAR = "calendar"


class StaffSpan(NamedTuple):
    """The status of one staff member from start to end (UTC). `service` is set for an appointment, if it is known."""

    staff: str
    status: str
    service: str | None
    start: datetime
    end: datetime


@dataclass(frozen=True)
class SpanQuestion:
    """The question when these staff members of a business are free; `hours` and `zone` are those of the business."""

    business: str
    staff: Table
    hours: WeeklyHours
    zone: Zone
    start: datetime
    end: datetime


def basis_of(graph: GraphBookings) -> Basis:
    """Return what the spans of this connection are read from."""
    return Basis.CALENDAR if graph.is_delegated else Basis.AVAILABILITY


def read_spans(graph: GraphBookings, question: SpanQuestion, read_calendar: ReadCalendar) -> list[StaffSpan]:
    """Read when the staff are free or busy, clipped to the range.

    `read_calendar` returns the appointments around the range; it is called only where they are needed. Graph's
    availability is read in windows, in UTC.
    """
    if not question.staff:
        return []
    if basis_of(graph) is Basis.CALENDAR:
        return list(_from_calendar(question, read_calendar()))
    spans = []
    for start, end in cut_windows(question.start, question.end):
        answer = graph.get_staff_availability(question.business, list(question.staff), start, end)
        spans += list(_clip(answer, start, end))
    return spans


def read_calendar(graph: GraphBookings, business: str, start: datetime, end: datetime) -> list[Json]:
    """Read the appointments that overlap the range with their buffers, each once; and some that do not."""
    windows = cut_windows(start, end)
    windows[0] = windows[0][0] - _LONGEST_BUFFER, windows[0][1]
    windows[-1] = windows[-1][0], windows[-1][1] + _LONGEST_BUFFER
    return list({item["id"]: item for window in windows for item in graph.calendar_view(business, *window)}.values())


def _clip(answer: list[Json], start: datetime, end: datetime) -> Iterator[StaffSpan]:
    """Clip Graph's availability to the range: it was seen to begin a day early."""
    for member in answer:
        staff = str(member.get("staffId"))
        for item in member.get("availabilityItems") or []:
            begins = max(start, read_graph_moment(item.get("startDateTime") or {}))
            ends = min(end, read_graph_moment(item.get("endDateTime") or {}))
            if begins < ends:
                status = str(item.get("status") or "")
                known = _STATUSES.get(status.lower(), status)
                yield StaffSpan(staff, known, item.get("serviceId") or None, begins, ends)


def taken_by(item: Json) -> Interval:
    """Return the time that an appointment takes, buffers included."""
    begins, ends = appointment_times(item)
    begins -= read_duration(item.get("preBuffer"), _NONE)
    ends += read_duration(item.get("postBuffer"), _NONE)
    return int(begins.timestamp()), int(ends.timestamp())


def _from_calendar(question: SpanQuestion, appointments: Iterable[Json]) -> Iterator[StaffSpan]:
    """Put spans without gaps together for each staff member, as Graph's availability has them."""
    range_ = [(int(question.start.timestamp()), int(question.end.timestamp()))]
    own: dict[str, list[Json]] = {member: [] for member in question.staff}
    for item in appointments:
        for member in own.keys() & set(item.get("staffMemberIds") or []):
            own[member].append(item)
    working = staff_hours(question.staff, question.hours, (question.start, question.end), question.zone)
    for member, hours in working.items():
        busy, seats = _find_taken(own[member])
        taken = merge([(start, end) for start, end, _ in (*busy, *seats)])
        free = subtract(intersect(hours, range_), taken)
        closed = subtract(range_, merge([*hours, *taken]))
        parts = [*_mark(BUSY, busy, range_), *_mark(SEATS, seats, range_)]
        parts += [(FREE, None, span) for span in free] + [(AWAY, None, span) for span in closed]
        for status, service, (start, end) in _join(sorted(parts, key=lambda part: part[2])):
            begins, ends = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
            yield StaffSpan(member, status, service, begins, ends)


def _find_taken(appointments: Sequence[Json]) -> tuple[list[_Taken], list[_Taken]]:
    """Return the time that appointments and their buffers take, and that of groups with free seats, without overlaps.

    Where they overlap, appointments come before buffers, and buffers before free seats.
    """
    whole: list[_Taken] = []
    buffers: list[_Taken] = []
    seats: list[_Taken] = []
    for item in appointments:
        service = item.get("serviceId") or None
        start, end = taken_by(item)
        first, last = (int(moment.timestamp()) for moment in appointment_times(item))
        buffers += [(start, first, service), (last, end, service)]
        (seats if _has_seats(item) else whole).append((first, last, service))
    above: Intervals = []
    layers: list[list[_Taken]] = []
    for layer in (whole, buffers, seats):
        layers.append(_subtract(_cut_overlaps(layer), above))
        above = merge([*above, *((start, end) for start, end, _ in layers[-1])])
    return layers[0] + layers[1], layers[2]


def _has_seats(item: Json) -> bool:
    seats = int(item.get("maximumAttendeesCount") or 1)
    return seats > 1 and int(item.get("filledAttendeesCount") or 0) < seats


def _cut_overlaps(taken: Iterable[_Taken]) -> list[_Taken]:
    cut: list[_Taken] = []
    for start, end, service in sorted(taken, key=lambda one: one[:2]):
        begins = max(start, cut[-1][1]) if cut else start
        if begins < end:
            cut.append((begins, end, service))
    return cut


def _subtract(taken: Sequence[_Taken], above: Intervals) -> list[_Taken]:
    """Return the parts of what is sorted and does not overlap that lie outside the intervals."""
    left: list[_Taken] = []
    number = 0
    for start, end in subtract([one[:2] for one in taken], above):
        while taken[number][1] <= start:
            number += 1
        left.append((start, end, taken[number][2]))
    return left


def _mark(status: str, taken: Iterable[_Taken], range_: Intervals) -> Iterator[_Part]:
    for start, end, service in taken:
        for part in intersect([(start, end)], range_):
            yield status, service, part


def _join(parts: Iterable[_Part]) -> list[_Part]:
    """Join neighbours that say the same."""
    joined: list[_Part] = []
    for status, service, (start, end) in parts:
        if joined and joined[-1][:2] == (status, service) and joined[-1][2][1] == start:
            joined[-1] = (status, service, (joined[-1][2][0], end))
        else:
            joined.append((status, service, (start, end)))
    return joined
