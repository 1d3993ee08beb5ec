"""Lays a service's grid over its hours, and finds who can take each place: the slots, before they are described.

- Slots begin at the start of each span of opening hours and go on in steps of the policy's interval.
- A slot lies wholly inside opening and working hours; its buffers may lie outside, but must not touch busy time.
- A group appointment with free seats is a slot for its own service, at its own time, with its own staff.
- What is held for somebody else is not free: a staff member's time, or seats of a group.
- If all staff are wanted together, a slot is one that each of them can take.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from math import ceil

from bookings.describe import appointment_times, describe_staff
from bookings.free_time.group_limit import GroupLimit
from bookings.free_time.held_time import Hold, count_seats, find_obstacles, list_group, place_of
from bookings.free_time.intervals import Interval, Intervals, beginnings, covers, intersect, merge, touches
from bookings.free_time.service_context import ServiceContext
from bookings.free_time.staff_spans import StaffSpan
from bookings.free_time.staff_time import SlotQuestion, StaffTime, block_held
from shared.json_text import Json

# The staff who can take each slot, as the answer shows them: in a new appointment, or in a group that has seats left.
type Offers = dict[Interval, list[Json]]


@dataclass(frozen=True)
class PageTime:
    """What was read of a page for all its services: the time of the staff, appointments and holds."""

    times: Mapping[str, StaffTime]
    spans: Sequence[StaffSpan]
    appointments: Sequence[Json]
    holds: Sequence[Hold]

    def of(self, staff: Iterable[str]) -> dict[str, StaffTime]:
        """Return the time of these staff members."""
        return {member: self.times[member] for member in staff}


def find_offers(context: ServiceContext, question: SlotQuestion, page: PageTime, limit: GroupLimit) -> Offers:
    """Find the slots of one service and who can take each."""
    service = str(context.service["id"])
    seats = limit.seats_left(context.business, context.policy.seats)
    times = page.of(question.staff)
    offers = _offer_new(question, block_held(times, page.holds), seats)
    if context.policy.seats > 1:
        for item in page.appointments:
            if item.get("serviceId") == service:
                _offer_seats(offers, question, item, limit.seats_of(context.business, item), page.holds)
        _offer_held_groups(offers, question, times, page.holds, service=service, seats=seats)
    return offers


def find_beginnings(question: SlotQuestion, own: StaffTime) -> Intervals:
    """Return when a staff member could begin an appointment of the service, as far as that member is concerned."""
    policy = question.policy
    length = int(policy.duration.total_seconds())
    before, after = int(policy.pre_buffer.total_seconds()), int(policy.post_buffer.total_seconds())
    return beginnings(own.open, own.blocked, length, before, after)


def list_places(question: SlotQuestion) -> tuple[list[int], Intervals]:
    """Return the places of the grid within the range, and when the service is open around it."""
    start, end = ceil(question.start.timestamp()), ceil(question.end.timestamp())
    spans = question.policy.open_spans(question.days(question.zone), question.zone)
    step = int(question.policy.interval.total_seconds())
    grid = {place for opens, closes in spans for place in range(opens, closes, step) if start <= place < end}
    return sorted(grid), merge(spans)


def _offer_new(question: SlotQuestion, times: Mapping[str, StaffTime], seats: int) -> Offers:
    """Find who is free at each place of the grid; offer so many seats."""
    length = int(question.policy.duration.total_seconds())
    grid, opening = list_places(question)
    places = [place for place in grid if covers(opening, place, place + length)]
    offers: Offers = {}
    free = {member: find_beginnings(question, own) for member, own in times.items()}
    if question.together and free:
        free = dict.fromkeys(free, reduce(intersect, free.values()))
    for member, spans in free.items():
        offer = _offer(question, member, seats)
        for first, last in spans:
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
        if not question.together or len(hosts) == len(question.staff):
            offers.setdefault(place, []).extend(_offer(question, member, left, str(item["id"])) for member in hosts)


def _offer_held_groups(
    offers: Offers,
    question: SlotQuestion,
    times: Mapping[str, StaffTime],
    holds: Sequence[Hold],
    *,
    service: str,
    seats: int,
) -> None:
    """Add the seats that are left of groups that are held in part, while there is no appointment yet."""
    for span in {hold.span for hold in holds if hold.service == service}:
        if not question.start <= span[0] < question.end:
            continue
        place = place_of(service, span, question.policy, seats=1, capacity=seats)
        found = []
        for member, own in times.items():
            group = list_group(holds, service, (place.start, place.end), [member])
            if (
                group
                and not find_obstacles(holds, member, place)
                and covers(own.open, place.start, place.end)
                and not touches(own.blocked, *place.taken)
            ):
                found.append(_offer(question, member, seats - count_seats(group)))
        if found and (not question.together or len(found) == len(times)):
            offers.setdefault((place.start, place.end), []).extend(found)


def _offer(question: SlotQuestion, member: str, seats: int, appointment: str | None = None) -> Json:
    return describe_staff([member], question.staff)[0] | {"seatsAvailable": seats, "appointmentId": appointment}
