"""HTTP: the change feed of Microsoft Bookings."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import azure.functions as func

from blueprints._bounds import APPOINTMENT_PAGE, APPOINTMENT_PAGE_WITH_DETAILS
from blueprints._http import Request, answers
from bookings.changes.describing import describe_change, needs_details
from bookings.changes.feed import Position
from bookings.changes.journal import Entry
from shared.errors import Invalid
from shared.json_text import Json
from shared.time_zones.zones import Zone, find_zone

if TYPE_CHECKING:
    from composition.connections import ConnectionServices

bp = func.Blueprint()


@bp.route(route="bookings/businesses/{business}/changes", methods=["GET"])
@answers("since", "limit", "cursor", "timeZone", "expand")
def list_changes(request: Request) -> Json:
    """List what happened to appointments, in order; `cursor` of the answer leads on, also later."""
    business, feed, query = request.business, request.connection.changes, request.query
    zone = query.zone() or find_zone("UTC")
    wants_details = query.choice("expand", "details") is not None
    limit = query.whole_number("limit", APPOINTMENT_PAGE_WITH_DETAILS if wants_details else APPOINTMENT_PAGE)
    since = query.optional_moment("since", zone)
    given = request.cursor()
    position = read_position(given) if given else feed.start(business, since)
    page = feed.page(business, position, limit)
    value = describe_changes(
        request.connection, business, page.entries, page.position, zone, wants_details=wants_details
    )
    place = [page.position.generation, page.position.number]
    answer: Json = {"value": value, "cursor": request.services.cursors.seal(place, binding=request.binding)}
    return answer | ({"nextLink": request.next_link(place)} if page.has_more else {})


def read_position(payload: Any) -> Position:
    """Return the position that a cursor or a trigger's state holds. Raises Invalid."""
    match payload:
        case [str() as generation, int() as number]:
            return Position(generation, number)
        case _:
            raise Invalid("This cursor is not one of a change feed.", code="InvalidCursor", target="cursor")


def describe_changes(
    connection: "ConnectionServices",
    business: str,
    entries: Sequence[Entry],
    position: Position,
    zone: Zone,
    *,
    wants_details: bool,
) -> list[Json]:
    """Return changes for an answer; names cost a call to Graph now and then, details one for each appointment."""
    if not entries:
        return []
    details = connection.appointments.details(business, needs_details(entries)) if wants_details else {}
    staff, services_ = connection.names.staff(business), connection.names.services(business)
    return [
        describe_change(
            entry, position, business, zone,
            staff=staff, services=services_, details=details.get(entry.record["id"]),
        )
        for entry in entries
    ]  # fmt: skip
