"""Which ticket a mail belongs to, and whether its author may say so.

Ticket numbers are sequential, hence guessable, and subjects are free text: a number in a subject is a claim. It counts
only for somebody who has to do with the ticket; everybody else gets a ticket of their own that mentions the claim.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inbound_mail.content.models import InboundMail
from inbound_mail.sinks._threads import find_answered, find_bounced, find_conversation
from inbound_mail.sinks.easyvista.client import Client
from inbound_mail.sinks.protocol import PreparedMail
from shared.errors import Refused

# Letters for the kind of object, the date, a counter of 3 to 8 digits: widths 4, 5 and 6 were seen.
_NUMBER = re.compile(r"(?<![A-Z0-9])([A-Z]{1,2}\d{6}_\d{3,8})(?![A-Z0-9_])")


@dataclass(frozen=True)
class Claim:
    """A ticket that a mail seems to belong to. `is_proven`: no look at the author is needed."""

    rfc: str
    participants: frozenset[str] = frozenset()
    is_proven: bool = False


@dataclass(frozen=True)
class Decision:
    """What to do: comment on a ticket, or make one, perhaps as a follow-up of `parent`; `notes` go into its text."""

    comment_on: str | None = None
    parent: str | None = None
    notes: tuple[str, ...] = ()


def decide(prepared: PreparedMail, options: Mapping[str, Any], client: Client) -> Decision:
    """Find the ticket that a mail belongs to, and what its state allows. Raises Refused if that is the policy."""
    claim = find_claim(prepared)
    ticket = client.ticket(claim.rfc) if claim else None
    if claim is None:
        return Decision()
    if ticket is None:
        return Decision(notes=(f"The mail names ticket {claim.rfc}, which cannot be read.",))
    if not _may_speak(prepared.mail, claim, options, client):
        return Decision(notes=(f"The mail names ticket {claim.rfc}; its author has no part in that one.",))
    if ticket.is_closed and options["closed_reply"] != "comment":
        return decide_closed(claim.rfc, options)
    if options["comment_action_type_id"] is None:
        return Decision(parent=claim.rfc, notes=(f"Follow-up of ticket {claim.rfc}.",))
    return Decision(comment_on=claim.rfc)


def decide_closed(rfc: str, options: Mapping[str, Any]) -> Decision:
    """Return what becomes of a reply to a closed ticket that takes no comment. Raises Refused by the policy."""
    if options["closed_reply"] == "quarantine":
        raise Refused(f"The mail answers ticket {rfc}, which is closed.", code="TicketClosed")
    return Decision(parent=rfc, notes=(f"Follow-up of ticket {rfc}, which is closed.",))


def find_claim(prepared: PreparedMail) -> Claim | None:
    """Return the best evidence: ids of mails we know, then a number in the subject, then the conversation."""
    if thread := find_bounced(prepared):
        return Claim(thread.ticket, thread.participants, is_proven=True)
    if thread := find_answered(prepared):
        return Claim(thread.ticket, thread.participants)
    if number := _NUMBER.search(prepared.mail.subject.upper()):
        return Claim(number[1])
    if thread := find_conversation(prepared):
        return Claim(thread.ticket, thread.participants)
    return None


def _may_speak(mail: InboundMail, claim: Claim, options: Mapping[str, Any], client: Client) -> bool:
    if claim.is_proven:
        return True
    if not mail.sender:
        return False
    domain = mail.sender.rpartition("@")[2]
    if mail.sender in claim.participants or domain in {one.lower() for one in options["trusted_domains"]}:
        return True
    return mail.sender in client.people(claim.rfc)
