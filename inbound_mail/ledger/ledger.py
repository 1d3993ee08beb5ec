"""The ledger: what is known about every mail of a mailbox, in one partition of one table.

    m|{key}          the mail: state, identity, a summary for lists
    i|{digest}       a message id -> the first mail that bore it, and what that mail looked like
    o|{key}          open work on the mail; gone when there is nothing left to do
    d|{key}|{sink}   one delivery: claims, attempts, result
    f|{number}       the feed: mails in the order in which they became complete
    r|{number}       results: mails in the order in which the work on them ended, again if it was begun again
    q|{key}|{sink}   a delivery in quarantine
    s|state          the mailbox: last success, last error, counters; written under the poll's lease only
    c|{digest}       where the reading of a folder stands

Rows that must agree change in one transaction. Only the holder of the mailbox's lease makes mails and closes them;
deliveries belong to whoever holds their claim.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from inbound_mail.ledger.mailbox_state import State
from inbound_mail.ledger.references import content_digest, digest, message_id_of, reference_of
from shared import context
from shared.errors import Conflict
from shared.json_text import Json
from shared.storage.tables import TRANSACTION_SIZE, Entity, Operation, Row, Table

TABLE = "mails"
_SUMMARY_LENGTH = 500


class MailState(StrEnum):
    """What became of a mail. Seen and stored are open; a quarantined mail may be delivered again."""

    SEEN = "seen"
    STORED = "stored"
    DELIVERED = "delivered"
    QUARANTINED = "quarantined"
    SKIPPED = "skipped"
    GONE = "gone"


class DeliveryState(StrEnum):
    """Where one delivery stands. Delivered and quarantined are final."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    DELIVERED = "delivered"
    QUARANTINED = "quarantined"

    @property
    def is_final(self) -> bool:
        """Whether nobody works on it any more."""
        return self in (DeliveryState.DELIVERED, DeliveryState.QUARANTINED)


class Phase(StrEnum):
    """What is to be done next about an open mail."""

    FETCH = "fetch"
    DELIVER = "deliver"


@dataclass(frozen=True)
class NewMail:
    """A mail met for the first time. `skipped` is why nothing is to be done about it."""

    key: str
    message: Json
    folder: str
    phase: Phase
    skipped: str | None = None


@dataclass(frozen=True)
class OpenMail:
    """Open work on one mail, as the row says it."""

    key: str
    phase: Phase
    values: Entity
    etag: str

    @property
    def graph_id(self) -> str:
        """The mail's immutable id."""
        return str(self.values["graph_id"])

    @property
    def tickets(self) -> list[str]:
        """Tickets that this mail became or was added to."""
        return [str(value) for name, value in sorted(self.values.items()) if name.startswith("ticket_") and value]

    @property
    def newly_delivered(self) -> list[str]:
        """Sinks that took the mail since it was opened, or opened again."""
        told = str(self.values.get("told", "")).split(",")
        done = [name for name, value in self.values.items() if value == DeliveryState.DELIVERED]
        sinks = [name.removeprefix("state_").replace("_", "-") for name in sorted(done) if name.startswith("state_")]
        return [sink for sink in sinks if sink not in told]


class Ledger:
    """The rows of one mailbox. Methods raise Unavailable when the storage account does, and Conflict as they say."""

    def __init__(self, table: Table, mailbox: str) -> None:
        self.table = table
        self.mailbox = mailbox

    # -- mails ------------------------------------------------------------------------------------------------------

    def add(self, mails: Sequence[NewMail], sinks: Sequence[str]) -> list[NewMail]:
        """Enter mails that `is_known` does not know; return them, copies of other mails marked as such.

        Raises Conflict when somebody else entered one meanwhile: then the lease is lost.
        """
        per_mail = 4 + 2 * len(sinks)
        size = max(1, (TRANSACTION_SIZE - 1) // per_mail)
        added: list[NewMail] = []
        for start in range(0, len(mails), size):
            added += self._add_some(mails[start : start + size], sinks)
        return added

    def _add_some(self, mails: Sequence[NewMail], sinks: Sequence[str]) -> list[NewMail]:
        state = self.state()
        try:  # hardly ever is a message id known already, so it is not asked for: the transaction tells
            return self._enter(mails, sinks, state, looks=False)
        except Conflict:
            return self._enter(mails, sinks, state, looks=True)

    def _enter(self, mails: Sequence[NewMail], sinks: Sequence[str], state: State, *, looks: bool) -> list[NewMail]:
        resolved = [self._tell_copies(mail, mails[:number], looks=looks) for number, mail in enumerate(mails)]
        self.table.transact(self._entries(resolved, sinks, state, "upsert" if looks else "create"))
        return [mail for mail, _, _ in resolved]

    def _tell_copies(
        self, mail: NewMail, before: Sequence[NewMail], *, looks: bool
    ) -> tuple[NewMail, str, Entity | None]:
        """Return the mail, its reference, and the row that makes its message id known, if it is the first with it."""
        message_id = message_id_of(mail.message)
        graph_id = str(mail.message["id"])
        if message_id is None or mail.skipped:
            return mail, reference_of(self.mailbox, message_id or graph_id), None
        name = f"i|{digest(message_id)}"
        content = content_digest(mail.message)
        twin = next((one for one in before if message_id_of(one.message) == message_id and not one.skipped), None)
        known = self.table.get(self.mailbox, name) if twin is None and looks else None
        if twin is None and (known is None or self._is_gone(str(known.values["key"]))):
            entity = {**self._id(name), "key": mail.key, "looks": content}
            return mail, reference_of(self.mailbox, message_id), entity
        first = content_digest(twin.message) if twin else str(known.values["looks"]) if known else ""
        owner = twin.key if twin else str(known.values["key"]) if known else ""
        if owner == mail.key:
            return mail, reference_of(self.mailbox, message_id), None
        if first == content:
            return replace(mail, skipped="copy"), reference_of(self.mailbox, message_id), None
        return mail, reference_of(self.mailbox, graph_id), None

    def _is_gone(self, key: str) -> bool:
        """Whether a mail vanished before it could be delivered; a copy that comes later is then the mail."""
        row = self.mail(key)
        return row is not None and row.values["state"] == MailState.GONE

    def _entries(
        self, resolved: Sequence[tuple[NewMail, str, Entity | None]], sinks: Sequence[str], state: State, how: str
    ) -> list[Operation]:
        operations: list[Operation] = []
        number = state.last_number
        now = datetime.now(UTC)
        for mail, reference, identity in resolved:
            summary, message = self._summary(mail, reference, now), mail.message
            if identity:
                operations.append(Operation(how, identity))
            if mail.skipped:
                entity = summary | {"state": MailState.SKIPPED, "reason": mail.skipped}
                operations.append(Operation("create", entity))
            elif mail.phase is Phase.FETCH:
                operations.append(Operation("create", summary | {"state": MailState.SEEN}))
                operations.append(Operation("create", self._open_row(mail.key, message, Phase.FETCH)))
            else:
                number += 1
                operations.append(Operation("create", summary | {"state": MailState.STORED, "number": number}))
                operations += self._ready(self._open_row(mail.key, message, Phase.DELIVER), number, sinks, now)
        if number != state.last_number:
            operations.append(state.operation(last_number=number))
        return operations

    def _summary(self, mail: NewMail, reference: str, now: datetime) -> Entity:
        message = mail.message
        author = (message.get("from") or message.get("sender") or {}).get("emailAddress") or {}
        return {
            **self._id(f"m|{mail.key}"),
            "graph_id": str(message["id"]),
            "reference": reference,
            "message_id": _short(message_id_of(message) or ""),
            "conversation_id": _short(str(message.get("conversationId") or "")),
            "subject": _short(str(message.get("subject") or "")),
            "sender": _short(str(author.get("address") or "").lower()),
            "received": str(message.get("receivedDateTime") or ""),
            "folder": mail.folder,
            "seen_at": now,
        }

    def _open_row(self, key: str, message: Json, phase: Phase) -> Entity:
        return {
            **self._id(f"o|{key}"),
            "phase": phase,
            "graph_id": str(message["id"]),
            "folder_id": str(message.get("parentFolderId") or ""),
            "enqueued": False,
        }

    def _ready(
        self,
        open_row: Entity,
        number: int,
        sinks: Sequence[str],
        now: datetime,
        cause: tuple[str, str] | None = None,
    ) -> list[Operation]:
        """Return what makes a stored mail deliverable: open work, feed entry, one delivery for each sink."""
        key = str(open_row["RowKey"])[2:]
        parts: Entity = {"phase": Phase.DELIVER, "enqueued": False}
        operations = [Operation("create", {**self._id(f"f|{number:012}"), "key": key, "stored_at": now})]
        for sink in sinks:
            delivery = self.new_delivery(key, sink, now)
            if cause:
                delivery |= {"state": DeliveryState.QUARANTINED, "cause": cause[0], "message": cause[1]}
                operations.append(self.into_quarantine(key, sink, cause[0], now))
            parts |= self.part(sink, DeliveryState(delivery["state"]), now)
            operations.append(Operation("create", delivery))
        return [Operation("upsert", open_row | parts), *operations]

    def mail(self, key: str) -> Row | None:
        """Return the ledger row of a mail."""
        return self.table.get(self.mailbox, f"m|{key}")

    def is_known(self, key: str) -> bool:
        """Say whether this mail was ever entered."""
        return self.mail(key) is not None

    def complete(self, mail: OpenMail, sinks: Sequence[str], *, cause: tuple[str, str] | None = None) -> None:
        """Note that all of a mail is stored: it joins the feed and may be delivered, or is set aside for a cause."""
        state = self.state()
        number = state.last_number + 1
        now = datetime.now(UTC)
        self.table.transact(
            [
                Operation("merge", self._id(f"m|{mail.key}") | {"state": MailState.STORED, "number": number}),
                *self._ready(mail.values, number, sinks, now, cause),
                state.operation(last_number=number),
            ]
        )

    def close(self, mails: Sequence[tuple[OpenMail, MailState]], *, guarded: bool = True) -> int:
        """End the work on mails; return on how many. Guarded, what changed meanwhile stays open."""
        now = datetime.now(UTC)
        closed = 0
        size = (TRANSACTION_SIZE - 1) // 3
        for start in range(0, len(mails), size):
            some = mails[start : start + size]
            operations: list[Operation] = []
            number = (own := self.state()).last_outcome
            for mail, state in some:
                operations += [
                    Operation("merge", self._id(f"m|{mail.key}") | {"state": state, "closed_at": now}),
                    Operation("delete", self._id(f"o|{mail.key}"), mail.etag if guarded else None),
                ]
                if state in (MailState.DELIVERED, MailState.QUARANTINED):
                    number += 1
                    result = {"key": mail.key, "state": state, "at": now, "sinks": ",".join(mail.newly_delivered)}
                    operations.append(Operation("create", self._id(f"r|{number:012}") | result))
            if number != own.last_outcome:
                operations.append(own.operation(last_outcome=number))
            try:
                self.table.transact(operations)
                closed += len(some)
            except Conflict:
                continue
        return closed

    # -- open work --------------------------------------------------------------------------------------------------

    def open_mails(self, limit: int | None = None) -> Iterator[OpenMail]:
        """Yield the mails on which work is open."""
        for row in self.table.query(self.mailbox, start="o|", end="o}", limit=limit):
            yield OpenMail(row.row_key[2:], Phase(row.values["phase"]), row.values, row.etag)

    def merge_open(self, keys_and_values: Sequence[tuple[str, Entity]]) -> None:
        """Add values to rows of open work, several in one transaction."""
        operations = [Operation("merge", self._id(f"o|{key}") | values) for key, values in keys_and_values]
        for start in range(0, len(operations), TRANSACTION_SIZE):
            self.table.transact(operations[start : start + TRANSACTION_SIZE])

    def reopen(self, key: str, message: Json, parts: Entity) -> Operation:
        """Return the step that opens the work on a mail again; deliveries that are over keep their place in it."""
        row = self._open_row(key, message, Phase.DELIVER) | {"enqueued": True}
        told: list[str] = []
        for delivery in self.deliveries(key):
            values, state = delivery.values, DeliveryState(delivery.values["state"])
            if state.is_final:
                sink = delivery.row_key.split("|")[2]
                row |= self.part(sink, state, values["due"], values.get("ticket"))
                told += [sink] if state is DeliveryState.DELIVERED else []
        return Operation("upsert-merge", row | {"told": ",".join(told)} | parts)

    def postpone(self, key: str, sink: str, due: datetime) -> None:
        """Note that a delivery is not to be missed before a moment, whatever its state."""
        with suppress(Conflict):  # the work on this mail has ended
            self.merge_open([(key, {f"due_{_column(sink)}": due})])

    @staticmethod
    def part(sink: str, state: DeliveryState, due: datetime, ticket: str | None = None) -> Entity:
        """Return the columns that tell how far a sink is."""
        column = _column(sink)
        return {f"state_{column}": state, f"due_{column}": due} | ({f"ticket_{column}": ticket} if ticket else {})

    # -- deliveries -------------------------------------------------------------------------------------------------

    def new_delivery(self, key: str, sink: str, now: datetime) -> Entity:
        """Return the first version of a delivery's record; it is of the call at hand, a poll or a wish to redeliver."""
        return {
            **self._id(f"d|{key}|{sink}"),
            "state": DeliveryState.WAITING,
            "attempts": 0,
            "crashes": 0,
            "interrupted": False,
            "created_at": now,
            "due": now,
            "progress": "{}",
            "correlation_id": context.request_id(),
        }

    def delivery(self, key: str, sink: str) -> Row | None:
        """Return the record of one delivery."""
        return self.table.get(self.mailbox, f"d|{key}|{sink}")

    def deliveries(self, key: str) -> list[Row]:
        """Return the records of a mail's deliveries."""
        return list(self.table.query(self.mailbox, start=f"d|{key}|", end=f"d|{key}}}"))

    def into_quarantine(self, key: str, sink: str, cause: str, now: datetime) -> Operation:
        """Return the step that lists a delivery among those in quarantine."""
        return Operation("upsert", {**self._id(f"q|{key}|{sink}"), "cause": cause, "since": now})

    def out_of_quarantine(self, key: str, sink: str) -> Operation:
        """Return the step that takes a delivery off that list."""
        return Operation("delete", self._id(f"q|{key}|{sink}"))

    def quarantined(self) -> int:
        """Count deliveries in quarantine."""
        return sum(1 for _ in self.table.query(self.mailbox, start="q|", end="q}", select=["RowKey"]))

    # -- feed, state, cursors ---------------------------------------------------------------------------------------

    def feed(self, after: int, limit: int) -> list[tuple[int, str]]:
        """Return (number, key) of mails that became complete after a position."""
        rows = self.table.query(self.mailbox, start=f"f|{after + 1:012}", end="f}", limit=limit)
        return [(int(row.row_key[2:]), str(row.values["key"])) for row in rows]

    def state(self) -> State:
        """Return the mailbox's own row."""
        row = self.table.get(self.mailbox, "s|state")
        return State(self._id("s|state"), row)

    def put_state(self, **values: Any) -> None:
        """Add values to the mailbox's own row."""
        self.table.transact([self.state().operation(**values)])

    def cursor(self, folder: str) -> Entity:
        """Return where the reading of a folder stands; {} before the first round."""
        row = self.table.get(self.mailbox, f"c|{digest(folder)[:32]}")
        return dict(row.values) if row else {}

    def put_cursor(self, folder: str, **values: Any) -> None:
        """Note where the reading of a folder stands; nothing else is kept."""
        self.table.upsert({**self._id(f"c|{digest(folder)[:32]}"), "folder": folder, **values})

    def _id(self, row: str) -> Entity:
        return {"PartitionKey": self.mailbox, "RowKey": row}


def _column(sink: str) -> str:
    return sink.replace("-", "_")  # a sink's name has no underscore, a column's no dash


def _short(text: str) -> str:
    return text[:_SUMMARY_LENGTH].encode("utf-8", "replace").decode()
