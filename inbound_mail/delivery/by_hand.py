"""Mails by hand: a person lets a mail be delivered now, to another sink, or to a ticket, or sets it aside for good.

Nothing is delivered twice. A delivery that a worker holds is left alone. A mail whose outcome at a sink is unknown goes
to another sink or ticket only after a look at the first one, and not if it is there. What is written then replaces the
old delivery in one transaction, guarded by its version; the queue message follows. So the same request twice does one
thing, and after a crash the request may be repeated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from inbound_mail.ledger.decisions import JOIN, MOVED, SET_ASIDE_BY_HAND, Change, Decision, Decisions
from inbound_mail.ledger.records import SETTLED, DeliveryRecord, DeliveryState, MailRecord, MailState
from inbound_mail.messages import DeliveryQueue, DeliveryRequest
from inbound_mail.sinks.protocol import Look, Sink
from shared.errors import ConfigurationError, Conflict, InProgress, Invalid, NotFound, OutcomeUnknown, Unavailable

if TYPE_CHECKING:
    from inbound_mail.support_mailbox import SupportMailbox


@dataclass(frozen=True)
class Wish:
    """What a person asks for. `sink` None: where the mail goes anyway. `ticket`: add the mail to it.

    `instead_of`: the sink that shall not get the mail any more, if there are several. `is_not_there`: somebody has
    looked in a target that the gateway cannot ask, and the mail is not there.
    """

    sink: str | None = None
    ticket: str | None = None
    instead_of: str | None = None
    is_not_there: bool = False
    decision: Decision = field(default_factory=Decision)


@dataclass(frozen=True)
class _Case:
    """One mail as it is, and what a person wants of it."""

    mailbox: "SupportMailbox"
    record: MailRecord
    deliveries: Sequence[DeliveryRecord]
    wish: Wish

    @property
    def decisions(self) -> Decisions:
        """What writes the decision."""
        return self.mailbox.ledger.decisions


class HandDelivery:
    """Carries out what people ask for."""

    def __init__(self, sinks: Mapping[str, Sink], queue: DeliveryQueue) -> None:
        self._sinks = sinks
        self._queue = queue

    def deliver(self, mailbox: "SupportMailbox", key: str, wish: Wish) -> list[str]:
        """Let a mail be delivered; return the sinks. Raises Refused, and Unavailable if a sink cannot be asked now."""
        case = _Case(mailbox, mailbox.ledger.find_mail(key), mailbox.ledger.deliveries(key), wish)
        if wish.sink:
            self._find_sink(wish.sink)
        if not case.deliveries:
            return self._take_in(case)
        sink = wish.sink or _find_only(case.deliveries, "sink").sink
        known = next((one for one in case.deliveries if one.sink == sink), None)
        changes = self._move(case, sink) if known is None else self._begin(case, known)
        if changes:
            mail = mailbox.store.load(key)
            if mail is None:
                raise Conflict(
                    "The mail is no longer in the gateway's storage. Handle it in the mailbox.",
                    code="MailLost",
                    target="key",
                )
            mailbox.ledger.decisions.record(key, mail.message, changes)
        self._queue.put(DeliveryRequest(mailbox.name, key, sink))
        return [sink]

    def set_aside(self, mailbox: "SupportMailbox", key: str, sink: str | None, decision: Decision) -> list[str]:
        """Set the deliveries of a mail aside for good, to one sink or to all; return the sinks. Raises Refused."""
        record, deliveries = mailbox.ledger.find_mail(key), mailbox.ledger.deliveries(key)
        if not deliveries:
            if record.state is MailState.SEEN:
                raise _incomplete()
            message = (
                f"The mail is set aside already: {record.reason or record.state}. Deliver it by hand if it is needed."
            )
            raise Conflict(message, code="AlreadySetAside", target="key")
        chosen = [one for one in deliveries if sink in (None, one.sink) and one.state is not DeliveryState.DELIVERED]
        if not chosen:
            raise _delivered(deliveries, sink)
        for one in chosen:
            _require_free(one)
        aside = [one for one in chosen if one.state is not DeliveryState.SET_ASIDE]
        if aside:
            decisions = mailbox.ledger.decisions
            changes = [decisions.put_aside(one, decision) for one in aside]
            decisions.record(key, {"id": record.graph_id}, changes)
        return [one.sink for one in chosen]

    def _begin(self, case: "_Case", known: DeliveryRecord) -> list[Change]:
        """Let a delivery begin again; no change if it is due anyway and goes where the person wants it."""
        wish, sink = case.wish, self._find_sink(known.sink)
        if known.state is DeliveryState.DELIVERED:
            raise _delivered([known], known.sink)
        _require_free(known)
        is_waiting, joined = known.state is DeliveryState.WAITING, known.settled.get(JOIN)
        ticket = wish.ticket and (joined if _is_same(wish.ticket, joined) else sink.check_ticket(wish.ticket))
        replaced = self._take_back(case, known)
        if ticket == joined or (is_waiting and not ticket):
            if is_waiting and known.values.get("forced") and known.due <= datetime.now(UTC):
                return replaced
            return [*replaced, case.decisions.begin(known, wish.decision)]
        # Where the mail goes changes, so what was begun counts no more: it must not be there.
        self._require_absent(case, known)
        settled = {name: value for name, value in known.settled.items() if name != JOIN}
        settled |= {JOIN: ticket} if ticket else {}
        return [*replaced, case.decisions.begin(known, wish.decision, settled=settled)]

    def _take_back(self, case: "_Case", known: DeliveryRecord) -> list[Change]:
        """Return the changes of deliveries that this one replaces: the one to which the mail was moved, or as asked."""
        moved_to = known.moved_to if known.cause == MOVED else None
        names = {case.wish.instead_of, moved_to} - {None, known.sink}
        return [
            self._replace(case, one, known.sink)
            for one in case.deliveries
            if one.sink in names and not (one.state is DeliveryState.SET_ASIDE and one.moved_to == known.sink)
        ]

    def _move(self, case: "_Case", name: str) -> list[Change]:
        """Return the changes for a mail that goes to another sink than the settings said."""
        wish, sink = case.wish, self._find_sink(name)
        named = [one for one in case.deliveries if one.sink == wish.instead_of]
        if wish.instead_of and not named:
            message = (
                f"This mail does not go to the sink {wish.instead_of[:64]}. Name a sink that GET …/mails/{{key}} lists."
            )
            raise Invalid(message, code="UnknownSink", target="insteadOf")
        earlier = named[0] if named else _find_only(case.deliveries, "insteadOf")
        ticket = wish.ticket and sink.check_ticket(wish.ticket)
        replaced = self._replace(case, earlier, name)
        settled = {JOIN: ticket} if ticket else {}
        started = case.decisions.start(case.record.key, name, wish.decision, instead_of=earlier.sink, settled=settled)
        return [replaced, started]

    def _replace(self, case: "_Case", earlier: DeliveryRecord, sink: str) -> Change:
        """Return a delivery that is set aside because another sink gets the mail. Raises Conflict if it has it."""
        if earlier.state is DeliveryState.DELIVERED:
            raise _delivered([earlier], earlier.sink)
        _require_free(earlier)
        self._require_absent(case, earlier)
        return case.decisions.put_aside(earlier, case.wish.decision, moved_to=sink)

    def _take_in(self, case: "_Case") -> list[str]:
        """Let a mail be delivered that was skipped, so that the gateway has neither its text nor its files."""
        mailbox, record, wish = case.mailbox, case.record, case.wish
        sinks = [wish.sink] if wish.sink else list(mailbox.settings.sinks)
        if record.state is MailState.SEEN:
            raise _incomplete()
        if record.state is not MailState.SKIPPED:
            raise Conflict(
                "The mail is no longer in the mailbox. Ask its author to send it again.", code="MailLost", target="key"
            )
        if wish.ticket and len(sinks) > 1:
            raise _ambiguous("sink")
        ticket = wish.ticket and self._find_sink(sinks[0]).check_ticket(wish.ticket)
        settled = {JOIN: ticket} if ticket else {}
        try:
            message = mailbox.graph.get_message(record.graph_id)
        except NotFound as gone:
            sentence = "The mail is no longer in the mailbox. Ask its author to send it again."
            raise Conflict(sentence, code="MailLost", target="key", detail=gone.detail) from gone
        mailbox.store.put_message(record.key, message)
        case.decisions.take_in(record.key, message, sinks, wish.decision, settled=settled)
        return sinks

    def _require_absent(self, case: "_Case", delivery: DeliveryRecord) -> None:
        """Raise Conflict if the mail is, or may be, in the target of a delivery."""
        begun = {name: value for name, value in delivery.progress.items() if name != SETTLED}
        interrupted = bool(delivery.values["interrupted"]) or delivery.state is DeliveryState.CLAIMED
        if not (begun or interrupted):
            return
        sink = self._sinks.get(delivery.sink)
        look = Look(is_there=None)
        try:
            look = sink.find_mail(case.record.reference, begun, interrupted=interrupted) if sink else look
        except (ConfigurationError, Unavailable, OutcomeUnknown):
            if not case.wish.is_not_there:
                raise
        if look.is_there:
            where = f"ticket {look.ticket}" if look.ticket else f"the sink {delivery.sink}"
            message = f"The mail is in {where} already. Deliver it again there, or set the delivery aside."
            raise Conflict(message, code="TicketExists", target="key")
        if look.is_there is None and not case.wish.is_not_there:
            message = (
                f"Nobody knows whether the sink {delivery.sink} has this mail, and it cannot be asked. Look there; if "
                "it is not there, send isNotThere: true."
            )
            raise Conflict(message, code="OutcomeUnknown", target="isNotThere")

    def _find_sink(self, name: str) -> Sink:
        sink = self._sinks.get(name)
        if sink is None:
            raise Invalid(
                "The settings do not contain this sink. Use a name that GET status lists.",
                code="UnknownSink",
                target="sink",
            )
        return sink


def _require_free(delivery: DeliveryRecord) -> None:
    """Raise InProgress while a worker holds the claim of a delivery."""
    left = (delivery.due - datetime.now(UTC)).total_seconds()
    if delivery.state is DeliveryState.CLAIMED and left >= 0:
        raise InProgress(
            f"The mail is being delivered to {delivery.sink} at this moment. Try again.", retry_after=left + 1
        )


def _find_only(deliveries: Sequence[DeliveryRecord], target: str) -> DeliveryRecord:
    """Return the delivery that can be meant without a name: the only one that is open, or else set aside."""
    open_ones = [one for one in deliveries if one.state is not DeliveryState.DELIVERED]
    if not open_ones:
        raise _delivered(deliveries, None)
    active = [one for one in open_ones if one.state is not DeliveryState.SET_ASIDE] or [
        one for one in open_ones if one.cause == SET_ASIDE_BY_HAND
    ]
    if len(active) != 1:
        raise _ambiguous(target)
    return active[0]


def _is_same(ticket: str, joined: str | None) -> bool:
    return joined is not None and ticket.upper() == joined.upper()


def _delivered(deliveries: Sequence[DeliveryRecord], sink: str | None) -> Conflict:
    found = [one for one in deliveries if sink in (None, one.sink) and one.ticket]
    where = f" to ticket {found[0].ticket}" if found else ""
    return Conflict(
        f"The mail is delivered{where}. Look there; nothing is left to do here.", code="AlreadyDelivered", target="key"
    )


def _ambiguous(target: str) -> Invalid:
    message = f"Several sinks can be meant. Name one in {target}."
    return Invalid(message, code="MissingParameter", target=target)


def _incomplete() -> Conflict:
    message = "The files of this mail are still being fetched. Try again in some minutes."
    return Conflict(message, code="MailIncomplete", target="key")
