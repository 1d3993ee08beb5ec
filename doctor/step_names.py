"""The doctor's steps in the order of the report, with the texts of their table in docs/operations.md."""

from enum import StrEnum
from typing import Self

from shared.graph.permissions import APPOINTMENTS_WRITE, CALENDARS_READ, MAIL_READ, MAIL_WRITE


class StepName(StrEnum):
    """What a step examines. A report has a step of this name for each thing it is about, such as each mailbox.

    `tried` says what is done, `fails` when the step fails or warns; `python3 -m devkit docs` writes both into a table.
    """

    tried: str
    fails: str

    def __new__(cls, value: str, tried: str, fails: str) -> Self:
        """Make a member that is its name and carries the two texts."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.tried, member.fails = tried, fails
        return member

    SETTINGS = (
        "settings",
        "all settings are read and checked together",
        "a setting is wrong: one line for each; all other steps are skipped then",
    )
    SETTINGS_BLOB = (
        "settings-blob",
        "the blob that `MAILBOXES` and `SINKS` name, if one does, is read and checked as at a start",
        "it cannot be read, or is refused: one line for each fault; the rest is examined with the last good version",
    )
    IDENTITY = (
        "identity",
        "a token of each identity in use, for Key Vault",
        "the identity is not assigned to the app; on a laptop, `az login` is missing",
    )
    NETWORK = (
        "network",
        "Graph is asked something that needs no sign-in",
        "this machine cannot reach it",
    )
    CLOCK = (
        "clock",
        "this machine's time is compared with the `Date` that Graph sends",
        "they differ by 300 s; from 60 s on it warns",
    )
    VAULT = (
        "vault",
        "the state key is read",
        "the vault does not exist, its firewall refuses, or the role is missing",
    )
    SECRET = (
        "secret",
        "each secret that settings name is read, never shown",
        "it is missing, empty or malformed, or has expired; warns 30 days before",
    )
    TOKEN = (
        "token",
        "Entra ID issues a Graph token, for each connection",
        "Entra ID refuses: its reason, in words and with its AADSTS number",
    )
    STORAGE = (
        "storage",
        "a row, a blob and a message are written, read and deleted",
        "the account does not answer, or a role is missing: the remedy names it",
    )
    FILE_LINKS = (
        "file-links",
        "a blob is written, read by a link as large files leave, and deleted",
        "the identity may sign no link, or the account does not take it; warns if nothing can sign one",
    )
    TELEMETRY = (
        "telemetry",
        "with Application Insights: one line is sent there, signed in as the platform does it",
        "the identity may not write telemetry: no log, event or alert arrives",
    )
    EVENT_TARGET = (
        "event-target",
        "with `EVENT_TARGETS`: each queue and topic gets a request that can be no event, or its messages are counted",
        "there is no such queue or topic, or the role is missing",
    )
    BOOKINGS_LIST = (
        "bookings-list",
        "the businesses are listed",
        "the permission is missing",
    )
    BOOKINGS_BUSINESS = (
        "bookings-business",
        "up to 20 businesses of the allow-list are read",
        "no business has this id",
    )
    BOOKINGS_CALENDAR = (
        "bookings-calendar",
        "today's appointments of the first business are read",
        "the permission is missing",
    )
    BOOKINGS_WRITES = (
        "bookings-writes",
        "with `BOOKINGS_WRITES`: the token's permissions are read, nothing is written",
        f"*{APPOINTMENTS_WRITE.name}* is missing",
    )
    MAIL_PERMISSION = (
        "mail-permission",
        "the token's Mail permissions are read",
        f"*{MAIL_WRITE.name}* is missing with `write_back`, or *{MAIL_READ.name}* without",
    )
    MAILBOX = (
        "mailbox",
        "each mailbox is opened",
        "the mailbox is outside the app's scope or does not exist",
    )
    FOLDER = (
        "folder",
        "each folder that is read, and `move_to`, is opened",
        "there is no such folder",
    )
    NOTIFICATION_ADDRESS = (
        "notification-address",
        "with `GRAPH_NOTIFICATIONS`: the public address is asked as Graph asks it",
        "the Internet does not reach the gateway there, or something else answers",
    )
    GRAPH_SUBSCRIPTIONS = (
        "graph-subscriptions",
        "with `GRAPH_NOTIFICATIONS`: the subscription of each folder is looked for in Graph's list",
        (
            f"one is missing: Graph refuses (*{MAIL_READ.name}*, for booking pages *{CALENDARS_READ.name}*) "
            "or reaches no address; warns for users"
        ),
    )
    IMMUTABLE_IDS = (
        "immutable-ids",
        "one message is read under its usual id and its immutable one",
        "both are the same",
    )
    SINK = (
        "sink",
        "each sink gets a call that changes nothing; EasyVista's filter is tried as before each delivery",
        "the sign-in is refused, a right is missing, or the filter is ignored; webhooks: only the secrets are checked",
    )
    SCHEDULE = (
        "schedule",
        "each `…_SCHEDULE` is checked by the platform's rules, six fields",
        "the platform would refuse it, or it is not set; warns for five fields",
    )
    TIMER = (
        "timer",
        "the time when each timer has run last is compared with its schedule",
        "it has missed a run: the platform does not start the function",
    )
    POLL = (
        "poll",
        "the times when each mailbox was last polled, and polled well, are read",
        "one is longer ago than the mailbox's `alarm_minutes`; warns if the last poll failed or there was none",
    )
    REFUSED_MAILBOX = (
        "refused-mailbox",
        "with `--refused-mailbox ADDRESS` (`refusedMailbox`; `--connection` for another tenant): its inbox is read",
        "it can be read: a Mail permission in Entra ID, or too wide a scope; or there is no such mailbox",
    )


OCCASIONAL = frozenset(
    {
        StepName.REFUSED_MAILBOX,
        StepName.SETTINGS_BLOB,
        StepName.NOTIFICATION_ADDRESS,
        StepName.GRAPH_SUBSCRIPTIONS,
        StepName.EVENT_TARGET,
    }
)
"""Steps that a report has only when the caller asks for them, or when there is something to examine."""


def explain_role(role: str, on: str) -> str:
    """Return the half of a remedy that says how the app's identity gets a role; `on` names the resource."""
    return (
        f"assign the role {role}: `azd env get-value ROLE_COMMANDS` has the command, or az role assignment create "
        f"--role '{role}' --assignee <the identity's principal id> --scope <resource id of {on}>. A new role works "
        "within ten minutes as a rule"
    )
