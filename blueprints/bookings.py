"""HTTP: reading Microsoft Bookings. Every route checks the allow-list of businesses."""

from datetime import UTC, datetime

from blueprints._bounds import APPOINTMENT_PAGE, APPOINTMENT_PAGE_WITH_DETAILS, LONGEST_FREE_TIME, LONGEST_RANGE
from blueprints._http import Request, answers, not_allowed
from blueprints._idempotent_writes import read_hold
from blueprints._routes import Blueprint
from shared.json_text import Json

bp = Blueprint()


@bp.route(route="bookings/businesses", methods=["GET"])
@answers("search")
def list_businesses(request: Request) -> Json:
    """List the booking businesses that the gateway may use; with search, those whose name holds the text."""
    connection = request.connection
    if connection.businesses.is_empty:
        raise not_allowed()
    found = connection.catalogue.businesses(request.query.text("search"))
    if found.is_complete:
        return {"value": found.items}
    message = "Microsoft Graph lists 500 businesses at most, and there may be more than could be found. Use search."
    return {"value": found.items, "truncated": True, "message": message}


@bp.route(route="bookings/businesses/{business}", methods=["GET"])
@answers()
def get_business(request: Request) -> Json:
    """Get one booking business: hours, scheduling policy and page settings."""
    return request.connection.catalogue.business(request.business)


@bp.route(route="bookings/businesses/{business}/services", methods=["GET"])
@answers()
def list_services(request: Request) -> Json:
    """List the services of a business."""
    return {"value": request.connection.catalogue.services(request.business)}


@bp.route(route="bookings/businesses/{business}/staff", methods=["GET"])
@answers()
def list_staff(request: Request) -> Json:
    """List the staff members of a business."""
    return {"value": request.connection.catalogue.staff(request.business)}


@bp.route(route="bookings/businesses/{business}/questions", methods=["GET"])
@answers()
def list_questions(request: Request) -> Json:
    """List the custom questions of a business."""
    return {"value": request.connection.catalogue.questions(request.business)}


@bp.route(route="bookings/businesses/{business}/customers", methods=["GET"])
@answers("cursor")
def list_customers(request: Request) -> Json:
    """List the customers of a business, in pages of the size that Graph chooses."""
    page = request.connection.catalogue.customers(request.business, request.cursor())
    return _page(request, page.items, page.next_link)


@bp.route(route="bookings/businesses/{business}/appointments", methods=["GET"])
@answers(
    "start", "end", "service", "staff", "customer", "selfService", "timeZone", "details", "expand", "limit", "cursor"
)
def list_appointments(request: Request) -> Json:
    """List the appointments of a business that overlap a range, in the order of their start."""
    business, query = request.business, request.query
    details = query.wants_details()
    limit = query.whole_number("limit", APPOINTMENT_PAGE_WITH_DETAILS if details else APPOINTMENT_PAGE)
    service, staff, customer = query.identifier("service"), query.identifier("staff"), query.text("customer")
    after = request.cursor()
    start, end = query.range(request.zone_of(query), longest=LONGEST_RANGE)
    page = request.connection.appointments.find(
        business=business,
        start=start,
        end=end,
        zone=query.zone(),
        limit=limit,
        service=service,
        staff=staff,
        customer=customer,
        self_service=query.identifier("selfService"),
        details=details,
        after=after,
    )
    return _page(request, page.items, page.resume_after)


@bp.route(route="bookings/businesses/{business}/appointment", methods=["GET"])
@answers("id", "timeZone")
def get_appointment(request: Request) -> Json:
    """Get one appointment with its customers and their answers."""
    business, appointment = request.business, request.query.needed_identifier("id")
    return request.connection.appointments.get(business, appointment, request.query.zone())


@bp.route(route="bookings/businesses/{business}/availability", methods=["POST"])
@answers()
def get_staff_availability(request: Request) -> Json:
    """Get the times at which staff members are free or busy."""
    business, body = request.business, request.body("staffIds", "start", "end", "timeZone", "hold")
    wanted, zone, hold = body.identifiers("staffIds"), body.zone(), read_hold(body)
    start, end = body.range(request.zone_of(body), longest=LONGEST_FREE_TIME)
    availability = request.connection.availability
    return {"value": availability.find(business, wanted, start, end, zone, hold=hold), "basis": availability.basis}


@bp.route(route="bookings/businesses/{business}/agenda", methods=["GET"])
@answers("date", "timeZone", "details", "expand")
def get_agenda(request: Request) -> Json:
    """Get the appointments of one day, grouped by staff member and ready to print."""
    business, day, read_zone = request.business, request.query.day("date"), request.zone_of(request.query)
    details = request.query.wants_details()
    return request.connection.appointments.read_agenda(business=business, day=day, zone=read_zone(), details=details)


@bp.route(route="bookings/businesses/{business}/overview", methods=["GET"])
@answers()
def get_overview(request: Request) -> Json:
    """Get what goes on at a business: today's appointments, how the week is used, free slots, the feed's age."""
    business, connection = request.business, request.connection
    feed = connection.changes.read_age(business)
    overview = connection.overviews.read(business)
    return overview | {"feed": feed.describe(datetime.now(UTC))}


def _page(request: Request, items: list[Json], resume: object) -> Json:
    """Return {"value", "nextLink"?}: the link is absent on the last page, never null."""
    return {"value": items} | ({"nextLink": request.next_link(resume)} if resume else {})
