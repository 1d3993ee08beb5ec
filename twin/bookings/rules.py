"""The business rules that an app must respect and an administrator may override.

Source: the concept page "Business rules for appointments in Microsoft Bookings" (inside business hours, length of the
service, lead time, advance, staff selection, buffers). Breaking one shows as 500 UnknownError in public reports.
"""

from datetime import datetime

from twin.bookings.hours import effective_policy, is_service_open, is_staff_working
from twin.bookings.state import Business
from twin.bookings.times import Span, parse_duration
from twin.core.wire import Json

MOST_CUSTOMERS = 4
"""The most customers that one create takes, whatever the service allows: a fifth fails with 500 UnknownError, seen with
maximumAttendeesCount 100 on service and appointment (Microsoft Q&A 5875448, 2026-04). The report is about POST alone.
Whether PATCH has the same cap is not known, so there it is a switch: `update_caps_customers`."""


class RuleBrokenError(Exception):
    """A business rule does not allow the booking; the text says which one, but the answer does not show it."""


def check_times(business: Business, service: Json, span: Span, now: datetime) -> None:
    """Check length, lead time, advance and hours. RuleBrokenError when one is broken."""
    policy = effective_policy(business, service)
    if span.end - span.start != parse_duration(service["defaultDuration"]):
        raise RuleBrokenError("the length is not the service's duration")
    if span.start < now + parse_duration(policy["minimumLeadTime"]):
        raise RuleBrokenError("too short a notice")
    if span.start > now + parse_duration(policy["maximumAdvance"]):
        raise RuleBrokenError("too far ahead")
    if not is_service_open(business, service, span):
        raise RuleBrokenError("outside the hours of business or service")


def choose_staff(
    business: Business,
    service: Json,
    span: Span,
    wanted: list[str],
    *,
    but: str | None = None,
    is_choice_bound: bool = False,
) -> list[str]:
    """Choose the staff for a booking: those requested, or the first free one. RuleBrokenError when they are not free.

    `but` is the id of the appointment that is being moved, which does not count. `is_choice_bound` refuses those who
    are requested for a service whose policy allows no choice of staff.
    """
    team = [staff_id for staff_id in service["staffMemberIds"] if staff_id in business.staff]
    if wanted:
        if is_choice_bound and not effective_policy(business, service)["allowStaffSelection"]:
            raise RuleBrokenError("the service does not allow a choice of staff")
        strangers = [staff_id for staff_id in wanted if staff_id not in team]
        if strangers:
            raise RuleBrokenError(f"not on the service: {', '.join(strangers)}")
        if not all(is_free(business, service, staff_id, span, but=but) for staff_id in wanted):
            raise RuleBrokenError("staff not available")
        return wanted
    for staff_id in team:
        if is_free(business, service, staff_id, span, but=but):
            return [staff_id]
    raise RuleBrokenError("staff not available")


def is_free(business: Business, service: Json, staff_id: str, span: Span, *, but: str | None = None) -> bool:
    """Return whether a staff member is free for this service: hours, time off, calendar, buffers."""
    staff = business.staff.get(staff_id)
    if staff["membershipStatus"] == "rejectedByStaff" or not is_staff_working(business, staff, span):
        return False
    needed = span.widened(parse_duration(service["preBuffer"]), parse_duration(service["postBuffer"]))
    taken = list(business.time_off.get(staff_id, []))
    if staff["availabilityIsAffectedByPersonalCalendar"]:
        taken += business.personal_events.get(staff_id, [])
    taken += [other.blocked for other in business.appointments.of_staff(staff_id) if other.id != but]
    return not any(needed.overlaps(one) for one in taken)


def check_customers(business: Business, service: Json, customers: list[Json], *, is_capped: bool) -> list[Json]:
    """Check the customers a booking gets; unknown ids are ignored. RuleBrokenError for too many.

    A mail address without "@" and a telephone number without digits are bad input, which Graph answers with
    UnknownError (Microsoft Q&A 5872976). For a group service customers must exist already; for others a customer
    without an id is made on the fly.
    `is_capped` says whether MOST_CUSTOMERS holds for this request.
    """
    if any(not _is_readable(one) for one in customers):
        raise RuleBrokenError("bad mail address or telephone number")
    if is_capped and len(customers) > MOST_CUSTOMERS:
        raise RuleBrokenError("more customers than the service takes in one request")
    is_group = service["maximumAttendeesCount"] > 1
    if is_group and any(customer.get("customerId") is None for customer in customers):
        raise RuleBrokenError("a group booking takes existing customers only")
    kept = [one for one in customers if one.get("customerId") is None or one["customerId"] in business.customers]
    if len(kept) > service["maximumAttendeesCount"]:
        raise RuleBrokenError("more customers than seats")
    return kept


def _is_readable(customer: Json) -> bool:
    mail, phone = customer.get("emailAddress") or "", customer.get("phone") or ""
    is_mail = not mail or ("@" in mail.strip("@") and not any(sign.isspace() for sign in mail))
    return is_mail and (not phone or any(sign.isdecimal() for sign in phone))
