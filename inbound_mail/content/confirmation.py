"""Recommends to whom a confirmation of a mail may go: to whoever asks, or to nobody, with the reason.

The gateway confirms nothing itself; flows and receivers of events do. Two machines that answer each other never stop,
and an answer to a forged author goes to somebody who wrote nothing. So a confirmation goes only to a person whom
nothing makes doubtful, never to an address of ours, and to a Reply-To only where the mailbox's policy trusts it.
"""

from collections.abc import Collection
from dataclasses import dataclass

from inbound_mail.content.authentication import explain_doubt
from inbound_mail.content.models import InboundMail, Screening
from inbound_mail.content.requestor import Requestor
from shared.json_text import Json
from shared.mail_address import is_mail_address


@dataclass(frozen=True)
class Confirmation:
    """To whom a confirmation may go. None: to nobody, and `reason` says why."""

    to: str | None
    reason: str | None = None

    def describe(self) -> Json:
        """Return it as answers show it."""
        return {"to": self.to, "reason": self.reason}


def recommend_confirmation(
    mail: InboundMail, screening: Screening, requestor: Requestor, own_addresses: Collection[str]
) -> Confirmation:
    """Return to whom a confirmation of a mail may go. `own_addresses`: of the support mailboxes."""
    if not screening.may_reply:
        return Confirmation(None, "No automatic answer may be sent: " + "; ".join(screening.describe()["evidence"]))
    if doubt := explain_doubt(mail):
        return Confirmation(None, doubt)
    if not is_mail_address(requestor.address):
        return Confirmation(None, "There is no mail address of whoever asks.")
    if requestor.address in {address.lower() for address in (*own_addresses, mail.address)}:
        return Confirmation(None, "Whoever asks has an address of a support mailbox.")
    return Confirmation(requestor.address)
