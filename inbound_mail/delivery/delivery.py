"""One delivery attempt: claim the delivery, hand the mail to the sink, record the result.

The error that a sink raises decides what happens next (`_judge`):

- Unavailable: nothing was written; try again later.
- OutcomeUnknown: the ticket may exist; try again later, and search for it first.
- ConfigurationError: ask the circuit breaker for the reason. If it is the sink, every mail waits. If it is this mail,
  the third such attempt puts it into quarantine. If nobody knows yet, this mail waits.
- Refused: put this delivery into quarantine.

A worker that dies leaves its claim, which expires; another worker then takes the delivery over.
"""

import logging
import random
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from inbound_mail.content.belonging import may_belong
from inbound_mail.content.delivery_reports import read_report
from inbound_mail.content.models import InboundMail, Rendering, Screening
from inbound_mail.content.rendering import render_mail
from inbound_mail.content.requestor import Requestor, find_requestor, is_listed
from inbound_mail.content.rules import MatchedRule
from inbound_mail.content.screening import screen_mail
from inbound_mail.delivery.circuit_breaker import PROBE_EVERY, CircuitBreaker, Reason
from inbound_mail.delivery.earlier_mails import wait_for_earlier_mails
from inbound_mail.delivery.history import cut_history
from inbound_mail.delivery.known_files import KnownFiles
from inbound_mail.delivery.loops import LoopBrake, describe_loop, refuse_loop, wait_for_places
from inbound_mail.delivery.same_mails import SameMails
from inbound_mail.delivery.threads import KnownConversations, KnownThreads
from inbound_mail.ledger.brakes import Verdict
from inbound_mail.ledger.claims import Claim, HeldBack, Overtaken, claim
from inbound_mail.ledger.open_texts import OpenText
from inbound_mail.ledger.read_ahead import NOTHING_READ, ReadAhead
from inbound_mail.ledger.records import MailFacts
from inbound_mail.messages import DeliveryQueue, DeliveryRequest
from inbound_mail.sinks.protocol import PreparedMail, Receipt, Sink, refuse_automatic_mail
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
from shared.settings.requestor_policy import NAMED_POLICIES
from shared.storage.tables import Table

_log = logging.getLogger("gateway.mail")

GIVE_UP_AFTER = timedelta(hours=24)
_FIRST_WAIT, _LONGEST_WAIT = 5.0, 900.0
_SHORTEST_WAIT = 3.0  # the wait is recorded after its message is sent, and must be recorded before the message arrives
_WAIT_AFTER_UNKNOWN_OUTCOME = 10.0
_CLAIM_MARGIN = 15.0
_MOST_CRASHES = 5
_MOST_FAULTS = 5
_MOST_REFUSALS = 3


class _RefusedMailError(GatewayError):
    """The sink refuses this mail without a clear reason, and is well."""


class DeliveryOutcome(StrEnum):
    """The result of one delivery attempt."""

    DELIVERED = "delivered"
    WAITING = "waiting"
    QUARANTINED = "quarantined"
    NOTHING_TO_DO = "nothing-to-do"


class Deliverer:
    """Hands mails to sinks: each mail once to each sink, however often it is called."""

    def __init__(
        self,
        sinks: Mapping[str, Sink],
        *,
        circuit_breakers: Mapping[str, CircuitBreaker],
        threads: Table,
        queue: DeliveryQueue,
        own_addresses: Collection[str],
        shared_sinks: Collection[str] = (),
    ) -> None:
        """Build it.

        `own_addresses`: the addresses of all support mailboxes; mails from them are automatic ones. `shared_sinks`:
        the sinks that several mailboxes use.
        """
        self._sinks = sinks
        self._threads = threads
        self._circuit_breakers = circuit_breakers
        self._queue = queue
        self._own_addresses = own_addresses
        self._shared_sinks = shared_sinks
        self._conversations = {name: KnownConversations() for name in sinks}

    def deliver(
        self, mailbox: SupportMailbox, key: str, sink_name: str, ahead: ReadAhead = NOTHING_READ
    ) -> DeliveryOutcome:
        """Make one attempt if the delivery is due. Raises Unavailable only when the gateway's own storage does.

        `ahead`: what was read for it and others of the mailbox, which are delivered side by side.
        """
        with mailbox.ledger.delivery_rows.joined.taking_part():
            return self._attempt(mailbox, key, sink_name, ahead)

    def _attempt(self, mailbox: SupportMailbox, key: str, sink_name: str, ahead: ReadAhead) -> DeliveryOutcome:
        sink = self._sinks.get(sink_name)
        if sink is not None and self._circuit_breakers[sink_name].is_open(sink):
            return self._postpone(mailbox, key, sink_name, _wait_for_probe())
        brake = LoopBrake(mailbox, self._threads_of(sink_name), self._own_addresses)
        seconds = (sink.time_limit if sink else 0) + _CLAIM_MARGIN
        try:
            known = ahead.deliveries.get((key, sink_name))
            claimed = claim(mailbox.ledger, key, sink_name, seconds, brake.judge, known=known)
        except HeldBack:
            return self._postpone(mailbox, key, sink_name, wait_for_places())
        if claimed is None:
            return DeliveryOutcome.NOTHING_TO_DO
        with context.call(
            claimed.correlation_id or str(uuid.uuid4()), seconds=sink.time_limit if sink else _CLAIM_MARGIN
        ):
            try:
                return self._deliver(mailbox, claimed, sink, ahead.texts.get(key))
            except Overtaken:
                _log.warning("%s: mail %s was taken over by another worker", mailbox.name, key)
                return DeliveryOutcome.NOTHING_TO_DO
            except Exception as error:  # noqa: BLE001 - any error must be recorded, or the delivery would be lost
                return self._fail(mailbox, claimed, error)

    def _postpone(self, mailbox: SupportMailbox, key: str, sink: str, wait: float) -> DeliveryOutcome:
        self._enqueue(mailbox, key, sink, wait)
        mailbox.ledger.postpone(key, sink, datetime.now(UTC) + timedelta(seconds=wait))
        return DeliveryOutcome.WAITING

    def _deliver(
        self, mailbox: SupportMailbox, claimed: Claim, sink: Sink | None, text: OpenText | None
    ) -> DeliveryOutcome:
        sink = _require_way(mailbox, claimed, sink)
        threads, known_files = self._threads_of(claimed.sink), KnownFiles(self._threads, claimed.sink)
        prepared = self._prepare(mailbox, claimed, text, threads, known_files)
        breaker, same = self._circuit_breakers[claimed.sink], self._find_same(mailbox, claimed, prepared)
        try:
            receipt = same or sink.deliver(prepared, claimed)
        except (ConfigurationError, Refused) as error:
            if claimed.ticket:  # the ticket exists, a later step was refused: replies still belong to that ticket
                _remember(threads, prepared, claimed.ticket, joins=not claimed.values.get("ticket"))
            if not isinstance(error, ConfigurationError):
                raise
            if breaker.find_reason(sink, claimed.key, error) is Reason.MAIL:
                raise _RefusedMailError(
                    error.message, code="SinkRefused", detail=f"{error.code} {error.detail or ''}".strip()
                ) from error
            raise
        if same is None:
            breaker.note_delivery()
        if receipt.ticket:
            _remember(threads, prepared, receipt.ticket, joins=receipt.is_reply, is_same=same is not None)
        known_files.remember(prepared.mail, receipt.ticket, receipt.files)
        claimed.complete(receipt, counts=same is None)
        if prepared.is_note and prepared.screening.is_bounce:
            log_event(
                Event.TICKET_NOTIFICATION_BOUNCED,
                mailbox=mailbox.name, key=claimed.key, sink=claimed.sink,
                ticket=receipt.ticket or claimed.values.get("answers"),
            )  # fmt: skip
        ticket = receipt.ticket or "none"
        _log.info("%s: mail %s delivered to %s, ticket %s", mailbox.name, claimed.key, claimed.sink, ticket)
        return DeliveryOutcome.DELIVERED

    def _threads_of(self, sink: str) -> KnownThreads:
        return KnownThreads(self._threads, sink, self._conversations.get(sink))

    def _find_same(self, mailbox: SupportMailbox, claimed: Claim, prepared: PreparedMail) -> Receipt | None:
        """Return the receipt of the same mail in another mailbox of the sink, if there is one."""
        if claimed.sink not in self._shared_sinks:
            return None
        if claimed.join or claimed.notice:
            return None
        return SameMails(self._threads, claimed.sink).find_delivered(prepared.mail, claimed, mailbox.ledger)

    def _prepare(
        self,
        mailbox: SupportMailbox,
        claimed: Claim,
        text: OpenText | None,
        threads: KnownThreads,
        known_files: KnownFiles,
    ) -> PreparedMail:
        facts, mail = claimed.read_facts(), mailbox.store.load(claimed.key, text)
        if facts is None or mail is None:
            raise Rejected("The mail is no longer in the gateway's storage. Handle it in the mailbox.", code="MailLost")
        screening, rendering = self._read(mail, mailbox)
        rule = _find_rule(facts, claimed.sink, mailbox.settings.sinks)
        loop = describe_loop(mailbox, mail.sender, dict(claimed.notice)) if claimed.notice else None
        if loop is None:
            wait_for_earlier_mails(mail, screening, claimed, mailbox, threads)
        is_note = not (screening.makes_ticket or claimed.is_forced or loop)
        if is_note and screening.is_own:  # its ticket has what it says, and a note would make the next notification
            raise refuse_automatic_mail(screening)
        if is_note and not may_belong(mail, screening, threads):
            if not (rule and rule.takes_automatic):
                raise refuse_automatic_mail(screening)
            is_note = False
        rendering, history_in = cut_history(mailbox, claimed, mail, rendering)
        rendering = replace(rendering, title=loop.title) if loop else rendering
        return PreparedMail(
            mail, rendering, screening, facts.reference, threads, known_files, mailbox.store.open, is_note, history_in,
            rule, claimed.join, claimed.is_forced, self._find_requestor(mailbox, claimed, mail, rendering, rule),
            loop,
        )  # fmt: skip

    def _find_requestor(
        self, mailbox: SupportMailbox, claimed: Claim, mail: InboundMail, rendering: Rendering, rule: MatchedRule | None
    ) -> Requestor | None:
        """Return who asks if the policy lists the author. The first attempt decides; a policy may be changed."""
        policy = NAMED_POLICIES.get((rule and rule.requestor) or "", mailbox.settings.requestor)
        if "requestor" not in claimed.settled:
            if not is_listed(mail, policy):
                return None
            found = find_requestor(mail, rendering.text, policy, self._own_addresses, mailbox.store.open)
            claimed.settle(requestor=found.describe())
        return Requestor.from_json(claimed.settled["requestor"])

    def _read(self, mail: InboundMail, mailbox: SupportMailbox) -> tuple[Screening, Rendering]:
        try:
            screening = screen_mail(mail, self._own_addresses, mailbox.settings.own_senders)
            return read_report(mail, screening, mailbox.store.open), render_mail(mail)
        except GatewayError:  # the storage account, not the mail
            raise
        except Exception as error:
            _log.error("mail %s cannot be read: %s", mail.key, place_of(error))
            raise Rejected(
                f"The gateway cannot read this mail ({type(error).__name__}). Handle it in the mailbox.",
                code="MailUnreadable",
            ) from error

    def _fail(self, mailbox: SupportMailbox, claimed: Claim, error: Exception) -> DeliveryOutcome:
        """Log a failed attempt and record what follows from it."""
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
                return DeliveryOutcome.QUARANTINED
            # The message first: if the worker dies in between, the claim expires and the message finds it.
            self._enqueue(mailbox, claimed.key, claimed.sink, verdict.wait)
            due = datetime.now(UTC) + timedelta(seconds=verdict.wait)
            claimed.release(
                due,
                cause=verdict.code,
                unknown=verdict.unknown,
                counts=verdict.counts,
                is_fault=verdict.is_fault,
                is_refusal=verdict.is_refusal,
            )
        except Overtaken:
            return DeliveryOutcome.NOTHING_TO_DO
        return DeliveryOutcome.WAITING

    def _enqueue(self, mailbox: SupportMailbox, key: str, sink: str, seconds: float) -> None:
        self._queue.put(DeliveryRequest(mailbox.name, key, sink), delay=seconds)


def _require_way(mailbox: SupportMailbox, claimed: Claim, sink: Sink | None) -> Sink:
    """Return the sink. Raises Refused if nothing may be tried."""
    if sink is None:
        raise Rejected(
            "The settings do not contain this sink any more. Put it back, or deliver the mail to another one by hand.",
            code="SinkGone",
        )
    if claimed.crashes >= _MOST_CRASHES:
        raise Rejected(
            f"The worker crashed {_MOST_CRASHES} times while delivering this mail. Look at its size and at the log.",
            code="WorkerDied",
        )
    if claimed.verdict is Verdict.STOP:
        raise refuse_loop(mailbox)
    return sink


def _find_rule(facts: MailFacts, sink: str, usual_sinks: Collection[str]) -> MatchedRule | None:
    """Return what a rule decided about a mail; it is not meant for a sink that a person chose instead."""
    if facts.rule is None or sink not in (facts.sinks or usual_sinks):
        return None
    return MatchedRule.from_json(facts.rule)


def _remember(
    threads: KnownThreads, prepared: PreparedMail, ticket: str, *, joins: bool, is_same: bool = False
) -> None:
    """Record the ticket of a mail. Whom an automatic mail, or a copy in another mailbox, names proves nothing."""
    if prepared.is_note:
        return
    is_automatic = not prepared.screening.makes_ticket
    adds_people = not (is_same or (joins and is_automatic))
    threads.remember(prepared.mail, ticket, title=prepared.rendering.title, joins=joins, adds_people=adds_people)


@dataclass(frozen=True)
class _Verdict:
    """What follows from a failed attempt.

    `wait`: seconds until the next attempt; None: quarantine. `unknown`: the next attempt searches first. `counts`: this
    was an attempt. `is_fault`: the error was unexpected. `is_refusal`: the sink refused this mail without clear reason.
    """

    code: str
    message: str = ""
    wait: float | None = None
    unknown: bool = False
    counts: bool = True
    is_fault: bool = False
    is_refusal: bool = False


def _judge(claimed: Claim, error: Exception) -> _Verdict:
    code = error.code if isinstance(error, GatewayError) else "Internal"
    message = (
        error.message
        if isinstance(error, GatewayError)
        else f"The gateway failed with an unexpected error ({type(error).__name__})."
    )
    if isinstance(error, ConfigurationError):
        return _Verdict(code, wait=_wait_for_probe(), counts=False)
    if isinstance(error, _RefusedMailError):
        is_last = claimed.refusals + 1 >= _MOST_REFUSALS
        sentence = f"The sink refused this mail {_MOST_REFUSALS} times, and is well itself: {message}"
        return _Verdict(code, sentence, None if is_last else _wait_for_probe(), is_refusal=True)
    is_fault = not isinstance(error, (Refused, Unavailable, OutcomeUnknown))
    if isinstance(error, Refused) or (is_fault and claimed.faults + 1 >= _MOST_FAULTS):
        return _Verdict(code, message)
    if datetime.now(UTC) - claimed.first_at > GIVE_UP_AFTER:
        return _Verdict(code="GaveUp", message=f"No attempt succeeded within 24 hours. The last error: {message}")
    if isinstance(error, Unavailable):
        asked_for = min(error.retry_after or 0.0, GIVE_UP_AFTER.total_seconds())
        return _Verdict(code, wait=max(asked_for, _backoff(claimed.attempts)))
    wait = max(_WAIT_AFTER_UNKNOWN_OUTCOME, _backoff(claimed.attempts))
    return _Verdict(code, wait=wait, unknown=True, is_fault=is_fault)


def _wait_for_probe() -> float:
    """Return the wait in seconds until the sink's next probe is due; mails that wait for it come in no fixed order."""
    return PROBE_EVERY.total_seconds() * random.uniform(1, 1.2)  # noqa: S311 - spreads load, guards nothing


def _backoff(attempts: int) -> float:
    """Return a random wait (full jitter) in seconds; its upper bound doubles with each attempt."""
    span = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(attempts, 10))
    return max(_SHORTEST_WAIT, random.uniform(0, span))  # noqa: S311 - spreads load, guards nothing
