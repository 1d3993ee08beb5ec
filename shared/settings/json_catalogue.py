"""The fields of the JSON objects inside settings: the one place where a field is described.

`python3 -m devkit docs` writes the tables of the documents and the types of the infrastructure from it.
"""

import re
from dataclasses import dataclass
from types import UnionType
from typing import Any

from shared.settings.choices import Credential, Switch
from shared.settings.kinds import WholeNumber


@dataclass(frozen=True)
class Field:
    """One field of a JSON object inside a setting. A field without a default is left out, unless it `is_needed`."""

    name: str
    type: type | UnionType
    default: Any
    text: str
    bounds: WholeNumber | None = None
    is_needed: bool = False


# The placeholders that texts of custom columns may contain, and the form of such a column's name.
PLACEHOLDERS = ("message_id", "mailbox", "address", "sender", "sender_name", "subject", "received", "reference")
CUSTOM_FIELD = re.compile(r"e_\w{1,60}", re.IGNORECASE)

CONNECTION_FIELDS = (
    Field("cloud", str, "global", "As `GRAPH_CLOUD`."),
    Field("tenant_id", str, None, "As `GRAPH_TENANT_ID`.", is_needed=True),
    Field("client_id", str, None, "As `GRAPH_CLIENT_ID`.", is_needed=True),
    Field("credential", str, Credential.FEDERATED, "As `GRAPH_CREDENTIAL`."),
    Field("credential_name", str, None, "As `GRAPH_CREDENTIAL_NAME`."),
    Field("identity_client_id", str, None, "As `IDENTITY_CLIENT_ID`, which is used if this field is missing."),
    Field("bookings_businesses", str, None, "As `BOOKINGS_BUSINESSES`. Without it, no business is allowed."),
    Field("bookings_writes", str, Switch.OFF, "As `BOOKINGS_WRITES`."),
)
MOST_FOLDERS = 8
MAILBOX_FIELDS = (
    Field(
        "name",
        str,
        None,
        "Its lasting name, of a-z, 0-9 and dashes. Never change it, even if the address changes: it identifies the "
        "mailbox in the ledger.",
        is_needed=True,
    ),
    Field("address", str, None, "Its SMTP address. A shared mailbox needs no licence.", is_needed=True),
    Field("sinks", list, None, "Names of sinks in `SINKS`. Each keeps its own record of every mail.", is_needed=True),
    Field(
        "folders",
        list,
        ["inbox"],
        f"Up to {MOST_FOLDERS} folder ids or well-known names (`inbox`, `junkemail`). Display names do not work, and "
        "subfolders are not included.",
    ),
    Field("connection", str, "default", "Name of the connection (tenant) that the mailbox belongs to."),
    Field(
        "rules",
        list,
        [],
        "What becomes of certain mails. The first rule that matches a mail counts; the fields of a rule are below.",
    ),
    Field(
        "since",
        str,
        None,
        "Mails received before this moment are left alone if they are in the folders when these are read for the first "
        "time; what comes later is new, whatever its date. Without it, every mail in the folders becomes a ticket.",
    ),
    Field(
        "requestor",
        dict,
        {},
        "Who becomes the requestor of tickets, if not the author of the mail; its fields are below.",
    ),
    Field("write_back", dict, {}, "What people see in the mailbox once every sink has the mail; its fields are below."),
    Field(
        "own_senders",
        list,
        [],
        "Addresses with which the service desk's tool writes, and aliases of the mailbox. Their notifications, mails "
        "with a ticket's number in the subject that answer nothing, are set aside.",
    ),
    Field(
        "brakes",
        dict,
        {},
        "Limits for the mails of one correspondent, against loops; its fields are below.",
    ),
    Field(
        "attachment_mb",
        int,
        25,
        "Larger attachments stay in the mailbox, and the ticket says so.",
        bounds=WholeNumber(1, 150),
    ),
    Field(
        "page_size",
        int,
        100,
        "Mails in one call to Graph. The gateway halves it when Graph times out.",
        bounds=WholeNumber(5, 200),
    ),
    Field(
        "alarm_minutes",
        int,
        30,
        "Minutes without a successful poll until `MailboxSilent` is raised. Below 15, a crash alone may raise it.",
        bounds=WholeNumber(2, 24 * 60),
    ),
    Field(
        "quiet_minutes",
        int,
        5,
        "Minutes between two polls, at most, while nothing happens in the mailbox; 0: it is always polled at every run "
        "of `MAILBOX_POLL_SCHEDULE`. At most half of `alarm_minutes`, so that one failed poll raises no alarm; the "
        "default follows it.",
        bounds=WholeNumber(0, 60),
    ),
    Field(
        "announced_minutes",
        int,
        15,
        "Minutes between two polls while Microsoft Graph announces new mail (`GRAPH_NOTIFICATIONS`), growing to four "
        "times as many after hours without mail. It does not count with `quiet_minutes` 0.",
        bounds=WholeNumber(5, 30),
    ),
)
REQUESTOR_FIELDS = (
    Field(
        "reply_to_from",
        list,
        [],
        "Authors, such as web forms, whose `Reply-To` becomes the requestor: mail addresses, or domains such as "
        "`@forms.contoso.com` (without subdomains).",
    ),
    Field(
        "forwarded_by",
        list,
        [],
        "Authors, such as technicians, for whose forwards the author of the forwarded mail becomes the requestor: "
        "addresses or domains.",
    ),
)
BRAKE_FIELDS = (
    Field(
        "tickets_per_hour",
        int,
        20,
        "So many mails of one correspondent become tickets of one sink within an hour.",
        bounds=WholeNumber(1, 100_000),
    ),
    Field(
        "comments_per_hour",
        int,
        40,
        "So many are added to tickets.",
        bounds=WholeNumber(1, 100_000),
    ),
    Field(
        "exempt",
        list,
        [],
        "Addresses and domains (`@example.com`) without limits, such as those of a monitoring system.",
    ),
)
WRITE_BACK_FIELDS = (
    Field("read", bool, default=False, text="Mark the mail as read."),
    Field("category", str, None, "Add this category. `{ticket}` stands for the ticket's number."),
    Field("move_to", str, None, "Move the mail to this folder: an id or a well-known name, other than `folders`."),
)
RULE_FIELDS = (
    Field(
        "name",
        str,
        None,
        "Its name in this mailbox, of a-z, 0-9 and dashes. Records and events have it.",
        is_needed=True,
    ),
    Field("all", list, None, "Conditions that must all hold. Needed: this, `any`, or both."),
    Field("any", list, None, "Conditions of which at least one must hold."),
    Field("sink", str, None, "The mail goes to this sink in `SINKS` instead of those of the mailbox."),
    Field("catalog_entry", str, None, "EasyVista: code or GUID of the catalog entry of a new ticket."),
    Field(
        "urgency",
        int,
        None,
        "EasyVista: urgency of a new ticket, also of a mail of high importance.",
        bounds=WholeNumber(1, 2_147_483_647),
    ),
    Field(
        "custom_fields",
        dict,
        None,
        "EasyVista: custom columns (`e_...`) of a new ticket and their texts; they replace the sink's `fields` of the "
        f"same names. In a text, `{{...}}` is a placeholder for {', '.join(f'`{one}`' for one in PLACEHOLDERS)}.",
    ),
    Field(
        "takes_automatic",
        bool,
        default=False,
        text="Make a ticket of an automatic mail, too, if it belongs to no known ticket. Needs `sink`.",
    ),
    Field(
        "requestor",
        str,
        None,
        "Who becomes the requestor of a new ticket, whatever the mailbox says: the author (`from`), the author's "
        "`reply-to`, or the author of the mail that is `forwarded`. The last two need a condition on `from`, because "
        "anybody can write any Reply-To.",
    ),
    Field("set_aside", str, None, "Set the mail aside, for this reason; a person can read it and have it delivered."),
)
CONDITION_FIELDS = (
    Field("from", str | list, None, "The author's address, or a domain as `@contoso.com` (not its subdomains)."),
    Field(
        "recipient",
        str | list,
        None,
        "An address to which the mail was sent or delivered, such as `support+vpn@contoso.com`.",
    ),
    Field(
        "plus_tag",
        str | list,
        None,
        "What is between `+` and `@` in such an address, if its domain is that of the mailbox.",
    ),
    Field("folder", str | list, None, "The folder in which the mail was read, one of the mailbox's `folders`."),
    Field("subject", str | list, None, "Whole words that follow one another in the subject, in any letter case."),
    Field("header", str, None, "The name of a header that the mail has."),
    Field("value", str | list, None, "With `header`: whole words that follow one another in its value."),
    Field("all", list, None, "Conditions that must all hold."),
    Field("any", list, None, "Conditions of which at least one must hold."),
)
