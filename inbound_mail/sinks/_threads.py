"""Which earlier mails a mail belongs to, by what its headers say and what is known of them."""

import re

from inbound_mail.content.models import InboundMail
from inbound_mail.sinks.protocol import Parcel, Thread

_MESSAGE_ID = re.compile(r"<\s*([^<>\s]+)\s*>")


def answered_ids(mail: InboundMail) -> list[str]:
    """Return the message ids that a mail answers, the nearest first."""
    found: list[str] = []
    for name in ("In-Reply-To", "References"):
        for value in mail.headers(name):
            found += reversed(_MESSAGE_ID.findall(value))
    return list(dict.fromkeys(found))


def find_bounced(parcel: Parcel) -> Thread | None:
    """Return the ticket of the mail that a report of failed delivery speaks of."""
    return parcel.threads.find(parcel.screening.bounced) if parcel.screening.is_bounce else None


def find_answered(parcel: Parcel) -> Thread | None:
    """Return the ticket of the mail that this one answers."""
    return parcel.threads.find(answered_ids(parcel.mail))


def find_conversation(parcel: Parcel) -> Thread | None:
    """Return the ticket of the conversation, if the author took part in it before: others may get into one."""
    conversation = str(parcel.mail.message.get("conversationId") or "")
    thread = parcel.threads.find_conversation(conversation) if conversation else None
    return thread if thread and parcel.mail.sender in thread.participants else None
