"""Row keys and columns of the ledger's table. Nothing outside this package spells them.

    m|{key}          the mail: state, identity, a summary for lists
    i|{digest}       a message id -> the first mail that had it, and a digest of that mail's content
    e|{digest}       message id, content and files of a mail with files -> the first such mail
    o|{key}          open work on the mail; deleted when nothing is left to do
    d|{key}|{sink}   one delivery: claims, attempts, result
    f|{number}       the feed: mails in the order in which they became complete
    r|{number}       outcomes: mails in the order in which the work on them ended; after a redelivery again
    q|{key}|{sink}   a delivery in quarantine
    x|{reason}|{key} a mail that was skipped: "copy" or "before-cutover"
    x|by-hand|{key}|{sink}  a delivery that a person set aside
    b|{digest}       one correspondent at one sink: how many tickets and comments in which hour
    s|state          the mailbox: last success, last error, counters; written under the poll's lease only
                     (when it is polled next is in a partition of its own: `planned_polls`)
    c|{digest}       where the reading of a folder stands

A row of open work has one set of columns for each sink, named after it: `state_…`, `due_…`, `ticket_…`. Names of sinks
have no underscore and names of columns no dash, so one replaces the other.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from inbound_mail.ledger.records import BY_HAND, DeliveryState, DeliveryStatus
from inbound_mail.ledger.references import digest
from shared.storage.tables import Entity

STATE_ROW = "s|state"


def mail_row(key: str) -> str:
    """Return the row key of a mail."""
    return f"m|{key}"


def message_id_row(message_id: str) -> str:
    """Return the row key of an internet message id."""
    return f"i|{digest(message_id)}"


def exact_row(content: str) -> str:
    """Return the row key of the digest of a mail with its files."""
    return f"e|{content}"


def open_row(key: str) -> str:
    """Return the row key of the open work on a mail."""
    return f"o|{key}"


def delivery_row(key: str, sink: str) -> str:
    """Return the row key of a delivery."""
    return f"d|{key}|{sink}"


def feed_row(number: int) -> str:
    """Return the row key of a feed entry."""
    return f"f|{number:012}"


def outcome_row(number: int) -> str:
    """Return the row key of an outcome."""
    return f"r|{number:012}"


def quarantine_row(key: str, sink: str) -> str:
    """Return the row key of a delivery in the list of quarantined deliveries."""
    return f"q|{key}|{sink}"


def skipped_row(reason: str, key: str) -> str:
    """Return the row key of a mail in the list of skipped mails."""
    return f"x|{reason}|{key}"


def set_aside_row(key: str, sink: str) -> str:
    """Return the row key of a delivery in the list of those that people set aside."""
    return f"{skipped_row(BY_HAND, key)}|{sink}"


def brake_row(correspondent: str) -> str:
    """Return the row key of a digest of a sink and a correspondent."""
    return f"b|{correspondent[:40]}"


def cursor_row(folder: str) -> str:
    """Return the row key of a folder's cursor."""
    return f"c|{digest(folder)[:32]}"


class RowRange(NamedTuple):
    """Row keys from `start` up to, but not including, `end`."""

    start: str
    end: str


def range_from(row_key: str) -> RowRange:
    """Return the range from a row key, or its beginning, to the last key that is equal up to the last `|` in it."""
    return RowRange(row_key, row_key[: row_key.rindex("|")] + "}")  # "}" is the character behind "|"


ALL_MAILS = range_from("m|")
ALL_OPEN = range_from("o|")
ALL_QUARANTINED = range_from("q|")


def parts_of(row_key: str) -> list[str]:
    """Return the parts of a row key behind its first letter."""
    return row_key.split("|")[1:]


def status_columns(status: DeliveryStatus) -> Entity:
    """Return the columns of open work that hold a delivery's status."""
    column = _column(status.sink)
    columns: Entity = {f"state_{column}": status.state, f"due_{column}": status.due}
    return columns | ({f"ticket_{column}": status.ticket} if status.ticket else {})


def due_column(sink: str, due: datetime) -> Entity:
    """Return the column of open work that holds when a delivery is due."""
    return {f"due_{_column(sink)}": due}


def read_statuses(values: Mapping[str, Any]) -> list[DeliveryStatus]:
    """Return the status of every delivery in a row of open work, in the order of their column names."""
    columns = sorted(name.removeprefix("state_") for name in values if name.startswith("state_"))
    return [
        DeliveryStatus(
            column.replace("_", "-"),
            DeliveryState(values[f"state_{column}"]),
            values[f"due_{column}"],
            str(values.get(f"ticket_{column}") or "") or None,
        )
        for column in columns
    ]


def _column(sink: str) -> str:
    return sink.replace("-", "_")
