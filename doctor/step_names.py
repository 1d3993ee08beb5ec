"""The names of the doctor's steps, in the order of the report; docs/operations.md explains each."""

from enum import StrEnum


class StepName(StrEnum):
    """What a step examines. A report has a step of this name for each thing it is about, such as each mailbox."""

    SETTINGS = "settings"
    IDENTITY = "identity"
    CLOCK = "clock"
    VAULT = "vault"
    SECRET = "secret"  # noqa: S105 - the name of a step
    TOKEN = "token"  # noqa: S105 - the name of a step
    STORAGE = "storage"
    BOOKINGS_LIST = "bookings-list"
    BOOKINGS_BUSINESS = "bookings-business"
    BOOKINGS_CALENDAR = "bookings-calendar"
    BOOKINGS_WRITES = "bookings-writes"
    MAIL_PERMISSION = "mail-permission"
    MAILBOX = "mailbox"
    FOLDER = "folder"
    IMMUTABLE_IDS = "immutable-ids"
    SINK = "sink"
    SCHEDULE = "schedule"
    POLL = "poll"
    REFUSED_MAILBOX = "refused-mailbox"


ON_REQUEST = frozenset({StepName.REFUSED_MAILBOX})
"""Steps that a report has only when the caller asks for them."""
