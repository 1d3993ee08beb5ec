"""What a lost write left behind: looked for before anything is done again.

Graph was seen to answer 500 and book all the same (msgraph-sdk-java issue 1581), and to move an appointment by making
another one (PowerPlatformConnectors issue 2918).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from bookings.describe import appointment_times
from bookings.writing.graph_bodies import read_mark
from shared.errors import NotFound
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.storage.idempotency import Attempt

_CLOCKS_DIFFER = timedelta(minutes=5)
AROUND = timedelta(days=1)  # which appointments a window holds at its edges is not documented


def read_around(graph: GraphBookings, business: str, start: datetime, end: datetime) -> list[Json]:
    """Return the calendar around a time."""
    return graph.calendar_view(business, start - AROUND, end + AROUND)


def at_the_time(items: Iterable[Json], service: str, span: tuple[datetime, datetime]) -> list[Json]:
    """Return the appointments of a service at exactly this time."""
    return [item for item in items if item.get("serviceId") == service and appointment_times(item) == span]


def read_whole(graph: GraphBookings, business: str, appointment: str) -> Json | None:
    """Return one appointment, None when it is gone."""
    try:
        return graph.get_appointment(business, appointment)
    except NotFound as error:
        if error.code != "AppointmentNotFound":
            raise
        return None


def find_made(
    graph: GraphBookings, business: str, items: Sequence[Json], attempt: Attempt, customers: Sequence[Json]
) -> Json | None:
    """Return what an earlier try of this attempt made, among the appointments of its service at its time.

    The mark decides where there is one. Without, it is one that was made since for the same customers.
    """
    for item in items:
        whole = read_whole(graph, business, item["id"])
        if whole is None:
            continue
        mark = read_mark(whole.get("serviceNotes"))
        if mark == attempt.mark or (mark is None and _is_since(whole, attempt.began) and holds(whole, customers)):
            return whole
    return None


def find_joined(graph: GraphBookings, business: str, items: Sequence[Json], customers: Sequence[Json]) -> Json | None:
    """Return the group appointment that holds these customers."""
    for item in items:
        whole = read_whole(graph, business, item["id"])
        if whole is not None and holds(whole, customers):
            return whole
    return None


def find_moved(items: Iterable[Json], old: Json) -> Json | None:
    """Return, from the calendar, the appointment that another id was given to."""
    for item in items:
        own = _own_id(item)
        if (own and own == _own_id(old)) or (
            item.get("serviceId") == old.get("serviceId")
            and item.get("createdDateTime") == old.get("createdDateTime")
            and item.get("customerEmailAddress") == old.get("customerEmailAddress")
        ):
            return item
    return None


def holds(whole: Json, customers: Sequence[Json]) -> bool:
    """Say whether an appointment holds all of these customers."""
    there = {who for customer in whole.get("customers") or [] for who in _whos(customer)}
    return all(_whos(customer) & there for customer in customers)


def _whos(customer: Json) -> set[tuple[str, str]]:
    """Return by what a customer is known: id and mail address, the name only where there is nothing else."""
    known = {(name, str(customer[name]).casefold()) for name in ("customerId", "emailAddress") if customer.get(name)}
    return known or {("name", str(customer.get("name") or "").casefold())}


def _is_since(whole: Json, moment: datetime) -> bool:
    created = whole.get("createdDateTime")  # not told in US Government
    return not created or datetime.fromisoformat(str(created)) >= moment - _CLOCKS_DIFFER


def _own_id(item: Json) -> str | None:
    """Return the id of a booking that a customer made on the page; it survives changes. Zero for all others."""
    own = str(item.get("selfServiceAppointmentId") or "")
    try:
        return own if own and UUID(own).int else None
    except ValueError:
        return None
