"""Writing appointments: book, reschedule, change, assign staff, cancel.

The order is always the same: read what is there; if it is as wanted already, or an earlier try of the same call left
it, say so; check the rules; write; and where no answer came that can be trusted, look before anything is repeated.

- A change says what shall be, so it may be said twice; a create is never repeated within a call.
- After a change the appointment is read again: PATCH answers without a body.
- A group appointment that exists at the time is joined, as a customer on the booking page would.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from bookings.describe import appointment_times, describe_appointment
from bookings.free_time.availability import read_spans
from bookings.names import Names
from bookings.writing import recovery
from bookings.writing.customers import Customers
from bookings.writing.graph_bodies import (
    Booking,
    Person,
    appointment_body,
    customers_change,
    kept_customer,
    mark_notes,
    read_mark,
    times,
)
from bookings.writing.rules import House, check_choice, check_free, check_seats, check_times, margin_of, team_of
from shared import context
from shared.errors import Conflict, GatewayError, NotFound, OutcomeUnknown
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.storage.idempotency import Attempt, IdempotencyStore, WriteLost
from shared.time_zones.zones import Zone, find_zone
from shared.workers import Workers

SECOND_LOOK = 2.0  # seconds after the first: what was made may show late
_LEAST_LEFT = 4.0  # seconds of the call's budget without which no second look is begun
_LOST = (
    "Microsoft Graph did not say whether this was done, and it cannot be seen yet. Look at the appointment before you "
    "send it again."
)

type Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class _Plan:
    """An appointment that is about to be made."""

    booking: Booking
    house: House
    span: Span
    customers: list[Json]


class Writes:
    """Appointments of one connection, to be written."""

    def __init__(
        self, connection: str, graph: GraphBookings, names: Names, workers: Workers, idempotency: IdempotencyStore
    ) -> None:
        self._connection = connection
        self._graph = graph
        self._names = names
        self._workers = workers
        self._idempotency = idempotency
        self.customers = Customers(graph, idempotency, connection)

    def create(self, booking: Booking, attempt: Attempt) -> Json:
        """Book, or join the group appointment at that time; return the appointment."""
        business, house = booking.business, self._read_house(booking.business, booking.service)
        policy = house.policy
        span = booking.start, booking.end or booking.start + policy.duration
        customers = self.customers.name_all(business, booking.customers, is_group=policy.seats > 1)
        check_seats(len(customers), policy.seats)
        plan = _Plan(booking, house, span, customers)
        calendar = recovery.read_around(self._graph, business, *span)
        there = recovery.at_the_time(calendar, booking.service, span)
        if attempt.interrupted and (found := self._find(plan, there, attempt)):
            return self._describe(found, booking.zone, house)
        check_choice(house, booking.staff)
        check_times(house, span)
        if policy.seats > 1 and there and (group := self._find_group(plan, there)):
            return self._join(plan, group)
        try:
            self._check_free(house, span, booking.staff, calendar)
        except Conflict as conflict:
            raise _no_seats(there) if there and policy.seats > 1 else conflict from None
        if policy.seats > 1:
            customers = self.customers.enlist(business, customers)
        body = appointment_body(booking, span, customers, service=house.service, zone=house.zone, mark=attempt.mark)
        try:
            made = self._graph.create_appointment(business, body)
        except OutcomeUnknown as error:
            made = self._look_for(plan, attempt, error)
        return self._describe(made, booking.zone, house)

    def reschedule(
        self,
        business: str,
        appointment: str,
        wanted: tuple[datetime, datetime | None],
        *,
        staff: Sequence[str],
        zone: Zone,
    ) -> Json:
        """Move an appointment, and give it to other staff if any are named; return it as it is then."""
        old = self._graph.get_appointment(business, appointment)
        house = self._read_house(business, str(old.get("serviceId")))
        span = wanted[0], wanted[1] or wanted[0] + house.policy.duration

        def is_done(item: Json) -> bool:
            return appointment_times(item) == span and _has_staff(item, staff)

        if is_done(old):
            return self._describe(old, zone, house)
        check_choice(house, staff)
        check_times(house, span)
        calendar = recovery.read_around(self._graph, business, *span)
        self._check_free(house, span, staff or _staff_of(old, house), calendar, moving=old)
        body = times(*span) | ({"staffMemberIds": list(staff)} if staff else {})
        return self._describe(self._change(business, old, body, is_done, span), zone, house)

    def assign(self, business: str, appointment: str, staff: tuple[str, ...], zone: Zone) -> Json:
        """Give an appointment to these staff members; return it as it is then."""
        old = self._graph.get_appointment(business, appointment)
        house = self._read_house(business, str(old.get("serviceId")))

        def is_done(item: Json) -> bool:
            return _has_staff(item, staff)

        if is_done(old):
            return self._describe(old, zone, house)
        check_choice(house, staff)
        span = appointment_times(old)
        calendar = recovery.read_around(self._graph, business, *span)
        self._check_free(house, span, staff, calendar, moving=old)
        fresh = self._change(business, old, {"staffMemberIds": list(staff)}, is_done, span)
        return self._describe(fresh, zone, house)

    def update(
        self, business: str, appointment: str, details: Json, people: Sequence[Person] | None, zone: Zone
    ) -> Json:
        """Change details, and the customers where they are given (all of them); return it as it is then."""
        if people is None:
            return self._update(business, appointment, details, None, zone)
        with self._alone(business, appointment):
            return self._update(business, appointment, details, people, zone)

    def cancel(self, business: str, appointment: str, message: str, attempt: Attempt) -> Json:
        """Cancel: Bookings mails customer and staff. One that an earlier try of this call cancelled is cancelled."""
        cancelled = {"id": appointment, "status": "cancelled"}
        try:
            self._graph.get_appointment(business, appointment)
        except NotFound as error:
            if attempt.interrupted and error.code == "AppointmentNotFound":
                return cancelled
            raise
        for is_last in (False, True):
            try:
                self._graph.cancel_appointment(business, appointment, message)
            except NotFound:  # it was there a moment ago: a try of ours, or somebody else, has cancelled it
                return cancelled
            except OutcomeUnknown as error:
                if self._read_back(business, appointment) is None:
                    return cancelled
                if is_last:
                    raise _lost(error) from error
            else:
                return cancelled
        raise AssertionError

    def _update(
        self, business: str, appointment: str, details: Json, people: Sequence[Person] | None, zone: Zone
    ) -> Json:
        old = self._graph.get_appointment(business, appointment)
        seats = int(old.get("maximumAttendeesCount") or 1)
        body = dict(details)
        if "serviceNotes" in body and (mark := read_mark(old.get("serviceNotes"))):
            body["serviceNotes"] = mark_notes(body["serviceNotes"], mark)
        customers: list[Json] = []
        if people is not None:
            customers = self.customers.name_all(business, people, is_group=seats > 1)
            check_seats(len(customers), seats)
            customers = [_with_known_id(customer, old) for customer in customers]
            if seats > 1:
                customers = self.customers.enlist(business, customers)
            body |= customers_change(customers, seats)

        def is_done(item: Json) -> bool:
            same = all(item.get(name) == value for name, value in details.items() if not isinstance(value, dict))
            return same and recovery.holds(item, customers)

        fresh = self._change(business, old, body, is_done, appointment_times(old))
        staff, services = self._names.staff(business), self._names.services(business)
        return describe_appointment(fresh, zone, staff=staff, services=services, has_details=True)

    def _find_group(self, plan: _Plan, there: Sequence[Json]) -> Json | None:
        """Find the group appointment to join: the one that holds the customers already, or the one with most seats."""
        if joined := recovery.find_joined(self._graph, plan.house.id, there, plan.customers):
            return joined
        fitting = [item for item in there if set(plan.booking.staff) <= set(item.get("staffMemberIds") or [])]
        group = max(fitting, key=_seats_left, default=None)
        return group if group and _seats_left(group) >= len(plan.customers) else None

    def _join(self, plan: _Plan, group: Json) -> Json:
        """Add the customers to a group appointment; whoever is in it already stays in it once."""
        booking, house, business = plan.booking, plan.house, plan.house.id
        with self._alone(business, group["id"]):
            whole = self._graph.get_appointment(business, group["id"])
            new = [customer for customer in plan.customers if not recovery.holds(whole, [customer])]
            if not new:
                return self._describe(whole, booking.zone, house)
            if len(new) > _seats_left(whole):
                raise _no_seats([whole])
            everybody = [kept_customer(each) for each in whole["customers"]] + self.customers.enlist(business, new)
            body = customers_change(everybody, int(whole["maximumAttendeesCount"]))
            span = appointment_times(whole)
            fresh = self._change(business, whole, body, lambda item: recovery.holds(item, new), span)
            return self._describe(fresh, booking.zone, house)

    def _change(self, business: str, old: Json, body: Json, is_done: Callable[[Json], bool], span: Span) -> Json:
        """Change, read again, and repeat once if the change got lost; return the appointment as it is then."""
        for is_last in (False, True):
            error: OutcomeUnknown | None = None
            try:
                self._graph.update_appointment(business, str(old["id"]), body)
            except OutcomeUnknown as lost:
                error = lost
            fresh = self._read_back(business, str(old["id"])) or self._find_moved(business, old, span)
            if fresh is not None and (error is None or is_done(fresh)):
                return fresh
            if error is not None and (is_last or fresh is None):
                raise _lost(error) from error
            if fresh is None:
                raise WriteLost(_LOST)
        raise AssertionError

    def _look_for(self, plan: _Plan, attempt: Attempt, lost: OutcomeUnknown) -> Json:
        """Look, twice, for what a lost create made. Raises WriteLost.

        If it is not there and somebody else is in its place, nothing was made. Whether the place is free is asked
        first: what shows up in between is then found, and not taken for somebody else's.
        """
        for wait in (0.0, SECOND_LOOK):
            if wait and context.remaining() < wait + _LEAST_LEFT:
                break
            time.sleep(wait)
            try:
                taken = self._find_obstacle(plan)
                calendar = recovery.read_around(self._graph, plan.house.id, *plan.span)
                there = recovery.at_the_time(calendar, plan.booking.service, plan.span)
                found = self._find(plan, there, attempt)
            except GatewayError as unread:
                raise WriteLost(_LOST, detail=unread.detail) from lost
            if found is not None:
                return found
            if taken is not None:
                raise taken
        raise _lost(lost) from lost

    def _find_obstacle(self, plan: _Plan) -> Conflict | None:
        calendar = recovery.read_around(self._graph, plan.house.id, *plan.span)
        try:
            self._check_free(plan.house, plan.span, plan.booking.staff, calendar)
        except Conflict as conflict:
            return conflict
        return None

    def _find(self, plan: _Plan, there: Sequence[Json], attempt: Attempt) -> Json | None:
        """Find what an earlier try made, or the group that it joined."""
        found = recovery.find_made(self._graph, plan.house.id, there, attempt, plan.customers)
        if found is None and plan.house.policy.seats > 1:
            return recovery.find_joined(self._graph, plan.house.id, there, plan.customers)
        return found

    def _read_back(self, business: str, appointment: str) -> Json | None:
        """Read an appointment after a write; None when it is gone. Raises WriteLost when it cannot be read."""
        try:
            return recovery.read_whole(self._graph, business, appointment)
        except GatewayError as unread:
            raise WriteLost(_LOST, detail=unread.detail, upstream_id=unread.upstream_id) from unread

    def _find_moved(self, business: str, old: Json, span: Span) -> Json | None:
        try:
            items = recovery.read_around(self._graph, business, *span)
            there = recovery.at_the_time(items, str(old.get("serviceId")), span)
            moved = recovery.find_moved(there, old)
            return recovery.read_whole(self._graph, business, moved["id"]) if moved else None
        except GatewayError as unread:
            raise WriteLost(_LOST, detail=unread.detail, upstream_id=unread.upstream_id) from unread

    def _read_house(self, business: str, service: str) -> House:
        waiting_business = self._workers.start(lambda: self._graph.get_business(business))
        waiting_service = self._workers.start(lambda: self._graph.get_service(business, service))
        staff = self._names.learn_staff(business, self._graph.list_staff(business))
        return House(business, waiting_business.result(), waiting_service.result(), staff)

    def _check_free(
        self, house: House, span: Span, wanted: Sequence[str], calendar: Sequence[Json], *, moving: Json | None = None
    ) -> None:
        margin, team = margin_of(house), list(team_of(house))
        spans = read_spans(self._graph, house.id, team, span[0] - margin, span[1] + margin) if team else []
        check_free(house, span, wanted, spans, calendar, moving=moving)

    def _alone(self, business: str, appointment: str) -> AbstractContextManager[None]:
        return self._idempotency.alone(f"{self._connection}|{business.lower()}", f"appointment|{appointment}")

    def _describe(self, item: Json, zone: Zone | None, house: House) -> Json:
        zone = zone or find_zone("UTC")
        return describe_appointment(item, zone, staff=house.staff, services=house.services, has_details=True)


def _lost(error: OutcomeUnknown) -> WriteLost:
    return WriteLost(_LOST, detail=error.detail, upstream_id=error.upstream_id)


def _no_seats(groups: Sequence[Json]) -> Conflict:
    left = max(_seats_left(group) for group in groups)
    return Conflict(f"The group at this time has {left} seats left. Ask for slots.", code="NoSeats", target="customers")


def _has_staff(item: Json, staff: Sequence[str]) -> bool:
    return not staff or set(item.get("staffMemberIds") or []) == set(staff)


def _staff_of(item: Json, house: House) -> tuple[str, ...]:
    """Return who is booked and still provides the service: who has left cannot be asked whether they are free."""
    team = team_of(house)
    return tuple(member for member in item.get("staffMemberIds") or [] if member in team)


def _seats_left(item: Json) -> int:
    return int(item.get("maximumAttendeesCount") or 0) - int(item.get("filledAttendeesCount") or 0)


def _with_known_id(customer: Json, old: Json) -> Json:
    """Keep the customerId of a customer who is in the appointment already: once set it is not changed."""
    if customer.get("customerId"):
        return customer
    mail = str(customer.get("emailAddress") or "").casefold()
    there = old.get("customers") or []
    known = next((each for each in there if mail and str(each.get("emailAddress")).casefold() == mail), None)
    return customer | {"customerId": known["customerId"]} if known and known.get("customerId") else customer
