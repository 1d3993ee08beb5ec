"""The ledger: what is known about every mail of a mailbox, in one partition of one table.

`rows` lists the rows. Rows that must agree change in one transaction. Only the holder of the mailbox's lease enters and
closes mails; a delivery belongs to the worker that holds its claim.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from inbound_mail.ledger import closing, copies, earlier_format, entities, open_texts, rows
from inbound_mail.ledger.brakes import Brake
from inbound_mail.ledger.completion import Completion
from inbound_mail.ledger.decisions import Decisions
from inbound_mail.ledger.delivery_rows import DeliveryRows
from inbound_mail.ledger.mailbox_state import MailboxState
from inbound_mail.ledger.planned_polls import PollPlan
from inbound_mail.ledger.read_ahead import ReadAhead
from inbound_mail.ledger.records import (
    DeliveryRecord,
    FeedEntry,
    MailFacts,
    MailOutcome,
    MailRecord,
    MailState,
    NewMail,
    OpenMail,
    Phase,
    QuarantinedDelivery,
    SkippedMail,
    read_facts,
)
from inbound_mail.ledger.turns import Turns
from inbound_mail.ledger.workload import Workload, read_workload
from shared.errors import Conflict, NotFound
from shared.storage.tables import TRANSACTION_SIZE, Entity, Operation, Row, Table

TABLE = "mails"


class Ledger:
    """The rows of one mailbox. Methods raise Unavailable when the storage account does, and Conflict where stated."""

    def __init__(self, table: Table, mailbox: str) -> None:
        self._table = table
        self.mailbox = mailbox
        self.has_grown = False  # its feeds; whoever tells others about it takes it back
        self.delivery_rows = DeliveryRows(table, mailbox)
        self._counts: dict[str, Row] = {}
        self.turns = Turns(self.delivery_rows.joined.standing_aside)

    def of(self, mailbox: str) -> "Ledger":
        """Return the ledger of another mailbox."""
        return Ledger(self._table, mailbox)

    @property
    def decisions(self) -> Decisions:
        """What people decide about deliveries."""
        return Decisions(self._table, self.mailbox, self.delivery_rows)

    @property
    def plan(self) -> PollPlan:
        """When mailboxes are polled next."""
        return PollPlan(self._table)

    @property
    def completion(self) -> Completion:
        """What completes mails whose attachments are stored."""
        return Completion(self._table, self.mailbox, self.state, self._note_growth)

    def _note_growth(self) -> None:
        self.has_grown = True

    @property
    def brake(self) -> Brake:
        """What counts the mails of correspondents."""
        return Brake(self._table, self.mailbox, self._counts)

    def add(self, mails: Sequence[NewMail], sinks: Sequence[str], *, by_sweep: bool = False) -> list[NewMail]:
        """Enter mails; return those that the ledger did not have, copies of other mails marked as skipped.

        `by_sweep`: only the sweep has found them. A known one costs reads. Raises Conflict if another worker enters one
        at this moment: then the lease is lost.
        """
        per_mail = 5 + 2 * max([len(sinks), *(len(mail.sinks or ()) for mail in mails)])
        size = max(1, (TRANSACTION_SIZE - 1) // per_mail)
        added: list[NewMail] = []
        for start in range(0, len(mails), size):
            added += self._add_some(mails[start : start + size], sinks, by_sweep=by_sweep)
        return added

    def _add_some(self, mails: Sequence[NewMail], sinks: Sequence[str], *, by_sweep: bool) -> list[NewMail]:
        state = self.state()
        try:  # known message ids and mails are rare: the first try reads none, and fails as a whole if one is known
            return self._enter(mails, sinks, state, reads_message_ids=False, by_sweep=by_sweep)
        except Conflict:
            new = [mail for mail in mails if not self.is_known(mail.key)]
            return self._enter(new, sinks, state, reads_message_ids=True, by_sweep=by_sweep) if new else []

    def _enter(
        self,
        mails: Sequence[NewMail],
        sinks: Sequence[str],
        state: MailboxState,
        *,
        reads_message_ids: bool,
        by_sweep: bool,
    ) -> list[NewMail]:
        resolved = [
            copies.mark_copy(self._table, self.mailbox, mail, mails[:number], reads=reads_message_ids)
            for number, mail in enumerate(mails)
        ]
        entered = [mail for mail, _, _ in resolved]
        counted = _count(state, entered, by_sweep=by_sweep)
        operation = "upsert" if reads_message_ids else "create"
        self._table.transact(self._entries(resolved, sinks, state, operation, counted))
        return entered

    def _entries(
        self,
        resolved: Sequence[tuple[NewMail, str, Entity | None]],
        sinks: Sequence[str],
        state: MailboxState,
        message_id_operation: str,
        counted: Entity,
    ) -> list[Operation]:
        operations: list[Operation] = []
        number, outcome = state.last_number, state.last_outcome
        now = datetime.now(UTC)
        for mail, reference, identity in resolved:
            summary, message = entities.new_mail(self.mailbox, mail, reference, now), mail.message
            if identity:
                operations.append(Operation(message_id_operation, identity))
            if not mail.skipped and (text := open_texts.make_text(self.mailbox, mail.key, message)):
                operations.append(Operation("upsert", text))
            if mail.skipped:
                entity = summary | {"state": MailState.SKIPPED, "reason": mail.skipped}
                listed = self._id(rows.skipped_row(mail.skipped, mail.key)) | {"since": now}
                operations += [Operation("create", entity), Operation("create", listed)]
                outcome += 1
                operations.append(entities.skip_new(self.mailbox, summary, outcome, now))
            elif mail.phase is Phase.FETCH:
                operations.append(Operation("create", summary | {"state": MailState.SEEN}))
                cause = {"cause": mail.cause[0], "message": mail.cause[1]} if mail.cause else {}
                open_work = entities.new_open_work(self.mailbox, mail.key, message, Phase.FETCH)
                more = cause | entities.name_sinks(mail.sinks) | entities.name_facts(summary)
                operations.append(Operation("create", open_work | more))
            else:
                number += 1
                stored = {"state": MailState.STORED, "number": number, "stored_at": now}
                operations.append(Operation("create", summary | stored))
                open_work = entities.new_open_work(self.mailbox, mail.key, message, Phase.DELIVER)
                open_work |= entities.name_facts(summary)
                operations += entities.make_deliverable(open_work, number, mail.sinks or sinks, now, mail.cause)
        self.has_grown = self.has_grown or (number, outcome) != (state.last_number, state.last_outcome)
        return [*operations, state.grow(last_number=number, last_outcome=outcome, **counted)]

    def mail(self, key: str) -> MailRecord | None:
        """Return what is known about a mail, or None."""
        row = self._table.get(self.mailbox, rows.mail_row(key))
        return entities.read_mail(row) if row else None

    def find_mail(self, key: str) -> MailRecord:
        """Return what is known about a mail. Raises NotFound."""
        mail = self.mail(key)
        if mail is None:
            raise NotFound("The ledger has no such mail. Use a key that it lists.", code="MailNotFound", target="key")
        return mail

    def facts(self, delivery: DeliveryRecord) -> MailFacts | None:
        """Return what a delivery must know of its mail; None if the mail is not known."""
        if (facts := delivery.facts) is not None:
            return facts
        row = self._table.get(self.mailbox, rows.mail_row(delivery.key))
        return read_facts(row.values) if row else None

    def mails(self) -> Iterator[MailRecord]:
        """Yield all mails that were ever entered, in the order of their keys."""
        return map(entities.read_mail, self._query(rows.ALL_MAILS))

    def find_key(self, message_id: str) -> str | None:
        """Return the key of the mail that was entered with this message id, or None."""
        row = self._table.get(self.mailbox, rows.message_id_row(message_id))
        return str(row.values["key"]) if row else None

    def is_known(self, key: str) -> bool:
        """Return whether this mail was ever entered."""
        return self._table.get(self.mailbox, rows.mail_row(key)) is not None

    def close(
        self,
        mails: Sequence[tuple[OpenMail, MailState]],
        *,
        guarded: bool = True,
        written_back: Mapping[str, closing.WrittenBack] = MappingProxyType({}),
    ) -> int:
        """End the work on mails; return how many were closed. If guarded, mails that changed meanwhile stay open.

        Skipped are those whose deliveries were all set aside by hand. `written_back`: how the write-back ended, by key.
        """
        closed = 0
        for some in closing.share(mails):
            own = self.state()
            operations, number = closing.close(self.mailbox, some, own, guarded=guarded, written_back=written_back)
            self.has_grown = self.has_grown or number != own.last_outcome
            with suppress(Conflict):
                self._table.transact(operations)
                closed += len(some)
        return closed

    def open_mails(self) -> Iterator[OpenMail]:
        """Yield the mails on which work is open. Those that an earlier version entered have no deliveries here."""
        found = list(self._query(rows.ALL_OPEN))
        deliveries: defaultdict[str, list[DeliveryRecord]] = defaultdict(list)
        for row in found:
            if not rows.is_open_work(row.row_key):
                delivery = entities.read_delivery(row)
                deliveries[delivery.key].append(delivery)
        for row in found:
            if rows.is_open_work(row.row_key):
                yield entities.read_open_work(row, deliveries[rows.parts_of(row.row_key)[0]])

    def workload(self) -> Workload:
        """Return what is open and what is in quarantine, a thousand rows in one request."""
        return read_workload(self._table, self.mailbox)

    def take_up(self) -> list[OpenMail]:
        """Return the mails on which work is open, those of earlier versions converted.

        One that a worker of an earlier version delivers at this moment is returned without its deliveries.
        """
        return [
            (earlier_format.is_earlier(mail.row.values) and self.delivery_rows.convert(mail)) or mail
            for mail in self.open_mails()
        ]

    def note_fetch_failure(self, mail: OpenMail, tries: int, *, forbidden: bool, unclear: bool) -> None:
        """Record how often fetching attachments has failed, and how this time: see `OpenMail`."""
        self._merge_open([(mail.key, {"fetch_tries": tries, "barred": forbidden, "unclear": unclear})])

    def note_write_failure(self, mail: OpenMail, tries: int) -> None:
        """Record how often the write-back of a mail has failed."""
        self._merge_open([(mail.key, {"write_tries": tries})])

    def note_moves(self, mails: Sequence[OpenMail]) -> None:
        """Record that the gateway is about to move these mails in the mailbox."""
        self._merge_open([(mail.key, {"moving": True}) for mail in mails])

    def note_enqueued(self, mails: Sequence[tuple[OpenMail, Sequence[str]]]) -> None:
        """Record that messages asked for deliveries to these sinks just now. Raises Conflict if a mail was closed."""
        now = datetime.now(UTC)
        changes: list[tuple[str, Entity]] = []
        for mail, sinks in mails:
            values: Entity = {}
            for sink in sinks:
                values |= rows.asked_column(sink, now)
            changes += [(mail.key, values)] if values else []
        self._merge_open(changes)

    def postpone(self, key: str, sink: str, due: datetime) -> None:
        """Record that the poll need not miss a delivery before this time; do nothing if the mail was closed."""
        with suppress(Conflict):
            self._merge_open([(key, rows.asked_column(sink, due))])

    def _merge_open(self, keys_and_values: Sequence[tuple[str, Entity]]) -> None:
        operations = [Operation("merge", self._id(rows.open_row(key)) | values) for key, values in keys_and_values]
        for start in range(0, len(operations), TRANSACTION_SIZE):
            self._table.transact(operations[start : start + TRANSACTION_SIZE])

    def read_ahead(self, deliveries: Sequence[tuple[str, str]]) -> ReadAhead:
        """Read what the attempts of these deliveries (key, sink) need, in few requests."""
        found = self._table.find(self.mailbox, [rows.text_row(key) for key, _ in deliveries])
        texts = {rows.parts_of(name)[0]: text for name, row in found.items() if (text := open_texts.read_text(row))}
        return ReadAhead(self.delivery_rows.find_pending(deliveries), texts)

    def remove_texts(self, open_keys: Collection[str]) -> None:
        """Remove the messages of mails on which no work is open, all but these."""
        found = (row.row_key for row in self._query(rows.ALL_TEXTS, select=["RowKey"]))
        gone = [name for name in found if rows.parts_of(name)[0] not in open_keys]
        for start in range(0, len(gone), TRANSACTION_SIZE):
            some = gone[start : start + TRANSACTION_SIZE]
            with suppress(Conflict):  # another worker has removed one: the next sweep finds the others
                self._table.transact([Operation("delete", self._id(name)) for name in some])

    def delivery(self, key: str, sink: str) -> DeliveryRecord | None:
        """Return one delivery."""
        return self.delivery_rows.find(key, sink)

    def deliveries(self, key: str) -> list[DeliveryRecord]:
        """Return the deliveries of a mail."""
        return self.delivery_rows.list_of(key)

    def quarantined(self, limit: int | None = None) -> Iterator[QuarantinedDelivery]:
        """Yield the deliveries in quarantine, in the order of their keys."""
        for row in self._query(rows.ALL_QUARANTINED, select=["RowKey", "cause", "since"], limit=limit):
            key, sink = rows.parts_of(row.row_key)
            yield QuarantinedDelivery(key, sink, str(row.values["cause"]), row.values["since"])

    def skipped(self, reason: str, limit: int | None = None) -> Iterator[SkippedMail]:
        """Yield the mails that were skipped for a reason, in the order of their keys."""
        span = rows.range_from(rows.skipped_row(reason, ""))
        for row in self._query(span, select=["RowKey", "since"], limit=limit):
            yield SkippedMail(rows.parts_of(row.row_key)[1], row.values["since"])

    def feed(self, after: int, limit: int) -> list[FeedEntry]:
        """Return the mails that became complete after a number of the feed."""
        found = self._query(rows.range_from(rows.feed_row(after + 1)), limit=limit)
        return [entities.read_feed_entry(row) for row in found]

    def outcomes(self, after: int, last: int, limit: int) -> list[MailOutcome]:
        """Return the outcomes with the numbers after `after` up to `last`, the first `limit` of them."""
        span = rows.RowRange(rows.outcome_row(after + 1), rows.outcome_row(last + 1))
        return [entities.read_outcome(row) for row in self._query(span, limit=limit)]

    def outcomes_after(self, after: int, limit: int) -> list[MailOutcome]:
        """Return the outcomes after a number, the first `limit` of them."""
        found = self._query(rows.range_from(rows.outcome_row(after + 1)), limit=limit)
        return [entities.read_outcome(row) for row in found]

    def state(self) -> MailboxState:
        """Return the mailbox's own row."""
        row = self._table.get(self.mailbox, rows.STATE_ROW)
        return MailboxState(self._id(rows.STATE_ROW), row)

    def put_state(self, known: MailboxState | None = None, **values: Any) -> None:
        """Set values in the mailbox's own row. `known`: the row as it was read, if it has hardly changed since."""
        if known:
            with suppress(Conflict):
                self._table.transact([known.operation(**values)])
                return
        self._table.transact([self.state().operation(**values)])

    def cursor(self, folder: str) -> Entity:
        """Return where the reading of a folder stands; {} before the first delta round."""
        row = self._table.get(self.mailbox, rows.cursor_row(folder))
        return dict(row.values) if row else {}

    def put_cursor(self, folder: str, **values: Any) -> None:
        """Set where the reading of a folder stands, replacing all earlier values."""
        self._table.upsert({**self._id(rows.cursor_row(folder)), "folder": folder, **values})

    def _id(self, row_key: str) -> Entity:
        return entities.identity(self.mailbox, row_key)

    def _query(
        self, span: rows.RowRange, *, select: Sequence[str] | None = None, limit: int | None = None
    ) -> Iterator[Row]:
        return self._table.query(self.mailbox, start=span.start, end=span.end, select=select, limit=limit)


def _count(state: MailboxState, mails: Sequence[NewMail], *, by_sweep: bool) -> Entity:
    """Return the counters of the mailbox's own row as these mails change them."""
    skipped = sum(1 for mail in mails if mail.skipped)
    copied = sum(1 for mail in mails if mail.skipped == "copy")
    found = len(mails) if by_sweep else 0
    return state.counted(new=len(mails) - skipped, skipped=skipped, copies=copied, swept=found)
