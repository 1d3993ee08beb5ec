"""What booking pages, services, staff, customers and questions look like in the gateway's answers.

Names and types are Graph's (bookingBusiness, bookingService, bookingStaffMember, bookingCustomer and
bookingCustomQuestion of v1.0), and our own beside them.
"""

from devkit.connector.shapes import (
    Shape,
    decimal,
    flag,
    list_of,
    moment,
    ref,
    text,
    thing,
    whole,
)

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_COORDINATES = {
    "accuracy": ("Accuracy", "How exact latitude and longitude of {} are, as Graph tells it."),
    "altitude": ("Altitude", "How high {} lies, as Graph tells it."),
    "altitudeAccuracy": ("Altitude Accuracy", "How exact the altitude of {} is, as Graph tells it."),
    "latitude": ("Latitude", "The latitude of {}, in degrees."),
    "longitude": ("Longitude", "The longitude of {}, in degrees."),
}
PRICE_TYPES = "How the price is meant, such as fixedPrice, startingAt, hourly, free or notSet."
CREATED = moment("Created Time", "When it was made, in UTC.", null=True)
UPDATED = moment("Updated Time", "When it was last changed, in UTC.", null=True)


def _address(whose: str, which: str = "") -> Shape:
    return thing(
        {
            "street": text(f"{which}Street", f"Street and number of {whose}.", null=True),
            "city": text(f"{which}City", f"City of {whose}.", null=True),
            "state": text(f"{which}State", f"State or province of {whose}.", null=True),
            "postalCode": text(f"{which}Postal Code", f"Postal code of {whose}.", null=True),
            "countryOrRegion": text(f"{which}Country or Region", f"Country or region of {whose}.", null=True),
            "type": text(f"{which}Address Type", f"Which address of {whose} it is, such as home.", null=True),
        },
        name="Address",
        null=True,
        visibility="advanced",
    )


def place_of(whose: str, which: str = "", *, is_named_first: bool = False) -> Shape:
    """Describe where something is. `which`: what titles begin with; `is_named_first`: its name is offered at once."""
    place = f"the place of {whose}"
    return thing(
        {
            "displayName": text(f"{which}Location", f"Name of {place}.", null=True),
            "address": _address(place, which),
            "coordinates": thing(
                {
                    name: decimal(f"{which}{title}", meaning.format(place), null=True)
                    for name, (title, meaning) in _COORDINATES.items()
                },
                name="Coordinates",
                null=True,
            ),
            "locationEmailAddress": text(f"{which}Location Mail Address", f"Mail address of {place}.", null=True),
            "locationType": text(f"{which}Location Type", f"What kind of place {place} is.", null=True),
            "locationUri": text(f"{which}Location Link", f"A link about {place}.", null=True),
            "uniqueId": text(f"{which}Location ID", f"Id of {place}, for internal use.", null=True),
            "uniqueIdType": text(f"{which}Location ID Type", f"What the id of {place} is an id of.", null=True),
        },
        name="Location",
        null=True,
        in_view="displayName" if is_named_first else None,
        visibility="advanced",
    )


def _hours(title: str, description: str) -> Shape:
    return list_of(ref("OpenHours"), title, description, null=True)


def _policy(whose: str) -> Shape:
    slot = text("Slot Interval", f"Distance of the starts that {whose} offers, as an ISO 8601 duration.", null=True)
    return thing(
        {
            "allowStaffSelection": flag("Staff Selection", "Whether customers may choose who serves them.", null=True),
            "timeSlotInterval": slot,
            "minimumLeadTime": text(
                "Minimum Lead Time", "How long before the start one can still book, as an ISO 8601 duration.", null=True
            ),
            "maximumAdvance": text(
                "Maximum Advance", "How far ahead one can book, as an ISO 8601 duration.", null=True
            ),
            "sendConfirmationsToOwner": flag("Owner Mails", "Whether the page's owner gets mails.", null=True),
            "isMeetingInviteToCustomersEnabled": flag(
                "Meeting Invites", "Whether customers get a meeting invitation.", null=True
            ),
            "generalAvailability": thing(
                {
                    "availabilityType": text("General Availability", "When it can be booked as a rule.", null=True),
                    "businessHours": _hours("General Hours", "The hours of the rule, if it has hours of its own."),
                },
                name="GeneralAvailability",
                null=True,
            ),
            "customAvailabilities": list_of(
                ref("CustomAvailability"), "Custom Availabilities", "Dates that differ from the rule.", null=True
            ),
        },
        name="SchedulingPolicy",
        null=True,
        visibility="advanced",
    )


_STAFF_MEMBERS = list_of(ref("StaffReference"), "Staff Members", "Who serves, with name and mail address.")
_STAFF_IDS = list_of({"type": "string"}, "Staff IDs", "Ids of who serves.", null=True)
_CUSTOMER: dict[str, Shape] = {
    "id": text("Customer ID", "Id of the customer's record."),
    "displayName": text("Customer Name", "Name of the customer.", null=True),
    "emailAddress": text("Customer Email", "Mail address of the customer.", null=True),
    "phones": list_of(
        thing(
            {
                "number": text("Number", "Telephone number.", null=True),
                "type": text("Phone Type", "Which telephone it is, such as business or mobile.", null=True),
                "language": text("Phone Language", "Language of the telephone entry.", null=True),
                "region": text("Phone Region", "Region of the telephone entry.", null=True),
            },
            name="Phone",
            in_view="number type",
        ),
        "Phones",
        "Telephone numbers of the customer.",
        null=True,
    ),
    "addresses": list_of(
        _address("the customer"), "Addresses", "Addresses of the customer.", null=True, visibility="advanced"
    ),
    "createdDateTime": CREATED,
    "lastUpdatedDateTime": UPDATED,
}

DEFINITIONS: dict[str, Shape] = {
    "Address": _address("a person, business or place"),
    "Location": place_of("the appointment, service or customer"),
    "SchedulingPolicy": _policy("the page or service"),
    "OpenHours": thing(
        {
            "day": text("Day", "Day of the week.", choices=_DAYS),
            "timeSlots": list_of(ref("OpenSpan"), "Time Slots", "The spans of the day.", null=True),
        }
    ),
    "OpenSpan": thing(
        {
            "startTime": text("Opens", "Time of day at which the span begins."),
            "endTime": text("Closes", "Time of day at which the span ends."),
        }
    ),
    "CustomAvailability": thing(
        {
            "startDate": text("First Date", "First day on which it holds.", form="date", null=True),
            "endDate": text("Last Date", "Last day on which it holds.", form="date", null=True),
            "availabilityType": text("Custom Availability", "When it can be booked on these days.", null=True),
            "businessHours": _hours("Custom Hours", "The hours of these days, if they have hours of their own."),
        }
    ),
    "BookingPageEntry": thing(
        {
            "id": text("Page ID", "Id of the booking page, which is its mail address."),
            "displayName": text("Page Name", "Name of the booking page."),
        }
    ),
    "BookingPage": thing(
        {
            "id": text("Page ID", "Id of the booking page, which is its mail address."),
            "displayName": text("Page Name", "Name of the booking page."),
            "businessType": text("Business Type", "What kind of business it is.", null=True),
            "email": text("Page Email", "Mail address for customers.", null=True),
            "phone": text("Page Phone", "Telephone number for customers.", null=True),
            "webSiteUrl": text("Web Site", "The business's own web site.", null=True),
            "publicUrl": text("Public Link", "Link to the page on which customers book.", null=True),
            "isPublished": flag("Published", "Whether customers can reach the page.", null=True),
            "languageTag": text("Language", "Language of the page, such as en-US.", null=True),
            "defaultCurrencyIso": text("Currency", "Currency of the prices, such as EUR.", null=True),
            "address": _address("the business"),
            "businessHours": _hours("Business Hours", "When the business is open."),
            "schedulingPolicy": _policy("the page"),
            "bookingPageSettings": thing(
                {
                    "accessControl": text("Access", "Who may open the page.", null=True),
                    "bookingPageColorCode": text("Colour", "Colour of the page.", null=True),
                    "businessTimeZone": text("Business Time Zone", "Time zone of the business.", null=True),
                    "customerConsentMessage": text("Consent Text", "What customers have to agree to.", null=True),
                    "enforceOneTimePassword": flag("One Time Password", "Whether customers prove their mail address."),
                    "isBusinessLogoDisplayEnabled": flag("Logo Shown", "Whether the page shows the logo."),
                    "isCustomerConsentEnabled": flag("Consent Asked", "Whether customers are asked to agree."),
                    "isSearchEngineIndexabilityDisabled": flag("Hidden from Search", "Whether search engines pass by."),
                    "isTimeSlotTimeZoneSetToBusinessTimeZone": flag(
                        "Slots in Business Zone", "Whether slots are shown in the time zone of the business."
                    ),
                    "privacyPolicyWebUrl": text("Privacy Link", "Link to the privacy policy.", null=True),
                    "termsAndConditionsWebUrl": text("Terms Link", "Link to the terms and conditions.", null=True),
                },
                name="BookingPageSettings",
                null=True,
                in_view="businessTimeZone",
                visibility="advanced",
            ),
            "createdDateTime": CREATED,
            "lastUpdatedDateTime": UPDATED,
        },
        in_view="id displayName businessType email phone webSiteUrl publicUrl isPublished languageTag "
        "defaultCurrencyIso businessHours",
    ),
    "Service": thing(
        {
            "id": text("Service ID", "Id of the service."),
            "displayName": text("Service Name", "Name of the service."),
            "description": text("Description", "What the service is.", null=True),
            "defaultDuration": text("Usual Duration", "How long it takes, as an ISO 8601 duration.", null=True),
            "maximumAttendeesCount": whole("Seats", "How many customers one appointment takes.", null=True),
            "defaultPrice": decimal("Usual Price", "What it costs.", null=True),
            "defaultPriceType": text("Price Type", PRICE_TYPES, null=True),
            "staffMembers": _STAFF_MEMBERS,
            "staffMemberIds": _STAFF_IDS,
            "customQuestions": list_of(
                thing(
                    {
                        "questionId": text("Asked Question ID", "Id of a question that is asked with this service."),
                        "isRequired": flag("Required Answer", "Whether it must be answered.", null=True),
                    },
                    name="AskedQuestion",
                ),
                "Asked Questions",
                "The custom questions that are asked with this service.",
                null=True,
            ),
            "defaultLocation": place_of("the service", is_named_first=True),
            "defaultReminders": list_of(ref("Reminder"), "Usual Reminders", "Mails before the start.", null=True),
            "isLocationOnline": flag("Online Meeting", "Whether it takes place online.", null=True),
            "isAnonymousJoinEnabled": flag("Guests Join", "Whether guests may join the online meeting.", null=True),
            "isCustomerAllowedToManageBooking": flag(
                "Managed by Customer", "Whether customers may move or cancel appointments.", null=True
            ),
            "isHiddenFromCustomers": flag("Hidden", "Whether customers do not see it.", null=True),
            "preBuffer": text("Buffer Before", "Time kept free before it, as an ISO 8601 duration.", null=True),
            "postBuffer": text("Buffer After", "Time kept free after it, as an ISO 8601 duration.", null=True),
            "schedulingPolicy": _policy("the service"),
            "smsNotificationsEnabled": flag("Text Messages", "Whether customers get text messages.", null=True),
            "additionalInformation": text("Additional Information", "Information for customers.", null=True),
            "notes": text("Staff Notes", "Notes for staff.", null=True),
            "languageTag": text("Language", "Language of the service's page.", null=True),
            "webUrl": text("Service Link", "Link to the page of this service.", null=True),
            "createdDateTime": CREATED,
            "lastUpdatedDateTime": UPDATED,
        },
        in_view="id displayName description defaultDuration maximumAttendeesCount defaultPrice "
        "defaultPriceType staffMembers customQuestions isLocationOnline isHiddenFromCustomers "
        "preBuffer postBuffer additionalInformation notes languageTag webUrl",
    ),
    "StaffMember": thing(
        {
            "id": text("Staff ID", "Id of the staff member."),
            "displayName": text("Staff Name", "Name of the staff member."),
            "emailAddress": text("Staff Email", "Mail address of the staff member.", null=True),
            "role": text("Role", "What the person may do on the page.", null=True),
            "timeZone": text("Staff Time Zone", "Time zone of the person.", null=True),
            "useBusinessHours": flag("Business Hours Used", "Whether the business's hours hold.", null=True),
            "workingHours": _hours("Working Hours", "The person's own hours."),
            "availabilityIsAffectedByPersonalCalendar": flag(
                "Personal Calendar Counts", "Whether events in the person's calendar make it busy.", null=True
            ),
            "isEmailNotificationEnabled": flag("Mails Sent", "Whether the person gets mails.", null=True),
            "membershipStatus": text("Membership", "Whether the person has accepted to be on the page.", null=True),
            "createdDateTime": CREATED,
            "lastUpdatedDateTime": UPDATED,
        },
        in_view="id displayName emailAddress role timeZone useBusinessHours workingHours membershipStatus",
    ),
    "Customer": thing(_CUSTOMER, in_view="id displayName emailAddress phones"),
    "SavedCustomer": thing(
        {**_CUSTOMER, "isNew": flag("New", "Whether the customer was not on record before.")},
        in_view="id displayName emailAddress phones isNew",
    ),
    "Question": thing(
        {
            "id": text("Question ID", "Id of the custom question."),
            "key": text("Question Key", "Name of the question among answers; it stays if the text changes."),
            "displayName": text("Question", "What is asked."),
            "answerInputType": text("Answer Type", "How it is answered: text or radioButton.", null=True),
            "answerOptions": list_of({"type": "string"}, "Options", "What can be chosen.", null=True),
            "createdDateTime": CREATED,
            "lastUpdatedDateTime": UPDATED,
        },
        in_view="id key displayName answerInputType answerOptions",
    ),
}
