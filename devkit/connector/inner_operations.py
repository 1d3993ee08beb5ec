"""Operations that makers do not see: the designer calls them for lists, schemas and tests."""

from blueprints._bounds import (
    MOST_APPOINTMENTS_LISTED,
    MOST_CUSTOMERS_LISTED,
    MOST_FILES_LISTED,
    MOST_MAILS_LISTED,
)
from devkit.connector.operations import Operation, describe, value_list
from devkit.connector.parameters import query, shared
from devkit.connector.shapes import flag, text, thing, whole
from devkit.connector.trigger_operations import ITEMS
from devkit.connector.trigger_operations import OPERATIONS as TRIGGERS

_INTERNAL = "internal"


def _kinds(feed: str) -> list[str]:
    return [path.rpartition("/")[2] for path in TRIGGERS if path.startswith(f"/triggers/{feed}/")]


_SCHEMA = thing({"schema": thing({}, "Schema", "A JSON schema.", name="JsonSchema")}, name="QuestionSchema")


def _preview(feed: str, items: str, *names: str) -> Operation:
    return describe(
        f"Preview{feed.title()}",
        f"Preview {feed}",
        f"Gets recent {feed} in the form that a trigger returns, to test a flow without waiting.",
        value_list(items, *ITEMS[feed]),
        parameters=[
            query("kind", "Kind", "The kind of trigger that is tested.", required=True, enum=_kinds(feed)),
            *shared(*names),
        ],
        visibility=_INTERNAL,
    )


OPERATIONS: dict[str, dict[str, Operation]] = {
    "/connector/connection": {
        "get": describe(
            "TestConnection",
            "Test the connection",
            "Checks that the key is valid and that the gateway reaches Microsoft 365.",
            thing(
                {
                    "status": text("Status", "The value ok.", choices=("ok",)),
                    "connection": text("Tenant Connection", "Name of the connection."),
                    "canWrite": flag("Can Write", "Whether the gateway may write to booking pages."),
                    "mailboxes": whole("Mailbox Count", "How many support mailboxes there are."),
                },
                name="ConnectionState",
            ),
            visibility=_INTERNAL,
        )
    },
    "/connector/folders": {
        "get": describe(
            "ListMailFolders",
            "List folders",
            "Lists the folders of a support mailbox that are read.",
            value_list("MailFolder", "Folders", "The folders."),
            parameters=shared("MailboxAsked"),
            visibility=_INTERNAL,
        )
    },
    "/connector/time-zones": {
        "get": describe(
            "ListTimeZones",
            "List time zones",
            "Lists the time zones by their Windows names, with an IANA name each.",
            value_list("TimeZone", "Time Zones", "The time zones, by name."),
            visibility=_INTERNAL,
        )
    },
    "/connector/appointments": {
        "get": describe(
            "ListComingAppointments",
            "List coming appointments",
            f"Lists the next appointments of a booking page within a month, {MOST_APPOINTMENTS_LISTED} at most.",
            value_list("ComingAppointment", "Appointments", "The appointments, the next one first."),
            parameters=shared("BusinessAsked"),
            visibility=_INTERNAL,
        )
    },
    "/connector/customers": {
        "get": describe(
            "ListKnownCustomers",
            "List known customers",
            f"Lists customers that a booking page has on record, {MOST_CUSTOMERS_LISTED} at most.",
            value_list("KnownCustomer", "Customers", "The customers, by name."),
            parameters=shared("BusinessAsked"),
            visibility=_INTERNAL,
        )
    },
    "/connector/mails": {
        "get": describe(
            "ListLatestMails",
            "List the latest mails",
            f"Lists the mails of a support mailbox that were read last, {MOST_MAILS_LISTED} at most.",
            value_list("LatestMail", "Mails", "The mails, the newest first."),
            parameters=shared("MailboxAsked"),
            visibility=_INTERNAL,
        )
    },
    "/connector/attachments": {
        "get": describe(
            "ListStoredFiles",
            "List files of a mail",
            f"Lists the files of a mail that the gateway has, {MOST_FILES_LISTED} at most.",
            value_list("StoredFile", "Files", "The files, by number."),
            parameters=shared("MailboxAsked", "MailKeyAsked"),
            visibility=_INTERNAL,
        )
    },
    "/connector/schemas/answers": {
        "get": describe(
            "GetAnswersSchema",
            "Get the schema of answers",
            "Gets the custom questions of a booking page as a schema of the answers in appointments.",
            _SCHEMA,
            parameters=shared("BusinessAsked"),
            visibility=_INTERNAL,
        )
    },
    "/connector/schemas/questions": {
        "get": describe(
            "GetQuestionsSchema",
            "Get the schema of questions",
            "Gets the custom questions of a service as a schema of the answers for a new appointment.",
            _SCHEMA,
            parameters=shared("BusinessAsked", "ServiceOfQuestions"),
            visibility=_INTERNAL,
        )
    },
    "/connector/previews/appointments": {
        "get": _preview(
            "appointments",
            "AppointmentEvent",
            "BusinessAsked",
            "Service",
            "StaffMember",
            "TimeZone",
            "Details",
            "Expand",
        )
    },
    "/connector/previews/mails": {"get": _preview("mails", "MailFailure", "MailboxAsked", "Folder")},
    "/connector/previews/tickets": {"get": _preview("tickets", "Ticket", "MailboxAsked", "Folder")},
}
FOLDER = thing({"name": text("Folder", "Name of the folder.")})
ZONE = thing(
    {
        "name": text("Zone", "Windows name of the time zone."),
        "title": text("Zone Title", "Windows and IANA name of the time zone."),
        "iana": text("Zone (IANA)", "IANA name of the time zone."),
    }
)
_TITLE = "What the designer shows."
COMING = thing({"id": text("ID", "Id of the appointment."), "title": text("Title", _TITLE)})
KNOWN = thing(
    {
        "id": text("ID", "Id of the customer's record."),
        "contact": text("Contact", "Mail address of the customer, or the name of one without an address."),
        "title": text("Title", _TITLE),
    }
)
LATEST = thing({"key": text("Mail Key", "Key of the mail."), "title": text("Title", _TITLE)})
STORED = thing(
    {
        "number": text("Number", "Number of the file in the mail."),
        "name": text("File Name", "A name that every system takes."),
        "title": text("Title", _TITLE),
    }
)
DEFINITIONS = {
    "MailFolder": FOLDER,
    "TimeZone": ZONE,
    "ComingAppointment": COMING,
    "KnownCustomer": KNOWN,
    "LatestMail": LATEST,
    "StoredFile": STORED,
}
