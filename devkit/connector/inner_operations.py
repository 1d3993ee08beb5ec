"""Operations that makers do not see: the designer calls them for lists, schemas and tests."""

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
            parameters=shared("BusinessAsked", "Service"),
            visibility=_INTERNAL,
        )
    },
    "/connector/previews/appointments": {
        "get": _preview(
            "appointments", "AppointmentEvent", "BusinessAsked", "Service", "StaffMember", "TimeZone", "Details"
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
DEFINITIONS = {"MailFolder": FOLDER, "TimeZone": ZONE}
