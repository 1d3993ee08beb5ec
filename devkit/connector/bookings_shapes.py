"""What appointments, and what happens to them, look like in the gateway's answers.

Names and types are Graph's (bookingAppointment of v1.0), and our own beside them.
"""

from devkit.connector.catalogue_shapes import CREATED, PRICE_TYPES, UPDATED, place_of
from devkit.connector.shapes import (
    Shape,
    bring_into_view,
    decimal,
    flag,
    from_schema,
    keep_in_view,
    list_of,
    moment,
    ref,
    text,
    texts_by_name,
    thing,
    wall_time,
    whole,
)

_WITH_DETAILS = "Only with details."
_PAGE_ANSWERS = from_schema("GetAnswersSchema", old={"business": "business"}, new={"business": "business"})


def before(shape: Shape) -> Shape:
    """Describe a property as it was before a change."""
    return shape | {
        "x-ms-summary": f"Previous {shape['x-ms-summary']}",
        "description": f"As it was before. {shape['description']}",
    }


STAFF_MEMBERS = list_of(ref("StaffReference"), "Staff Members", "Who serves, with name and mail address.")
STAFF_IDS = list_of({"type": "string"}, "Staff IDs", "Ids of who serves.", null=True)

TIMES: dict[str, Shape] = {
    "startUtc": moment("Start Time", "When it starts, in UTC."),
    "endUtc": moment("End Time", "When it ends, in UTC."),
    "startLocal": wall_time("Start Local Time", "When it starts by the clock of the time zone."),
    "endLocal": wall_time("End Local Time", "When it ends by the clock of the time zone."),
    "timeZone": text("Time Zone", "The time zone of the local times, by its Windows name."),
    "timeZoneIana": text("Time Zone (IANA)", "The time zone of the local times, by its IANA name."),
}


def graph_moment(title: str, description: str) -> Shape:
    """Describe Graph's dateTimeTimeZone, which is passed on unchanged."""
    return thing(
        {
            "dateTime": text(title, description),
            "timeZone": text(f"{title} Zone", "The zone of the time as Graph tells it, UTC as a rule.", null=True),
        },
        name="DateTimeTimeZone",
        null=True,
        visibility="advanced",
    )  # fmt: skip


# What every description of an appointment has, in lists, alone, and in triggers.
_EVERYTHING: dict[str, Shape] = {
    "serviceId": text("Service ID", "Id of the service that is booked.", null=True),
    "serviceName": text("Service Name", "Name of the service that is booked.", null=True),
    **TIMES,
    "durationMinutes": whole("Duration in Minutes", "How long it takes."),
    "staffNames": text("Staff Names", "Names of who serves, separated by commas."),
    "staffMembers": STAFF_MEMBERS,
    "staffMemberIds": STAFF_IDS,
    "customerName": text("Customer Name", "Name of the customer; empty for group appointments.", null=True),
    "customerEmailAddress": text("Customer Email", "Mail address of the customer.", null=True),
    "customerPhone": text("Customer Phone", "Telephone number of the customer.", null=True),
    "customerNotes": text("Customer Notes", f"What the customer wrote when booking. {_WITH_DETAILS}", null=True),
    "customerTimeZone": text("Customer Time Zone", "The time zone of the customer.", null=True),
    "customers": list_of(
        ref("AppointmentCustomer"), "Customers", f"All customers, with their answers. {_WITH_DETAILS}"
    ),
    "answers": texts_by_name("Answers", f"The first customer's answers to the custom questions. {_WITH_DETAILS}")
    | _PAGE_ANSWERS,
    "answersText": text("Answers as Text", f"The first customer's answers, ready to print. {_WITH_DETAILS}"),
    "joinWebUrl": text("Join Link", "Link to the online meeting.", null=True),
    "anonymousJoinWebUrl": text("Anonymous Join Link", "Link to the online meeting for guests.", null=True),
    "isLocationOnline": flag("Online Meeting", "Whether it takes place online."),
    "serviceLocation": place_of("the appointment", is_named_first=True),
    "price": decimal("Price", "What it costs, in the currency of the page."),
    "priceType": text("Price Type", PRICE_TYPES, null=True),
    "serviceNotes": text("Staff Notes", f"Notes for staff, which customers do not see. {_WITH_DETAILS}", null=True),
    "additionalInformation": text("Additional Information", "Information for the customer.", null=True),
    "appointmentLabel": text("Label", "Label of the appointment in the calendar.", null=True),
    "maximumAttendeesCount": whole("Seats", "How many customers it takes.", null=True),
    "filledAttendeesCount": whole("Seats Taken", "How many customers have booked.", null=True),
    "isCustomerAllowedToManageBooking": flag(
        "Managed by Customer", "Whether the customer may move or cancel it.", null=True
    ),
    "optOutOfCustomerEmail": flag("No Customer Mails", "Whether the customer gets no mails.", null=True),
    "smsNotificationsEnabled": flag("Text Messages", "Whether the customer gets text messages.", null=True),
    "reminders": list_of(
        ref("Reminder"), "Reminders", f"Mails that go out before the start. {_WITH_DETAILS}", null=True
    ),
    "preBuffer": text("Buffer Before", "Time kept free before it, as an ISO 8601 duration.", null=True),
    "postBuffer": text("Buffer After", "Time kept free after it, as an ISO 8601 duration.", null=True),
    "duration": text("Duration", "How long it takes, as an ISO 8601 duration.", null=True),
    "selfServiceAppointmentId": text(
        "Self Service ID", "Id of the appointment on the page where customers manage it.", null=True
    ),
    "createdDateTime": CREATED,
    "lastUpdatedDateTime": UPDATED,
    "startDateTime": graph_moment("Graph Start", "When it starts, as Graph tells it."),
    "endDateTime": graph_moment("Graph End", "When it ends, as Graph tells it."),
}
APPOINTMENT = keep_in_view(
    _EVERYTHING,
    "serviceId serviceName startUtc endUtc startLocal endLocal timeZone durationMinutes staffNames staffMembers "
    "customerName customerEmailAddress customerPhone customerNotes customers answers answersText joinWebUrl "
    "isLocationOnline price serviceNotes additionalInformation appointmentLabel maximumAttendeesCount "
    "filledAttendeesCount createdDateTime",
)
APPOINTMENT_ID = text("Appointment ID", "Id of the appointment, for later actions.")

_KINDS = {
    "created": "Created",
    "rescheduled": "Rescheduled",
    "reassigned": "Reassigned",
    "edited": "Edited",
    "cancelled": "Cancelled or deleted",
    "registered": "Somebody joined a group",
    "unregistered": "Somebody left a group",
    "upcoming": "About to start",
}
_EVENT: dict[str, Shape] = {
    "eventId": text("Event ID", "Stays the same if the event is delivered again, so a flow can ignore it."),
    "eventKind": text(
        "Event Kind", "What happened; if several things did, the most important one.", choices=_KINDS, name="EventKind"
    ),
}
_OF_EVENT: dict[str, Shape] = {
    "businessId": text("Page ID", "Id of the booking page, which is its mail address."),
    "appointmentId": APPOINTMENT_ID,
    **APPOINTMENT,
}
_NEVER_PREVIOUS = ("durationMinutes", "answers", "answersText")
_PREVIOUS_IN_VIEW = ("serviceName", "startUtc", "endUtc", "startLocal", "endLocal", "staffNames")
_PREVIOUS: dict[str, Shape] = {
    "id": bring_into_view(
        text("Previous Appointment ID", "The id that the appointment had before, if it has another one now.")
    ),
    **{
        name: bring_into_view(before(shape)) if name in _PREVIOUS_IN_VIEW else before(shape)
        for name, shape in _EVERYTHING.items()
        if name not in _NEVER_PREVIOUS and "description" in shape
    },
    "serviceLocation": place_of("the appointment before the change", "Previous ", is_named_first=True),
    "startDateTime": graph_moment("Previous Graph Start", "When it started, as Graph tells it."),
    "endDateTime": graph_moment("Previous Graph End", "When it ended, as Graph tells it."),
}

DEFINITIONS: dict[str, Shape] = {
    "DateTimeTimeZone": graph_moment("Time", "The time as Graph tells it."),
    "StaffReference": thing(
        {
            "id": text("Staff ID", "Id of the staff member.", null=True),
            "displayName": text("Staff Name", "Name of the staff member.", null=True),
            "emailAddress": text("Staff Email", "Mail address of the staff member.", null=True),
        }
    ),
    "Reminder": thing(
        {
            "offset": text("Time Before", "How long before the start it goes out, as an ISO 8601 duration.", null=True),
            "recipients": text("Recipients", "Who gets it: allAttendees, staff or customer.", null=True),
            "message": text("Reminder Text", "What it says.", null=True),
        }
    ),
    "QuestionAnswer": thing(
        {
            "question": text("Question", "The question that was asked.", null=True),
            "questionId": text("Question ID", "Id of the custom question.", null=True),
            "key": text("Question Key", "Name of the question among the answers by question."),
            "answer": text("Answer", "The answer; choices are in the selected options.", null=True),
            "answerInputType": text("Answer Type", "How it is answered: text or radioButton.", null=True),
            "answerOptions": list_of({"type": "string"}, "Options", "What can be chosen.", null=True),
            "selectedOptions": list_of({"type": "string"}, "Selected Options", "What was chosen.", null=True),
            "isRequired": flag("Required Answer", "Whether it must be answered.", null=True),
        },
        in_view="question key answer selectedOptions",
    ),
    "AppointmentCustomer": thing(
        {
            "customerId": text("Customer ID", "Id of the customer's record.", null=True),
            "name": text("Name", "Name of this customer.", null=True),
            "emailAddress": text("Email", "Mail address of this customer.", null=True),
            "phone": text("Phone", "Telephone number of this customer.", null=True),
            "notes": text("Notes", "What this customer wrote when booking.", null=True),
            "timeZone": text("Home Time Zone", "The time zone of this customer.", null=True),
            "location": place_of("the customer", "Customer "),
            "answers": texts_by_name("Answers by Question", "This customer's answers, by the questions' keys."),
            "customQuestionAnswers": list_of(
                ref("QuestionAnswer"),
                "Question Answers",
                "This customer's answers with all that Graph tells.",
                null=True,
            ),
        },
        in_view="name emailAddress phone notes answers",
    ),
    "Appointment": thing({"id": APPOINTMENT_ID, **APPOINTMENT}),
    "AppointmentEvent": thing(
        {
            **_EVENT,
            "changes": list_of({"type": "string"}, "All Event Kinds", "All that happened since the last look."),
            "changedProperties": list_of(
                {"type": "string"}, "Changed Properties", "Which properties changed.", visibility="advanced"
            ),
            "joinedNames": text("Who Joined", f"Names of customers who joined a group appointment. {_WITH_DETAILS}"),
            "leftNames": text("Who Left", f"Names of customers who left a group appointment. {_WITH_DETAILS}"),
            "occurredUtc": moment("Event Time", "When the gateway found it out, in UTC."),
            **_OF_EVENT,
            "previous": thing(_PREVIOUS, name="PreviousAppointment", null=True, visibility="advanced"),
        }
    ),
    "UpcomingAppointment": thing({**_EVENT, **_OF_EVENT}),
    "Hold": thing(
        {
            "id": text("Hold ID", "Id of the hold, to book, move or assign with it, or to release it."),
            "businessId": text("Page ID", "Id of the booking page, which is its mail address."),
            "serviceId": text("Service ID", "Id of the service that is held."),
            "serviceName": text("Service Name", "Name of the service that is held.", null=True),
            **TIMES,
            "durationMinutes": whole("Duration in Minutes", "How long the slot is."),
            "seats": whole("Held Seats", "How many seats are held."),
            "staffNames": text("Staff Names", "Names of whose time is held, separated by commas."),
            "staffMembers": STAFF_MEMBERS,
            "madeUtc": moment("Held Since", "When the hold was made, in UTC."),
            "expiresUtc": moment("Held Until", "When the hold ends by itself, in UTC."),
        }
    ),
    "StaffAvailability": thing(
        {
            "staffId": text("Staff ID", "Id of the staff member."),
            "displayName": text("Staff Name", "Name of the staff member.", null=True),
            "availabilityItems": list_of(
                thing(
                    {
                        "status": text(
                            "Status", "What it is then: available, held, busy, outOfOffice or slotsAvailable."
                        ),
                        "serviceId": text("Group Service ID", "Id of the group service with free seats.", null=True),
                        "serviceName": text("Group Service", "Name of the group service with free seats.", null=True),
                        **TIMES,
                    },
                    name="AvailabilitySpan",
                ),
                "Spans",
                "When the person is free or busy.",
            ),
        }
    ),
    "AgendaGroup": thing(
        {
            "staffId": text("Person ID", "Id of the staff member.", null=True),
            "displayName": text("Person Name", "Name of the staff member, or that nobody is assigned."),
            "appointments": list_of(ref("Appointment"), "Appointments", "The person's appointments of the day."),
        }
    ),
}
