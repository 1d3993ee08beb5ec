"""Businesses: list, read, change, publish; free and busy times of their staff; currencies."""

import re

from twin.bookings.access import check_permission, enter_business, read_body, read_json
from twin.bookings.availability import describe_availability
from twin.bookings.errors import refuse_access, refuse_item, refuse_unknown
from twin.bookings.options import (
    answer_list,
    check_entity_options,
    check_list_options,
    check_no_options,
    read_expansions,
)
from twin.bookings.render import View, make_view, render, render_appointment
from twin.bookings.schema import MisfitError, check
from twin.bookings.state import Bookings, Business
from twin.bookings.times import Span, parse_zoned
from twin.core.routes import Routes
from twin.core.wire import Call, Json, Reply
from twin.graph.admission import caller_of
from twin.graph.errors import refuse_body
from twin.graph.odata import answer_collection, answer_entity, make_context, read_flag, read_integer

businesses = Routes[Bookings]("/v1.0/solutions")

_AVAILABILITY_PARAMETERS = frozenset({"staffIds", "startDateTime", "endDateTime"})


@businesses.get("/bookingBusinesses")
def list_businesses(call: Call, bookings: Bookings) -> Reply:
    """Id and name only, at most 500, no pages; `query` narrows by name. $top is read and ignored."""
    check_permission(call, bookings, "ListBookingBusinesses")
    check_list_options(call, "bookingBusiness", bookings.switches, "query")
    read_integer(call, "$top")
    caller = caller_of(call)
    wanted = (call.option("query") or "").lower()
    found = [
        {"id": business.id, "displayName": business.values["displayName"]}
        for business in bookings.of_tenant(caller.tenant.id)
        if wanted in business.values["displayName"].lower()
    ][: bookings.switches.list_cap]
    count = len(found) if read_flag(call, "$count") else None
    return answer_collection(make_context(call, "solutions/bookingBusinesses"), found, count=count, link=None)


@businesses.post("/bookingBusinesses")
def create_business(call: Call, bookings: Bookings) -> Reply:
    """Create a new business with the caller as its administrator."""
    check_no_options(call)
    check_permission(call, bookings, "CreateBookingBusiness")
    body = read_body(call, "bookingBusiness")
    name = body.get("displayName")
    caller = caller_of(call)
    if not name or caller.user is None:
        raise refuse_unknown()
    business_id = _make_address(bookings, name, caller.tenant.domains[0])
    business = bookings.add_business(business_id, caller.tenant.id, body | {"email": business_id})
    business.staff.add({"displayName": caller.user.name, "emailAddress": caller.user.name, "role": "administrator"})
    return _answer_business(call, business, status=201)


@businesses.get("/bookingBusinesses/{business}")
def get_business(call: Call, bookings: Bookings) -> Reply:
    """All properties, and what $expand asks for."""
    business = enter_business(call, bookings, "GetBookingBusiness")
    check_entity_options(call, "bookingBusiness")
    return _answer_business(call, business)


@businesses.patch("/bookingBusinesses/{business}")
def update_business(call: Call, bookings: Bookings) -> Reply:
    """Change properties; answers without a body."""
    check_no_options(call)
    business = enter_business(call, bookings, "UpdateBookingBusiness")
    business.patch(read_body(call, "bookingBusiness"))
    return Reply(204)


@businesses.delete("/bookingBusinesses/{business}")
def delete_business(call: Call, bookings: Bookings) -> Reply:
    """Delete the mailbox: takes an Exchange administrator (microsoft-graph-docs-contrib issue 8733)."""
    check_no_options(call)
    business = enter_business(call, bookings, "DeleteBookingBusiness")
    caller = caller_of(call)
    if caller.user is None or not caller.user.is_exchange_admin:
        raise refuse_access()
    bookings.remove_business(business.id)
    return Reply(204)


@businesses.post("/bookingBusinesses/{business}/publish")
def publish(call: Call, bookings: Bookings) -> Reply:
    """Show the booking page."""
    check_no_options(call)
    enter_business(call, bookings, "Publish").publish(published=True)
    return Reply(204)


@businesses.post("/bookingBusinesses/{business}/unpublish")
def unpublish(call: Call, bookings: Bookings) -> Reply:
    """Hide the booking page."""
    check_no_options(call)
    enter_business(call, bookings, "Unpublish").publish(published=False)
    return Reply(204)


@businesses.post("/bookingBusinesses/{business}/getStaffAvailability")
def get_staff_availability(call: Call, bookings: Bookings) -> Reply:
    """Free and busy stretches per staff id; an unknown id fails the whole call."""
    check_no_options(call)
    business = enter_business(call, bookings, "GetStaffAvailability")
    staff_ids, asked, zone_name = _read_availability_request(read_json(call))
    switches = bookings.switches
    try:
        items = [describe_availability(business, staff_id, asked, zone_name, switches) for staff_id in staff_ids]
    except KeyError as error:
        raise refuse_unknown() from error
    context = make_context(call, "Collection(microsoft.graph.staffAvailabilityItem)")
    return Reply(200, {"@odata.context": context, switches.availability_key: items})


@businesses.get("/bookingCurrencies")
def list_currencies(call: Call, bookings: Bookings) -> Reply:
    """Currency symbols; delegated tokens only."""
    check_permission(call, bookings, "ListBookingCurrencies")
    check_list_options(call, "bookingCurrency", bookings.switches)
    items = [{"id": code, "symbol": symbol} for code, symbol in sorted(bookings.currencies.items())]
    context = make_context(call, "solutions/bookingCurrencies")
    return answer_list(call, context, items, dict, bookings.switches)


@businesses.get("/bookingCurrencies/{currency}")
def get_currency(call: Call, bookings: Bookings) -> Reply:
    """One currency by its ISO code."""
    check_permission(call, bookings, "GetBookingCurrency")
    check_entity_options(call, "bookingCurrency")
    code = call["currency"].upper()
    if code not in bookings.currencies:
        raise refuse_item()
    context = make_context(call, "solutions/bookingCurrencies/$entity")
    return answer_entity(context, {"id": code, "symbol": bookings.currencies[code]})


def _answer_business(call: Call, business: Business, *, status: int = 200) -> Reply:
    view = make_view(call, single=True)
    shown = render(business.values, "bookingBusiness", view)
    for name in read_expansions(call):
        shown[name] = _expand(business, name, make_view(call, single=False))
    return answer_entity(make_context(call, "solutions/bookingBusinesses/$entity"), shown, status=status)


def _expand(business: Business, name: str, view: View) -> list[Json]:
    if name == "appointments":
        return [render_appointment(one, view) for one in business.appointments.all()]
    if name == "calendarView":
        raise refuse_unknown()
    shelf = business.shelf(name)
    return [render(values, shelf.type_name, view) for values in shelf.all()]


def _make_address(bookings: Bookings, name: str, domain: str) -> str:
    stem = re.sub(r"[^A-Za-z0-9]", "", name) or "bookings"
    address, number = f"{stem}@{domain}", 1
    while address.lower() in bookings.businesses:
        address, number = f"{stem}{number}@{domain}", number + 1
    return address


def _read_availability_request(body: Json) -> tuple[list[str], Span, str]:
    for name in body:
        if name not in _AVAILABILITY_PARAMETERS:
            raise refuse_body(
                f"The parameter '{name}' in the request payload is not a valid parameter for the operation."
            )
    staff_ids = body.get("staffIds")
    if not isinstance(staff_ids, list) or not all(isinstance(one, str) for one in staff_ids):
        raise refuse_body("The parameter 'staffIds' must be a collection of strings.")
    try:
        first = check(body.get("startDateTime"), "dateTimeTimeZone")
        last = check(body.get("endDateTime"), "dateTimeTimeZone")
        asked = Span(parse_zoned(first), parse_zoned(last))
    except MisfitError as error:
        raise refuse_body(str(error)) from error
    except (KeyError, ValueError) as error:
        raise refuse_unknown() from error
    if asked.start >= asked.end or not staff_ids:
        raise refuse_unknown()
    return staff_ids, asked, first.get("timeZone") or "UTC"
