"""Opening hours: weekly hours of business, staff and service as spans of time."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from twin.bookings.state import Business
from twin.bookings.times import Span, join_spans
from twin.bookings.zones import find_zone
from twin.core.wire import Json

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ONE_DAY = timedelta(days=1)


def open_spans(hours: list[Json], zone_name: str, within: Span) -> list[Span]:
    """Return weekly hours, local to a zone, as spans that touch the range. An end of 00:00 means midnight."""
    zone = find_zone(zone_name)
    spans: list[Span] = []
    day = (within.start - _ONE_DAY).astimezone(zone).date()
    last = (within.end + _ONE_DAY).astimezone(zone).date()
    slots_by_day = {line["day"]: line["timeSlots"] for line in hours}
    while day <= last:
        for slot in slots_by_day.get(_DAYS[day.weekday()], []):
            start = _localize(day, time.fromisoformat(slot["startTime"]), zone)
            closing = time.fromisoformat(slot["endTime"])
            end = _localize(day + _ONE_DAY if closing == time.min else day, closing, zone)
            span = Span(start, end)
            if start < end and span.overlaps(within):
                spans.append(span)
        day += _ONE_DAY
    return join_spans(spans)


def staff_spans(business: Business, staff: Json, within: Span) -> list[Span]:
    """Return the working hours of a staff member."""
    if staff["useBusinessHours"]:
        return open_spans(business.values["businessHours"], business.zone_name, within)
    return open_spans(staff["workingHours"], staff["timeZone"] or business.zone_name, within)


def effective_policy(business: Business, service: Json) -> Json:
    """Return the service's scheduling policy; missing values are those of the business."""
    own = service["schedulingPolicy"] or {}
    general: Json = business.values["schedulingPolicy"] or {}
    return general | {name: value for name, value in own.items() if value is not None}


def is_service_open(business: Business, service: Json, span: Span) -> bool:
    """Return whether the service may be booked for a span: business hours, and its own availability on that date."""
    if not _is_inside(open_spans(business.values["businessHours"], business.zone_name, span), span):
        return False
    policy = effective_policy(business, service)
    day = span.start.astimezone(find_zone(business.zone_name)).date()
    rule = _rule_of_day(policy, day)
    match rule.get("availabilityType", "bookWhenStaffAreFree"):
        case "notBookable":
            return False
        case "customWeeklyHours":
            return _is_inside(open_spans(rule.get("businessHours", []), business.zone_name, span), span)
        case _:
            return True


def is_staff_working(business: Business, staff: Json, span: Span) -> bool:
    """Return whether a span is within a staff member's hours."""
    return _is_inside(staff_spans(business, staff, span), span)


def _rule_of_day(policy: Json, day: date) -> Json:
    for window in policy.get("customAvailabilities") or []:
        first, last = _read_date(window.get("startDate")), _read_date(window.get("endDate"))
        if (first is None or first <= day) and (last is None or day <= last):
            found: Json = window
            return found
    return policy.get("generalAvailability") or {}


def _read_date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _localize(day: date, at: time, zone: Any) -> datetime:
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)


def _is_inside(spans: list[Span], span: Span) -> bool:
    return any(one.contains(span) for one in spans)
