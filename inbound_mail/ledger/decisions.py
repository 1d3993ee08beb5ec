"""What people decide about deliveries, written to the ledger: each decision is one transaction.

    waiting, quarantined, set aside --begin--> waiting      (forced: screening does not set the mail aside again)
    waiting, quarantined --put aside--> set aside
    (no delivery to this sink) --start--> waiting           (in the place of another delivery, which is put aside)
    skipped mail --take in--> seen                          (the next poll fetches its files, then it is deliverable)

A delivery's row is guarded by its version, so a worker that claims it meanwhile wins, and the decision is refused. The
work on a mail that was closed is opened again; only the next poll closes it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from inbound_mail.ledger import earlier_format, entities, rows
from inbound_mail.ledger.brakes import PLACE, Becomes, Brake
from inbound_mail.ledger.delivery_history import add_to_history
from inbound_mail.ledger.delivery_rows import DeliveryRows
from inbound_mail.ledger.planned_polls import PollPlan
from inbound_mail.ledger.records import FACTS, DeliveryRecord, DeliveryState, MailState, Phase
from shared import context
from shared.errors import Conflict, InProgress
from shared.json_text import Json
from shared.retry import space_tries
from shared.storage.tables import Entity, Operation, Table

SET_ASIDE_BY_HAND, MOVED = "SetAsideByHand", "MovedToSink"
JOIN = "join"  # in what is settled about a delivery: the ticket that a person chose
_MOST_TRIES = 5
_RETRY_AFTER = 5.0


@dataclass(frozen=True)
class Decision:
    """Who decided, and why, as the caller said it."""

    by: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Change:
    """A delivery as it is (`earlier`, None for a new one) and as it will be stored."""

    sink: str
    earlier: DeliveryRecord | None
    entity: Entity


class Decisions:
    """Writes decisions about the mails of one mailbox."""

    def __init__(self, table: Table, mailbox: str, delivery_rows: DeliveryRows) -> None:
        self._table = table
        self._mailbox = mailbox
        self._rows = delivery_rows

    def begin(self, delivery: DeliveryRecord, decision: Decision, *, settled: Json | None = None) -> Change:
        """Return a delivery that begins again now. It keeps its progress, or has only what is `settled`.

        Unless it was never tried, it counts as interrupted, so that the sink searches for the ticket first.
        """
        values = delivery.values
        is_fresh = delivery.state is DeliveryState.WAITING and not values["interrupted"]
        progress = values["progress"] if settled is None else json.dumps({"settled": settled})
        entry = _describe(decision) | _describe_earlier(delivery) | {"ticket": (settled or {}).get(JOIN)}
        begun = {"interrupted": not is_fresh, "forced": True, "progress": progress}
        fresh = entities.new_delivery(self._mailbox, delivery.key, delivery.sink, datetime.now(UTC))
        fresh |= {FACTS: values[FACTS]} if FACTS in values else {}
        return Change(delivery.sink, delivery, fresh | begun | add_to_history(values, "deliver", **entry))

    def start(self, key: str, sink: str, decision: Decision, *, instead_of: str, settled: Json) -> Change:
        """Return a new delivery, in the place of the one to another sink."""
        entry = _describe(decision) | {"insteadOf": instead_of, "ticket": settled.get(JOIN)}
        fresh = entities.new_delivery(self._mailbox, key, sink, datetime.now(UTC))
        begun = {"forced": True, "progress": json.dumps({"settled": settled})}
        return Change(sink, None, fresh | begun | add_to_history({}, "deliver", **entry))

    def put_aside(self, delivery: DeliveryRecord, decision: Decision, *, moved_to: str | None = None) -> Change:
        """Return a delivery that is set aside for good, or because the mail goes to another sink instead."""
        message = f"It goes to the sink {moved_to} instead." if moved_to else decision.reason
        entry = _describe(decision) | _describe_earlier(delivery) | {"movedTo": moved_to}
        done = {
            "state": DeliveryState.SET_ASIDE,
            "finished_at": datetime.now(UTC),
            "cause": MOVED if moved_to else SET_ASIDE_BY_HAND,
            "message": message or "",
            **({"moved_to": moved_to} if moved_to else {}),
            **add_to_history(delivery.values, "set-aside", **entry),
        }
        kept = {name: value for name, value in delivery.values.items() if name != PLACE}
        return Change(delivery.sink, delivery, kept | done)

    def record(self, key: str, message: Json, changes: Sequence[Change]) -> None:
        """Write changes of the deliveries of one mail in one transaction; open the work on the mail if it is closed.

        `message`: Graph's, or its `id` alone. Raises InProgress if a worker has changed one of them meanwhile.
        """
        PollPlan(self._table).keep_awake(self._mailbox)  # first: a process that dies in between has asked for the poll
        deliveries = [operation for change in changes for operation in self._write(key, change)]
        for _ in space_tries(_MOST_TRIES):
            brake = Brake(self._table, self._mailbox)  # it knows no row from a try before
            ended = [brake.settle(change.earlier, Becomes.NOTHING) for change in changes if change.earlier]
            counts = [one.operation for one in ended if one is not None]
            try:
                self._table.transact([*deliveries, *self._open(key, message, changes), *counts])
            except Conflict as conflict:
                if int(conflict.target or 0) >= len(deliveries):  # a poll or another mail changed its row meanwhile
                    continue
                break
            return
        raise InProgress("Another worker is changing this mail. Try again.", retry_after=_RETRY_AFTER)

    def take_in(self, key: str, message: Json, sinks: Sequence[str], decision: Decision, *, settled: Json) -> None:
        """Let a skipped mail be delivered to these sinks once the next poll has fetched its files.

        `message` must be stored. A copy gets a reference of its own, because its original has the other one. Raises
        InProgress if another call has done so.
        """
        PollPlan(self._table).keep_awake(self._mailbox)
        row = self._table.get(self._mailbox, rows.mail_row(key))
        if row is None or row.values["state"] != MailState.SKIPPED:
            raise InProgress("Another call is changing this mail. Try again.", retry_after=_RETRY_AFTER)
        reason = str(row.values["reason"])
        values = {name: value for name, value in row.values.items() if name not in ("reason", "copy_of", "closed_at")}
        values |= {"state": MailState.SEEN}
        values |= {"reference": entities.own_reference(self._mailbox, message)} if reason == "copy" else {}
        entry = _describe(decision) | {"earlierState": MailState.SKIPPED, "cause": reason, "ticket": settled.get(JOIN)}
        begun = {"forced": True, "progress": json.dumps({"settled": settled})}
        begun |= {"correlation_id": context.request_id(), **add_to_history({}, "deliver", **entry)}
        open_work = entities.new_open_work(self._mailbox, key, message, Phase.FETCH) | entities.name_facts(values)
        wanted = {"identity": "", "wanted": json.dumps({"sinks": list(sinks), "begun": begun})}
        try:
            self._table.transact(
                [
                    Operation("replace", values, row.etag),
                    Operation("delete", self._id(rows.skipped_row(reason, key))),
                    Operation("create", open_work | wanted),
                ]
            )
        except Conflict as conflict:
            raise InProgress("Another call is changing this mail. Try again.", retry_after=_RETRY_AFTER) from conflict

    def _write(self, key: str, change: Change) -> list[Operation]:
        earlier, listed = change.earlier, self._id(rows.set_aside_row(key, change.sink))
        if earlier is None:
            return [Operation("create", change.entity)]
        if rows.is_pending(earlier.row.row_key):
            operations = [Operation("replace", change.entity, earlier.row.etag)]
        else:
            pending = rows.pending_row(key, change.sink)
            operations = entities.move_delivery(self._mailbox, earlier, pending, change.entity)
        if earlier.state is DeliveryState.QUARANTINED:
            operations.append(Operation("delete", self._id(rows.quarantine_row(key, change.sink))))
        if earlier.state is DeliveryState.SET_ASIDE and earlier.cause == SET_ASIDE_BY_HAND:
            operations.append(Operation("delete", listed))
        if change.entity.get("cause") == SET_ASIDE_BY_HAND:
            operations.append(Operation("upsert", listed | {"since": datetime.now(UTC)}))
        return operations

    def _open(self, key: str, message: Json, changes: Sequence[Change]) -> list[Operation]:
        """Return the operations that note the changes in the row of open work.

        If there is none, or an earlier version made it, the other deliveries come to stand beside it.
        """
        now = datetime.now(UTC)
        asked: Entity = {}
        for change in changes:
            asked |= rows.asked_column(change.sink, now)
        row = self._table.get(self._mailbox, rows.open_row(key))
        if row is not None and not earlier_format.is_earlier(row.values):
            return [Operation("merge", self._id(rows.open_row(key)) | asked)]
        changed = {change.sink for change in changes}
        others = [one for one in self._rows.list_closed(key) if one.sink not in changed]
        if row is not None:
            opened = earlier_format.convert_open_work(row, asked)
        else:
            done_before = ",".join(one.sink for one in others if one.state is DeliveryState.DELIVERED)
            open_work = entities.new_open_work(self._mailbox, key, message, Phase.DELIVER)
            opened = Operation("create", open_work | {"told": done_before} | asked)
        return [opened, *entities.move_all(self._mailbox, others, rows.pending_row)]

    def _id(self, row_key: str) -> Entity:
        return entities.identity(self._mailbox, row_key)


def _describe(decision: Decision) -> Json:
    return {"by": decision.by, "reason": decision.reason, "requestId": context.known_request_id()}


def _describe_earlier(delivery: DeliveryRecord) -> Json:
    """Return what a delivery was before a decision."""
    return {
        "earlierState": delivery.state.value,
        "cause": delivery.cause or delivery.last_error,
        "message": (delivery.message or "")[:300] or None,
        "attempts": delivery.attempts,
    }
