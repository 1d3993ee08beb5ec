"""Decides how much of a reply is quoted history that a comment need not repeat.

Only text may go that stands in a mail which the gateway has stored, and to which this one refers (In-Reply-To and
References). Which mails are stored may change between two attempts, so the decision is recorded before the first one.
"""

from typing import NamedTuple

from inbound_mail.content.belonging import MOST_ANSWERED, list_answered_ids
from inbound_mail.content.models import InboundMail, Rendering
from inbound_mail.content.quoting import EarlierMail, measure_new_text
from inbound_mail.content.rendering import leave_out_history, may_have_history, read_title, render_mail
from inbound_mail.ledger.claims import Claim
from inbound_mail.support_mailbox import SupportMailbox


class CutMail(NamedTuple):
    """A rendering whose `new_text` is decided, and the ticket in which the text that it leaves out stands."""

    rendering: Rendering
    history_in: str | None


def cut_history(mailbox: SupportMailbox, claimed: Claim, mail: InboundMail, rendering: Rendering) -> CutMail:
    """Leave out of `new_text` what a stored mail proves to be a quotation. Reads up to five earlier mails."""
    ids = list_answered_ids(mail)[:MOST_ANSWERED]
    if not ids or not may_have_history(mail, rendering):
        return CutMail(rendering, None)
    if "history" not in claimed.settled:
        claimed.settle(history=_find_cut(mailbox, claimed, rendering.text, ids))
    cut = claimed.settled["history"]
    if cut is None:
        return CutMail(rendering, None)
    return CutMail(leave_out_history(rendering, cut["kept"]), cut["ticket"])


def _find_cut(mailbox: SupportMailbox, claimed: Claim, text: str, ids: list[str]) -> dict[str, object] | None:
    """Return how many characters to keep, and the ticket of the mail that has the rest; None if nothing may go."""
    for message_id in ids:
        key = mailbox.ledger.find_key(message_id)
        earlier = mailbox.store.load(key) if key and key != claimed.key else None
        if key is None or earlier is None:
            continue
        kept = measure_new_text(text, _describe(earlier))
        if kept is not None:
            delivery = mailbox.ledger.delivery(key, claimed.sink)
            return {"kept": kept, "ticket": delivery.ticket if delivery else None}
    return None


def _describe(mail: InboundMail) -> EarlierMail:
    return EarlierMail(mail.sender, mail.sender_name, read_title(mail.subject).title, render_mail(mail).text)
