"""HTTP: writing to Microsoft Bookings, where the settings allow it. Every route honours Idempotency-Key."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from blueprints._booking_details import CLEARABLE, DETAILS, read_details
from blueprints._fields import Fields
from blueprints._http import Content, Request, answers
from blueprints._idempotent_writes import get_writes, read_hold, run_idempotently
from blueprints._routes import Blueprint
from shared.errors import Invalid
from shared.json_text import Json

if TYPE_CHECKING:
    from shared.storage.idempotency import Attempt

bp = Blueprint()

_CUSTOMER = ("customerId", "name", "emailAddress", "phone", "notes", "answers")
_CLEARABLE_OF_CUSTOMERS = ("phone", "notes", "answers")


@bp.route(route="bookings/businesses/{business}/appointments", methods=["POST"])
@answers()
def create_appointment(request: Request) -> Content:
    """Book an appointment, or seats in the group appointment at that time."""
    from shared.storage.idempotency import Sameness

    writes, business = get_writes(request), request.business
    body = request.body(
        "service", "start", "end", "timeZone", "staff", "customer", "customers", "allowDuplicate", "hold", *DETAILS
    )
    service, zone = body.needed_identifier("service"), body.zone()
    staff, customers, details = body.identifiers("staff"), _needed_customers(body), read_details(body)
    hold = read_hold(body)
    start, end = request.start_and_end(body)

    def work(attempt: "Attempt") -> Json:
        return writes.create(
            business=business,
            service=service,
            start=start,
            end=end,
            zone=zone,
            staff=staff,
            customers=customers,
            details=details,
            hold=hold,
            attempt=attempt,
        )

    same = None
    if request.http.headers.get("Idempotency-Key") is None and not body.flag("allowDuplicate"):

        def is_current(answer: Json) -> bool:
            return writes.stands(business, str(answer.get("id")), service, start, customers)

        who = sorted(json.dumps(_identity(each), sort_keys=True) for each in customers)
        same = Sameness({"service": service, "start": start.isoformat(), "customers": who}, is_current)
    return run_idempotently(request, "create", body, work, status=HTTPStatus.CREATED, same=same, uses_run=True)


@bp.route(route="bookings/businesses/{business}/appointment", methods=["PATCH"])
@answers("id")
def update_appointment(request: Request) -> Content:
    """Change details or customers of an appointment; what is not given stays."""
    writes, business, appointment = get_writes(request), request.business, request.query.needed_identifier("id")
    body = request.body("timeZone", "customers", "clear", *DETAILS)
    zone, details, customers = body.zone(), read_details(body) | _cleared(body), _customer_changes(body)
    if not details and customers is None:
        raise Invalid(
            f"The body names nothing to change. Send customers, clear, or one of: {', '.join(DETAILS)}.",
            code="MissingParameter",
            target="body",
        )

    def work(attempt: "Attempt") -> Json:
        return writes.update(
            business=business,
            appointment=appointment,
            details=details,
            customers=customers,
            zone=zone,
            attempt=attempt,
        )

    return run_idempotently(request, "update", body, work)


@bp.route(route="bookings/businesses/{business}/appointment/reschedule", methods=["POST"])
@answers("id")
def reschedule_appointment(request: Request) -> Content:
    """Move an appointment to another time."""
    writes, business, appointment = get_writes(request), request.business, request.query.needed_identifier("id")
    body = request.body("start", "end", "timeZone", "staff", "hold")
    zone, staff, hold = body.zone(), body.identifiers("staff"), read_hold(body)
    start, end = request.start_and_end(body)

    def work(attempt: "Attempt") -> Json:
        return writes.reschedule(
            business=business,
            appointment=appointment,
            start=start,
            end=end,
            staff=staff,
            zone=zone,
            hold=hold,
            attempt=attempt,
        )

    return run_idempotently(request, "reschedule", body, work)


@bp.route(route="bookings/businesses/{business}/appointment/assign", methods=["POST"])
@answers("id")
def assign_staff(request: Request) -> Content:
    """Give an appointment to other staff members."""
    writes, business, appointment = get_writes(request), request.business, request.query.needed_identifier("id")
    body = request.body("staff", "timeZone", "hold")
    zone, staff, hold = body.zone(), body.identifiers("staff"), read_hold(body)
    if not staff:
        raise Invalid("staff is missing. Name at least one staff member.", code="MissingParameter", target="staff")

    def work(attempt: "Attempt") -> Json:
        return writes.assign(
            business=business, appointment=appointment, staff=staff, zone=zone, hold=hold, attempt=attempt
        )

    return run_idempotently(request, "assign", body, work)


@bp.route(route="bookings/businesses/{business}/appointment/cancel", methods=["POST"])
@answers("id")
def cancel_appointment(request: Request) -> Content:
    """Cancel an appointment; Bookings mails customer and staff."""
    writes, business, appointment = get_writes(request), request.business, request.query.needed_identifier("id")
    body = request.optional_body("message")
    message = body.long_text("message") or ""

    def work(attempt: "Attempt") -> Json:
        return writes.cancel(business=business, appointment=appointment, message=message, attempt=attempt)

    return run_idempotently(request, "cancel", body, work)


@bp.route(route="bookings/businesses/{business}/customer", methods=["POST"])
@answers()
def save_customer(request: Request) -> Content:
    """Change the customer with this id or mail address, or make one."""
    writes, business = get_writes(request), request.business
    body = request.body("customerId", "name", "emailAddress", "phone")
    customer = {"customerId": body.identifier("customerId"), "name": body.text("name")}
    customer |= {"emailAddress": body.mail_address("emailAddress"), "phone": body.phone("phone")}
    if customer["customerId"] is None:
        body.needed_text("emailAddress")

    def work(_: "Attempt") -> Json:
        return writes.customers.save(business, customer)

    return run_idempotently(request, "customer", body, work)


def _identity(customer: Json) -> Json:
    """Return what tells a customer from others: the id, else the mail address, else all that is known."""
    if customer["customerId"]:
        return {"id": customer["customerId"]}
    if customer["emailAddress"]:
        return {"mail": customer["emailAddress"].casefold()}
    return customer


def _cleared(body: Fields) -> Json:
    """Return the properties that `clear` empties, with Graph's empty values."""
    names = body.words("clear", *CLEARABLE)
    _refuse_given(body, names, "clear")
    return dict(CLEARABLE[name] for name in names)


def _refuse_given(fields: Fields, cleared: tuple[str, ...], target: str) -> None:
    if given := [name for name in cleared if fields.values.get(name)]:
        raise Invalid(f"{given[0]} is given and cleared at once. Send one.", code="Contradiction", target=target)


def _needed_customers(body: Fields) -> list[Json]:
    """Return the customers: one `customer`, as forms of flows send it, or several `customers`."""
    customers, one = _customers(body), body.inner("customer", *_CUSTOMER)
    if one is not None and customers:
        raise Invalid(
            "customer and customers are both given. Send one of them.", code="Contradiction", target="customer"
        )
    if one is not None:
        return [_customer("customer", one)]
    if not customers:
        raise Invalid(
            "customer or customers is missing. Name at least one customer.", code="MissingParameter", target="customers"
        )
    return customers


def _customers(body: Fields) -> list[Json] | None:
    """Return the customers, or None if the field is missing."""
    given = body.several("customers", *_CUSTOMER)
    if given is None:
        return None
    return [_customer(f"customers[{number}]", each) for number, each in enumerate(given)]


def _customer_changes(body: Fields) -> list[Json] | None:
    """Return the customers to change, add or take out; None if the field is missing."""
    given = body.several("customers", *_CUSTOMER, "remove", "clear")
    if given is None:
        return None
    if not given:
        raise Invalid(
            "customers is empty, and an appointment needs somebody. Name those who change or join, and those who leave "
            "with remove: true.",
            code="MissingParameter",
            target="customers",
        )
    return [_customer_change(f"customers[{number}]", each) for number, each in enumerate(given)]


def _customer_change(place: str, each: Fields) -> Json:
    with _placed(place):
        change = _read_customer(each)
        change |= {"remove": each.flag("remove"), "clear": each.words("clear", *_CLEARABLE_OF_CUSTOMERS)}
        _refuse_given(each, change["clear"], "clear")
    return change


def _customer(place: str, each: Fields) -> Json:
    """Return a customer's checked fields."""
    with _placed(place):
        customer = _read_customer(each)
        if not (customer["customerId"] or customer["name"] or customer["emailAddress"]):
            each.needed_text("name")
    return customer


def _read_customer(each: Fields) -> Json:
    customer: Json = {"customerId": each.identifier("customerId"), "name": each.text("name")}
    customer |= {"emailAddress": each.mail_address("emailAddress"), "phone": each.phone("phone")}
    return customer | {"notes": each.long_text("notes") or None, "answers": each.texts("answers")}


@contextmanager
def _placed(place: str) -> Iterator[None]:
    """Let the target of an error begin with the customer's place in the body."""
    try:
        yield
    except Invalid as error:
        raise Invalid(error.message, code=error.code, target=f"{place}.{error.target}") from error
