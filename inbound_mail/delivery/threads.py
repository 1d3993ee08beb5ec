"""The tickets of earlier mails, one partition for each sink.

    m|{digest}   a message id -> the ticket of the first mail that had it
    a|{digest}   a message id -> the ticket of the first mail that answered it, if that became a ticket
    c|{digest}   a conversation in Exchange -> the ticket of its first mail
    w|{digest}   a ticket -> who takes part: authors first, then those who got a copy, the newest first

Rows of messages and conversations are written once: whoever sends a mail with a known message id cannot lead answers
elsewhere. People are added only by mails that became the ticket or were joined to it, and one mail cannot push all the
others out. Rows of earlier versions have neither title nor mail, and there are none of tickets; the people of a row of
a message count, too.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from inbound_mail.content.belonging import MOST_ANSWERED, Thread, list_answered_ids
from inbound_mail.content.models import InboundMail
from inbound_mail.ledger.references import digest
from shared.errors import Conflict, Unavailable
from shared.retry import space_tries
from shared.storage.tables import Entity, Operation, Row, Table

TABLE = "threads"
_MOST_PARTICIPANTS = 100
_MOST_COPIES = 50  # of one mail that is added to a ticket
_MOST_IDS = 50
_LONGEST_ADDRESS = 254  # RFC 5321 allows no longer one
_LONGEST_LIST = 30_000  # a property of the table holds 32,768 characters
_LONGEST_TITLE = 300
_TRIES = 8
_TRUSTED_SECONDS = 5.0

type ReadRow = Callable[[str], Row | None]


@dataclass
class KnownConversations:
    """Whether any conversation of a sink is known. Many sinks never name a ticket, so that none ever is.

    That there is none is believed for some seconds. It can only hide a sentence of a ticket that proves nothing.
    """

    are_known: bool = False
    _none_until: float = 0.0

    def may_be_known(self, table: Table, sink: str) -> bool:
        """Return whether it is of use to look for a conversation."""
        if not self.are_known and time.monotonic() >= self._none_until:
            self.are_known = any(table.query(sink, start="c|", end="c}", select=["RowKey"], limit=1))
            self._none_until = time.monotonic() + _TRUSTED_SECONDS
        return self.are_known


class KnownThreads:
    """The tickets of one sink."""

    def __init__(self, table: Table, sink: str, conversations: KnownConversations | None = None) -> None:
        self._table = table
        self._sink = sink
        self._conversations = conversations or KnownConversations()

    def find_all(self, message_ids: Iterable[str]) -> Iterator[Thread]:
        """Yield the tickets of these message ids, in their order, each ticket once."""
        seen: set[str] = set()
        for message_id in islice(dict.fromkeys(message_ids), _MOST_IDS):
            row = self._get(f"m|{digest(message_id)}")
            if row is None or row.values["ticket"] in seen:
                continue
            ticket = str(row.values["ticket"])
            seen.add(ticket)
            people = {*_read_list(row, "participants"), *self._people(ticket)}
            yield Thread(ticket, frozenset(people), str(row.values.get("title") or ""))

    def find_siblings(self, message_ids: Iterable[str]) -> Iterator[Thread]:
        """Yield the tickets of the first mails that answered these ids, as their answers may do on several branches."""
        for message_id in islice(dict.fromkeys(message_ids), MOST_ANSWERED):
            row = self._get(f"a|{digest(message_id)}")
            if row is not None:
                values, ticket = row.values, str(row.values["ticket"])
                yield Thread(ticket, frozenset(self._people(ticket)), str(values["title"]), str(values["author"]))

    def find_conversation(self, conversation_id: str) -> Thread | None:
        """Return the ticket of the first mail of a Graph conversation."""
        is_needed = conversation_id and self._conversations.may_be_known(self._table, self._sink)
        row = self._get(f"c|{digest(conversation_id)}") if is_needed else None
        return Thread(str(row.values["ticket"])) if row else None

    def find_ticket(self, ticket: str) -> Thread | None:
        """Return a ticket that earlier mails became or joined."""
        people = self._people(ticket)
        return Thread(ticket, frozenset(people)) if people else None

    def remember(self, mail: InboundMail, ticket: str, *, title: str = "", joins: bool, adds_people: bool) -> None:
        """Record the ticket of a mail, and its people. It may be repeated.

        `title`: its subject without prefixes. `joins`: it was added to an existing ticket. `adds_people`: its people
        take part from now on.
        """
        title = _clean(title)[:_LONGEST_TITLE]
        # Nearly always nothing is known yet of a new ticket: then what is written says so, and nothing need be read.
        reads = [] if joins else [_read_nothing]
        for _ in space_tries(_TRIES):
            read = reads.pop() if reads else self._get
            operations = list(self._list_rows(mail, ticket, title, read, adds_people=adds_people))
            operations += self._list_answered(mail, ticket, title, read) if adds_people and not joins else ()
            if adds_people and (changed := self._add_people(mail, ticket, read, joins=joins)):
                operations.append(changed)
            try:
                if operations:
                    self._table.transact(operations)
            except Conflict:
                continue
            self._conversations.are_known = True
            return
        raise Unavailable("Other mails of the same ticket are being recorded. Try again later.")

    def _list_rows(
        self, mail: InboundMail, ticket: str, title: str, read: ReadRow, *, adds_people: bool
    ) -> Iterator[Operation]:
        conversation = str(mail.message.get("conversationId") or "")
        people = _dump(_cut(_list_authors(mail), _list_copies(mail)) if adds_people else ())
        values: Entity = {"PartitionKey": self._sink, "ticket": ticket, "participants": people}
        if mail.message_id:
            name = f"m|{digest(mail.message_id)}"
            known = read(name)
            own = {"RowKey": name, "mail": mail.key, "title": title}
            if known is None:
                yield Operation("create", values | own)
            elif known.values.get("mail") == mail.key and known.values["ticket"] != ticket:
                yield Operation("replace", values | own, known.etag)  # a person had the same mail delivered again
        if conversation and read(name := f"c|{digest(conversation)}") is None:
            yield Operation("create", values | {"RowKey": name})

    def _list_answered(self, mail: InboundMail, ticket: str, title: str, read: ReadRow) -> Iterator[Operation]:
        """Yield the rows of what a mail answers: the mail just before it, and the one that began the conversation."""
        answered = list_answered_ids(mail)
        values: Entity = {"PartitionKey": self._sink, "ticket": ticket, "title": title, "author": _clean(mail.sender)}
        for message_id in dict.fromkeys([*answered[:1], *answered[-1:]]):
            if read(name := f"a|{digest(message_id)}") is None:
                yield Operation("create", values | {"RowKey": name})

    def _add_people(self, mail: InboundMail, ticket: str, read: ReadRow, *, joins: bool) -> Operation | None:
        name = f"w|{digest(ticket)}"
        row = read(name)
        if row is not None and not joins:
            return None
        authors, copies = (_read_list(row, "authors"), _read_list(row, "copies")) if row else ([], [])
        authors = [*_list_authors(mail), *authors]
        found = _cut(authors, [*_list_copies(mail)[: _MOST_COPIES if row else None], *copies])
        count = len(_cut(authors, ()))
        values: Entity = {"authors": _dump(found[:count]), "copies": _dump(found[count:])}
        if row and all(row.values[column] == value for column, value in values.items()):
            return None
        entity: Entity = {"PartitionKey": self._sink, "RowKey": name, "ticket": ticket, **values}
        return Operation("replace", entity, row.etag) if row else Operation("create", entity)

    def _people(self, ticket: str) -> list[str]:
        row = self._get(f"w|{digest(ticket)}")
        return [*_read_list(row, "authors"), *_read_list(row, "copies")] if row else []

    def _get(self, row: str) -> Row | None:
        return self._table.get(self._sink, row)


def _read_nothing(_: str) -> Row | None:
    return None


def _list_authors(mail: InboundMail) -> list[str]:
    return [mail.sender] if mail.sender != mail.address.lower() else []


def _list_copies(mail: InboundMail) -> list[str]:
    addresses = [*mail.recipients("toRecipients"), *mail.recipients("ccRecipients")]
    return [address for address in addresses if address != mail.address.lower()]


def _cut(authors: Iterable[str], copies: Iterable[str]) -> list[str]:
    """Return each address once, authors before copies; the last ones are left out if there are too many."""
    people = (address for address in (*authors, *copies) if 0 < len(address) <= _LONGEST_ADDRESS)
    return list(dict.fromkeys(people))[:_MOST_PARTICIPANTS]


def _dump(people: Iterable[str]) -> str:
    """Return addresses as JSON, without the last ones if they are too long together."""
    kept = [_clean(address) for address in people]
    while len(text := json.dumps(kept)) > _LONGEST_LIST:
        kept.pop()
    return text


def _clean(text: str) -> str:
    """Return a text that the table takes: without unpaired surrogates."""
    return text.encode("utf-8", "replace").decode()


def _read_list(row: Row, column: str) -> list[str]:
    found: list[str] = json.loads(row.values[column])
    return found
