"""Free slots: what a customer could book, and who could take it.

Graph offers no such question, so it is put together: the service's policy and opening hours, the staff's working hours
and availability, and the appointments already there. Availability alone will not do: it was seen to ignore business
hours and to show busy time as free.

- Slots begin at the start of each span of opening hours and go on in steps of the policy's interval.
- A slot lies wholly inside opening and working hours; its buffers need only be free of other things.
- A group appointment with free seats is a slot for its own service, at its own time, with its own staff.
"""

import time
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from operator import itemgetter

from bookings.describe import appointment_times, describe_staff, describe_times, join_names
from bookings.free_time.availability import read_spans
from bookings.free_time.intervals import Interval, beginnings, covers, merge
from bookings.free_time.members import Ground, Member, business_zone, eligible, read_members
from bookings.free_time.policy import Policy, read_policy
from bookings.names import Names
from bookings.windows import cut_windows
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.time_zones.zones import Zone
from shared.workers import Workers

# Who can take a slot, as the answer shows them: in a new appointment, or in a group appointment that has seats left.
type Offers = dict[Interval, list[Json]]


@dataclass(frozen=True)
class SlotQuery:
    """Which slots of a service may be offered between start and end; no `staff` means everybody, no zone its own."""

    business: str
    service: str
    start: datetime
    end: datetime
    zone: Zone | None = None
    staff: tuple[str, ...] = ()


@dataclass(frozen=True)
class Slots:
    """Free slots in order, and by what they were found."""

    items: list[Json]
    business_zone: Zone
    policy: Policy


class SlotFinder:
    """Finds free slots on the businesses of one connection."""

    def __init__(self, graph: GraphBookings, names: Names, workers: Workers) -> None:
        self._graph = graph
        self._names = names
        self._workers = workers

    def find(self, query: SlotQuery) -> Slots:
        """Return the free slots that begin in [start, end). Raises NotFound or Invalid for an unknown service or staff.

        Five calls to Graph for a month: business, service and staff, then availability and calendar side by side.
        """
        graph, place = self._graph, query.business
        waiting_business = self._workers.start(lambda: graph.get_business(place))
        waiting_service = self._workers.start(lambda: graph.get_service(place, query.service))
        staff = self._names.learn_staff(place, graph.list_staff(place))
        business, service = waiting_business.result(), waiting_service.result()
        zone = business_zone(business, staff)
        policy = read_policy(business, service)
        start, end = _bookable_range(query, policy)
        ground = Ground(eligible(service, staff, query.staff), policy, zone, start, end)
        items: list[Json] = []
        if ground.staff and start < end:
            items = _describe(self._find_offers(query, ground), query.zone or zone)
        return Slots(items, zone, policy)

    def _find_offers(self, query: SlotQuery, ground: Ground) -> Offers:
        first, last = ground.start - ground.margin, ground.end + ground.margin
        waiting_spans = self._workers.start(
            lambda: read_spans(self._graph, query.business, list(ground.staff), first, last)
        )
        appointments = {
            item["id"]: item
            for window in cut_windows(first, last)
            for item in self._graph.calendar_view(query.business, *window)
        }.values()
        offers = _offer_new(ground, read_members(ground, waiting_spans.result(), appointments))
        for item in appointments:
            if item.get("serviceId") == query.service and ground.policy.seats > 1:
                _offer_seats(offers, ground, item)
        return offers


def _bookable_range(query: SlotQuery, policy: Policy) -> tuple[datetime, datetime]:
    """Narrow the range to what lead time and advance allow today."""
    now = datetime.fromtimestamp(time.time(), UTC)
    return max(query.start, now + policy.minimum_lead), min(query.end, now + policy.maximum_advance)


def _offer_new(ground: Ground, members: dict[str, Member]) -> Offers:
    """Lay the grid of the policy over the opening hours and see who is free at each place."""
    policy, start, end = ground.policy, ceil(ground.start.timestamp()), ceil(ground.end.timestamp())
    length = int(policy.duration.total_seconds())
    before, after = int(policy.pre_buffer.total_seconds()), int(policy.post_buffer.total_seconds())
    spans = policy.open_spans(ground.days(ground.zone), ground.zone)
    opening = merge(spans)
    step = int(policy.interval.total_seconds())
    grid = {place for opens, closes in spans for place in range(opens, closes, step) if start <= place < end}
    places = sorted(place for place in grid if covers(opening, place, place + length))
    offers: Offers = {}
    for name, member in members.items():
        offer = _offer(ground, name, policy.seats)
        for first, last in beginnings(member.open, member.blocked, length, before, after):
            for place in places[bisect_left(places, first) : bisect_left(places, last)]:
                offers.setdefault((place, place + length), []).append(offer)
    return offers


def _offer_seats(offers: Offers, ground: Ground, item: Json) -> None:
    """Add the seats left in a group appointment of the service."""
    begins, ends = appointment_times(item)
    left = int(item.get("maximumAttendeesCount") or 0) - int(item.get("filledAttendeesCount") or 0)
    if left > 0 and ground.start <= begins < ground.end:
        place = int(begins.timestamp()), int(ends.timestamp())
        hosts = [member for member in item.get("staffMemberIds") or [] if member in ground.staff]
        offers.setdefault(place, []).extend(_offer(ground, member, left, str(item["id"])) for member in hosts)


def _offer(ground: Ground, member: str, seats: int, appointment: str | None = None) -> Json:
    return describe_staff([member], ground.staff)[0] | {"seatsAvailable": seats, "appointmentId": appointment}


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
