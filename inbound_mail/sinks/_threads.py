"""Finds the ticket of the earlier mails that a mail's headers refer to."""

import re

from inbound_mail.content.models import InboundMail
from inbound_mail.sinks.protocol import PreparedMail, Thread

# EasyVista's numbers: letters for the kind, the date, a counter of 3 to 8 digits (widths of 4, 5 and 6 were observed).
TICKET_NUMBER = re.compile(r"(?<![A-Z0-9])([A-Z]{1,2}\d{6}_\d{3,8})(?![A-Z0-9_])")
_MESSAGE_ID = re.compile(r"<\s*([^<>\s]+)\s*>")


def answered_ids(mail: InboundMail) -> list[str]:
    """Return the message ids of the mails that a mail answers, the most recent first."""
    found: list[str] = []
    for name in ("In-Reply-To", "References"):
        for value in mail.headers(name):
            found += reversed(_MESSAGE_ID.findall(value))
    return list(dict.fromkeys(found))


def find_bounced(prepared: PreparedMail) -> Thread | None:
    """Return the ticket of the mail that could not be delivered, if this mail is the report of that."""
    return prepared.threads.find(prepared.screening.bounced) if prepared.screening.is_bounce else None


def find_answered(prepared: PreparedMail) -> Thread | None:
    """Return the ticket of the mail that this one answers."""
    return prepared.threads.find(answered_ids(prepared.mail))


def find_conversation(prepared: PreparedMail) -> Thread | None:
    """Return the ticket of the conversation, if the author took part in it before, because strangers may join one."""
    conversation = str(prepared.mail.message.get("conversationId") or "")
    thread = prepared.threads.find_conversation(conversation) if conversation else None
    return thread if thread and prepared.mail.sender in thread.participants else None
