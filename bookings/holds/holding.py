"""Holding a slot for some minutes, showing a hold, and releasing it.

A hold is soft: the gateway's own answers and writes honour it, Microsoft's booking page does not know it.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

from bookings.describe import appointment_times, describe_staff, describe_times, join_names
from bookings.free_time.group_limit import GroupLimit
from bookings.free_time.held_time import Hold, Overtaken, Place, Span, count_seats, place_of
from bookings.free_time.service_context import ServiceContext
from bookings.holds.store import HeldPage, HoldStore, repeat_overtaken
from bookings.names import Names
from bookings.writing import recovery
from bookings.writing.choosing import choose_fairly, week_of
from bookings.writing.group_seats import list_holds, refuse_seats
from bookings.writing.rules import (
    check_choice,
    check_held,
    check_notice,
    check_seats,
    check_seats_held,
    check_times,
)
from shared.errors import Conflict, Invalid, NotFound
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.storage.idempotency import Attempt
from shared.time_zones.zones import Zone, utc_text

type ReadContext = Callable[[str, str], ServiceContext]
type CheckFree = Callable[[ServiceContext, Span, Sequence[str], Sequence[Json]], set[str]]


@dataclass(frozen=True)
class _Wish:
    """The slot that somebody wants to have held; `any_end`: a group that begins then may end at another time."""

    context: ServiceContext
    span: Span
    staff: tuple[str, ...]
    seats: int
    any_end: bool


@dataclass(frozen=True)
class _Calendar:
    """What was read of the calendar when so many writes had ended."""

    writes: int
    items: Sequence[Json]
    free: set[str] | Invalid | Conflict


class Holder:
    """Holds slots on the businesses of one connection."""

    def __init__(
        self,
        graph: GraphBookings,
        names: Names,
        store: HoldStore,
        limit: GroupLimit,
        *,
        read_context: ReadContext,
        check_free: CheckFree,
    ) -> None:
        self._graph = graph
        self._names = names
        self._store = store
        self._limit = limit
        self._read_context = read_context
        self._check_free = check_free

    def hold(
        self,
        *,
        business: str,
        service: str,
        start: datetime,
        end: datetime | None,
        staff: Sequence[str],
        seats: int,
        duration: timedelta,
        zone: Zone | None,
        attempt: Attempt,
    ) -> Json:
        """Hold a slot, with the staff that are named or one who is free; return the hold.

        The rules are those of a booking. Raises Invalid for a broken rule, Conflict for a place that is taken or held.
        """
        context = self._read_context(business, service)
        check_seats(seats, self._limit.seats_left(business, context.policy.seats), "seats")
        wish = _Wish(context, (start, end or start + context.policy.duration), tuple(staff), seats, end is None)
        check_choice(context, staff)
        if context.policy.seats == 1:
            check_times(context, wish.span)
        check_notice(context, start)
        calendar: _Calendar | None = None

        def take() -> Hold:
            nonlocal calendar
            page = self._store.read(business)
            if attempt.interrupted and (made := next((one for one in page.holds if one.mark == attempt.mark), None)):
                return made
            if calendar is None or calendar.writes != page.writes:
                calendar = self._read_calendar(wish, page.writes)
            return self._take(wish, calendar, page, duration, attempt)

        return self._describe(business, repeat_overtaken(take), zone or context.zone)

    def show(self, business: str, hold: str, zone: Zone | None) -> Json:
        """Return a hold. Raises NotFound for one that has ended."""
        found = self._store.read(business).find(hold)
        if found is None:
            raise NotFound(
                "This page has no such hold: it has expired, was released, or was used up. Choose a slot and hold it.",
                code="HoldNotFound",
                target="hold",
            )
        return self._describe(business, found, zone or self._names.zone(business))

    def release(self, business: str, hold: str) -> None:
        """End a hold, so that others can book its place. One that has ended already stays so."""
        self._store.end(business, hold)

    def _read_calendar(self, wish: _Wish, writes: int) -> _Calendar:
        """Read the calendar around the time, of the whole week where staff must be chosen, and who is free then."""
        context, (start, end) = wish.context, wish.span
        if not wish.staff:
            week = week_of(start, context.zone)
            start, end = min(start, week[0]), max(end, week[1])
        items = recovery.read_around(self._graph, context.business, start, end)
        try:
            check_times(context, wish.span)
            free: set[str] | Invalid | Conflict = self._check_free(context, wish.span, wish.staff, items)
        except (Invalid, Conflict) as refusal:
            free = refusal
        return _Calendar(writes, items, free)

    def _take(self, wish: _Wish, calendar: _Calendar, page: HeldPage, duration: timedelta, attempt: Attempt) -> Hold:
        """Hold seats of a group appointment, or the time of somebody who is free."""
        policy = wish.context.policy
        capacity = self._limit.seats_left(wish.context.business, policy.seats)
        place = place_of(str(wish.context.service["id"]), wish.span, policy, seats=wish.seats, capacity=capacity)
        others = page.others(None)
        if group := self._choose_group(wish, calendar.items, others):
            hosts, filled = tuple(group["staffMemberIds"]), int(group["filledAttendeesCount"] or 0)
            start, end = (int(moment.timestamp()) for moment in appointment_times(group))
            place = replace(place, start=start, end=end, before=0, after=0)  # the group takes its buffers itself

            def check(others: Sequence[Hold]) -> None:
                check_seats_held(others, place, hosts, filled=filled)
        else:
            hosts = self._choose_staff(wish, calendar, others, place)

            def check(others: Sequence[Hold]) -> None:
                check_held(others, place, hosts, ())

        now = time.time()
        hold = Hold(
            **asdict(place),
            id=uuid.uuid4().hex,
            mark=attempt.mark,
            staff=hosts,
            made=int(now),
            expires=int(now + duration.total_seconds()),
        )
        try:
            self._store.take(wish.context.business, page, hold, check)
        except Conflict as conflict:
            if conflict.code == "SlotHeld" and not wish.staff:
                raise Overtaken(0) from conflict  # there may be somebody else who is free
            raise
        return hold

    def _choose_group(self, wish: _Wish, items: Sequence[Json], holds: Iterable[Hold]) -> Json | None:
        """Choose the group appointment at this time that has most seats left; None if none has enough."""
        if wish.context.policy.seats == 1:
            return None
        service, kept = str(wish.context.service["id"]), list(holds)
        there = [
            item
            for item in recovery.at_the_time(items, service, wish.span, any_end=wish.any_end)
            if set(wish.staff) <= set(item.get("staffMemberIds") or []) and item.get("staffMemberIds")
        ]

        def count_seats_free(item: Json) -> int:
            taken = int(item.get("filledAttendeesCount") or 0) + count_seats(list_holds(item, kept))
            return self._limit.seats_left(wish.context.business, int(item.get("maximumAttendeesCount") or 0), taken)

        fitting = [item for item in there if count_seats_free(item) >= wish.seats]
        return max(fitting, key=count_seats_free, default=None)

    def _choose_staff(self, wish: _Wish, calendar: _Calendar, holds: Sequence[Hold], place: Place) -> tuple[str, ...]:
        if isinstance(calendar.free, Invalid | Conflict):
            there = recovery.at_the_time(calendar.items, place.service, wish.span, any_end=wish.any_end)
            if place.capacity > 1 and there:
                raise refuse_seats(there, holds, "seats")
            raise calendar.free
        left = check_held(holds, place, wish.staff, calendar.free)
        if wish.staff:
            return wish.staff
        items = [*calendar.items, *(hold.as_appointment() for hold in holds)]
        return (choose_fairly(left, week_of(wish.span[0], wish.context.zone), items),)

    def _describe(self, business: str, hold: Hold, zone: Zone) -> Json:
        members = describe_staff(hold.staff, self._names.staff(business))
        return {
            "id": hold.id,
            "businessId": business,
            "serviceId": hold.service,
            "serviceName": self._names.services(business).get(hold.service, {}).get("displayName"),
            **describe_times(*hold.span, zone),
            "durationMinutes": (hold.end - hold.start) // 60,
            "seats": hold.seats,
            "staffMembers": members,
            "staffNames": join_names(members),
            "madeUtc": _moment(hold.made),
            "expiresUtc": _moment(hold.expires),
        }


def _moment(seconds: int) -> str:
    return utc_text(datetime.fromtimestamp(seconds, UTC))
