"""Says why a time is no slot: for each place of a service's grid that is not offered, and for closed time.

Neighbours with one reason are one range: whoever would begin within it is not offered. What concerns the service is
said once; what concerns its staff is said of each of them, together where it is the same. Only who is busy is said,
never with what.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise

from bookings.describe import appointment_times, describe_staff, describe_times, join_names
from bookings.free_time.held_time import count_seats, list_group
from bookings.free_time.hours import day_spans, staff_hours
from bookings.free_time.intervals import Interval, Intervals, beginnings, covers, intersect, merge, subtract
from bookings.free_time.offers import PageTime, find_beginnings, list_places
from bookings.free_time.reasons import Reason
from bookings.free_time.service_context import ServiceContext
from bookings.free_time.staff_spans import AWAY, FREE, taken_by
from bookings.free_time.staff_time import SlotQuestion, block_held
from bookings.names import Table
from shared.json_text import Json
from shared.time_zones.zones import Zone, local_text


class Whose(StrEnum):
    """Whose hours, rule or time a reason speaks of."""

    PAGE = "page"
    SERVICE = "service"
    STAFF = "staff"


type Cause = tuple[Reason, Whose]
type _Part = tuple[int, int, Cause]
type _Find = Callable[[int], Cause | None]


@dataclass(frozen=True)
class Explanation:
    """No slot begins in [start, end) (seconds since 1970) for a reason; with `staff`: as far as it is about them."""

    service: ServiceContext
    start: int
    end: int
    reason: Reason
    whose: Whose
    staff: Table
    limit: datetime | None

    def describe(self, zone: Zone) -> Json:
        """Return the explanation for the answer."""
        members = describe_staff(self.staff, self.staff)
        return {
            "serviceId": self.service.service["id"],
            "serviceName": self.service.service.get("displayName"),
            **describe_times(datetime.fromtimestamp(self.start, UTC), datetime.fromtimestamp(self.end, UTC), zone),
            "reason": self.reason,
            "whose": self.whose,
            "staffNames": join_names(members),
            "staffMembers": members,
            "text": self._say(join_names(members) or "Somebody", zone),
        }

    def _say(self, names: str, zone: Zone) -> str:
        are = "are" if len(self.staff) > 1 else "is"
        whose = {Whose.PAGE: "the page", Whose.SERVICE: "the service", Whose.STAFF: names}[self.whose]
        until = f"{local_text(self.limit, zone).replace('T', ' ')} ({zone.iana})" if self.limit else ""
        return {
            Reason.CLOSED: f"It does not fit into the hours of {whose}.",
            Reason.BREAK: f"It would run into a break in the hours of {whose}.",
            Reason.CUSTOM: "The service has other hours on this day (a dated availability).",
            Reason.LEAD_TIME: f"It is too soon: the service can be booked from {until} on.",
            Reason.BEYOND: f"It is too far ahead: the service can be booked until {until}.",
            Reason.NOBODY: "Nobody of those asked for provides this service.",
            Reason.FULL: f"The group appointment with {names} has no free seat.",
            Reason.BUSY: f"{names} {are} busy.",
            Reason.AWAY: f"{names} {are} out of office.",
            Reason.BUFFER: f"It would touch the time kept free before or after another appointment of {names}.",
            Reason.HELD: f"The time of {names} is held for somebody else.",
            Reason.UNKNOWN: f"Microsoft 365 does not report the time of {names} as available.",
        }[self.reason]


def explain_service(
    context: ServiceContext,
    question: SlotQuestion,
    page: PageTime,
    offered: Iterable[Interval],
    whole: tuple[datetime, datetime],
) -> list[Explanation]:
    """Return why times within the whole range are not offered. The range of the question is what can be booked now."""
    wide = SlotQuestion(question.staff, question.policy, question.zone, *whole, together=question.together)
    places, opening = list_places(wide)
    closed = _find_closed(wide, opening)
    cells = _cut_cells(places, closed, whole)
    free = {start for start, _ in offered}
    rule = _RuleOfService(question, closed)
    causes: list[tuple[Interval, Cause, str | None]] = []
    is_open = question.start < question.end
    members = _find_members(context, question, page) if is_open and question.staff else {}
    for start, end, known in cells:
        cause = known or (None if start in free else rule.find(start))
        if cause:
            causes.append(((start, end), cause, None))
        elif start not in free:
            causes += [((start, end), found, name) for name, find in members.items() if (found := find(start))]
    return [
        Explanation(
            context,
            *span,
            *cause,
            staff={name: question.staff[name] for name in names if name},
            limit={Reason.LEAD_TIME: question.start, Reason.BEYOND: question.end}.get(cause[0]),
        )
        for span, cause, names in _join(causes)
    ]


class _RuleOfService:
    """What keeps everybody from a place: hours, the range that can be booked now, nobody who provides the service."""

    def __init__(self, question: SlotQuestion, closed: Sequence[_Part]) -> None:
        self._question = question
        self._closed = closed
        self._length = int(question.policy.duration.total_seconds())
        self._first, self._last = question.start.timestamp(), question.end.timestamp()

    def find(self, place: int) -> Cause | None:
        """Return the cause, None if it is a matter of the staff."""
        for start, end, cause in self._closed:
            if end > place and start < place + self._length:
                return cause
        if place < self._first:
            return Reason.LEAD_TIME, Whose.SERVICE
        if place >= self._last:
            return Reason.BEYOND, Whose.SERVICE
        return None if self._question.staff else (Reason.NOBODY, Whose.SERVICE)


def _find_closed(question: SlotQuestion, opening: Intervals) -> list[_Part]:
    """Return when the service is closed, in order: by the hours of the page, by its own, or by a dated availability."""
    policy, zone = question.policy, question.zone
    reach = _seconds(question.reach)
    hours: list[Interval] = []
    dated: list[Interval] = []
    for day in question.days(zone):
        spans = merge(day_spans(policy.business_hours, day, zone))
        hours += spans
        dated += spans if policy.is_dated(day) else []
    page = merge(hours)
    shut, special = intersect(subtract(page, opening), [reach]), merge(dated)
    return sorted(
        [
            *_name_gaps(subtract([reach], page), page, zone, Whose.PAGE),
            *((*part, (Reason.CUSTOM, Whose.SERVICE)) for part in intersect(shut, special)),
            *_name_gaps(subtract(shut, special), opening, zone, Whose.SERVICE),
        ]
    )


def _name_gaps(gaps: Intervals, hours: Intervals, zone: Zone, whose: Whose) -> list[_Part]:
    """Tell breaks from other gaps in hours: a break lies between two spans of one local day."""
    breaks = [
        (end, start)
        for (_, end), (start, _) in pairwise(hours)
        if datetime.fromtimestamp(end, zone.rules).date() == datetime.fromtimestamp(start, zone.rules).date()
    ]
    return [
        (*gap, (Reason.BREAK if any(covers([each], *gap) for each in breaks) else Reason.CLOSED, whose)) for gap in gaps
    ]


def _seconds(span: tuple[datetime, datetime]) -> Interval:
    return int(span[0].timestamp()), int(span[1].timestamp())


def _cut_cells(
    places: Sequence[int], closed: Sequence[_Part], whole: tuple[datetime, datetime]
) -> list[tuple[int, int, Cause | None]]:
    """Cut the range at the places of the grid and at closed time: parts in which all that begins has one reason."""
    first, last = _seconds(whole)
    shut = {max(start, first): (min(end, last), cause) for start, end, cause in closed if start < last and end > first}
    begins = sorted({*(place for place in places if first <= place < last), *shut})
    cells: list[tuple[int, int, Cause | None]] = []
    for start, following in pairwise([*begins, last]):
        end, cause = shut.get(start, (following, None))
        cells.append((start, min(end, following), cause))
    return cells


def _find_members(context: ServiceContext, question: SlotQuestion, page: PageTime) -> dict[str, _Find]:
    """Return, for each staff member, what finds the cause that keeps that member from a place."""
    policy, zone = question.policy, question.zone
    length = int(policy.duration.total_seconds())
    before, after = int(policy.pre_buffer.total_seconds()), int(policy.post_buffer.total_seconds())
    first, last = _seconds(question.reach)
    working = staff_hours(question.staff, policy.business_hours, question.reach, zone)
    free = {name: find_beginnings(question, own) for name, own in block_held(page.of(working), page.holds).items()}
    taken = _Taken(context, page)

    def blocks(spans: Iterable[Interval], *, with_buffers: bool = False) -> Intervals:
        """Return when nothing may begin because it would touch these spans."""
        margins = (before, after) if with_buffers else (0, 0)
        return subtract([(first, last)], beginnings([(first, last + length)], merge(spans), length, *margins))

    def prepare(name: str, hours: Intervals) -> _Find:
        gaps = _name_gaps(subtract([(first, last)], hours), hours, zone, Whose.STAFF)
        layers = [
            (Reason.CLOSED, blocks((start, end) for start, end, cause in gaps if cause[0] is Reason.CLOSED)),
            (Reason.BREAK, blocks((start, end) for start, end, cause in gaps if cause[0] is Reason.BREAK)),
            (Reason.FULL, blocks(taken.full[name])),
            (Reason.HELD, blocks(taken.held_groups[name])),
            (Reason.BUSY, blocks([*taken.whole[name], *taken.elsewhere(name)])),
            (Reason.AWAY, blocks(intersect(merge(taken.away[name]), hours))),
            (Reason.BUFFER, blocks(page.times[name].blocked, with_buffers=True)),
            (Reason.HELD, blocks(taken.held[name], with_buffers=True)),
        ]

        def find(place: int) -> Cause | None:
            if covers(free[name], place, place + 1):
                return None
            reasons = (reason for reason, spans in layers if covers(spans, place, place + 1))
            return next(reasons, Reason.UNKNOWN), Whose.STAFF

        return find

    return {name: prepare(name, hours) for name, hours in working.items()}


class _Taken:
    """The time of staff members by what takes it: groups that are full or held, appointments, holds, anything else."""

    def __init__(self, context: ServiceContext, page: PageTime) -> None:
        self.full: dict[str, list[Interval]] = defaultdict(list)
        self.held_groups: dict[str, list[Interval]] = defaultdict(list)
        self.whole: dict[str, list[Interval]] = defaultdict(list)
        self.held: dict[str, list[Interval]] = defaultdict(list)
        self.away: dict[str, list[Interval]] = defaultdict(list)
        self._busy: dict[str, list[Interval]] = defaultdict(list)
        self._with_buffers: dict[str, list[Interval]] = defaultdict(list)
        service = str(context.service["id"]) if context.policy.seats > 1 else None
        for item in page.appointments:
            span, kind = _seconds(appointment_times(item)), self.whole
            if service and item.get("serviceId") == service:
                seats, filled = int(item.get("maximumAttendeesCount") or 0), int(item.get("filledAttendeesCount") or 0)
                held = count_seats(list_group(page.holds, service, span, item.get("staffMemberIds") or []))
                kind = self.full if filled >= seats else self.held_groups if filled + held >= seats else self.whole
            for name in item.get("staffMemberIds") or []:
                kind[name].append(span)
                self._with_buffers[name].append(taken_by(item))
        for hold in page.holds:
            for name in hold.staff:
                self.held[name].append(hold.taken)
        for part in page.spans:
            if part.status != FREE:
                (self.away if part.status == AWAY else self._busy)[part.staff].append(_seconds((part.start, part.end)))

    def elsewhere(self, name: str) -> Intervals:
        """Return when somebody is busy with what is no appointment of the page: Graph reports those, too."""
        return subtract(merge(self._busy[name]), merge(self._with_buffers[name]))


def _join(
    causes: Iterable[tuple[Interval, Cause, str | None]],
) -> list[tuple[Interval, Cause, list[str | None]]]:
    """Join neighbours of one cause, then the staff who have the same cause over the same range; in order."""
    runs: dict[tuple[Cause, str | None], list[Interval]] = defaultdict(list)
    for span, cause, name in causes:
        known = runs[cause, name]
        if known and known[-1][1] == span[0]:
            known[-1] = (known[-1][0], span[1])
        else:
            known.append(span)
    found: dict[tuple[Interval, Cause], list[str | None]] = defaultdict(list)
    for (cause, name), spans in runs.items():
        for span in spans:
            found[span, cause].append(name)
    return [(span, cause, names) for (span, cause), names in sorted(found.items(), key=lambda each: each[0])]
