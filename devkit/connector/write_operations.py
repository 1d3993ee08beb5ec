"""The operations that write to Microsoft Bookings, where the gateway's settings allow it."""

from typing import Any

from blueprints._booking_details import CLEARABLE, PRICE_TYPES, RECIPIENTS
from blueprints._bounds import HELD_MINUTES, HELD_SEATS, Bounds
from devkit.connector.operations import Operation, body, describe
from devkit.connector.parameters import CUSTOMERS, OPEN_SERVICES, STAFF, ZONE_MEANS, ZONES, shared
from devkit.connector.shapes import Shape, decimal, flag, from_schema, list_of, ref, text, texts_by_name, thing, whole

_ONE = "/bookings/businesses/{business}"
_APPOINTMENT = f"{_ONE}/appointment"
_ANSWERS_TITLE = "Answers"
_ANSWERS = "Answers to the custom questions of the page, by the keys that List custom questions shows."
_BOOKED = "BookedCustomer"  # what clients call a customer of a new appointment
_ZONE = text("Time Zone", ZONE_MEANS, **ZONES)


def _customer(answers: Shape) -> dict[str, Shape]:
    return {
        "name": text("Customer Name", "Name of the customer."),
        "emailAddress": text("Customer Email", "Mail address of the customer, who gets the confirmation."),
        "phone": text("Customer Phone", "Telephone number of the customer."),
        "notes": text("Customer Notes", "Notes of the customer."),
        "answers": answers,
        "customerId": text("Customer ID", "Id of a customer on record.", visibility="advanced", **CUSTOMERS),
    }


def _staff(description: str) -> Shape:
    return list_of({"type": "string", **STAFF}, "Staff Members", description)


def _limits(bounds: Bounds) -> dict[str, Any]:
    return {"minimum": bounds.least, "maximum": bounds.most}


def _time(name: str, description: str) -> Shape:
    how = "A moment in UTC, such as 2026-05-05T09:00:00Z, or wall time in Time Zone."
    return text(name, f"{description} {how}")


_END = text("End", "When it ends; leave it empty for the service's usual duration.", visibility="advanced")
_OWN_HOLD = text(
    "Own Hold",
    "A hold of your own at this place, by its id; it is used up.",
    visibility="advanced",
)
_OPEN_ANSWERS = texts_by_name(_ANSWERS_TITLE, _ANSWERS)
_PAGE_ANSWERS = _OPEN_ANSWERS | from_schema(
    "GetQuestionsSchema",
    old={"business": "business", "service": "service"},
    new={"business": "business", "service": "body/service"},
)
_CLEAR = "Fields to empty, because a field that is left out or blank stays as it is."
_CHANGED_CUSTOMERS = list_of(
    thing(
        {
            **_customer(_OPEN_ANSWERS),
            "remove": flag("Remove", "Whether this customer leaves the appointment."),
            "clear": list_of(
                text("Field", "A field of the customer.", choices=("phone", "notes", "answers")),
                "Cleared Customer Fields",
                _CLEAR,
                visibility="advanced",
            ),
        },
        name="CustomerChange",
    ),
    "Customers",
    "Customers who change, join or leave, found by their id or mail address; all others stay as they are.",
)
_MORE_CUSTOMERS = list_of(
    thing(_customer(_OPEN_ANSWERS), name=_BOOKED),
    "Customers",
    "All customers of a group appointment, if there are several, instead of the one customer.",
    visibility="advanced",
)
_DURATION = "Written as an ISO 8601 duration, such as PT15M."
_DETAILS: dict[str, Shape] = {
    "additionalInformation": text("Additional Information", "Information for the customer."),
    "serviceNotes": text("Staff Notes", "Notes for staff, which customers do not see."),
    "location": text("Location", "Where it takes place."),
    "appointmentLabel": text("Label", "Label of the appointment in the calendar.", visibility="advanced"),
    "customerTimeZone": text(
        "Customer Time Zone", "The customer's time zone, in which mails name the time.", visibility="advanced", **ZONES
    ),
    "price": decimal("Price", "What it costs, in the currency of the page.", visibility="advanced"),
    "priceType": text("Price Type", "How the price is meant.", choices=PRICE_TYPES, visibility="advanced"),
    "preBuffer": text("Buffer Before", f"Time kept free before it. {_DURATION}", visibility="advanced"),
    "postBuffer": text("Buffer After", f"Time kept free after it. {_DURATION}", visibility="advanced"),
    "reminders": list_of(
        thing(
            {
                "offset": text("Time Before", f"How long before the start it goes out. {_DURATION}"),
                "recipients": text("Recipients", "Who gets it.", choices=RECIPIENTS),
                "message": text("Reminder Text", "What it says."),
            },
            name="NewReminder",
            required=["offset"],
        ),
        "Reminders",
        "Mails before the start, instead of the service's.",
        visibility="advanced",
    ),
    "isCustomerAllowedToManageBooking": flag(
        "Managed by Customer", "Whether the customer may move or cancel it.", visibility="advanced"
    ),
    "isLocationOnline": flag("Online Meeting", "Whether it takes place online.", visibility="advanced"),
    "optOutOfCustomerEmail": flag("No Customer Mails", "Whether the customer gets no mails.", visibility="advanced"),
    "smsNotificationsEnabled": flag("Text Messages", "Whether the customer gets text messages.", visibility="advanced"),
}

_SOFT = "This gateway honours it; the booking page of Microsoft does not know it."

OPERATIONS: dict[str, dict[str, Operation]] = {
    f"{_ONE}/slots/holds": {
        "post": describe(
            "HoldSlot",
            "Hold a slot",
            f"Keeps a slot for some minutes, until it is booked, released or expires. {_SOFT}",
            ref("Hold"),
            status=201,
            answer_text="The slot that is held.",
            parameters=[
                *shared("Business", "IdempotencyKey"),
                body(
                    thing(
                        {
                            "service": text("Service", "The service to hold a slot of.", **OPEN_SERVICES),
                            "start": _time("Start", "When the slot starts."),
                            "timeZone": _ZONE,
                            "minutes": whole("Minutes", "How long it is held, 5 minutes if left empty.",
                                             **_limits(HELD_MINUTES)),
                            "staff": _staff("Whose time is held; if it is empty, that of somebody who is free."),
                            "seats": whole("Seats", "How many seats of a group are held, one if left empty.",
                                           visibility="advanced", **_limits(HELD_SEATS)),
                            "end": _END,
                        },
                        name="WantedHold",
                        required=["service", "start"],
                    )
                ),
            ],
            writes=True,
            visibility="advanced",
        )
    },
    f"{_ONE}/slots/holds/{{hold}}": {
        "get": describe(
            "GetHold",
            "Get a hold",
            "Gets a hold of a slot, if it has not ended.",
            ref("Hold"),
            parameters=shared("Business", "HoldId", "TimeZone"),
            visibility="advanced",
        ),
        "delete": describe(
            "ReleaseHold",
            "Release a hold",
            "Ends a hold, so that others can book its place; one that has ended stays so.",
            None,
            status=204,
            answer_text="The hold has ended.",
            parameters=shared("Business", "HoldId"),
            writes=True,
            visibility="advanced",
        ),
    },
    f"{_ONE}/appointments": {
        "post": describe(
            "CreateAppointment",
            "Create an appointment",
            "Books an appointment, or seats in a group appointment, after checking hours, policy and staff.",
            ref("Appointment"),
            status=201,
            answer_text="The appointment that was booked.",
            parameters=[
                *shared("Business", "IdempotencyKey"),
                body(
                    thing(
                        {
                            "service": text("Service", "The service to book.", **OPEN_SERVICES),
                            "start": _time("Start", "When it starts."),
                            "timeZone": _ZONE,
                            "end": _END,
                            "staff": _staff("Staff members who serve; if it is empty, the gateway names who is free."),
                            "customer": thing(
                                _customer(_PAGE_ANSWERS), description="The customer of the appointment.", name=_BOOKED
                            ),
                            "customers": _MORE_CUSTOMERS,
                            **_DETAILS,
                            "hold": _OWN_HOLD,
                            "allowDuplicate": flag(
                                "Allow Duplicate",
                                "Whether the same booking may be made twice within ten minutes.",
                                visibility="advanced",
                            ),
                        },
                        name="NewAppointment",
                        required=["service", "start"],
                    )
                ),
            ],
            writes=True,
        )
    },
    _APPOINTMENT: {
        "patch": describe(
            "UpdateAppointment",
            "Update an appointment",
            "Changes details or customers of an appointment and keeps the rest; time and staff have their own actions.",
            ref("Appointment"),
            answer_text="The appointment after the change.",
            parameters=[
                *shared("Business", "AppointmentId", "IdempotencyKey"),
                body(
                    thing(
                        {
                            **_DETAILS,
                            "customers": _CHANGED_CUSTOMERS,
                            "clear": list_of(
                                text(
                                    "Field",
                                    "A field of the appointment.",
                                    choices=tuple(CLEARABLE),
                                ),
                                "Cleared Fields",
                                _CLEAR,
                                visibility="advanced",
                            ),
                            "timeZone": _ZONE,
                        },
                        name="AppointmentUpdate",
                    )
                ),
            ],
            writes=True,
        )
    },
    f"{_APPOINTMENT}/reschedule": {
        "post": describe(
            "RescheduleAppointment",
            "Reschedule an appointment",
            "Moves an appointment to another time, if hours, policy and staff allow it.",
            ref("Appointment"),
            answer_text="The appointment after the change.",
            parameters=[
                *shared("Business", "AppointmentId", "IdempotencyKey"),
                body(
                    thing(
                        {
                            "start": _time("New Start", "The new start."),
                            "end": text("New End", "The new end; leave it empty to keep the duration.",
                                        visibility="advanced"),
                            "timeZone": _ZONE,
                            "staff": _staff("Staff members who serve then; leave it empty to keep them."),
                            "hold": _OWN_HOLD,
                        },
                        name="NewTime",
                        required=["start"],
                    )
                ),
            ],
            writes=True,
        )
    },
    f"{_APPOINTMENT}/assign": {
        "post": describe(
            "AssignStaff",
            "Assign staff to an appointment",
            "Assigns an appointment to other staff members, if they are free.",
            ref("Appointment"),
            answer_text="The appointment after the change.",
            parameters=[
                *shared("Business", "AppointmentId", "IdempotencyKey"),
                body(
                    thing(
                        {"staff": _staff("All who serve from now on."), "timeZone": _ZONE, "hold": _OWN_HOLD},
                        name="NewStaff",
                        required=["staff"],
                    )
                ),
            ],
            writes=True,
        )
    },
    f"{_APPOINTMENT}/cancel": {
        "post": describe(
            "CancelAppointment",
            "Cancel an appointment",
            "Cancels an appointment and informs customer and staff by mail.",
            thing(
                {
                    "id": text("Appointment ID", "Id of the appointment that was cancelled."),
                    "status": text("Status", "The appointment is cancelled.", choices=("cancelled",)),
                },
                name="CancelledAppointment",
            ),
            answer_text="The appointment is cancelled.",
            parameters=[
                *shared("Business", "AppointmentId", "IdempotencyKey"),
                body(
                    thing({"message": text("Message", "Message to customer and staff.")}, name="Cancellation"),
                    required=False,
                ),
            ],
            writes=True,
        )
    },
    f"{_ONE}/customer": {
        "post": describe(
            "SaveCustomer",
            "Create or update a customer",
            "Updates the customer with this id or mail address, or creates a new customer.",
            ref("SavedCustomer"),
            answer_text="The customer after the change.",
            parameters=[
                *shared("Business", "IdempotencyKey"),
                body(
                    thing(
                        {
                            "emailAddress": text("Customer Email", "Mail address of the customer."),
                            "name": text("Customer Name", "Name of the customer."),
                            "phone": text("Customer Phone", "Telephone number of the customer."),
                            "customerId": text("Customer ID", "Id of the customer's record, to change it.",
                                               visibility="advanced", **CUSTOMERS),
                        },
                        name="CustomerToSave",
                    )
                ),
            ],
            writes=True,
            visibility="advanced",
        )
    },
}  # fmt: skip
