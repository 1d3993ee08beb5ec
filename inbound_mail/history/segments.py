"""Segments: some hundred mails in one row, packed, in the order in which the work on them ended.

A segment holds the lines twice: what a search compares (author, subject and tickets, without regard to case), and what
an answer shows. So a search unpacks little of what it does not find. A mail that was delivered again has a later line,
which holds; the keys of such lines are listed beside them.
"""

import json
import unicodedata
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from inbound_mail.ledger.records import MailState
from shared.json_text import Json, parse_json
from shared.storage.tables import Entity

MOST_LINES = 500
MOST_BYTES = 60_000  # a property holds 65,536
INDEX = ("RowKey", "count", "oldest", "newest", "again", "mailboxes", "states")
_BETWEEN = "\x1f"  # no subject, address or ticket holds it: they are single lines
_LEVEL = 6
SET_ASIDE = "setAside"


class ListedMail(NamedTuple):
    """What lists show of a mail. `received`: as text of one form, so that texts are in the order of times.

    `is_set_aside`: it needs no person: it was skipped, or is in quarantine for such a reason only.
    """

    mailbox: str
    key: str
    received: str
    sender: str
    subject: str
    state: str
    tickets: tuple[tuple[str, str], ...] = ()  # sink and ticket
    is_set_aside: bool = False

    @property
    def place(self) -> tuple[str, str]:
        """Its place in the order of all mails."""
        return (self.received, self.key)

    @property
    def found_by(self) -> tuple[str, ...]:
        """The states by which a search finds it: in quarantine is what needs a person."""
        if not self.is_set_aside:
            return (self.state,)
        return (SET_ASIDE,) if self.state == MailState.QUARANTINED else (self.state, SET_ASIDE)

    def describe(self, link: Callable[[str, str], str | None]) -> Json:
        """Return it as an answer shows it. `link` returns the address of a sink's ticket, or None."""
        return {
            "mailbox": self.mailbox,
            "key": self.key,
            "receivedDateTime": self.received or None,
            "from": self.sender,
            "subject": self.subject,
            "state": self.state,
            "isSetAside": self.is_set_aside,
            "tickets": [
                {"sink": sink, "ticket": ticket, "ticketUrl": link(sink, ticket)} for sink, ticket in self.tickets
            ],
        }


class Line(NamedTuple):
    """A mail in a segment. `is_again`: an earlier line of it may be there."""

    mail: ListedMail
    is_again: bool


def fold(text: str) -> str:
    """Return a text as it is compared."""
    return unicodedata.normalize("NFC", text).casefold()


def fold_fields(mail: ListedMail) -> list[str]:
    """Return author, subject and tickets as they are compared."""
    return [fold(mail.sender), fold(mail.subject), fold("\n".join(ticket for _, ticket in mail.tickets))]


def pack(lines: Sequence[Line]) -> Entity | None:
    """Return the columns of a segment; None if it is too large for a row."""
    mails = [line.mail for line in lines]
    found = _deflate("\n".join(_BETWEEN.join(fold_fields(mail)).replace("\n", " ") for mail in mails))
    shown = _deflate(json.dumps(mails, ensure_ascii=False, separators=(",", ":")))
    if max(len(found), len(shown)) > MOST_BYTES:
        return None
    return {
        "count": len(lines),
        "oldest": min(mail.received for mail in mails),
        "newest": max(mail.received for mail in mails),
        "again": ",".join(line.mail.key for line in lines if line.is_again),
        "mailboxes": ",".join(sorted({mail.mailbox for mail in mails})),
        "states": ",".join(sorted({state for mail in mails for state in mail.found_by})),
        "found": found,
        "shown": shown,
    }


class Segment:
    """A segment as it was read, whole or without its lines."""

    def __init__(self, number: int, values: Mapping[str, Any]) -> None:
        self.number = number
        self._values = values

    @property
    def count(self) -> int:
        """How many lines it has."""
        return int(self._values["count"])

    @property
    def oldest(self) -> str:
        """When the oldest of its mails was received."""
        return str(self._values["oldest"])

    @property
    def newest(self) -> str:
        """When the newest of its mails was received."""
        return str(self._values["newest"])

    @property
    def again(self) -> frozenset[str]:
        """The keys of mails that may have earlier lines."""
        return frozenset(self._split("again"))

    def has(self, mailboxes: frozenset[str], state: str | None) -> bool:
        """Return whether it has mails of one of these mailboxes, and of this state."""
        return not mailboxes.isdisjoint(self._split("mailboxes")) and state in (None, *self._split("states"))

    def may_hold(self, texts: Sequence[str]) -> bool:
        """Return whether each of these folded texts is in some line."""
        found = zlib.decompress(self._values["found"])
        return all(text.encode() in found for text in texts)

    def read_folded(self) -> list[list[str]]:
        """Return author, subject and tickets of each line as they are compared."""
        return [line.split(_BETWEEN) for line in zlib.decompress(self._values["found"]).decode().split("\n")]

    def read_mails(self) -> list[ListedMail]:
        """Return what its lines show, the earliest first."""
        return list(map(_read_mail, parse_json(zlib.decompress(self._values["shown"]))))

    def read_lines(self) -> list[Line]:
        """Return its lines, to add others to them."""
        again = self.again
        return [Line(mail, mail.key in again) for mail in self.read_mails()]

    def _split(self, name: str) -> list[str]:
        text = str(self._values[name])
        return text.split(",") if text else []


def _read_mail(fields: Sequence[Any]) -> ListedMail:
    mailbox, key, received, sender, subject, state, tickets, *aside = fields
    shown = tuple((sink, ticket) for sink, ticket in tickets)
    return ListedMail(mailbox, key, received, sender, subject, state, shown, is_set_aside=any(aside))


def _deflate(text: str) -> bytes:
    return zlib.compress(text.encode("utf-8", "replace"), _LEVEL)
