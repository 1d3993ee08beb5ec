"""The tickets of earlier mails: rows by message id and by conversation, one partition for each sink."""

import json
from collections.abc import Iterable, Sequence

from inbound_mail.content.models import InboundMail
from inbound_mail.ledger.references import digest
from inbound_mail.sinks.protocol import Thread
from shared.storage.tables import Entity, Operation, Row, Table

TABLE = "threads"
_MOST_PARTICIPANTS = 100
_MOST_IDS = 50


class KnownThreads:
    """The tickets of one sink."""

    def __init__(self, table: Table, sink: str) -> None:
        self._table = table
        self._sink = sink

    def find(self, message_ids: Sequence[str]) -> Thread | None:
        """Return the ticket of the first of these message ids that is known."""
        for message_id in list(dict.fromkeys(message_ids))[:_MOST_IDS]:
            row = self._get(f"m|{digest(message_id)}")
            if row is not None:
                return _thread(row)
        return None

    def find_conversation(self, conversation_id: str) -> Thread | None:
        """Return the ticket of a Graph conversation."""
        row = self._get(f"c|{digest(conversation_id)}")
        return _thread(row) if row else None

    def remember(self, mail: InboundMail, ticket: str) -> None:
        """Record the ticket of a mail and add its participants to those known. It may be repeated."""
        people = {mail.sender, *mail.recipients("toRecipients"), *mail.recipients("ccRecipients")} - {"", mail.address}
        rows: list[tuple[str, Iterable[str]]] = [(f"m|{digest(mail.message_id)}", people)] if mail.message_id else []
        if conversation := mail.message.get("conversationId"):
            name = f"c|{digest(str(conversation))}"
            row = self._get(name)
            known = _thread(row).participants if row and row.values["ticket"] == ticket else frozenset[str]()
            rows.append((name, known | people))
        if rows:
            self._table.transact([Operation("upsert", self._entity(name, ticket, who)) for name, who in rows])

    def _entity(self, name: str, ticket: str, people: Iterable[str]) -> Entity:
        participants = json.dumps(sorted(people)[:_MOST_PARTICIPANTS])
        return {"PartitionKey": self._sink, "RowKey": name, "ticket": ticket, "participants": participants}

    def _get(self, row: str) -> Row | None:
        return self._table.get(self._sink, row)


def _thread(row: Row) -> Thread:
    return Thread(str(row.values["ticket"]), frozenset(json.loads(row.values["participants"])))
