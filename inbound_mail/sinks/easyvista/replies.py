"""Finds the ticket that a mail replies to, and decides whether its author may comment on it.

Ticket numbers are sequential, so they can be guessed, and anybody can write a subject. So a number in a subject counts
only if the author takes part in the ticket. Otherwise the mail becomes a new ticket that mentions the number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inbound_mail.content.models import InboundMail
from inbound_mail.sinks._threads import TICKET_NUMBER, find_answered, find_bounced, find_conversation
from inbound_mail.sinks.easyvista.client import Client
from inbound_mail.sinks.protocol import PreparedMail, refuse_automatic_mail
from shared.errors import Conflict, NotFound, Refused


@dataclass(frozen=True)
class CandidateTicket:
    """A ticket that a mail seems to reply to. If `is_proven`, the author is not checked."""

    rfc: str
    participants: frozenset[str] = frozenset()
    is_proven: bool = False


@dataclass(frozen=True)
class Decision:
    """What to do: comment on a ticket, or create one, perhaps as a follow-up of `parent`; `notes` go into its text."""

    comment_on: str | None = None
    parent: str | None = None
    notes: tuple[str, ...] = ()


def decide(prepared: PreparedMail, options: Mapping[str, Any], client: Client) -> Decision:
    """Decide between a comment and a new ticket. Raises Refused if the options quarantine replies to closed tickets."""
    candidate = find_candidate(prepared)
    ticket = client.ticket(candidate.rfc) if candidate else None
    if candidate is None:
        return Decision()
    if ticket is None:
        return Decision(notes=(f"The mail names ticket {candidate.rfc}, which cannot be read.",))
    if not _may_comment(prepared.mail, candidate, options, client):
        return Decision(notes=(f"The mail names ticket {candidate.rfc}, but its author does not take part in it.",))
    if ticket.is_closed and options["closed_reply"] != "comment":
        return decide_closed(candidate.rfc, options)
    if options["comment_action_type_id"] is None:
        return Decision(parent=candidate.rfc, notes=(f"Follow-up of ticket {candidate.rfc}.",))
    return Decision(comment_on=candidate.rfc)


def decide_note(prepared: PreparedMail, options: Mapping[str, Any], client: Client) -> Decision:
    """Decide about an automatic mail: a note on the open ticket that it certainly belongs to. Raises Refused."""
    mail, screening = prepared.mail, prepared.screening
    candidate = find_candidate(prepared)
    ticket = client.ticket(candidate.rfc) if candidate else None
    if candidate is None or ticket is None:
        raise refuse_automatic_mail(screening)
    if not (_may_comment(mail, candidate, options, client) or _reports_on(prepared, candidate, client)):
        raise refuse_automatic_mail(screening, f"It names ticket {candidate.rfc}, which it may not belong to.")
    if ticket.is_closed:
        raise refuse_automatic_mail(screening, f"It belongs to ticket {candidate.rfc}, which is closed.")
    if options["comment_action_type_id"] is None:
        raise refuse_automatic_mail(screening, f"It belongs to ticket {candidate.rfc}, but comments are not set up.")
    return Decision(comment_on=candidate.rfc, notes=(_describe_note(prepared),))


def decide_joined(rfc: str, options: Mapping[str, Any], client: Client) -> Decision:
    """Decide about a mail that a person joined to a ticket: a comment, or nothing. Raises Refused."""
    ticket = client.ticket(rfc)
    if ticket is None or (ticket.is_closed and options["closed_reply"] != "comment"):
        raise refuse_to_join(rfc, is_closed=ticket is not None)
    if options["comment_action_type_id"] is None:
        raise Conflict("This sink writes no comments any more.", code="CommentsNotSetUp")
    return Decision(comment_on=rfc, notes=("A person joined this mail to the ticket.",))


def refuse_to_join(rfc: str, *, is_closed: bool) -> Refused:
    """Return the error for a mail that cannot be added to the ticket that a person chose."""
    if is_closed:
        return Refused(f"A person joined the mail to ticket {rfc}, which is closed.", code="TicketClosed")
    return NotFound(f"A person joined the mail to ticket {rfc}, which does not exist any more.", code="TicketNotFound")


def _reports_on(prepared: PreparedMail, candidate: CandidateTicket, client: Client) -> bool:
    """Return whether the mail reports that somebody who takes part in the ticket could not be reached."""
    screening = prepared.screening
    return screening.is_bounce and not client.people(candidate.rfc).isdisjoint(screening.failed_recipients)


def _describe_note(prepared: PreparedMail) -> str:
    if not prepared.screening.is_bounce:
        return "This is an automatic mail. Nobody was answered."
    failed = ", ".join(prepared.screening.failed_recipients) or "an address that the report does not name"
    return f"A mail of this ticket could not be delivered to {failed}."


def decide_closed(rfc: str, options: Mapping[str, Any]) -> Decision:
    """Return what to do with a reply to a closed ticket that accepts no comment: see the option `closed_reply`."""
    if options["closed_reply"] == "quarantine":
        raise Refused(f"The mail answers ticket {rfc}, which is closed.", code="TicketClosed")
    return Decision(parent=rfc, notes=(f"Follow-up of ticket {rfc}, which is closed.",))


def find_candidate(prepared: PreparedMail) -> CandidateTicket | None:
    """Return the candidate with the best evidence: ids of known mails, a number in the subject, the conversation."""
    if thread := find_bounced(prepared):
        return CandidateTicket(thread.ticket, thread.participants, is_proven=True)
    if thread := find_answered(prepared):
        return CandidateTicket(thread.ticket, thread.participants)
    if number := TICKET_NUMBER.search(prepared.mail.subject.upper()):
        return CandidateTicket(number[1])
    if thread := find_conversation(prepared):
        return CandidateTicket(thread.ticket, thread.participants)
    return None


def _may_comment(mail: InboundMail, candidate: CandidateTicket, options: Mapping[str, Any], client: Client) -> bool:
    if candidate.is_proven:
        return True
    if not mail.sender:
        return False
    domain = mail.sender.rpartition("@")[2]
    if mail.sender in candidate.participants or domain in {one.lower() for one in options["trusted_domains"]}:
        return True
    return mail.sender in client.people(candidate.rfc)
