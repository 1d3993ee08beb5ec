"""The values of properties that are not sent: empty texts and collections, and defaults seen in samples.

Source for the scheduling policy of a new business: the sample of the page "Create bookingBusiness".
"""

from copy import deepcopy

from twin.bookings.schema import NAMESPACE, TYPES
from twin.core.wire import Json

_EMPTY = {"String": "", "Boolean": False, "Int32": 0, "Double": 0.0, "Duration": "PT0S"}

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
_WEEKEND = ("saturday", "sunday")
OFFICE_HOURS = [
    {"day": day, "timeSlots": [{"startTime": "08:00:00.0000000", "endTime": "17:00:00.0000000"}]} for day in _WEEKDAYS
] + [{"day": day, "timeSlots": []} for day in _WEEKEND]

POLICY: Json = {
    "timeSlotInterval": "PT30M",
    "minimumLeadTime": "P1D",
    "maximumAdvance": "P365D",
    "sendConfirmationsToOwner": True,
    "allowStaffSelection": True,
    "isMeetingInviteToCustomersEnabled": False,
    "customAvailabilities": [],
    "generalAvailability": {
        "@odata.type": NAMESPACE + "bookingsAvailability",
        "availabilityType": "bookWhenStaffAreFree",
        "businessHours": [],
    },
}

_PAGE_SETTINGS: Json = {
    "accessControl": "unrestricted",
    "bookingPageColorCode": "#0F6CBD",
    "businessTimeZone": "UTC",
    "customerConsentMessage": "",
    "enforceOneTimePassword": False,
    "isBusinessLogoDisplayEnabled": False,
    "isCustomerConsentEnabled": False,
    "isSearchEngineIndexabilityDisabled": False,
    "isTimeSlotTimeZoneSetToBusinessTimeZone": False,
    "privacyPolicyWebUrl": "",
    "termsAndConditionsWebUrl": "",
}

_OWN: dict[str, Json] = {
    "bookingBusiness": {
        "businessHours": OFFICE_HOURS,
        "schedulingPolicy": POLICY,
        "bookingPageSettings": _PAGE_SETTINGS,
        "defaultCurrencyIso": "USD",
        "isPublished": False,
        "languageTag": "en-US",
    },
    "bookingService": {
        "defaultDuration": "PT1H",
        "defaultPriceType": "notSet",
        "languageTag": "en-US",
        "maximumAttendeesCount": 1,
        "isCustomerAllowedToManageBooking": True,
    },
    "bookingStaffMember": {
        "availabilityIsAffectedByPersonalCalendar": True,
        "isEmailNotificationEnabled": True,
        "membershipStatus": "active",
        "role": "guest",
        "useBusinessHours": True,
    },
    "bookingAppointment": {
        "priceType": "notSet",
        "maximumAttendeesCount": 1,
        "isCustomerAllowedToManageBooking": True,
    },
    "bookingCustomQuestion": {"answerInputType": "text"},
    "bookingCustomerInformation": {"@odata.type": NAMESPACE + "bookingCustomerInformation"},
}
_TIMES = frozenset({"startDateTime", "endDateTime", "duration", "filledAttendeesCount", "id"})


def make_defaults(type_name: str) -> Json:
    """Return every stored property of a type with its default."""
    values: Json = {}
    for name, one in TYPES[type_name].properties.items():
        if name in _TIMES:
            continue
        values[name] = [] if one.many else None if one.nullable else _EMPTY.get(one.kind)
    return values | deepcopy(_OWN.get(type_name, {}))
