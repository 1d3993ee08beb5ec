"""HTTP: writing to Microsoft Bookings, where the settings allow it. Every route honours Idempotency-Key."""

import json
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

import azure.functions as func

from blueprints._fields import Fields
from blueprints._http import Content, Request, answers
from shared.errors import Forbidden, Invalid
from shared.json_text import Json
from shared.time_zones.zones import Zone, find_zone

if TYPE_CHECKING:
    from bookings.writing.appointments import Writes
    from bookings.writing.graph_bodies import Person
    from shared.storage.idempotency import Attempt

bp = func.Blueprint()

_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")
_TEXTS, _FLAGS = ("additionalInformation", "serviceNotes"), ("isLocationOnline", "optOutOfCustomerEmail")
_DETAILS = (*_TEXTS, *_FLAGS, "smsNotificationsEnabled", "location")
_CUSTOMER = ("customerId", "name", "emailAddress", "phone", "notes", "answers")


@bp.route(route="bookings/businesses/{business}/appointments", methods=["POST"])
@answers()
def create_appointment(request: Request) -> Content:
    """Book an appointment, or seats in the group appointment at that time."""
    from bookings.writing.graph_bodies import Booking

    writes, business = _open(request), request.business
    body = request.body("service", "start", "end", "timeZone", "staff", "customer", "customers", *_DETAILS)
    zone = _zone(body)
    booking = Booking(
        business=business,
        service=body.needed_identifier("service"),
        start=body.moment("start", zone),
        end=body.optional_moment("end", zone),
        zone=body.zone(),
        staff=body.identifiers("staff"),
        customers=_needed_customers(body),
        details=_details(body),
    )
    return _run_idempotently(
        request, "create", lambda attempt: writes.create(booking, attempt), status=HTTPStatus.CREATED
    )


@bp.route(route="bookings/businesses/{business}/appointment", methods=["PATCH"])
@answers("id")
def update_appointment(request: Request) -> Content:
    """Change details or customers of an appointment."""
    writes, business, appointment = _open(request), request.business, request.query.needed_identifier("id")
    body = request.body("timeZone", "customers", *_DETAILS)
    zone, details, customers = _zone(body), _details(body), _customers(body)
    if not details and customers is None:
        raise Invalid("There is nothing to change.", code="MissingParameter", target="body")
    return _run_idempotently(
        request, "update", lambda _: writes.update(business, appointment, details, customers, zone)
    )


@bp.route(route="bookings/businesses/{business}/appointment/reschedule", methods=["POST"])
@answers("id")
def reschedule_appointment(request: Request) -> Content:
    """Move an appointment to another time."""
    writes, business, appointment = _open(request), request.business, request.query.needed_identifier("id")
    body = request.body("start", "end", "timeZone", "staff")
    zone, staff = _zone(body), body.identifiers("staff")
    wanted = body.moment("start", zone), body.optional_moment("end", zone)
    return _run_idempotently(
        request, "reschedule", lambda _: writes.reschedule(business, appointment, wanted, staff=staff, zone=zone)
    )


@bp.route(route="bookings/businesses/{business}/appointment/assign", methods=["POST"])
@answers("id")
def assign_staff(request: Request) -> Content:
    """Give an appointment to other staff members."""
    writes, business, appointment = _open(request), request.business, request.query.needed_identifier("id")
    body = request.body("staff", "timeZone")
    zone, staff = _zone(body), body.identifiers("staff")
    if not staff:
        raise Invalid("staff is missing.", code="MissingParameter", target="staff")
    return _run_idempotently(request, "assign", lambda _: writes.assign(business, appointment, staff, zone))


@bp.route(route="bookings/businesses/{business}/appointment/cancel", methods=["POST"])
@answers("id")
def cancel_appointment(request: Request) -> Content:
    """Cancel an appointment; Bookings mails customer and staff."""
    writes, business, appointment = _open(request), request.business, request.query.needed_identifier("id")
    message = (request.body("message").long_text("message") or "") if request.http.get_body() else ""
    return _run_idempotently(request, "cancel", lambda attempt: writes.cancel(business, appointment, message, attempt))


@bp.route(route="bookings/businesses/{business}/customer", methods=["POST"])
@answers()
def save_customer(request: Request) -> Content:
    """Change the customer with this id or mail address, or make one."""
    from bookings.writing.graph_bodies import Person

    writes, business = _open(request), request.business
    body = request.body("customerId", "name", "emailAddress", "phone")
    person = Person(
        id=body.identifier("customerId"),
        name=body.text("name"),
        mail=body.text("emailAddress"),
        phone=body.text("phone"),
    )
    if person.id is None:
        body.needed_text("emailAddress")
    return _run_idempotently(request, "customer", lambda _: writes.customers.save(business, person))


def _open(request: Request) -> "Writes":
    """Return what writes to the business in the path, where that is allowed."""
    _ = request.business  # the allow-list comes first
    if request.connection.writes is None:
        raise Forbidden(
            "The gateway may not write to Bookings. An administrator can switch it on with BOOKINGS_WRITES.",
            code="WritesOff",
        )
    return request.connection.writes


def _run_idempotently(
    request: Request, operation: str, work: Callable[["Attempt"], Json], *, status: HTTPStatus = HTTPStatus.OK
) -> Content:
    """Do the work once for its Idempotency-Key; an answer that was given before says so in a header."""
    from shared.storage.idempotency import WriteRequest

    key = request.http.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise Invalid("An Idempotency-Key has 1 to 255 visible characters.", code="InvalidId", target="Idempotency-Key")
    payload = {"body": json.loads(request.http.get_body() or b"{}"), "id": request.query.text("id")}
    scope = f"{request.connection_name}|{request.business.lower()}"
    given = request.services.idempotency.run(WriteRequest(scope, operation, payload, key), work)
    headers = {"Idempotency-Replayed": "true"} if given.is_replayed else {}
    return Content(given.body, status=status, headers=headers)


def _zone(body: Fields) -> Zone:
    return body.zone() or find_zone("UTC")


def _details(body: Fields) -> Json:
    """Return the properties of an appointment that pass through as Graph names them."""
    details: Json = {name: body.long_text(name) for name in _TEXTS}
    details |= {name: body.flag(name) for name in (*_FLAGS, "smsNotificationsEnabled")}
    place = body.text("location")
    details["serviceLocation"] = {"displayName": place} if place else None
    return {name: value for name, value in details.items() if value is not None}


def _needed_customers(body: Fields) -> "tuple[Person, ...]":
    """Return whom it is for: one `customer`, as forms of flows have it, or several `customers`."""
    customers, one = _customers(body), body.inner("customer", *_CUSTOMER)
    if one is not None and customers:
        raise Invalid("Give customer or customers, not both.", code="Contradiction", target="customer")
    if one is not None:
        return (_person("customer", one),)
    if not customers:
        raise Invalid("customer or customers is missing: name one.", code="MissingParameter", target="customers")
    return customers


def _customers(body: Fields) -> "tuple[Person, ...] | None":
    """Return the customers, or None where the field is missing."""
    given = body.several("customers", *_CUSTOMER)
    if given is None:
        return None
    return tuple(_person(f"customers[{number}]", each) for number, each in enumerate(given))


def _person(place: str, each: Fields) -> "Person":
    from bookings.writing.graph_bodies import Person

    try:
        person = Person(
            id=each.identifier("customerId"),
            name=each.text("name"),
            mail=each.text("emailAddress"),
            phone=each.text("phone"),
            notes=each.long_text("notes"),
            answers=each.texts("answers"),
        )
        if not (person.id or person.name or person.mail):
            each.needed_text("name")
    except Invalid as error:
        raise Invalid(error.message, code=error.code, target=f"{place}.{error.target}") from error
    return person
