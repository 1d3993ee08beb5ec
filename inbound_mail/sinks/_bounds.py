"""The bounds of what a ticket or an event shows of a mail, and the sentences that say where the whole mail is."""

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from inbound_mail.content.models import InboundMail
from inbound_mail.content.rendering import MOST_TEXT, cut
from inbound_mail.sinks.protocol import PreparedMail

MOST_ADDRESSES = 200
MOST_IDS = 100
_MOST_HEADER = 2_000


def shorten(text: str) -> str:
    """Return a value of a header, cut to 2,000 characters."""
    return cut(text, _MOST_HEADER)


def list_addresses(mail: InboundMail, field_name: str) -> str:
    """Return the addresses of toRecipients or ccRecipients, the first 200 of them, as one text."""
    found = mail.recipients(field_name)
    more = len(found) - MOST_ADDRESSES
    shown = ", ".join(shorten(one) for one in found[:MOST_ADDRESSES])
    return f"{shown} and {more} more" if more > 0 else shown


def list_reply_to(mail: InboundMail) -> list[str]:
    """Return the addresses of Reply-To, the first 200 of them; none if they are only the author's."""
    return [shorten(address) for address, _ in mail.reply_to[:MOST_ADDRESSES]]


def locate_mail(mail: InboundMail) -> str:
    """Return the path of the route that answers with the whole mail."""
    return f"mailboxes/{quote(mail.mailbox)}/mails/{quote(mail.key)}"


def describe_rest(prepared: PreparedMail, *, is_history_left_out: bool = False) -> Iterator[str]:
    """Yield sentences about text that is not shown, and where it is."""
    place = f"GET {locate_mail(prepared.mail)} of the gateway, or the mailbox {prepared.mail.address}"
    if prepared.rendering.is_truncated:
        yield f"Only the first {MOST_TEXT:,} characters of the text are here. The rest is in the mail: {place}."
    if is_history_left_out:
        yield f"Quoted text below is left out, because this ticket has it already. The whole mail: {place}."


def describe_report(unreached: Sequence[str]) -> str:
    """Return the sentence about a delivery report in our own words; `unreached` take part in the ticket."""
    return f"A mail of this ticket could not be delivered to {', '.join(unreached) or 'somebody outside of it'}."
