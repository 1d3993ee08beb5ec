"""Claims: one worker at a time for each delivery, and the record of what it did.

    waiting --claim--> claimed --complete--> delivered
       ^                  |---reject-------> quarantined --redeliver--> waiting
       +----release-------+
    (people begin deliveries again or set them aside: `decisions`)
       (an expired claim may be claimed again: its worker died, so the outcome of its attempt is unknown)

Every step is one write of the delivery's row, guarded by its version, so a worker whose claim was taken over can write
nothing more. What the brake counts, and the list of quarantined deliveries, change in the same transaction.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from inbound_mail.ledger.brakes import BEYOND, NOTICE, PLACE, Becomes, Count, CountChanged, Judgement, Verdict
from inbound_mail.ledger.decisions import JOIN
from inbound_mail.ledger.delivery_history import add_to_history
from inbound_mail.ledger.ledger import Ledger
from inbound_mail.ledger.records import SETTLED, DeliveryRecord, DeliveryState, MailFacts
from inbound_mail.sinks.protocol import Receipt
from shared.errors import Conflict, OutcomeUnknown, Rejected
from shared.retry import space_tries
from shared.storage.tables import Entity

_LONGEST_MESSAGE = 1000
_LATE = timedelta(seconds=5)
_MOST_TRIES = 20  # of a transaction whose count another mail of the correspondent changes


class Overtaken(Conflict):
    """Another worker has taken the delivery over. A worker that gets this error stops at once and writes nothing."""

    code = "Overtaken"


class HeldBack(Conflict):
    """Another mail or worker must end first: this delivery must wait a little."""

    code = "HeldBack"


class _Changed(Conflict):
    """The delivery has changed since it was read."""


type Judge = Callable[[DeliveryRecord], Judgement]


class Claim:
    """One worker's right to work on a delivery. It is the `Progress` that the sink gets."""

    def __init__(self, ledger: Ledger, delivery: DeliveryRecord, judgement: Judgement | None = None) -> None:
        self._ledger = ledger
        self._rows = ledger.delivery_rows
        self._delivery = delivery
        self.verdict = judgement.verdict if judgement else Verdict.GO
        self.key = delivery.key
        self.sink = delivery.sink
        self.has_unsaved_step = False
        self._noted: Entity = {}

    @property
    def values(self) -> Mapping[str, Any]:
        """What the sink has saved or noted so far."""
        return {name: value for name, value in self._progress.items() if name != SETTLED}

    @property
    def settled(self) -> Mapping[str, Any]:
        """What was decided about this delivery before its first attempt; it holds for all attempts."""
        return self._delivery.settled

    @property
    def interrupted(self) -> bool:
        """Whether an earlier attempt ended with an unknown outcome."""
        return bool(self._delivery.values["interrupted"])

    @property
    def attempts(self) -> int:
        """How many attempts were begun since the delivery was created or redelivered, this one included."""
        return self._delivery.attempts

    @property
    def crashes(self) -> int:
        """How many attempts ended because their worker died."""
        return int(self._delivery.values["crashes"])

    @property
    def faults(self) -> int:
        """How many attempts ended with an unexpected error."""
        return int(self._delivery.values.get("faults", 0))

    @property
    def refusals(self) -> int:
        """How many attempts the sink refused without a clear reason, though it was well."""
        return int(self._delivery.values.get("refusals", 0))

    @property
    def first_at(self) -> datetime:
        """When the first attempt began."""
        first: datetime = self._delivery.values["first_at"]
        return first

    def read_facts(self) -> MailFacts | None:
        """Return what the delivery must know of its mail; None if the mail is not known."""
        return self._ledger.facts(self._delivery)

    @property
    def correlation_id(self) -> str | None:
        """The id of the poll or request that this delivery goes back to; deliveries of older versions have none."""
        return self._delivery.correlation_id

    @property
    def is_forced(self) -> bool:
        """Whether a person asked for this delivery, so that screening must not reject it."""
        return bool(self._delivery.values.get("forced"))

    @property
    def join(self) -> str | None:
        """The ticket to which a person wants the mail to be added."""
        return self.settled.get(JOIN)

    @property
    def notice(self) -> Mapping[str, Any] | None:
        """What the brake had counted (hour, tickets, comments) if this mail is the notice of a loop, else None."""
        found: dict[str, Any] | None = json.loads(self._delivery.values.get(NOTICE) or "null")
        return found

    @property
    def ticket(self) -> str | None:
        """The ticket that an unfinished delivery already created or chose, as the sink saved it."""
        return self.values.get("ticket") or self.values.get("reply")

    def settle(self, **values: Any) -> None:
        """Record decisions for all attempts, before the sink begins. Raises Overtaken."""
        self._change({"progress": json.dumps(self._progress | {SETTLED: {**self.settled, **values}})})

    def save(self, **values: Any) -> None:
        """Add to the progress. Raises Overtaken if another worker has taken the delivery over.

        If saving fails, the sink has done something that is not recorded: `has_unsaved_step` then stays true.
        """
        self.note(**values)
        if self._noted:
            self.has_unsaved_step = True
            self._change({})
            self.has_unsaved_step = False

    def note(self, **values: Any) -> None:
        """Add to the progress with the next write."""
        self._noted |= values

    def complete(self, receipt: Receipt, *, counts: bool = True) -> None:
        """Record that the sink took the mail. Raises Overtaken. `counts`: this made a ticket or a comment."""
        now = datetime.now(UTC)
        done: Entity = {
            "state": DeliveryState.DELIVERED,
            "finished_at": now,
            "ticket": receipt.ticket or "",
            "is_reply": receipt.is_reply,
            "notes": _dump_notes(receipt.notes),
            **({"ticket_url": receipt.url} if receipt.url else {}),
        } | self._note_attempt(DeliveryState.DELIVERED)
        became = Becomes.COMMENT if receipt.is_reply else Becomes.TICKET
        self._change(done, becomes=became if counts else Becomes.NOTHING)

    def reject(self, cause: str, message: str) -> None:
        """Put the delivery into quarantine, where a person decides. Raises Overtaken."""
        now = datetime.now(UTC)
        done: Entity = {
            "state": DeliveryState.QUARANTINED,
            "finished_at": now,
            "cause": cause,
            "message": message[:_LONGEST_MESSAGE],
            "ticket": self.ticket or "",
        } | self._note_attempt(DeliveryState.QUARANTINED, cause)
        self._change(done, cause, becomes=Becomes.NOTHING)

    def release(
        self,
        due: datetime,
        *,
        cause: str,
        unknown: bool = False,
        counts: bool = True,
        is_fault: bool = False,
        is_refusal: bool = False,
    ) -> None:
        """Let the delivery wait until `due`. Raises Overtaken.

        `unknown`: the outcome of this attempt is unknown, so the next one searches first. `counts`: this was an
        attempt. `is_fault`: it ended with an unexpected error. `is_refusal`: with an unclear refusal of this mail.
        """
        values: Entity = {
            "state": DeliveryState.WAITING,
            "due": due,
            "last_error": cause,
            "faults": self.faults + is_fault,
            "refusals": self.refusals + is_refusal,
            "interrupted": self.interrupted or self.has_unsaved_step or unknown,
        } | self._note_attempt(DeliveryState.WAITING, cause)
        values |= {} if counts else {"attempts": self.attempts - 1, "first_at": None}
        # A place is kept only for what may have been written, so that no mail waits for one that waits itself.
        is_free = not (values["interrupted"] or self.ticket)
        self._change(values, becomes=Becomes.NOTHING if is_free else None)

    @property
    def _progress(self) -> Entity:
        return self._delivery.progress | self._noted

    def _note_attempt(self, outcome: DeliveryState, cause: str | None = None) -> Entity:
        return add_to_history(self._delivery.values, "attempt", outcome=outcome.value, cause=cause)

    def _change(
        self,
        values: Entity,
        cause: str | None = None,
        *,
        becomes: Becomes | None = None,
    ) -> None:
        """Write columns. `becomes`: what became of the mail, so that it has no place under the brake any more."""
        noted: Entity = {"progress": json.dumps(self._progress)} if self._noted else {}
        try:
            self._write(noted | values, cause, becomes)
        except Rejected:
            if not (noted and "state" in values):
                raise
            self._write(values, cause, becomes)  # the attempt ends, whatever the row is too small for
        self._noted = {}

    def _write(self, values: Entity, cause: str | None, becomes: Becomes | None) -> None:
        is_counted = becomes is not None and any(self._delivery.values.get(name) for name in (PLACE, NOTICE))
        with self._ledger.turns.take(_name_turn(self._delivery) if is_counted else None):
            self._write_counted(values, cause, becomes)

    def _write_counted(self, values: Entity, cause: str | None, becomes: Becomes | None) -> None:
        for _ in space_tries(_MOST_TRIES):
            count = self._end_place(becomes, is_rejected=cause is not None) if becomes is not None else None
            columns = values | ({PLACE: None} if count else {})
            try:
                self._delivery = self._rows.change(self._delivery, columns, cause, count=count)
            except CountChanged:
                self._ledger.brake.read_again(count)
                continue
            except Conflict as error:
                raise Overtaken(
                    "Another worker has taken this delivery over. Leave it to that one.", detail=error.detail
                ) from error
            self._ledger.brake.note(count)
            return
        raise OutcomeUnknown(
            "Many mails of one correspondent are being counted. Try again later.", code="UpstreamError"
        )

    def _end_place(self, becomes: Becomes, *, is_rejected: bool) -> Count | None:
        brake = self._ledger.brake
        is_unwritten = is_rejected and not (self.interrupted or self.has_unsaved_step or self.ticket)
        return brake.settle(self._delivery, becomes) or (
            brake.withdraw_notice(self._delivery) if is_unwritten else None
        )


def _dump_notes(notes: Sequence[str]) -> str:
    """Return notes as JSON, without the last ones if they are too long together."""
    kept = list(notes)
    while len(json.dumps(kept)) > _LONGEST_MESSAGE:
        kept.pop()
    return json.dumps(kept)


def claim(
    ledger: Ledger,
    key: str,
    sink: str,
    seconds: float,
    judge: Judge | None = None,
    *,
    known: DeliveryRecord | None = None,
) -> Claim | None:
    """Claim a delivery for some seconds. Return None if it is finished, not yet due, or claimed by another worker.

    `judge` is asked about a delivery that has no place under the brake yet. `known`: its row beside open work, as it
    was read a while ago; it is read again if it has changed. Raises HeldBack if it must wait.
    """
    if known is not None and _is_free(known):
        with suppress(_Changed):
            return _claim(ledger, known, seconds, judge)
    try:
        delivery = ledger.delivery_rows.find_claimable(key, sink)
    except Conflict as error:
        raise HeldBack("A worker of an earlier version delivers this mail. Try again later.") from error
    if delivery is None or not _is_free(delivery):
        return None
    with suppress(_Changed):
        return _claim(ledger, delivery, seconds, judge)
    return None


def _claim(ledger: Ledger, delivery: DeliveryRecord, seconds: float, judge: Judge | None) -> Claim:
    """Claim a delivery as it was read. Raises _Changed if it is not so any more."""
    now = datetime.now(UTC)
    values = delivery.values
    crashed = delivery.state is DeliveryState.CLAIMED
    claimed: Entity = {
        "state": DeliveryState.CLAIMED,
        "attempts": delivery.attempts + 1,
        "crashes": int(values["crashes"]) + crashed,
        "interrupted": bool(values["interrupted"]) or crashed,
        "first_at": values.get("first_at") or now,
    } | (add_to_history(values, "attempt", outcome="died") if crashed else {})
    # What an attempt may have written goes on, whatever was counted; it is not so with a mail that was to be set aside.
    may_be_written = claimed["interrupted"] and not values.get(BEYOND)
    is_counted = may_be_written or any(values.get(name) for name in ("forced", PLACE, NOTICE))
    with ExitStack() as turn:
        if judge and not is_counted:
            turn.enter_context(ledger.turns.take(_name_turn(delivery)))
        for _ in space_tries(_MOST_TRIES):
            judgement = Judgement(Verdict.GO, {}) if judge is None or is_counted else judge(delivery)
            if judgement.verdict is Verdict.WAIT:
                break
            if judgement.count is None:  # nothing is counted
                turn.close()
            began = datetime.now(UTC)
            claimed["due"] = began + timedelta(seconds=seconds)
            try:
                taken = ledger.delivery_rows.change(delivery, claimed | judgement.columns, count=judgement.count)
                if (late := datetime.now(UTC)) - began > _LATE:  # the write has waited: the attempt has its whole time
                    taken = ledger.delivery_rows.change(taken, {"due": late + timedelta(seconds=seconds)})
            except CountChanged:
                ledger.brake.read_again(judgement.count)
                continue
            except Conflict as conflict:
                raise _Changed(conflict.message) from conflict
            ledger.brake.note(judgement.count)
            return Claim(ledger, taken, judgement)
    raise HeldBack("Other mails of the correspondent are under way. Try again later.")


def _name_turn(delivery: DeliveryRecord) -> tuple[str, str] | None:
    """Return the name of the turn of all mails that the brake counts in the same row."""
    facts = delivery.facts
    return (delivery.sink, facts.sender) if facts else None


def _is_free(delivery: DeliveryRecord) -> bool:
    now = datetime.now(UTC)
    # A queue message may arrive a little early; a claim must certainly have expired.
    return (delivery.state is DeliveryState.WAITING and delivery.due <= now + timedelta(seconds=2)) or (
        delivery.state is DeliveryState.CLAIMED and delivery.due < now
    )
