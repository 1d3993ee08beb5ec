"""The details of an appointment in a request: fields that pass through as Graph names them, checked one by one."""

import math
import re
from datetime import timedelta

from blueprints._fields import Fields
from shared.errors import Invalid
from shared.json_text import Json
from shared.time_zones.zones import read_duration

PRICE_TYPES = ("undefined", "fixedPrice", "startingAt", "hourly", "free", "priceVaries", "callUs", "notSet")
RECIPIENTS = ("allAttendees", "staff", "customer")
CLEARABLE: dict[str, tuple[str, object]] = {
    "location": ("serviceLocation", None),
    "additionalInformation": ("additionalInformation", ""),
    "serviceNotes": ("serviceNotes", ""),
    "appointmentLabel": ("appointmentLabel", ""),
    "reminders": ("reminders", []),
}
_TEXTS = ("additionalInformation", "serviceNotes")
_FLAGS = (
    "isLocationOnline",
    "optOutOfCustomerEmail",
    "smsNotificationsEnabled",
    "isCustomerAllowedToManageBooking",
)
_BUFFERS = ("preBuffer", "postBuffer")
DETAILS = (
    *_TEXTS,
    *_FLAGS,
    *_BUFFERS,
    "location",
    "appointmentLabel",
    "customerTimeZone",
    "price",
    "priceType",
    "reminders",
)
_MOST_REMINDERS = 20
_LONGEST_BUFFER = timedelta(days=1)
# Days to seconds, as Graph's durations are written: P1D, PT1H30M.
_DURATION = re.compile(r"P(?=\d|T\d)(?:\d{1,3}D)?(?:T(?=\d)(?:\d{1,4}H)?(?:\d{1,5}M)?(?:\d{1,6}S)?)?")


def read_details(body: Fields) -> Json:
    """Return the properties of an appointment that are given. An empty text is not given."""
    details: Json = {name: body.long_text(name) or None for name in _TEXTS}
    details |= {name: body.flag(name) for name in _FLAGS}
    details |= {name: _buffer(body, name) for name in _BUFFERS}
    details |= {"appointmentLabel": body.text("appointmentLabel"), "priceType": body.choice("priceType", *PRICE_TYPES)}
    place, zone = body.text("location"), body.zone("customerTimeZone")
    details["serviceLocation"] = {"displayName": place} if place else None
    details["customerTimeZone"] = zone.iana if zone else None
    details |= {"price": _price(body), "reminders": _reminders(body)}
    return {name: value for name, value in details.items() if value is not None}


def _price(body: Fields) -> float | None:
    value = body.values.get("price")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not (value >= 0 and math.isfinite(value)):
        raise Invalid(
            "price is not a number from 0 up. Send a number without quotation marks.",
            code="InvalidNumber",
            target="price",
        )
    return value


def _buffer(body: Fields, name: str) -> str | None:
    value = _duration(body, name)
    if value is not None and read_duration(value, _LONGEST_BUFFER) > _LONGEST_BUFFER:
        raise Invalid(f"{name} is too long. Send one day at most.", code="InvalidDuration", target=name)
    return value


def _duration(fields: Fields, name: str) -> str | None:
    wrong = "is not a duration. Write ISO 8601, such as PT15M, PT1H30M or P1D."
    return fields.formed_text(name, _DURATION, wrong, code="InvalidDuration")


def _reminders(body: Fields) -> list[Json] | None:
    given = body.several("reminders", "offset", "recipients", "message")
    if given is None:
        return None
    if not given:
        raise Invalid(
            "reminders is empty. Leave it out, or name reminders in clear.", code="MissingParameter", target="reminders"
        )
    if len(given) > _MOST_REMINDERS:
        raise Invalid(f"An appointment takes {_MOST_REMINDERS} reminders at most. Send fewer.", target="reminders")
    return [_reminder(f"reminders[{number}]", each) for number, each in enumerate(given)]


def _reminder(place: str, each: Fields) -> Json:
    try:
        each.needed_text("offset")
        return {
            "offset": _duration(each, "offset"),
            "recipients": each.choice("recipients", *RECIPIENTS) or "allAttendees",
            "message": each.long_text("message") or "",
        }
    except Invalid as error:
        raise Invalid(error.message, code=error.code, target=f"{place}.{error.target}") from error
