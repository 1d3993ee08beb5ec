"""One delivery: claim, hand over, record.

What a sink raises decides, by what is known to have happened: nothing was written -> later; nobody knows -> later, and
look first; our settings are wrong -> the sink's circuit opens and every mail waits; refused -> quarantine. A worker
that dies leaves its claim, which runs out.
"""

import logging
import random
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from inbound_mail.content.models import InboundMail, Rendering, Screening
from inbound_mail.content.rendering import render_mail
from inbound_mail.content.screening import screen_mail
from inbound_mail.delivery.circuit_breaker import PROBE_EVERY, Circuit
from inbound_mail.delivery.threads import KnownThreads
from inbound_mail.ledger.claims import Claim, Overtaken, claim
from inbound_mail.sinks.protocol import PreparedMail, Sink
from inbound_mail.support_mailbox import SupportMailbox
from shared import context
from shared.errors import (
    ConfigurationError,
    GatewayError,
    OutcomeUnknown,
    Refused,
    Rejected,
    Unavailable,
    place_of,
)
from shared.events import Event, log_event
from shared.storage.queues import Queue
from shared.storage.tables import Table

_log = logging.getLogger("gateway.mail")

GIVE_UP_AFTER = timedelta(hours=24)
_FIRST_WAIT, _LONGEST_WAIT = 5.0, 900.0
_SHORTEST_WAIT = 3.0  # longer than the record of the wait takes, which is written after the message
_WAIT_IN_THE_DARK = 10.0
_CLAIM_MARGIN = 15.0
_MOST_CRASHES = 5
_MOST_FAULTS = 5


class Outcome(StrEnum):
    """How one delivery went."""

    DELIVERED = "delivered"
    WAITING = "waiting"
    QUARANTINED = "quarantined"
    NOTHING_TO_DO = "nothing-to-do"


class Deliverer:
    """Hands mails to sinks. Called twice for one mail, it hands it over once."""

    def __init__(
        self,
        sinks: Mapping[str, Sink],
        *,
        mails: Table,
        threads: Table,
        queue: Queue,
        own_addresses: Collection[str],
    ) -> None:
        self._sinks = sinks
        self._threads = threads
        self._circuits = {name: Circuit(mails, name) for name in sinks}
        self._queue = queue
        self._own_addresses = own_addresses

    def deliver(self, mailbox: SupportMailbox, key: str, sink_name: str) -> Outcome:
        """Do one delivery, or find that it is not the time. Raises Unavailable only when our own storage does."""
        sink = self._sinks.get(sink_name)
        if sink is not None and self._circuits[sink_name].is_open(sink):
            wait = PROBE_EVERY.total_seconds() * random.uniform(1, 1.2)  # noqa: S311 - spreads load, guards nothing
            self._enqueue(mailbox, key, sink_name, wait)
            mailbox.ledger.postpone(key, sink_name, datetime.now(UTC) + timedelta(seconds=wait))
            return Outcome.WAITING
        claimed = claim(mailbox.ledger, key, sink_name, (sink.time_limit if sink else 0) + _CLAIM_MARGIN)
        if claimed is None:
            return Outcome.NOTHING_TO_DO
        with context.call(
            claimed.correlation_id or str(uuid.uuid4()), seconds=sink.time_limit if sink else _CLAIM_MARGIN
        ):
            try:
                return self._deliver(mailbox, claimed, sink)
            except Overtaken:
                _log.warning("%s: mail %s was taken over by another worker", mailbox.name, key)
                return Outcome.NOTHING_TO_DO
            except Exception as error:  # noqa: BLE001 - whatever it was, the delivery must not be forgotten
                return self._fail(mailbox, claimed, error)

    def _deliver(self, mailbox: SupportMailbox, claimed: Claim, sink: Sink | None) -> Outcome:
        if sink is None:
            raise Rejected("The settings know no such sink any more.", code="SinkGone")
        if claimed.crashes >= _MOST_CRASHES:
            raise Rejected("Whoever works on this mail dies of it.", code="WorkerDied")
        threads = KnownThreads(self._threads, claimed.sink)
        prepared = self._prepare(mailbox, claimed, threads)
        try:
            receipt = sink.deliver(prepared, claimed)
        except ConfigurationError as error:
            self._circuits[claimed.sink].open(error)
            raise
        except Refused:
            if claimed.ticket:  # the text is there, something else was refused: answers still belong to that ticket
                threads.remember(prepared.mail, claimed.ticket)
            raise
        if receipt.ticket:
            threads.remember(prepared.mail, receipt.ticket)
        claimed.complete(receipt)
        _log.info("%s: mail %s delivered to %s", mailbox.name, claimed.key, claimed.sink)
        return Outcome.DELIVERED

    def _prepare(self, mailbox: SupportMailbox, claimed: Claim, threads: KnownThreads) -> PreparedMail:
        row, mail = mailbox.ledger.mail(claimed.key), mailbox.store.load(claimed.key)
        if row is None or mail is None:
            raise Rejected("The mail's copy in our own storage is gone.", code="MailLost")
        screening, rendering = self._read(mail)
        is_ours = screening.is_bounce and threads.find(screening.bounced) is not None
        if not (screening.makes_ticket or is_ours or claimed.is_forced):
            raise Rejected("; ".join(screening.evidence) or "The mail is an automatic one.", code="AutomaticMail")
        reference = str(row.values["reference"])
        return PreparedMail(mail, rendering, screening, reference, threads, mailbox.store.open)

    def _read(self, mail: InboundMail) -> tuple[Screening, Rendering]:
        try:
            return screen_mail(mail, self._own_addresses), render_mail(mail)
        except Exception as error:
            _log.error("mail %s cannot be read: %s", mail.key, place_of(error))
            raise Rejected(f"The mail cannot be read ({type(error).__name__}).", code="MailUnreadable") from error

    def _fail(self, mailbox: SupportMailbox, claimed: Claim, error: Exception) -> Outcome:
        """Decide what a failed attempt means."""
        _log.log(
            logging.WARNING if isinstance(error, GatewayError) else logging.ERROR,
            "%s: mail %s to %s, attempt %d: %s",
            mailbox.name, claimed.key, claimed.sink, claimed.attempts,
            error if isinstance(error, GatewayError) else place_of(error),
        )  # fmt: skip
        verdict = _judge(claimed, error)
        try:
            if verdict.wait is None:
                claimed.reject(verdict.code, verdict.message)
                log_event(
                    Event.MAIL_QUARANTINED,
                    mailbox=mailbox.name, key=claimed.key, sink=claimed.sink, cause=verdict.code,
                )  # fmt: skip
                return Outcome.QUARANTINED
            # The message first: whoever dies after it leaves a claim that runs out, as one before it does.
            self._enqueue(mailbox, claimed.key, claimed.sink, verdict.wait)
            due = datetime.now(UTC) + timedelta(seconds=verdict.wait)
            claimed.release(
                due, cause=verdict.code, unknown=verdict.unknown, counts=verdict.counts, is_fault=verdict.is_fault
            )
        except Overtaken:
            return Outcome.NOTHING_TO_DO
        return Outcome.WAITING

    def _enqueue(self, mailbox: SupportMailbox, key: str, sink: str, seconds: float) -> None:
        self._queue.put({"mailbox": mailbox.name, "key": key, "sink": sink}, delay=seconds)


@dataclass(frozen=True)
class _Verdict:
    """What a failed attempt means: `wait` seconds (None: quarantine), whether to look first, whether it counts.

    `is_fault`: nobody foresaw it.
    """

    code: str
    message: str = ""
    wait: float | None = None
    unknown: bool = False
    counts: bool = True
    is_fault: bool = False


def _judge(claimed: Claim, error: Exception) -> _Verdict:
    code = error.code if isinstance(error, GatewayError) else "Internal"
    message = error.message if isinstance(error, GatewayError) else f"The gateway failed: {type(error).__name__}."
    if isinstance(error, ConfigurationError):
        return _Verdict(code, wait=PROBE_EVERY.total_seconds(), counts=False)
    if isinstance(error, Refused):
        return _Verdict(code, message)
    is_fault = not isinstance(error, (Unavailable, OutcomeUnknown))
    if is_fault and claimed.faults + 1 >= _MOST_FAULTS:
        return _Verdict(code, message)
    if datetime.now(UTC) - claimed.first_at > GIVE_UP_AFTER:
        return _Verdict(code="GaveUp", message=f"No success within 24 hours. The last answer: {message}")
    if isinstance(error, Unavailable):
        asked_for = min(error.retry_after or 0.0, GIVE_UP_AFTER.total_seconds())
        return _Verdict(code, wait=max(asked_for, _backoff(claimed.attempts)))
    wait = max(_WAIT_IN_THE_DARK, _backoff(claimed.attempts))
    return _Verdict(code, wait=wait, unknown=True, is_fault=is_fault)


def _backoff(attempts: int) -> float:
    """Return full jitter over a growing span, in seconds."""
    span = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(attempts, 10))
    return max(_SHORTEST_WAIT, random.uniform(0, span))  # noqa: S311 - spreads load, guards nothing
