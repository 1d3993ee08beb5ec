"""The rows of deliveries: those of mails on which work is open, and those of all other mails."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from inbound_mail.ledger import earlier_format, entities, rows
from inbound_mail.ledger.brakes import Count, CountChanged
from inbound_mail.ledger.joined_writes import JoinedWrites
from inbound_mail.ledger.records import DeliveryRecord, DeliveryState, OpenMail
from shared.errors import Conflict
from shared.storage.tables import Entity, Operation, Row, Table


class DeliveryRows:
    """The deliveries of one mailbox."""

    def __init__(self, table: Table, mailbox: str) -> None:
        self._table = table
        self._mailbox = mailbox
        self.joined = JoinedWrites(table)

    def find(self, key: str, sink: str) -> DeliveryRecord | None:
        """Return one delivery, or None.

        Its row is looked for in both places. It may be moved from the second to the first one meanwhile, so only who
        looks there again knows that there is none.
        """
        pending = rows.pending_row(key, sink)
        for row_key in (pending, rows.delivery_row(key, sink), pending):
            if row := self._table.get(self._mailbox, row_key):
                return DeliveryRecord(key, sink, row)
        return None

    def find_pending(self, deliveries: Iterable[tuple[str, str]]) -> dict[tuple[str, str], DeliveryRecord]:
        """Return those of some deliveries (key, sink) whose mails have open work, ten in one request."""
        rows_of = {rows.pending_row(key, sink): (key, sink) for key, sink in deliveries}
        found = self._table.find(self._mailbox, list(rows_of))
        return {rows_of[name]: DeliveryRecord(*rows_of[name], row) for name, row in found.items()}

    def list_of(self, key: str) -> list[DeliveryRecord]:
        """Return the deliveries of a mail, in the order of their sinks."""
        # Those of open work first: what is moved out of it between the two queries is found twice, and not lost.
        found = {one.sink: one for one in (*self._list(rows.pending_row(key, "")), *self.list_closed(key))}
        return [found[sink] for sink in sorted(found)]

    def list_closed(self, key: str) -> list[DeliveryRecord]:
        """Return the deliveries of a mail that are not kept beside open work."""
        return self._list(rows.delivery_row(key, ""))

    def find_claimable(self, key: str, sink: str) -> DeliveryRecord | None:
        """Return a delivery that has not ended, or None. One that an earlier version entered is converted.

        Raises Conflict while a worker of an earlier version holds a delivery of the mail.
        """
        delivery = self.find(key, sink)
        if delivery is None or delivery.state.is_final:
            return None
        if rows.is_pending(delivery.row.row_key):
            return delivery
        if row := self._table.get(self._mailbox, rows.open_row(key)):
            self.convert(entities.read_open_work(row, ()))
        delivery = self.find(key, sink)  # converted now, perhaps by another worker
        if delivery is None or rows.is_pending(delivery.row.row_key):
            return delivery
        raise Conflict("A worker of an earlier version delivers this mail. Try again later.")

    def convert(self, mail: OpenMail) -> OpenMail | None:
        """Convert a mail that an earlier version entered; return it as it is now.

        None if it has changed meanwhile, or while a worker holds one of its deliveries.
        """
        operations = earlier_format.convert(self._mailbox, mail, self.list_closed(mail.key))
        if operations is None:
            return None
        try:
            etag = self._table.transact(operations)[0]
        except Conflict:
            return None
        row = Row(operations[0].entity, etag)
        return entities.read_open_work(row, self._list(rows.pending_row(mail.key, "")))

    def change(
        self, delivery: DeliveryRecord, values: Entity, cause: str | None = None, *, count: Count | None = None
    ) -> DeliveryRecord:
        """Change columns of a delivery (None: delete) and return it as changed.

        `cause` adds it to the list of quarantined ones; `count` changes what the brake counts. Raises CountChanged if
        only that has changed since it was read, and Conflict if the delivery has.
        """
        changed = {name: value for name, value in (dict(delivery.values) | values).items() if value is not None}
        operations = [Operation("replace", changed, delivery.row.etag)]
        if cause is not None:
            operations.append(entities.list_quarantined(self._mailbox, delivery.key, delivery.sink, cause))
        try:
            etags = self.joined.transact([*operations, *([count.operation] if count else [])])
        except Conflict as conflict:
            if conflict.target == str(len(operations)):
                raise CountChanged(conflict.message) from conflict
            raise
        if count:
            count.etag = etags[-1]
        return replace(delivery, row=Row(changed, etags[0]))

    def pretend_delivered(self, deliveries: Sequence[tuple[str, str]], ticket: str) -> None:
        """Mark deliveries (key, sink) as done, without doing them. For benchmarks and tests."""
        done = {"state": DeliveryState.DELIVERED, "finished_at": datetime.now(UTC), "ticket": ticket, "notes": "[]"}
        for key, sink in deliveries:
            pending = entities.identity(self._mailbox, rows.pending_row(key, sink))
            self._table.transact([Operation("merge", pending | done)])

    def _list(self, prefix: str) -> list[DeliveryRecord]:
        start, end = rows.range_from(prefix)
        return [entities.read_delivery(row) for row in self._table.query(self._mailbox, start=start, end=end)]
