"""The operations that read Microsoft Bookings."""

from typing import Any

from devkit.connector.operations import NEXT_LINK, PAGEABLE, Operation, body, describe, value_list
from devkit.connector.parameters import STAFF, WALL_TIME, ZONE_MEANS, ZONES, query, shared
from devkit.connector.shapes import flag, list_of, moment, ref, text, thing

_BUSINESSES = "/bookings/businesses"
_ONE = f"{_BUSINESSES}/{{business}}"
_ASIDE: dict[str, Any] = {"visibility": "advanced"}
_FEED_CURSOR = text(
    "Cursor", "Keep it and pass it later to get the changes since this answer.", visibility="advanced"
)  # fmt: skip
_BASIS = text(
    "Basis",
    "What free time was computed from: availability, or calendar for a gateway that signs in as a user (hours and "
    "appointments alone; it cannot see other calendars and time off of the staff).",
    **_ASIDE,
)

_SLOT_SEARCH = ("Explain", "OwnHold", "SlotPageSize", "Cursor")
_SLOTS = {
    "services": list_of(
        ref("ServiceOfSlots"), "Services", "The services, with what decides when they can be booked.", **_ASIDE
    ),
    "notOffered": list_of(
        ref("NotOffered"), "Not Offered", "Why no slot begins at other times; only if it was asked for.", **_ASIDE
    ),
    "basis": _BASIS,
    "nextLink": NEXT_LINK,
}

OPERATIONS: dict[str, dict[str, Operation]] = {
    _BUSINESSES: {
        "get": describe(
            "ListBookingPages",
            "List booking pages",
            "Lists the booking pages that the gateway may use, by name.",
            value_list(
                "BookingPageEntry",
                "Booking Pages",
                "The booking pages.",
                truncated=flag("Incomplete", "Whether there may be more than Microsoft 365 lists."),
                message=text("Hint", "What to do where the list is incomplete."),
            ),
            parameters=[query("search", "Search", "Only pages whose name holds this text.")],
            visibility="advanced",
        )
    },
    _ONE: {
        "get": describe(
            "GetBookingPage",
            "Get a booking page",
            "Gets hours, scheduling policy and settings of a booking page.",
            ref("BookingPage"),
            parameters=shared("Business"),
            visibility="advanced",
        )
    },
    f"{_ONE}/services": {
        "get": describe(
            "ListServices",
            "List services",
            "Lists the services of a booking page, with the staff members who offer them.",
            value_list("Service", "Services", "The services, by name."),
            parameters=shared("Business"),
            visibility="advanced",
        )
    },
    f"{_ONE}/staff": {
        "get": describe(
            "ListStaffMembers",
            "List staff members",
            "Lists the staff members of a booking page, with their hours.",
            value_list("StaffMember", "Staff Members", "The staff members, by name."),
            parameters=shared("Business"),
            visibility="advanced",
        )
    },
    f"{_ONE}/questions": {
        "get": describe(
            "ListCustomQuestions",
            "List custom questions",
            "Lists the custom questions that a booking page asks its customers.",
            value_list("Question", "Questions", "The custom questions, by their text."),
            parameters=shared("Business"),
            visibility="advanced",
        )
    },
    f"{_ONE}/customers": {
        "get": describe(
            "ListCustomers",
            "List customers",
            "Lists the customers that a booking page has on record.",
            value_list("Customer", "Customers", "The customers.", nextLink=NEXT_LINK),
            parameters=shared("Business", "Cursor"),
            x_ms_pageable=PAGEABLE,
            visibility="advanced",
        )
    },
    f"{_ONE}/appointments": {
        "get": describe(
            "ListAppointments",
            "List appointments",
            "Lists the appointments of a booking page in a range, in the order of their start, with names beside ids.",
            value_list("Appointment", "Appointments", "The appointments.", nextLink=NEXT_LINK),
            parameters=shared(
                "Business",
                "Start",
                "End",
                "TimeZone",
                "Service",
                "StaffMember",
                "Customer",
                "SelfService",
                "Details",
                "Expand",
                "PageSize",
                "Cursor",
            ),
            x_ms_pageable=PAGEABLE,
        )
    },
    f"{_ONE}/appointment": {
        "get": describe(
            "GetAppointment",
            "Get an appointment",
            "Gets one appointment with its customers and their answers to the custom questions.",
            ref("Appointment"),
            parameters=shared("Business", "AppointmentId", "TimeZone"),
        )
    },
    f"{_ONE}/slots": {
        "get": describe(
            "FindFreeSlots",
            "Find free slots",
            "Finds the times at which services can be booked, and who can serve: what policy, hours, availability and "
            "calendar allow; on request also why other times are not offered.",
            value_list(
                "Slot",
                "Slots",
                "The free slots, in their order.",
                list_name="SlotList",
                **_SLOTS,
                businessTimeZone=text(
                    "Business Time Zone", "Time zone of the business, by its Windows name.", **_ASIDE
                ),
                businessTimeZoneIana=text(
                    "Business Time Zone (IANA)", "Time zone of the business, by its IANA name.", **_ASIDE
                ),
                staffSelectionAllowed=flag(
                    "Staff Selection",
                    "Whether customers may choose who serves them, with all of these services.",
                    **_ASIDE,
                ),
                start=moment("Range Start", "Where the range begins, in UTC.", **_ASIDE),
                end=moment("Range End", "Where the range ends, in UTC.", **_ASIDE),
            ),
            parameters=shared("Business", "ServicesNeeded", "Start", "End", "StaffMembers", "TimeZone", *_SLOT_SEARCH),
            x_ms_pageable=PAGEABLE,
        )
    },
    "/bookings/slots": {
        "get": describe(
            "FindFreeSlotsOfPages",
            "Find free slots of several pages",
            "Finds the times at which services of several booking pages can be booked, in one order; pages that could "
            "not be asked are named.",
            value_list(
                "Slot",
                "Slots",
                "The free slots of all pages, in their order.",
                list_name="SlotListOfPages",
                **_SLOTS,
                pages=list_of(
                    ref("PageOfSlots"), "Pages", "The pages that were asked, with their time zones.", **_ASIDE
                ),
                failures=list_of(
                    ref("PageFailure"), "Failed Pages", "The pages whose slots are missing here, and why."
                ),
            ),
            parameters=shared(
                "BusinessesAsked", "ServicesOfPages", "Start", "End", "StaffOfPages", "TimeZone", *_SLOT_SEARCH
            ),
            x_ms_pageable=PAGEABLE,
            visibility="advanced",
        )
    },
    f"{_ONE}/availability": {
        "post": describe(
            "GetStaffAvailability",
            "Get staff availability",
            "Gets the times in a range when staff members are free or busy, from Microsoft 365.",
            value_list("StaffAvailability", "Availability", "One entry for each staff member.", basis=_BASIS),
            parameters=[
                *shared("Business"),
                body(
                    thing(
                        {
                            "start": text("Start", f"Start of the range. {WALL_TIME}"),
                            "end": text("End", f"End of the range. {WALL_TIME}"),
                            "timeZone": text("Time Zone", ZONE_MEANS, **ZONES),
                            "staffIds": list_of(
                                {"type": "string", **STAFF},
                                "Staff Members",
                                "The staff members; leave empty for all.",
                            ),
                            "hold": text(
                                "Own Hold", "A hold of your own: its time counts as free.", visibility="advanced"
                            ),
                        },
                        name="AvailabilityQuestion",
                        required=["start", "end"],
                    )
                ),
            ],
            writes=True,
            x_ms_safe_operation=True,
            visibility="advanced",
        )
    },
    f"{_ONE}/agenda": {
        "get": describe(
            "GetAgenda",
            "Get the agenda of a day",
            "Gets the appointments of a day grouped by staff member, and as a text that is ready to send.",
            value_list(
                "AgendaGroup",
                "Staff",
                "The day, by staff member.",
                list_name="Agenda",
                text=text("Agenda", "The day as a text, ready to print or send; empty for a free day."),
                date=text("Day", "The day that was asked for.", form="date"),
                timeZone=text("Day Time Zone", "The time zone of the day, by its Windows name."),
                timeZoneIana=text("Day Time Zone (IANA)", "The time zone of the day, by its IANA name.", **_ASIDE),
            ),
            parameters=shared("Business", "Date", "TimeZone", "Details", "Expand"),
        )
    },
    f"{_ONE}/changes": {
        "get": describe(
            "ListAppointmentChanges",
            "List changes of appointments",
            "Lists what happened to the appointments of a booking page, in order: created, rescheduled, reassigned, "
            "edited, or cancelled (also when deleted).",
            value_list(
                "AppointmentEvent",
                "Changes",
                "What happened.",
                list_name="AppointmentChangeList",
                cursor=_FEED_CURSOR,
                nextLink=NEXT_LINK,
            ),
            parameters=[
                *shared("Business"),
                query("since", "Since", f"Only changes found since then. {WALL_TIME}", visibility="advanced"),
                *shared("TimeZone", "Details", "Expand", "PageSize", "CursorKept"),
            ],
            x_ms_pageable=PAGEABLE,
            visibility="advanced",
        )
    },
}
