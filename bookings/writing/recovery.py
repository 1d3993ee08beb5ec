"""Recovery after a lost answer: look for what the write did, before anything is written again.

Graph was seen to answer 500 and book all the same (msgraph-sdk-java issue 1581), and to move an appointment by making
another one (PowerPlatformConnectors issue 2918).
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from bookings.describe import appointment_times
from bookings.writing.graph_bodies import read_mark
from shared.errors import NotFound, OutcomeUnknown
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.storage.idempotency import Attempt, WriteLost

_CLOCKS_DIFFER = timedelta(minutes=5)
_TRIES = 2
_UNREADABLE = (
    "Microsoft Graph lists an appointment at this time that cannot be read yet; it may be this booking. Look at the "
    "calendar before you send it again."
)
AROUND = timedelta(days=1)  # which appointments a window holds at its edges is not documented


class Unchanged(WriteLost):
    """No try got an answer to trust, and what was read afterwards is as before. The cause is the last failure."""


def attempt_twice[Result](
    write: Callable[[], object], find_result: Callable[[OutcomeUnknown | None], Result | None], message: str
) -> Result:
    """Write, find the result, and write once more if the answer was lost and nothing came of it.

    Only for writes that may be done twice. `find_result` gets the failure (None after a good answer) and returns what
    became of the write, or None if nothing did. Raises Unchanged with `message` after the second try.
    """
    lost: OutcomeUnknown | None = None
    for _ in range(_TRIES):
        try:
            write()
            lost = None
        except OutcomeUnknown as error:
            lost = error
        result = find_result(lost)
        if result is not None:
            return result
    detail, upstream_id = (lost.detail, lost.upstream_id) if lost else (None, None)
    raise Unchanged(message, detail=detail, upstream_id=upstream_id) from lost


def read_around(graph: GraphBookings, business: str, start: datetime, end: datetime) -> list[Json]:
    """Return the calendar around a time."""
    return graph.calendar_view(business, start - AROUND, end + AROUND)


def at_the_time(
    items: Iterable[Json], service: str, span: tuple[datetime, datetime], *, any_end: bool = False
) -> list[Json]:
    """Return the appointments of a service at exactly this time; with `any_end` those that begin then."""
    compared = slice(1 if any_end else 2)
    return [
        item
        for item in items
        if item.get("serviceId") == service and appointment_times(item)[compared] == span[compared]
    ]


def read_whole(graph: GraphBookings, business: str, appointment: str) -> Json | None:
    """Return one appointment with its customers, or None if it does not exist any more."""
    try:
        return graph.get_appointment(business, appointment)
    except NotFound as error:
        if error.code != "AppointmentNotFound":
            raise
        return None


def find_made(
    graph: GraphBookings, business: str, items: Sequence[Json], attempt: Attempt, customers: Sequence[Json]
) -> Json | None:
    """Return the appointment that an earlier try of this attempt made; `items` are those of its service at its time.

    An appointment that bears a mark is judged by the mark. One without a mark counts if it was made since the attempt
    began, for the same customers. Raises WriteLost if one of that time is listed and cannot be read: it may be ours.
    """
    is_in_doubt = False
    for item in items:
        whole = read_whole(graph, business, item["id"])
        if whole is None:
            is_in_doubt = is_in_doubt or _is_since(item, attempt.began)
            continue
        mark = read_mark(whole.get("serviceNotes"))
        if mark == attempt.mark or (mark is None and _is_since(whole, attempt.began) and holds(whole, customers)):
            return whole
    if is_in_doubt:
        raise WriteLost(_UNREADABLE)
    return None


def find_moved(items: Iterable[Json], old: Json) -> Json | None:
    """Return the appointment of the calendar that is the old one under a new id."""
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
    return not missing(whole, customers)


def missing(whole: Json, customers: Iterable[Json]) -> list[Json]:
    """Return those of the customers who are not in an appointment.

    Graph gives everybody an id, so whoever was named by nothing but a name is looked for by it.
    """
    there = {key for customer in whole.get("customers") or [] for key in (*_identities(customer), _name_of(customer))}
    return [customer for customer in customers if not _identities(customer) & there]


def _identities(customer: Json) -> set[tuple[str, str]]:
    """Return the keys that identify a customer: id and mail address, or else the name."""
    known = {(name, str(customer[name]).casefold()) for name in ("customerId", "emailAddress") if customer.get(name)}
    return known or {_name_of(customer)}


def _name_of(customer: Json) -> tuple[str, str]:
    return "name", str(customer.get("name") or "").casefold()


def _is_since(whole: Json, moment: datetime) -> bool:
    created = whole.get("createdDateTime")  # absent in US Government clouds
    return not created or datetime.fromisoformat(str(created)) >= moment - _CLOCKS_DIFFER


def _own_id(item: Json) -> str | None:
    """Return the id that a booking made on the page keeps through all changes; None for other bookings (all zeros)."""
    own = str(item.get("selfServiceAppointmentId") or "")
    try:
        return own if own and UUID(own).int else None
    except ValueError:
        return None
