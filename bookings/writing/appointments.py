"""Writing appointments: book, reschedule, change, assign staff, cancel.

The order is always the same: read what is there; if it is as wanted already, or an earlier try of the same call left
it, answer that; check the rules; write; and if no answer came that can be trusted, look before writing again.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime
from typing import Any

from bookings.describe import appointment_times, describe_appointment
from bookings.free_time.group_limit import GroupLimit
from bookings.free_time.service_context import ServiceContext, read_service_context
from bookings.holds.holding import Holder
from bookings.holds.store import HoldStore, mark_change, repeat_overtaken
from bookings.names import Names
from bookings.writing import recovery
from bookings.writing.booking import Booker
from bookings.writing.buffers import Buffers
from bookings.writing.changing import LOST, Changer
from bookings.writing.customers import Customers
from bookings.writing.graph_bodies import Booking, mark_notes, read_mark, read_person
from bookings.writing.group_seats import keep_seats
from bookings.writing.merging import CustomerChange, find_places, has_customers, merge_customers, read_change
from bookings.writing.moving import Move, Mover
from bookings.writing.rules import check_members
from shared.errors import NotFound, OutcomeUnknown
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.storage.idempotency import Attempt, IdempotencyStore
from shared.time_zones.zones import Zone, read_duration
from shared.workers import Workers

# A customer as the routes take it: customerId, name, emailAddress, phone, notes, answers.
type Customer = Mapping[str, Any]


class Writes:
    """Writes appointments of one connection."""

    def __init__(
        self,
        connection: str,
        graph: GraphBookings,
        names: Names,
        workers: Workers,
        *,
        idempotency: IdempotencyStore,
        holds: HoldStore,
        limit: GroupLimit,
    ) -> None:
        self._connection = connection
        self._graph = graph
        self._names = names
        self._workers = workers
        self._idempotency = idempotency
        self.customers = Customers(graph, idempotency, connection)
        self._holds = holds
        self._changer = Changer(graph, limit)
        self._buffers = Buffers(graph, names, holds)
        self._booker = Booker(graph, self.customers, self._changer, limit=limit, lock=self._lock, holds=holds)
        self._mover = Mover(self._booker, self._changer, graph, holds)
        self.holder = Holder(
            graph, names, holds, limit, read_context=self._read_context, check_free=self._booker.check_free
        )

    def create(
        self,
        *,
        business: str,
        service: str,
        start: datetime,
        customers: Sequence[Customer],
        attempt: Attempt,
        end: datetime | None = None,
        zone: Zone | None = None,
        staff: Sequence[str] = (),
        details: Json | None = None,
        hold: str | None = None,
    ) -> Json:
        """Book, or join the group appointment at that time; return the appointment.

        No `end` means as long as the service takes. `zone` is the customer's, `details` are Graph's own properties,
        `hold` is used up.
        """
        people = tuple(read_person(each) for each in customers)
        booking = Booking(business, service, start, people, end, zone, tuple(staff), details or {}, hold)
        context = _with_buffers(self._read_context(business, service), booking.details)
        return _describe(self._booker.book(booking, context, attempt), zone, context)

    def stands(
        self, business: str, appointment: str, service: str, start: datetime, people: Sequence[Customer]
    ) -> bool:
        """Say whether an appointment is still there, of this service, at this time and with these customers."""
        whole = recovery.read_whole(self._graph, business, appointment)
        return (
            whole is not None
            and whole.get("serviceId") == service
            and appointment_times(whole)[0] == start
            and recovery.holds(whole, [dict(each) for each in people])
        )

    def reschedule(
        self,
        *,
        business: str,
        appointment: str,
        start: datetime,
        end: datetime | None,
        staff: Sequence[str],
        zone: Zone | None,
        attempt: Attempt,
        hold: str | None = None,
    ) -> Json:
        """Move an appointment, and give it to other staff if any are named or held; return it as it is then."""
        old = self._graph.get_appointment(business, appointment)
        context = self._read_context(business, str(old.get("serviceId")))
        move = Move(
            old, _with_buffers(context, old), (start, end or start + context.policy.duration), tuple(staff), hold
        )
        return _describe(self._mover.move(move, attempt), zone, context)

    def assign(
        self,
        *,
        business: str,
        appointment: str,
        staff: Sequence[str],
        zone: Zone | None,
        attempt: Attempt,
        hold: str | None = None,
    ) -> Json:
        """Give an appointment to these staff members; return it as it is then."""
        old = self._graph.get_appointment(business, appointment)
        context = self._read_context(business, str(old.get("serviceId")))
        move = Move(old, _with_buffers(context, old), appointment_times(old), tuple(staff), hold)
        return _describe(self._mover.move(move, attempt), zone, context)

    def update(
        self,
        *,
        business: str,
        appointment: str,
        details: Json,
        customers: Sequence[Customer] | None,
        zone: Zone | None,
        attempt: Attempt,
    ) -> Json:
        """Change details, and those customers who are given: all others stay. Return it as it is then.

        A customer may have `remove` (true: takes the customer out) and `clear` (names of fields to empty).
        """
        zone = zone or self._names.zone(business)
        if customers is None:
            fresh = repeat_overtaken(lambda: self._change_details(business, appointment, details, attempt))
        else:
            changes = [read_change(each) for each in customers]
            with self._lock(business, appointment):
                fresh = repeat_overtaken(
                    lambda: self._change_customers(business, appointment, details, changes, attempt)
                )
        staff, services = self._names.staff(business), self._names.services(business)
        return describe_appointment(fresh, zone, staff=staff, services=services, has_details=True)

    def cancel(self, *, business: str, appointment: str, message: str, attempt: Attempt) -> Json:
        """Cancel; Bookings mails customer and staff. What an earlier try of this call cancelled counts as cancelled."""
        cancelled = {"id": appointment, "status": "cancelled"}
        try:
            self._graph.get_appointment(business, appointment)
        except NotFound as error:
            if attempt.interrupted and error.code == "AppointmentNotFound":
                return cancelled
            raise

        def write() -> None:
            try:
                self._graph.cancel_appointment(business, appointment, message)
            except NotFound:  # it was there a moment ago: an earlier try of ours or somebody else has cancelled it
                return

        def find_result(lost: OutcomeUnknown | None) -> Json | None:
            is_cancelled = lost is None or self._changer.read_back(business, appointment) is None
            return cancelled if is_cancelled else None

        return recovery.attempt_twice(write, find_result, LOST)

    def _change_details(self, business: str, appointment: str, details: Json, attempt: Attempt) -> Json:
        old = self._graph.get_appointment(business, appointment)
        body = _keep_mark(details, old)
        with self._buffers.keep(business, old, body, mark_change(attempt, appointment)):
            return self._changer.change(business, old, body, lambda item: _has_details(item, body))

    def _change_customers(
        self, business: str, appointment: str, details: Json, changes: Sequence[CustomerChange], attempt: Attempt
    ) -> Json:
        page = self._holds.read(business)
        old = self._graph.get_appointment(business, appointment)
        body = _keep_mark(details, old)
        seats = int(old.get("maximumAttendeesCount") or 1)
        places = find_places(old, changes, is_repeat=attempt.interrupted)
        typed = self.customers.type_people(business, [change.person for change in changes])
        staying = merge_customers(old, changes, places, typed)
        new = [number for number, place in enumerate(places) if place is None and not changes[number].is_removal]
        check_members(len(staying), len(new), seats)
        joining = self.customers.complete_people(
            business, [changes[number].person for number in new], [typed[number] for number in new], is_group=seats > 1
        )
        wanted = staying + (self.customers.save_unknown(business, joining) if seats > 1 else joining)

        def is_done(item: Json) -> bool:
            return has_customers(item, wanted) and _has_details(item, body)

        if is_done(old):
            return old
        more = len(wanted) - len(old.get("customers") or [])
        own = mark_change(attempt, appointment)
        seats_kept = keep_seats(self._holds, business, page, old, more, attempt=own) if more > 0 else nullcontext()
        with self._buffers.keep(business, old, body, own), seats_kept:
            return self._changer.replace_customers(business, old, wanted, body, is_done)

    def _read_context(self, business: str, service: str) -> ServiceContext:
        return read_service_context(self._graph, self._names, self._workers, business, service)

    def _lock(self, business: str, appointment: str) -> AbstractContextManager[None]:
        return self._idempotency.alone(f"{self._connection}|{business.lower()}", f"appointment|{appointment}")


def _describe(item: Json, zone: Zone | None, context: ServiceContext) -> Json:
    services = {str(context.service["id"]): context.service}
    return describe_appointment(item, zone or context.zone, staff=context.staff, services=services, has_details=True)


def _with_buffers(context: ServiceContext, details: Json) -> ServiceContext:
    """Return the service with the buffers of one appointment, so that staff are asked for as much time as it takes."""
    policy = context.policy
    before = read_duration(details.get("preBuffer"), policy.pre_buffer)
    after = read_duration(details.get("postBuffer"), policy.post_buffer)
    return replace(context, policy=replace(policy, pre_buffer=before, post_buffer=after))


def _keep_mark(details: Json, old: Json) -> Json:
    """Return details whose notes bear the mark of the old ones."""
    if "serviceNotes" in details and (mark := read_mark(old.get("serviceNotes"))):
        return details | {"serviceNotes": mark_notes(details["serviceNotes"], mark)}
    return details


def _has_details(item: Json, body: Json) -> bool:
    """Say whether an appointment has the plain values of a change; Graph completes objects such as a location."""
    return all(
        not _is_place(item.get(name)) if value is None else item.get(name) == value
        for name, value in body.items()
        if not isinstance(value, dict)
    )


def _is_place(location: Json | None) -> bool:
    """Say whether a location names a place: Graph answers an emptied one as null, or as empty texts."""
    return bool(location and (location.get("displayName") or location.get("address")))
