"""An answer waits for the mail that it answers while that one is on its way to the same sink.

Mails are delivered side by side, and after an outage of the sink in any order. An answer that came first would become
a ticket of its own, as the ticket that it belongs to is not there yet; an automatic one would be set aside.
"""

from inbound_mail.content.belonging import MOST_ANSWERED, Threads, list_answered_ids
from inbound_mail.content.models import InboundMail, Screening
from inbound_mail.ledger.claims import Claim
from inbound_mail.ledger.records import MailRecord, MailState
from inbound_mail.support_mailbox import SupportMailbox
from shared.errors import Unavailable


def wait_for_earlier_mails(
    mail: InboundMail, screening: Screening, claimed: Claim, mailbox: SupportMailbox, threads: Threads
) -> None:
    """Raise Unavailable while a mail that this one names is being delivered; its ticket is not known before the end.

    Only mails of the same mailbox hold an answer, and none that came later, so no two mails wait for each other. A mail
    that the sink refuses, or that the gateway fails at, holds nobody.
    """
    if claimed.values or claimed.join:  # this delivery has begun, or a person has decided
        return
    named = list(screening.bounced if screening.is_bounce else list_answered_ids(mail))[:MOST_ANSWERED]
    if not named or next(threads.find_all(named), None):
        return
    for message_id in named:
        key = mailbox.ledger.find_key(message_id)
        earlier = mailbox.ledger.mail(key) if key is not None and key != mail.key else None
        if (
            earlier is not None
            and _is_underway(earlier, claimed.sink, mailbox)
            and _comes_first(earlier, mail, mailbox)
        ):
            raise Unavailable(
                "The mail that this one answers is not delivered yet. Settle that one first.",
                code="EarlierMailUnderway",
            )


def _is_underway(earlier: MailRecord, sink: str, mailbox: SupportMailbox) -> bool:
    if earlier.state is MailState.SEEN:  # its files are being fetched
        return True
    delivery = mailbox.ledger.delivery(earlier.key, sink)
    if delivery is None or delivery.state.is_final:
        return False
    return not (delivery.values.get("refusals") or delivery.values.get("faults"))


def _comes_first(earlier: MailRecord, mail: InboundMail, mailbox: SupportMailbox) -> bool:
    """Return whether a mail came before; of the same second is the one that the other does not answer."""
    received = str(mail.message.get("receivedDateTime") or "")
    if earlier.received != received:
        return earlier.received < received
    stored = mailbox.store.load(earlier.key)
    return stored is None or mail.message_id not in list_answered_ids(stored)
