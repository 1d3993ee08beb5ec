"""Claims: one worker at a time for each delivery, and the record of what it did.

    waiting --claim--> claimed --complete--> delivered
       ^                  |---reject-------> quarantined --redeliver--> waiting
       +----release-------+
       (a claim whose time has run out may be claimed again: its worker died, so the outcome is unknown)

Every step is one transaction on the delivery's row, guarded by its version, and on the mail's row of open work; so a
worker that was overtaken cannot write any more.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from inbound_mail.ledger.ledger import DeliveryState, Ledger
from inbound_mail.sinks.protocol import Receipt
from shared.errors import Conflict
from shared.storage.tables import Entity, Operation, Row

_LONGEST_MESSAGE = 1000


class Overtaken(Conflict):
    """Another worker has taken the delivery over: whoever is told so stops at once and touches nothing more."""

    code = "Overtaken"


class Claim:
    """A delivery in the hands of one worker. Is the `Progress` of a sink."""

    def __init__(self, ledger: Ledger, key: str, sink: str, row: Row) -> None:
        self._ledger = ledger
        self.key = key
        self.sink = sink
        self._values = row.values
        self._etag = row.etag
        self.is_dark = False

    @property
    def values(self) -> Mapping[str, Any]:
        """What was saved so far."""
        found: dict[str, Any] = json.loads(self._values["progress"])
        return found

    @property
    def interrupted(self) -> bool:
        """Whether an earlier attempt ended without a known outcome."""
        return bool(self._values["interrupted"])

    @property
    def attempts(self) -> int:
        """How many attempts were begun since the delivery was made or asked for again, this one included."""
        return int(self._values["attempts"])

    @property
    def crashes(self) -> int:
        """How many of them ended with their worker."""
        return int(self._values["crashes"])

    @property
    def faults(self) -> int:
        """How many of them ended with an error that nobody foresaw."""
        return int(self._values.get("faults", 0))

    @property
    def first_at(self) -> datetime:
        """When the first attempt began."""
        first: datetime = self._values["first_at"]
        return first

    @property
    def correlation_id(self) -> str | None:
        """The id of the poll, or of the person's call, that this delivery goes back to; older ones have none."""
        found: str | None = self._values.get("correlation_id")
        return found

    @property
    def is_forced(self) -> bool:
        """Whether a person asked for this delivery, whatever screening says."""
        return bool(self._values.get("forced"))

    def save(self, **values: Any) -> None:
        """Add to the progress. Raises Overtaken when another worker has taken the delivery over.

        When it fails, something was done that is not on record: `is_dark` says so.
        """
        self.is_dark = True
        self._change({"progress": json.dumps(dict(self.values) | values)})
        self.is_dark = False

    def complete(self, receipt: Receipt) -> None:
        """Record what became of it."""
        now = datetime.now(UTC)
        done: Entity = {
            "state": DeliveryState.DELIVERED,
            "finished_at": now,
            "ticket": receipt.ticket or "",
            "is_reply": receipt.is_reply,
            "notes": json.dumps(receipt.notes)[:_LONGEST_MESSAGE],
        }
        part = self._ledger.part(self.sink, DeliveryState.DELIVERED, now, receipt.ticket)
        self._change(done, part)

    @property
    def ticket(self) -> str | None:
        """The ticket that an unfinished delivery already made or chose, as sinks note it."""
        return self.values.get("ticket") or self.values.get("reply")

    def reject(self, cause: str, message: str) -> None:
        """Put it into quarantine: a person decides."""
        now = datetime.now(UTC)
        done: Entity = {
            "state": DeliveryState.QUARANTINED,
            "finished_at": now,
            "cause": cause,
            "message": message[:_LONGEST_MESSAGE],
            "ticket": self.ticket or "",
        }
        part = self._ledger.part(self.sink, DeliveryState.QUARANTINED, now)
        self._change(done, part, self._ledger.into_quarantine(self.key, self.sink, cause, now))

    def release(
        self, due: datetime, *, cause: str, unknown: bool = False, counts: bool = True, is_fault: bool = False
    ) -> None:
        """Let it wait until `due`. `unknown`: look first, the next time; `counts`: it was an attempt."""
        values: Entity = {
            "state": DeliveryState.WAITING,
            "due": due,
            "last_error": cause,
            "faults": self.faults + is_fault,
            "interrupted": self.interrupted or self.is_dark or unknown,
        }
        values |= {} if counts else {"attempts": self.attempts - 1, "first_at": None}
        self._change(values, self._ledger.part(self.sink, DeliveryState.WAITING, due))

    def _change(self, values: Entity, part: Entity | None = None, *more: Operation) -> None:
        changed = {name: value for name, value in (self._values | values).items() if value is not None}
        operations = [Operation("replace", changed, self._etag), *more]
        if part is not None:
            operations.append(_open_work(self._ledger, self.key, part))
        try:
            self._etag = self._ledger.table.transact(operations)[0]
        except Conflict as error:
            raise Overtaken("Another worker has taken this delivery over.", detail=error.detail) from error
        self._values = changed


def claim(ledger: Ledger, key: str, sink: str, seconds: float) -> Claim | None:
    """Claim a delivery for some seconds; None where there is nothing to do, not now or not any more."""
    row = ledger.delivery(key, sink)
    if row is None or not _is_free(row):
        return None
    now = datetime.now(UTC)
    values = dict(row.values)
    crashed = values["state"] == DeliveryState.CLAIMED
    values |= {
        "state": DeliveryState.CLAIMED,
        "due": now + timedelta(seconds=seconds),
        "attempts": int(values["attempts"]) + 1,
        "crashes": int(values["crashes"]) + crashed,
        "interrupted": bool(values["interrupted"]) or crashed,
        "first_at": values.get("first_at") or now,
    }
    part = ledger.part(sink, DeliveryState.CLAIMED, values["due"])
    try:
        etags = ledger.table.transact([Operation("replace", values, row.etag), _open_work(ledger, key, part)])
    except Conflict:
        return None
    return Claim(ledger, key, sink, Row(values, etags[0]))


def _is_free(row: Row) -> bool:
    state, due = DeliveryState(row.values["state"]), row.values["due"]
    now = datetime.now(UTC)
    # A message may come a little before its time; a claim must have run out for certain.
    return (state is DeliveryState.WAITING and due <= now + timedelta(seconds=2)) or (
        state is DeliveryState.CLAIMED and due < now
    )


def _open_work(ledger: Ledger, key: str, part: Entity) -> Operation:
    return Operation("merge", {"PartitionKey": ledger.mailbox, "RowKey": f"o|{key}", **part})
