"""When each staff member has time for a service: working hours, availability and appointments put together.

Graph's availability alone is not enough: it was seen to ignore business hours and to show busy time as free.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from bookings.free_time.held_time import Hold
from bookings.free_time.hours import local_days, staff_hours
from bookings.free_time.intervals import Interval, Intervals, intersect, merge, subtract
from bookings.free_time.policy import Policy
from bookings.free_time.staff_spans import AWAY, FREE, SpanQuestion, StaffSpan, taken_by
from bookings.names import Table
from shared.errors import Invalid
from shared.json_text import Json
from shared.time_zones.zones import Zone


@dataclass(frozen=True)
class StaffTime:
    """One staff member's time: where a slot may lie, and what it must not touch."""

    open: Intervals
    blocked: Intervals


@dataclass(frozen=True)
class SlotQuestion:
    """The question when these staff members can take a service between start and end, by its policy.

    `together`: not any of them, but all at the same time.
    """

    staff: Table
    policy: Policy
    zone: Zone
    start: datetime
    end: datetime
    together: bool = False

    @property
    def reach(self) -> tuple[datetime, datetime]:
        """The range in which appointments and busy times can be in the way of a slot."""
        return self.start - self.policy.margin, self.end + self.policy.margin

    def days(self, zone: Zone) -> Iterator[date]:
        """Yield the local days of the range in a zone."""
        return local_days(*self.reach, zone)

    def spans(self, business: str) -> SpanQuestion:
        """Return the question when the staff are free or busy, as far as this one reaches."""
        return SpanQuestion(business, self.staff, self.policy.business_hours, self.zone, *self.reach)


def find_team(service: Json, staff: Table, wanted: Sequence[str] = ()) -> Table:
    """Return the staff who provide the service and have not declined to join; of `wanted` only, if any are given.

    Raises Invalid for a staff member who is not on the calendar.
    """
    if unknown := [member for member in wanted if member not in staff]:
        raise Invalid(
            f"There is no staff member {unknown[0]} on this calendar. List the staff to see their ids.",
            code="StaffNotFound",
            target="staff",
        )
    return {
        member: staff[member]
        for member in service.get("staffMemberIds") or []
        if member in staff
        and str(staff[member].get("membershipStatus")).lower() != "rejectedbystaff"
        and (not wanted or member in wanted)
    }


def find_staff_time(
    question: SpanQuestion, spans: Iterable[StaffSpan], appointments: Iterable[Json], *, moving: Json | None = None
) -> dict[str, StaffTime]:
    """Return the time of each staff member of the question, from Graph's availability and the appointments.

    Graph reports closed hours and days off alike, as outOfOffice. Only what lies in somebody's hours is a day off and
    blocks; outside them nobody can be booked anyway, and a buffer may reach there.
    `moving` is an appointment that will be moved: the time that it takes of its own staff counts as free.
    """
    available: dict[str, list[Interval]] = defaultdict(list)
    blocked: dict[str, list[Interval]] = defaultdict(list)
    away: dict[str, list[Interval]] = defaultdict(list)
    for span in spans:
        place = int(span.start.timestamp()), int(span.end.timestamp())
        if span.status == FREE:
            available[span.staff].append(place)
            continue
        taken = [place]
        if moving is not None and span.staff in (moving.get("staffMemberIds") or []):
            taken = subtract(taken, [taken_by(moving)])
        (away if span.status == AWAY else blocked)[span.staff] += taken
    for item in appointments:
        if moving is not None and item["id"] == moving["id"]:
            continue
        for member in item.get("staffMemberIds") or []:
            blocked[member].append(taken_by(item))
    if moving is not None:
        for member in moving.get("staffMemberIds") or []:
            available[member].append(taken_by(moving))
    times: dict[str, StaffTime] = {}
    working = staff_hours(question.staff, question.hours, (question.start, question.end), question.zone)
    for member, hours in working.items():
        days_off = intersect(hours, merge(away[member]))
        times[member] = StaffTime(
            open=intersect(hours, merge(available[member])), blocked=merge([*blocked[member], *days_off])
        )
    return times


def block_held(times: Mapping[str, StaffTime], holds: Iterable[Hold]) -> dict[str, StaffTime]:
    """Return the time of staff without what is held."""
    held: dict[str, list[Interval]] = {}
    for hold in holds:
        for member in hold.staff:
            held.setdefault(member, []).append(hold.taken)
    return {
        member: replace(own, blocked=merge([*own.blocked, *held[member]])) if member in held else own
        for member, own in times.items()
    }
