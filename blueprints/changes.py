"""HTTP: the change feed of Microsoft Bookings."""

from blueprints._bounds import APPOINTMENT_PAGE, APPOINTMENT_PAGE_WITH_DETAILS
from blueprints._http import Request, answers
from blueprints._routes import Blueprint
from shared.json_text import Json

bp = Blueprint()


@bp.route(route="bookings/businesses/{business}/changes", methods=["GET"])
@answers("since", "limit", "cursor", "timeZone", "details", "expand")
def list_changes(request: Request) -> Json:
    """List what happened to appointments, in order. Each answer holds a `cursor` to go on from, now or later."""
    from bookings.changes.feed import Position

    business, feed, query = request.business, request.connection.changes, request.query
    zone = query.zone()
    wants_details = query.wants_details()
    limit = query.whole_number("limit", APPOINTMENT_PAGE_WITH_DETAILS if wants_details else APPOINTMENT_PAGE)
    since = query.optional_moment("since", request.zone_of(query))
    cursor = request.cursor()
    if wants_details:
        feed.want_details(business)
    position = Position.from_json(cursor) if cursor else feed.start(business, since)
    page = feed.page(business, position, limit)
    value = request.connection.describer.describe_changes(
        business, page.entries, page.position, zone, wants_details=wants_details
    )
    place = page.position.to_json()
    answer: Json = {"value": value, "cursor": request.services.cursors.seal(place, binding=request.binding)}
    return answer | ({"nextLink": request.next_link(place)} if page.has_more else {})
