"""Parameters that several operations share, once each; operations refer to them by name."""

from blueprints._bounds import (
    APPOINTMENT_PAGE,
    APPOINTMENT_PAGE_WITH_DETAILS,
    LONGEST_EXPLAINED,
    MAIL_PAGE,
    MOST_PAGES,
    MOST_SERVICES,
    SLOT_PAGE,
    Bounds,
)
from devkit.connector.shapes import NAME, Shape, from_list

ZONES = from_list("ListTimeZones", "name", "title")
OPEN_SERVICES = from_list("ListServices", "id", "displayName", business="business")
STAFF = from_list("ListStaffMembers", "id", "displayName", business="business")
_PAGES = from_list("ListBookingPages", "id", "displayName")
CUSTOMERS = from_list("ListKnownCustomers", "id", "title", business="business")
_CONTACTS = from_list("ListKnownCustomers", "contact", "title", business="business")
_APPOINTMENTS = from_list("ListComingAppointments", "id", "title", business="business")
_FILES = from_list("ListStoredFiles", "number", "title", mailbox="mailbox", key="key")
SINKS = from_list("GetGatewayStatus", "name", "name", collection="sinks")
_MAILBOXES = from_list("ListSupportMailboxes", "name", "address")


def query(
    name: str, title: str, description: str, *, required: bool = False, kind: str = "string", **more: object
) -> Shape:
    """Describe a query parameter; `extra` holds properties whose names are not valid keywords."""
    shape: Shape = {"name": name, "in": "query", "required": required, "type": kind}
    shape |= {"x-ms-summary": title, "description": description}
    extra = more.pop("extra", {})
    assert isinstance(extra, dict)  # noqa: S101 - a slip in a description, found when it is built
    return shape | {key.replace("visibility", "x-ms-visibility"): value for key, value in more.items()} | extra


def number(name: str, title: str, description: str, bounds: Bounds, extra: Shape | None = None) -> Shape:
    """Describe a query parameter that is a whole number, with the bounds that the route checks."""
    limits: Shape = {"minimum": bounds.least, "maximum": bounds.most}
    return query(name, title, description, kind="integer", extra=limits | (extra or {}))


def several(name: str, title: str, description: str, *, required: bool = False, extra: Shape | None = None) -> Shape:
    """Describe a query parameter that is a list of texts; `extra` says where to pick them from.

    It is sent once for each value; the routes also take values that are separated by commas. Microsoft's schema allows
    no extension in `items` of a query; designers read it beside them, too.
    """
    items: Shape = {"items": {"type": "string"}, "collectionFormat": "multi"}
    return query(name, title, description, required=required, kind="array", extra=items | (extra or {}))


def path(name: str, title: str, description: str, extra: Shape | None = None) -> Shape:
    """Describe a path parameter."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "type": "string",
        "x-ms-summary": title,
        "description": description,
        "x-ms-url-encoding": "single",
        **(extra or {}),
    }


ZONE_MEANS = "Time zone of wall times in what is sent and answered; left empty, the booking page's own."
WALL_TIME = "A moment in UTC, such as 2026-05-05T09:00:00Z, or a date or wall time in Time Zone."

_STAFF_WANTED = (
    "Only slots with these staff members; the word all among them, or alone: only slots at which all of them are free "
    "at the same time."
)
_ADVANCED: Shape = {"x-ms-visibility": "advanced"}

PARAMETERS: dict[str, Shape] = {
    "Business": path("business", "Booking Page", "The booking page, by its mail address.", _PAGES),
    "BusinessAsked": query("business", "Booking Page", "The booking page, by its mail address.", required=True,
                           extra=_PAGES),
    "Mailbox": path("mailbox", "Mailbox", "The support mailbox, by its name in the gateway's settings.", _MAILBOXES),
    "MailboxAsked": query("mailbox", "Mailbox", "The support mailbox, by its name in the gateway's settings.",
                          required=True, extra=_MAILBOXES),
    "MailKey": path(
        "key",
        "Mail Key",
        "The mail, by its key from a list or a trigger.",
        from_list("ListLatestMails", "key", "title", mailbox="mailbox"),
    ),
    "MailKeyAsked": query("key", "Mail Key", "The mail, by its key from a list or a trigger.", required=True),
    "AttachmentNumber": path("number", "Attachment Number", "The attachment, by its number in the mail.", _FILES),
    "AppointmentId": query("id", "Appointment ID", "The appointment, by its id from a list or a trigger.",
                           required=True, extra=_APPOINTMENTS),
    "Service": query("service", "Service", "Only appointments of this service.", extra=OPEN_SERVICES),
    "ServiceOfQuestions": query("service", "Service", "Only questions that this service asks.", extra=OPEN_SERVICES),
    "ServicesNeeded": several("service", "Services", f"The services to find times for; {MOST_SERVICES} at most.",
                              required=True, extra=OPEN_SERVICES),
    "ServicesOfPages": several("service", "Services", "The services to find times for, by their ids; each page must "
                               f"have one of them, {MOST_SERVICES} at most.", required=True),
    "BusinessesAsked": several("business", "Booking Pages", "The booking pages, by their mail addresses; "
                               f"{MOST_PAGES} at most.", required=True, extra=_PAGES),
    "StaffMember": query("staff", "Staff Member", "Only appointments of this staff member.", extra=STAFF),
    "StaffMembers": several("staff", "Staff Members", _STAFF_WANTED, extra=STAFF),
    "StaffOfPages": several("staff", "Staff Members", _STAFF_WANTED),
    "Explain": query("explain", "Explain", "Whether the answer also says why other times are not offered; "
                     f"{LONGEST_EXPLAINED.days} days at most.", kind="boolean", visibility="advanced"),
    "SlotPageSize": number("limit", "Page Size", "How many slots one page holds.", SLOT_PAGE, _ADVANCED),
    "Start": query("start", "Start", f"Start of the range. {WALL_TIME}", required=True),
    "End": query("end", "End", f"End of the range. {WALL_TIME}", required=True),
    "Date": query("date", "Date", "The day, such as 2026-05-05.", required=True, format="date"),
    "TimeZone": query("timeZone", "Time Zone", ZONE_MEANS,
                      extra=ZONES),
    "Details": query("details", "Details", "Whether customers with their answers and notes come along, which takes one "
                     "more call to Microsoft 365 for each appointment.", kind="boolean", visibility="important"),
    "Expand": query("expand", "Expand", "The older form of details, for flows that have it.", enum=["details"],
                    visibility="internal", extra={NAME: "Expand"}),
    "Customer": query("customer", "Customer", "Only appointments of the customer with this mail address, or with this "
                      "text in the name.",
                      extra=_CONTACTS),
    "SelfService": query("selfService", "Self Service ID", "Only the appointment with this self service id.",
                         visibility="advanced"),
    "PageSize": number("limit", "Page Size", "How many items one page holds; "
                       f"{APPOINTMENT_PAGE_WITH_DETAILS.most} at most with details.", APPOINTMENT_PAGE,
                       _ADVANCED),
    "MailPageSize": number("limit", "Page Size", "How many mails one page holds.", MAIL_PAGE, _ADVANCED),
    "Cursor": query("cursor", "Cursor", "Position of the next page; it is part of the next link.",
                    visibility="internal"),
    "CursorKept": query("cursor", "Cursor", "The cursor of an earlier answer, to continue behind it.",
                        visibility="advanced"),
    "TriggerState": query("triggerState", "Trigger State", "Position of the trigger, from the last answer.",
                          visibility="internal"),
    "Folder": query("folder", "Folder", "Only mails of this folder.",
                    extra=from_list("ListMailFolders", "name", "name", mailbox="mailbox")),
    "HoldId": path("hold", "Hold", "The hold, by the Hold ID that Hold a slot gave."),
    "OwnHold": query("hold", "Own Hold", "A hold of your own: its place counts as free.", visibility="advanced"),
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "type": "string",
        "maxLength": 255,
        "x-ms-summary": "Idempotency Key",
        "description": "A text for this write, such as the id of the run; sent several times, it is done once.",
        "x-ms-visibility": "advanced",
    },
}  # fmt: skip


def shared(*names: str) -> list[Shape]:
    """Refer to shared parameters."""
    for name in names:
        assert name in PARAMETERS, name  # noqa: S101 - a slip in a description, found when it is built
    return [{"$ref": f"#/parameters/{name}"} for name in names]
