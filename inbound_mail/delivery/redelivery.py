"""Redelivery: a person asks for quarantined deliveries to begin again."""

from typing import TYPE_CHECKING

from inbound_mail.ledger.decisions import Decision
from inbound_mail.ledger.records import DeliveryState
from inbound_mail.messages import DeliveryQueue, DeliveryRequest
from shared.errors import Conflict

if TYPE_CHECKING:
    from inbound_mail.support_mailbox import SupportMailbox


def redeliver(
    mailbox: "SupportMailbox", queue: DeliveryQueue, key: str, sink: str | None, decision: Decision | None = None
) -> list[str]:
    """Let the quarantined deliveries of a mail begin again, to one sink or to all of them; return the sinks.

    The next attempt first searches for an existing ticket, and screening does not reject the mail again. Raises
    NotFound and Conflict.
    """
    mailbox.ledger.find_mail(key)
    chosen = [
        delivery
        for delivery in mailbox.ledger.deliveries(key)
        if delivery.state is DeliveryState.QUARANTINED and sink in (None, delivery.sink)
    ]
    if not chosen:
        raise Conflict(
            "No delivery of this mail is in quarantine. Deliver it by hand if it is needed.",
            code="NotInQuarantine",
            target="key",
        )
    mail = mailbox.store.load(key)
    if mail is None:
        raise Conflict(
            "The mail is no longer in the gateway's storage. Handle it in the mailbox.", code="MailLost", target="key"
        )
    decisions = mailbox.ledger.decisions
    decisions.record(key, mail.message, [decisions.begin(delivery, decision or Decision()) for delivery in chosen])
    for delivery in chosen:
        queue.put(DeliveryRequest(mailbox.name, key, delivery.sink))
    return [delivery.sink for delivery in chosen]
