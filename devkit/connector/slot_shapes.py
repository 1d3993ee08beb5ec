"""What free slots look like in the gateway's answers, and why times are none."""

from bookings.free_time.reasons import Reason
from devkit.connector.bookings_shapes import TIMES
from devkit.connector.shapes import Shape, flag, list_of, moment, ref, text, thing, whole

_OF_PAGE = {
    "businessId": text("Page ID", "Id of the booking page, which is its mail address."),
    "businessName": text("Page Name", "Name of the booking page.", null=True),
}
_OF_SERVICE = {
    **_OF_PAGE,
    "serviceId": text("Service ID", "Id of the service."),
    "serviceName": text("Service Name", "Name of the service.", null=True),
}

DEFINITIONS: dict[str, Shape] = {
    "Slot": thing(
        {
            **_OF_SERVICE,
            **TIMES,
            "durationMinutes": whole("Duration in Minutes", "How long it takes."),
            "seatsAvailable": whole("Free Seats", "How many customers can still book."),
            "staffNames": text("Staff Names", "Names of who can serve, separated by commas."),
            "staffMembers": list_of(
                thing(
                    {
                        "id": text("Free Staff ID", "Id of somebody who can serve."),
                        "displayName": text("Free Staff Name", "Name of somebody who can serve.", null=True),
                        "emailAddress": text("Free Staff Email", "Mail address of somebody who can serve.", null=True),
                        "seatsAvailable": whole("Free Seats with Staff", "How many seats there are with this person."),
                        "appointmentId": text(
                            "Group Appointment ID", "The group appointment to join; none for a new one.", null=True
                        ),
                    },
                    name="FreeStaffMember",
                ),
                "Free Staff",
                "Who can serve at that time.",
            ),
        }
    ),
    "ServiceOfSlots": thing(
        {
            **_OF_SERVICE,
            "durationMinutes": whole("Service Minutes", "How long the service takes."),
            "intervalMinutes": whole("Interval", "Minutes between two starts, counted from the opening."),
            "preBufferMinutes": whole("Buffer Before", "Minutes that are kept free before an appointment."),
            "postBufferMinutes": whole("Buffer After", "Minutes that are kept free after an appointment."),
            "maximumAttendeesCount": whole("Seats", "How many customers one appointment takes."),
            "staffSelectionAllowed": flag("Staff Choice", "Whether customers may choose who serves them."),
            "earliestStartUtc": moment("Earliest Start", "The earliest start that the lead time allows now, in UTC."),
            "latestStartUtc": moment("Latest Start", "The latest start that can be booked now, in UTC."),
        }
    ),
    "NotOffered": thing(
        {
            **_OF_SERVICE,
            **TIMES,
            "reason": text("Reason", f"Why no slot begins then: {', '.join(Reason)}."),
            "whose": text("Whose", "Whose hours, rule or time that is: page, service or staff."),
            "staffNames": text("Affected Staff", "Names of whom it concerns, in a line; empty for everybody."),
            "staffMembers": list_of(
                ref("StaffReference"), "Affected Staff Members", "Whom it concerns; empty for everybody."
            ),
            "text": text("Explanation", "The reason as a sentence."),
        }
    ),
    "PageOfSlots": thing(
        {
            **_OF_PAGE,
            "businessTimeZone": text("Page Time Zone", "Time zone of the page, by its Windows name."),
            "businessTimeZoneIana": text("Page Time Zone (IANA)", "Time zone of the page, by its IANA name."),
            "start": moment("Range Start of Page", "Where the range begins on this page, in UTC."),
            "end": moment("Range End of Page", "Where the range ends on this page, in UTC."),
        }
    ),
    "PageFailure": thing(
        {
            "businessId": text("Failed Page", "Mail address of the page."),
            "code": text("Error Code", "Stable code of the error."),
            "message": text("Error Message", "What happened, and what to do."),
        }
    ),
}
