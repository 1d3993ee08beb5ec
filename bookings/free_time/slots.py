"""Finds free slots: the times that a customer can book, and the staff who can take them.

Graph has no call for this. The answer is put together from the service's policy and opening hours, the staff's working
hours and availability, and the appointments that exist. Availability alone is not enough: it was seen to ignore
business hours and to show busy time as free.

- Slots begin at the start of each span of opening hours and go on in steps of the policy's interval.
- A slot lies wholly inside opening and working hours; its buffers may lie outside, but must not touch busy time.
- A group appointment with free seats is a slot for its own service, at its own time, with its own staff.
- What is held for somebody else is not free: a staff member's time, or seats of a group.
"""

import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from operator import itemgetter

from bookings.describe import appointment_times, describe_staff, describe_times, join_names
from bookings.free_time.group_limit import GroupLimit
from bookings.free_time.held_time import (
    Hold,
    ReadHolds,
    count_seats,
    find_obstacles,
    list_group,
    no_holds,
    place_of,
)
from bookings.free_time.intervals import Interval, beginnings, covers, merge, touches
from bookings.free_time.policy import Policy
from bookings.free_time.service_context import ServiceContext, read_service_context
from bookings.free_time.staff_spans import Basis, SpanQuestion, basis_of, read_calendar, read_spans
from bookings.free_time.staff_time import SlotQuestion, StaffTime, block_held, find_staff_time, find_team
from bookings.names import Names
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.time_zones.zones import Zone
from shared.workers import Workers

_INSTANT = timedelta(microseconds=1)

# The staff who can take each slot, as the answer shows them: in a new appointment, or in a group that has seats left.
type Offers = dict[Interval, list[Json]]


@dataclass(frozen=True)
class Slots:
    """Free slots in order, with the zone, the policy and the basis by which they were found."""

    items: list[Json]
    business_zone: Zone
    policy: Policy
    basis: Basis


class SlotFinder:
    """Finds free slots on the businesses of one connection."""

    def __init__(
        self,
        graph: GraphBookings,
        names: Names,
        workers: Workers,
        limit: GroupLimit,
        read_holds: ReadHolds = no_holds,
    ) -> None:
        self._graph = graph
        self._names = names
        self._workers = workers
        self._limit = limit
        self._read_holds = read_holds

    def find(
        self,
        *,
        business: str,
        service: str,
        start: datetime,
        end: datetime,
        zone: Zone | None = None,
        staff: Sequence[str] = (),
    ) -> Slots:
        """Return the free slots of a service that begin in [start, end).

        No `staff` means everybody who provides the service, no `zone` that of the business. Raises NotFound for an
        unknown service, Invalid for unknown staff. Costs five calls to Graph for a month: business, service and staff,
        then availability and calendar at the same time (for a signed-in user the calendar alone).
        """
        return self.find_in(self.read_context(business, service), start=start, end=end, zone=zone, staff=staff)

    def read_context(self, business: str, service: str) -> ServiceContext:
        """Read the business, the service and the staff: three calls to Graph. Raises NotFound."""
        return read_service_context(self._graph, self._names, self._workers, business, service)

    def find_in(
        self,
        context: ServiceContext,
        *,
        start: datetime,
        end: datetime,
        zone: Zone | None = None,
        staff: Sequence[str] = (),
        hold: str | None = None,
    ) -> Slots:
        """Return the free slots as `find` does, for a context that was read; `hold` is the caller's own."""
        wanted = find_team(context.service, context.staff, staff)
        bookable = _bookable_range(start, end, context.policy)
        question = SlotQuestion(wanted, context.policy, context.zone, *bookable)
        items: list[Json] = []
        if question.staff and question.start < question.end:
            items = _describe(self._find_offers(context, question, hold), zone or context.zone)
        return Slots(items, context.zone, context.policy, basis_of(self._graph))

    def _find_offers(self, context: ServiceContext, question: SlotQuestion, hold: str | None) -> Offers:
        business, (first, last) = context.business, question.reach
        holds = self._read_holds(business, hold)  # first: a hold that ends meanwhile is in the calendar
        waiting = self._workers.start(lambda: read_calendar(self._graph, business, first, last))
        asked = SpanQuestion(business, question.staff, context.policy.business_hours, context.zone, first, last)
        spans = read_spans(self._graph, asked, waiting.result)
        appointments = waiting.result()
        seats, service = self._limit.seats_left(business, context.policy.seats), str(context.service["id"])
        times = find_staff_time(question, spans, appointments)
        offers = _offer_new(question, block_held(times, holds), seats)
        if context.policy.seats > 1:
            for item in appointments:
                if item.get("serviceId") == service:
                    _offer_seats(offers, question, item, self._seats_left(business, item), holds)
            _offer_held_groups(offers, question, times, holds, service=service, seats=seats)
        return offers

    def _seats_left(self, business: str, item: Json) -> int:
        taken = int(item.get("filledAttendeesCount") or 0)
        return self._limit.seats_left(business, int(item.get("maximumAttendeesCount") or 0), taken)


def _bookable_range(start: datetime, end: datetime, policy: Policy) -> tuple[datetime, datetime]:
    """Narrow the range to what lead time and advance allow now; the last moment of the advance is one of them."""
    now = datetime.fromtimestamp(time.time(), UTC)
    return max(start, now + policy.minimum_lead), min(end, now + policy.maximum_advance + _INSTANT)


def _offer_new(question: SlotQuestion, times: dict[str, StaffTime], seats: int) -> Offers:
    """Lay the policy's grid over the opening hours and find who is free at each place; offer so many seats."""
    policy, start, end = question.policy, ceil(question.start.timestamp()), ceil(question.end.timestamp())
    length = int(policy.duration.total_seconds())
    before, after = int(policy.pre_buffer.total_seconds()), int(policy.post_buffer.total_seconds())
    spans = policy.open_spans(question.days(question.zone), question.zone)
    opening = merge(spans)
    step = int(policy.interval.total_seconds())
    grid = {place for opens, closes in spans for place in range(opens, closes, step) if start <= place < end}
    places = sorted(place for place in grid if covers(opening, place, place + length))
    offers: Offers = {}
    for name, own in times.items():
        offer = _offer(question, name, seats)
        for first, last in beginnings(own.open, own.blocked, length, before, after):
            for place in places[bisect_left(places, first) : bisect_left(places, last)]:
                offers.setdefault((place, place + length), []).append(offer)
    return offers


def _offer_seats(offers: Offers, question: SlotQuestion, item: Json, left: int, holds: Sequence[Hold]) -> None:
    """Add the seats that are left in a group appointment of the service and not held."""
    begins, ends = appointment_times(item)
    place, members = (int(begins.timestamp()), int(ends.timestamp())), item.get("staffMemberIds") or []
    left -= count_seats(list_group(holds, str(item.get("serviceId")), place, members))
    if left > 0 and question.start <= begins < question.end:
        hosts = [member for member in members if member in question.staff]
        offers.setdefault(place, []).extend(_offer(question, member, left, str(item["id"])) for member in hosts)


def _offer_held_groups(
    offers: Offers,
    question: SlotQuestion,
    times: dict[str, StaffTime],
    holds: Sequence[Hold],
    *,
    service: str,
    seats: int,
) -> None:
    """Add the seats that are left of groups that are held in part, while there is no appointment yet."""
    for span in {hold.span for hold in holds if hold.service == service and question.start <= hold.span[0]}:
        place = place_of(service, span, question.policy, seats=1, capacity=seats)
        for member, own in times.items():
            group = list_group(holds, service, (place.start, place.end), [member])
            if (
                group
                and span[0] < question.end
                and not find_obstacles(holds, member, place)
                and covers(own.open, place.start, place.end)
                and not touches(own.blocked, *place.taken)
            ):
                offer = _offer(question, member, seats - count_seats(group))
                offers.setdefault((place.start, place.end), []).append(offer)


def _offer(question: SlotQuestion, member: str, seats: int, appointment: str | None = None) -> Json:
    return describe_staff([member], question.staff)[0] | {"seatsAvailable": seats, "appointmentId": appointment}


def _describe(offers: Offers, zone: Zone) -> list[Json]:
    return [
        {
            **describe_times(datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC), zone),
            "durationMinutes": (end - start) // 60,
            "seatsAvailable": max(offer["seatsAvailable"] for offer in taken_by),
            "staffNames": join_names(taken_by),
            "staffMembers": taken_by,
        }
        for (start, end), taken_by in sorted(offers.items(), key=itemgetter(0))
        if taken_by
    ]
