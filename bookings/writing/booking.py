"""Booking: make an appointment, or join the group appointment of the service at that time.

A create is never repeated within a call, because Graph was seen to fail and book all the same. Only staff whom the
gateway chose are replaced by others: after Graph answered that it refused or failed, and the calendar does not show
what the create made. If the answer is lost, the calendar is searched, and nothing is sent again. Graph takes four
customers into a new appointment; further ones join it afterwards, by the same change with which later customers join.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from bookings.free_time.group_limit import MOST_CUSTOMERS_OF_CREATE, GroupLimit
from bookings.free_time.held_time import Hold, Place, place_of
from bookings.free_time.service_context import ServiceContext
from bookings.free_time.staff_spans import Basis, SpanQuestion, basis_of, read_spans
from bookings.holds.store import HeldPage, HoldStore, repeat_overtaken
from bookings.writing import recovery
from bookings.writing.changing import LOST, Changer, make_lost
from bookings.writing.choosing import choose_fairly, is_taken, week_of
from bookings.writing.customers import Customers
from bookings.writing.graph_bodies import Booking, appointment_body, kept_customer
from bookings.writing.group_seats import count_free, count_left, keep_seats, refuse_seats
from bookings.writing.own_hold import check_own_hold, find_own_hold
from bookings.writing.rules import (
    FIND_SLOTS,
    Span,
    check_choice,
    check_free,
    check_held,
    check_new_group,
    check_notice,
    check_seats,
    check_team,
    check_times,
)
from shared import context
from shared.errors import Conflict, GatewayError, InProgress, Invalid, OutcomeUnknown, ServerFailed
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.storage.idempotency import Attempt, WriteLost

_OVERTAKEN = (
    "Somebody else was booked with the staff member whom the gateway chose, while no answer came from Microsoft Graph. "
    "Nothing was booked. Send it again, and another one is chosen."
)
SECOND_SEARCH = 2.0  # seconds after the first: a new appointment may show late
_LEAST_LEFT = 4.0  # seconds of the call's budget that a second search needs

# Graph answers a broken rule with a bare 500, too.
LOST_OR_AWAY = (
    "Microsoft Graph failed to book, and no appointment can be seen. Look at the calendar, then name other staff: "
    "these may be away, which a gateway that signs in as a user cannot see."
)

type Find = Callable[["_Plan", Sequence[Json], Attempt], Json | None]
type Lock = Callable[[str, str], AbstractContextManager[None]]


class _TakenMeanwhile(Conflict):
    """Graph answered that it failed, because an appointment of somebody else took the time of the chosen one."""

    code = "StaffNotFree"


_FAILED = "HTTP 500"  # after it no create is under way any more; 502 to 504 may come from gateways before Bookings


@dataclass(frozen=True)
class _Plan:
    """An appointment that is about to be made. `customers` are Graph's form of the booking's customers.

    `page` has the holds as they were before the calendar was read, `own` is the one that the booking uses up.
    """

    booking: Booking
    service: ServiceContext
    span: Span
    customers: list[Json]
    page: HeldPage
    own: Hold | None

    def others(self, attempt: Attempt) -> list[Hold]:
        """Return the holds of others."""
        return self.page.others(self.booking.hold, attempt.mark)

    def place(self, capacity: int) -> Place:
        """Return the place that the appointment takes."""
        seats = len(self.customers)
        return place_of(self.booking.service, self.span, self.service.policy, seats=seats, capacity=capacity)


class Booker:
    """Books appointments of one connection. `lock` keeps other calls from one appointment: (business, appointment)."""

    def __init__(
        self,
        graph: GraphBookings,
        customers: Customers,
        changer: Changer,
        *,
        limit: GroupLimit,
        lock: Lock,
        holds: HoldStore,
    ) -> None:
        self._graph = graph
        self._holds = holds
        self._customers = customers
        self._changer = changer
        self._limit = limit
        self._lock = lock

    def book(self, booking: Booking, service: ServiceContext, attempt: Attempt) -> Json:
        """Book, and return the appointment. If an earlier try of the attempt may have written, look for it first."""
        book = self._book_or_join_group if service.policy.seats > 1 else self._book_single
        return repeat_overtaken(lambda: book(booking, service, attempt))

    def check_free(
        self,
        service: ServiceContext,
        span: Span,
        wanted: Sequence[str],
        calendar: Sequence[Json],
        *,
        moving: Json | None = None,
    ) -> set[str]:
        """Check against the time of the staff and the calendar that staff are free, see `rules.check_free`."""
        policy, (start, end) = service.policy, (span[0] - service.policy.margin, span[1] + service.policy.margin)
        asked = SpanQuestion(service.business, service.team, policy.business_hours, service.zone, start, end)
        spans = read_spans(self._graph, asked, lambda: calendar)
        return check_free(service, span, wanted, spans, calendar, moving=moving)

    def _book_single(self, booking: Booking, service: ServiceContext, attempt: Attempt) -> Json:
        """Book an appointment that is for one customer."""
        plan = self._make_plan(booking, service, is_group=False)
        calendar, there = self._read_calendar(plan)
        if attempt.interrupted and (made := self._find_made(plan, there, attempt)):
            return self._give_up_hold(plan, made)
        self._check_choice(plan, booking)
        check_times(service, plan.span)
        free = self.check_free(service, plan.span, plan.booking.staff, calendar)
        return self._create_with_staff(plan, free, calendar, attempt, self._find_made)

    def _book_or_join_group(self, booking: Booking, service: ServiceContext, attempt: Attempt) -> Json:
        """Join the group appointment at that time if it has seats, or else make one.

        A group that is there is joined whatever its length and outside of hours, too: somebody decided that already.
        """
        plan = self._make_plan(booking, service, is_group=True)
        first = replace(plan, customers=plan.customers[:MOST_CUSTOMERS_OF_CREATE])
        calendar, there = self._read_calendar(plan)
        if attempt.interrupted and (found := self._find_made_or_joined(first, there, attempt)):
            return self._join(plan, found, attempt)
        self._check_choice(plan, booking)
        check_notice(service, plan.span[0])
        if group := self._choose_group(plan, there, attempt):
            return self._join(plan, group, attempt)
        try:
            check_times(service, plan.span)
            free = self.check_free(service, plan.span, plan.booking.staff, calendar)
        except (Conflict, Invalid) as refusal:
            raise refuse_seats(there, plan.others(attempt)) if there else refusal from None
        if len(plan.customers) > MOST_CUSTOMERS_OF_CREATE and self._limit.is_known(service.business):
            raise Conflict(
                f"Microsoft Graph takes {MOST_CUSTOMERS_OF_CREATE} customers into an appointment of this business. "
                "Nothing was booked. Name fewer customers, or book in Microsoft Bookings itself.",
                code="GroupTooLarge",
                target="customers",
            )
        plan = replace(plan, customers=self._customers.save_unknown(service.business, plan.customers))
        first = replace(plan, customers=plan.customers[:MOST_CUSTOMERS_OF_CREATE])
        made = self._create_with_staff(first, free, calendar, attempt, self._find_made_or_joined)
        try:
            return self._join(replace(plan, own=None), made, attempt)
        except InProgress:
            raise
        except Conflict as conflict:
            booked = f"{len(first.customers)} of {len(plan.customers)} customers are booked, the others are not. "
            raise Conflict(booked + conflict.message, code=conflict.code, target=conflict.target) from conflict

    def _make_plan(self, booking: Booking, service: ServiceContext, *, is_group: bool) -> _Plan:
        span = booking.start, booking.end or booking.start + service.policy.duration
        check_seats(len(booking.customers), service.policy.seats)
        customers = self._customers.describe_people(service.business, booking.customers, is_group=is_group)
        page = self._holds.read(service.business)
        own = page.find(booking.hold)
        if own is not None:
            check_own_hold(own, booking.service, booking.start, booking.staff)
            booking = replace(booking, staff=booking.staff or own.staff)
        return _Plan(booking, service, span, customers, page, own)

    def _check_choice(self, plan: _Plan, asked: Booking) -> None:
        """Check hold and staff. Who may be chosen was decided when the hold was made."""
        find_own_hold(plan.page, asked.hold)
        (check_team if plan.own else check_choice)(plan.service, plan.booking.staff)

    def _give_up_hold(self, plan: _Plan, made: Json) -> Json:
        """End the hold of a booking that stands already; return its appointment."""
        if plan.own is not None:
            self._holds.end(plan.service.business, plan.own.id, has_written=True)
        return made

    def _read_calendar(self, plan: _Plan) -> tuple[list[Json], list[Json]]:
        """Return the calendar around the time, and of it the appointments of the service at exactly this time.

        Groups count that begin then, unless the caller said when they end. Where staff must be chosen, it is the
        calendar of the whole week.
        """
        start, end = plan.span
        if not plan.booking.staff:
            week = week_of(start, plan.service.zone)
            start, end = min(start, week[0]), max(end, week[1])
        calendar = recovery.read_around(self._graph, plan.service.business, start, end)
        any_end = plan.service.policy.seats > 1 and plan.booking.end is None
        return calendar, recovery.at_the_time(calendar, plan.booking.service, plan.span, any_end=any_end)

    def _create_with_staff(
        self, plan: _Plan, free: set[str], calendar: Sequence[Json], attempt: Attempt, find: Find
    ) -> Json:
        """Create with the staff that are named, or else with one of those who are free and not held.

        If it is certain that nothing was made because the chosen one is not to be had, the next one is chosen. After a
        lost answer nobody is: the create may still be under way.
        """
        others = plan.others(attempt)
        left = check_held(others, self._place(plan), plan.booking.staff, free)
        if plan.booking.staff:
            return self._create(plan, attempt, find)
        week = week_of(plan.span[0], plan.service.zone)
        calendar = [*calendar, *(hold.as_appointment() for hold in others)]
        refusal = Conflict(f"No staff member is free at this time. {FIND_SLOTS}", code="SlotTaken", target="start")
        while left:
            member = choose_fairly(left, week, calendar)
            left.discard(member)
            try:
                return self._create(replace(plan, booking=replace(plan.booking, staff=(member,))), attempt, find)
            except _TakenMeanwhile:
                continue
            except Conflict as conflict:
                if conflict.code == "StaffNotFree":
                    raise Conflict(_OVERTAKEN, code="SlotTaken", target="start") from conflict
                if conflict.code not in ("StaffRefused", "SlotHeld"):
                    raise
                refusal = conflict
        raise refusal

    def _create(self, plan: _Plan, attempt: Attempt, find: Find) -> Json:
        """Hold the place, and send the create, once.

        If it is refused, or its answer lost, look for what it made with `find`.
        """
        service, place = plan.service, self._place(plan)
        body = appointment_body(
            plan.booking, plan.span, plan.customers, service=service.service, zone=service.zone, mark=attempt.mark
        )

        def check(others: Sequence[Hold]) -> None:
            check_new_group(others, place, plan.booking.staff)
            check_held(others, place, plan.booking.staff, ())

        with self._holds.keep(
            service.business, plan.page, place, staff=plan.booking.staff, attempt=attempt, check=check, own=plan.own
        ):
            try:
                return self._graph.create_appointment(service.business, body)
            except OutcomeUnknown as lost:
                return self._search(plan, lambda there: find(plan, there, attempt), lost)
            except (Conflict, Invalid):
                if found := find(plan, self._read_calendar(plan)[1], attempt):
                    return found
                raise

    def _place(self, plan: _Plan) -> Place:
        return plan.place(self._limit.seats_left(plan.service.business, plan.service.policy.seats))

    def _search(self, plan: _Plan, find: Callable[[Sequence[Json]], Json | None], lost: OutcomeUnknown) -> Json:
        """Search, twice, for what a lost create made. Raises WriteLost.

        If it is not there and the time is taken by something else, nothing was made: that is the Conflict. Whether the
        time is free is read before the search, so that what appears in between counts as found, not as in the way. What
        only one of the two readings shows is looked at, too: the next one may come from another copy of the calendar.
        """
        for wait in (0.0, SECOND_SEARCH):
            if wait and context.remaining() < wait + _LEAST_LEFT:
                break
            time.sleep(wait)
            try:
                calendar, before = self._read_calendar(plan)
                obstacle = self._find_obstacle(plan, calendar, lost)
                there = self._read_calendar(plan)[1]
                listed = {item["id"] for item in there}
                found = find(there + [item for item in before if item["id"] not in listed])
            except GatewayError as unread:
                raise WriteLost(LOST, detail=unread.detail) from lost
            if found is not None:
                return found
            if obstacle is not None:
                raise obstacle
        unknown = make_lost(lost)
        if basis_of(self._graph) is Basis.CALENDAR and isinstance(lost, ServerFailed):
            unknown.restate(LOST_OR_AWAY)
        raise unknown from lost

    def _find_obstacle(self, plan: _Plan, calendar: Sequence[Json], lost: OutcomeUnknown) -> Conflict | None:
        try:
            self.check_free(plan.service, plan.span, plan.booking.staff, calendar)
        except Conflict as conflict:
            has_failed = isinstance(lost, ServerFailed) and (lost.detail or "").startswith(_FAILED)
            if has_failed and any(is_taken(member, plan.span, calendar) for member in plan.booking.staff):
                return _TakenMeanwhile(conflict.message, target=conflict.target)
            return conflict
        return None

    def _find_made(self, plan: _Plan, there: Sequence[Json], attempt: Attempt) -> Json | None:
        """Return the appointment that an earlier try made."""
        return recovery.find_made(self._graph, plan.service.business, there, attempt, plan.customers)

    def _find_made_or_joined(self, plan: _Plan, there: Sequence[Json], attempt: Attempt) -> Json | None:
        """Return the group appointment that an earlier try made or joined."""
        if made := self._find_made(plan, there, attempt):
            return made
        return next((whole for whole in self._read_wholes(plan, there) if recovery.holds(whole, plan.customers)), None)

    def _choose_group(self, plan: _Plan, there: Sequence[Json], attempt: Attempt) -> Json | None:
        """Choose the group to join: one with all the customers, or the one with most seats that has room for the new.

        A group that holds all of them counts with any staff; a group to be joined must have the wanted staff. Seats
        that are held are not free.
        """
        others = plan.others(attempt)

        wholes = self._read_wholes(plan, there)
        if joined := next((whole for whole in wholes if recovery.holds(whole, plan.customers)), None):
            return joined
        fitting = [
            whole
            for whole in wholes
            if set(plan.booking.staff) <= set(whole.get("staffMemberIds") or [])
            and len(recovery.missing(whole, plan.customers)) <= count_free(whole, others)
        ]
        return max(fitting, key=lambda whole: count_free(whole, others), default=None)

    def _read_wholes(self, plan: _Plan, items: Sequence[Json]) -> list[Json]:
        """Read listed appointments with their customers; those that are gone meanwhile are left out."""
        read = (recovery.read_whole(self._graph, plan.service.business, item["id"]) for item in items)
        return [whole for whole in read if whole is not None]

    def _join(self, plan: _Plan, group: Json, attempt: Attempt) -> Json:
        """Add those of the customers who are not in the group appointment yet; return it as it is then."""
        if recovery.holds(group, plan.customers):
            return self._give_up_hold(plan, group)
        with self._lock(plan.service.business, str(group["id"])):
            return repeat_overtaken(lambda: self._join_alone(plan, str(group["id"]), attempt))

    def _join_alone(self, plan: _Plan, appointment: str, attempt: Attempt) -> Json:
        business, page = plan.service.business, self._holds.read(plan.service.business)
        whole = self._graph.get_appointment(business, appointment)
        new = recovery.missing(whole, plan.customers)
        if not new:
            return self._give_up_hold(plan, whole)
        if len(new) > count_left(whole):
            raise refuse_seats([whole], ())
        with keep_seats(self._holds, business, page, whole, len(new), attempt=attempt, own=plan.own):
            everybody = [kept_customer(each) for each in whole["customers"]]
            everybody += self._customers.save_unknown(business, new)
            return self._changer.replace_customers(
                business, whole, everybody, {}, lambda item: recovery.holds(item, new)
            )
