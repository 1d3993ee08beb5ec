"""Row keys and columns of the ledger's table. Nothing outside this package spells them.

    m|{key}          the mail: state, identity, a summary for lists
    i|{digest}       a message id -> the first mail that had it, and a digest of that mail's content
    e|{digest}       message id, content and files of a mail with files -> the first such mail
    o|{key}          open work on the mail; deleted when nothing is left to do
    p|{key}|{sink}   one delivery of a mail on which work is open: claims, attempts, result
    t|{key}          the message of a mail on which work is open, if it is small: `open_texts`
    d|{key}|{sink}   one delivery of any other mail: the same row, moved when the work ended
    f|{number}       the feed: mails in the order in which they became complete
    r|{number}       outcomes: mails in the order in which the work on them ended; after a redelivery again
    q|{key}|{sink}   a delivery in quarantine
    x|{reason}|{key} a mail that was skipped: "copy" or "before-cutover"
    x|by-hand|{key}|{sink}  a delivery that a person set aside
    b|{digest}|{hour}  one correspondent at one sink: how many tickets and comments in this hour
                     (versions before 2026-12 have one row for all hours, b|{digest}, and count their own mails there)
    s|state          the mailbox: last success, last error, counters; written under the poll's lease only
                     (when it is polled next is in a partition of its own: `planned_polls`)
    c|{digest}       where the reading of a folder stands

A delivery's row is its state: nothing repeats it, so a claim, its progress and its end change one row. Open work and
its deliveries are neighbours, and one query reads both. A row of open work has one column for each sink, `asked_…`:
when a message asked for the delivery last, or until when the poll need not miss it. Names of sinks have no underscore
and names of columns no dash, so one replaces the other. How earlier versions kept open deliveries: `earlier_format`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from inbound_mail.ledger.records import BY_HAND
from inbound_mail.ledger.references import digest
from shared.storage.tables import Entity

STATE_ROW = "s|state"
_ASKED = "asked_"


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


def text_row(key: str) -> str:
    """Return the row key of the message of a mail on which work is open."""
    return f"t|{key}"


def delivery_row(key: str, sink: str) -> str:
    """Return the row key of a delivery of a mail on which no work is open."""
    return f"d|{key}|{sink}"


def pending_row(key: str, sink: str) -> str:
    """Return the row key of a delivery of a mail on which work is open."""
    return f"p|{key}|{sink}"


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


def brake_row(correspondent: str, hour: str) -> str:
    """Return the row key of a digest of a sink and a correspondent, and of an hour."""
    return f"b|{correspondent[:40]}|{hour}"


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
ALL_OPEN = RowRange("o|", "p}")  # the open work, and behind it its deliveries
ALL_TEXTS = range_from("t|")
ALL_QUARANTINED = range_from("q|")


def parts_of(row_key: str) -> list[str]:
    """Return the parts of a row key behind its first letter."""
    return row_key.split("|")[1:]


def is_open_work(row_key: str) -> bool:
    """Return whether a row of the range `ALL_OPEN` is open work; else it is a delivery."""
    return row_key.startswith("o|")


def is_pending(row_key: str) -> bool:
    """Return whether a delivery's row is that of a mail on which work is open."""
    return row_key.startswith("p|")


def asked_column(sink: str, at: datetime) -> Entity:
    """Return the column of open work that holds when a delivery was asked for."""
    return {f"{_ASKED}{column_of(sink)}": at}


def read_asked(values: Mapping[str, Any]) -> dict[str, datetime]:
    """Return by sink when a delivery was asked for."""
    return {
        name.removeprefix(_ASKED).replace("_", "-"): moment
        for name, moment in values.items()
        if name.startswith(_ASKED)
    }


def column_of(sink: str) -> str:
    """Return how names of columns spell a sink."""
    return sink.replace("-", "_")
