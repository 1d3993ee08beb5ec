"""Appointments: list, range, read, create, change, cancel, delete."""

from typing import Any

from twin.bookings.access import enter_business, is_overriding, read_body, read_json
from twin.bookings.book import Appointment, Notice
from twin.bookings.errors import refuse_item, refuse_request, refuse_staff, refuse_unknown
from twin.bookings.options import answer_list, check_entity_options, check_list_options, check_no_options
from twin.bookings.render import make_business_context, make_view, render_appointment
from twin.bookings.rules import RuleBrokenError, check_customers, check_times, choose_staff
from twin.bookings.state import Bookings, Business, Switches
from twin.bookings.times import Span, parse_instant, parse_zoned, render_zoned
from twin.core.routes import Routes
from twin.core.wire import Call, Json, Reply
from twin.graph.admission import caller_of
from twin.graph.errors import refuse_segment
from twin.graph.odata import answer_entity

appointments = Routes[Bookings]("/v1.0/solutions/bookingBusinesses/{business}")

_TYPE = "bookingAppointment"
_FROM_SERVICE = {
    "serviceName": "displayName",
    "preBuffer": "preBuffer",
    "postBuffer": "postBuffer",
    "price": "defaultPrice",
    "priceType": "defaultPriceType",
    "reminders": "defaultReminders",
    "serviceLocation": "defaultLocation",
    "maximumAttendeesCount": "maximumAttendeesCount",
    "isLocationOnline": "isLocationOnline",
    "smsNotificationsEnabled": "smsNotificationsEnabled",
    "additionalInformation": "additionalInformation",
    "isCustomerAllowedToManageBooking": "isCustomerAllowedToManageBooking",
}


@appointments.get("/appointments")
def list_appointments(call: Call, bookings: Bookings) -> Reply:
    """List all appointments in pages, in no particular order, without their customers."""
    business = enter_business(call, bookings, "ListAppointments")
    check_list_options(call, _TYPE, bookings.switches)
    return _answer_page(call, bookings, business, business.appointments.all(), "/appointments")


@appointments.get("/calendarView")
def list_calendar_view(call: Call, bookings: Bookings) -> Reply:
    """List the appointments of a range; start and end are mandatory, with Z or an offset."""
    business = enter_business(call, bookings, "ListCalendarView")
    check_list_options(call, _TYPE, bookings.switches, "start", "end")
    try:
        asked = Span(parse_instant(call.option("start")), parse_instant(call.option("end")))
    except ValueError as error:
        raise refuse_request() from error
    if asked.start >= asked.end:
        raise refuse_request()
    by_overlap = bookings.switches.calendar_view == "overlap"
    found = [
        one
        for one in business.appointments.all()
        if (one.span.overlaps(asked) if by_overlap else asked.start <= one.start < asked.end)
    ]
    return _answer_page(call, bookings, business, found, "/calendarView")


@appointments.get("/appointments/{id}")
def get_appointment(call: Call, bookings: Bookings) -> Reply:
    """Return one appointment with all properties."""
    business = enter_business(call, bookings, "GetAppointment")
    check_entity_options(call, _TYPE)
    return _answer_appointment(call, business, _find(call, business))


@appointments.post("/appointments")
def create_appointment(call: Call, bookings: Bookings) -> Reply:
    """Book; a broken rule or bad input is 500 UnknownError."""
    check_no_options(call)
    business = enter_business(call, bookings, "CreateAppointment")
    body = read_body(call, _TYPE)
    try:
        made = _book(call, business, body, bookings.switches)
    except RuleBrokenError as broken:
        raise refuse_unknown(str(broken) if str(broken) == "staff not available" else "") from broken
    except (KeyError, ValueError) as error:
        raise refuse_unknown() from error
    _notify(business, made, "confirmation")
    return _answer_appointment(call, business, made, status=201)


@appointments.patch("/appointments/{id}")
def update_appointment(call: Call, bookings: Bookings) -> Reply:
    """Change the properties sent; the service cannot be changed. Answers without a body."""
    check_no_options(call)
    business = enter_business(call, bookings, "UpdateAppointment")
    old = _find(call, business)
    body = read_body(call, _TYPE)
    try:
        changes = _check_changes(call, business, old, body, bookings.switches)
        moved = "startDateTime" in body
        renew = moved and bookings.switches.reschedule_changes_id
        changed = business.appointments.patch(old.id, changes, renew_id=renew)
    except (RuleBrokenError, KeyError, ValueError) as error:
        raise refuse_unknown() from error
    _notify(business, changed, "changed")
    return Reply(204)


@appointments.post("/appointments/{id}/cancel")
def cancel_appointment(call: Call, bookings: Bookings) -> Reply:
    """Cancel: mails customer and staff; a wrong body is 500, not 400 (msgraph-sdk-python issue 659)."""
    check_no_options(call)
    business = enter_business(call, bookings, "CancelAppointment")
    found = _find(call, business)
    body = read_json(call) if call.body else {}
    message = body.get("cancellationMessage")
    if set(body) - {"cancellationMessage"} or not isinstance(message, str | None):
        raise refuse_unknown()
    business.appointments.remove(found.id)
    _notify(business, found, "cancelled", message or "")
    return Reply(204)


@appointments.delete("/appointments/{id}")
def delete_appointment(call: Call, bookings: Bookings) -> Reply:
    """Delete; users report cancellation mails here, too (microsoft-graph-docs-contrib issue 9012)."""
    check_no_options(call)
    business = enter_business(call, bookings, "DeleteAppointment")
    found = _find(call, business)
    business.appointments.remove(found.id)
    _notify(business, found, "cancelled")
    return Reply(204)


def _find(call: Call, business: Business) -> Appointment:
    """Find the appointment of the path; a slash in its id fails, however encoded (graph-explorer issue 4029)."""
    wanted = call["id"]
    if "%2f" in wanted.lower():
        raise refuse_segment(wanted[wanted.lower().index("%2f") + 3 :])
    try:
        return business.appointments.get(wanted)
    except KeyError as error:
        raise refuse_item() from error


def _book(call: Call, business: Business, body: Json, switches: Switches) -> Appointment:
    service = business.services.get(body["serviceId"])
    span = Span(parse_zoned(body["startDateTime"]), parse_zoned(body["endDateTime"]))
    wanted = body.get("staffMemberIds") or []
    if is_overriding(call, business):
        staff_ids = wanted or service["staffMemberIds"][:1]
    else:
        if not wanted and caller_of(call).user is None and switches.app_create_needs_staff:
            raise refuse_staff()
        check_times(business, service, span, business.world.clock.now())
        staff_ids = choose_staff(business, service, span, wanted, is_choice_bound=switches.staff_choice_binds_apps)
    customers = check_customers(business, service, body.get("customers") or [], is_capped=True)
    values: Json = {name: service[source] for name, source in _FROM_SERVICE.items()}
    values |= {name: value for name, value in body.items() if value is not None}
    if len(customers) > values["maximumAttendeesCount"]:
        raise RuleBrokenError("more customers than seats")
    values |= {
        "staffMemberIds": staff_ids,
        "customers": [_welcome(business, customer) for customer in customers],
    }
    if values["isLocationOnline"]:
        values["joinWebUrl"] = _make_meeting_url()
    return business.appointments.add(values)


def _welcome(business: Business, customer: Json) -> Json:
    """Return the customers to store: one without an id gets a record, and answers get the text of their question."""
    known = {question["id"]: question for question in business.questions.all()}
    answers = [
        _describe_question(known.get(answer.get("questionId"))) | answer
        for answer in customer.get("customQuestionAnswers") or []
    ]
    complete = customer | {"customQuestionAnswers": answers}
    if customer.get("customerId") is None:
        record: Json = {"displayName": customer.get("name") or "", "emailAddress": customer.get("emailAddress")}
        if customer.get("phone"):
            record["phones"] = [{"number": customer["phone"], "type": "business"}]
        complete["customerId"] = business.customers.add(record)
    return complete


def _describe_question(question: Json | None) -> Json:
    if question is None:
        return {}
    return {
        "question": question["displayName"],
        "answerInputType": question["answerInputType"],
        "answerOptions": question["answerOptions"],
    }


def _check_changes(call: Call, business: Business, old: Appointment, body: Json, switches: Switches) -> Json:
    """Return the changes to store. RuleBrokenError when a rule forbids them."""
    for fixed in ("serviceId", "customerNotes"):
        if fixed in body and body[fixed] != old.values[fixed]:
            raise RuleBrokenError(f"{fixed} cannot change")
    service = business.services.get(old.values["serviceId"])
    span = Span(
        parse_zoned(body["startDateTime"]) if "startDateTime" in body else old.start,
        parse_zoned(body["endDateTime"]) if "endDateTime" in body else old.end,
    )
    if not is_overriding(call, business):
        if span != old.span:
            check_times(business, service, span, business.world.clock.now())
        if span != old.span or "staffMemberIds" in body:
            wanted = body.get("staffMemberIds") or []
            is_bound = switches.staff_choice_binds_apps and bool(wanted)
            choose_staff(business, service, span, wanted or old.staff_ids, but=old.id, is_choice_bound=is_bound)
    changes = dict(body)
    if "customers" in body:
        kept = check_customers(business, service, body["customers"], is_capped=switches.update_caps_customers)
        changes["customers"] = [_welcome(business, customer) for customer in kept]
    return changes | {"startDateTime": render_zoned(span.start), "endDateTime": render_zoned(span.end)}


def _answer_page(call: Call, bookings: Bookings, business: Business, found: list[Appointment], part: str) -> Reply:
    view = make_view(call, single=False, fill_customers=bookings.switches.lists_fill_customers)
    context = make_business_context(call, business, part)

    def show(one: Any) -> Json:
        return render_appointment(one, view)

    return answer_list(call, context, found, show, bookings.switches)


def _answer_appointment(call: Call, business: Business, one: Appointment, *, status: int = 200) -> Reply:
    shown = render_appointment(one, make_view(call, single=True))
    return answer_entity(make_business_context(call, business, "/appointments/$entity"), shown, status=status)


def _notify(business: Business, one: Appointment, kind: str, message: str = "") -> None:
    staff = [business.staff.get(staff_id)["emailAddress"] for staff_id in one.staff_ids if staff_id in business.staff]
    customers = [customer["emailAddress"] for customer in one.values["customers"]]
    wanted = [*staff, *([] if one.values["optOutOfCustomerEmail"] else customers)]
    recipients = tuple(address for address in wanted if address)
    business.notices = [*business.notices, Notice(kind, one.id, recipients, message)]


def _make_meeting_url() -> str:
    return "https://teams.microsoft.com/l/meetup-join/19%3ameeting_example%40thread.v2/0"
