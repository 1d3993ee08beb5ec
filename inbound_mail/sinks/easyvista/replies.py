"""Decides what EasyVista gets: a comment on the ticket that a mail belongs to, a note, or a new ticket.

Ticket numbers are sequential, so they can be guessed, and anybody can write a subject. `content.belonging` says to
which ticket a mail belongs; EasyVista adds which tickets there are, whose they are, and whether they are closed.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from inbound_mail.content.belonging import Proof, find_numbers
from inbound_mail.content.thanks import says_only_thanks
from inbound_mail.sinks._bounds import describe_report
from inbound_mail.sinks.easyvista.client import Client, Ticket
from inbound_mail.sinks.protocol import PreparedMail, refuse_automatic_mail
from shared.errors import Conflict, NotFound, Refused


@dataclass(frozen=True)
class Decision:
    """What to do: comment on a ticket, or create one, perhaps as a follow-up of `parent`; `notes` go into its text."""

    comment_on: str | None = None
    parent: str | None = None
    notes: tuple[str, ...] = ()


class EasyVistaTickets:
    """What EasyVista says about its tickets. Each ticket is read once."""

    def __init__(self, client: Client, options: Mapping[str, Any]) -> None:
        self._client = client
        self._trusted = {domain.lower() for domain in options["trusted_domains"]}
        self._tickets: dict[str, Ticket | None] = {}

    def find_numbers(self, subject: str) -> Sequence[str]:
        """Return the ticket numbers in a subject."""
        return find_numbers(subject)

    def exists(self, ticket: str) -> bool:
        """Return whether the ticket can be read."""
        return self.read(ticket) is not None

    def people(self, ticket: str) -> AbstractSet[str]:
        """Return the addresses of the ticket's requestor and recipient."""
        return self._client.people(ticket)

    def is_trusted(self, author: str) -> bool:
        """Return whether the author is of a trusted domain."""
        return author.rpartition("@")[2] in self._trusted

    def read(self, rfc: str) -> Ticket | None:
        """Return a ticket, or None if it cannot be read."""
        if rfc not in self._tickets:
            self._tickets[rfc] = self._client.ticket(rfc)
        return self._tickets[rfc]


def decide(prepared: PreparedMail, options: Mapping[str, Any], client: Client) -> Decision:
    """Decide between a comment and a new ticket. Raises Refused if the options quarantine replies to closed tickets."""
    tickets = EasyVistaTickets(client, options)
    found = prepared.find_ticket(tickets)
    ticket = tickets.read(found.ticket) if found.ticket else None
    if ticket is None:
        return Decision(notes=found.notes)
    can_comment = options["comment_action_type_id"] is not None
    if ticket.is_closed and not (can_comment and (options["closed_reply"] == "comment" or _says_only_thanks(prepared))):
        return decide_closed(prepared, ticket.rfc, options)
    if not can_comment:
        return Decision(parent=ticket.rfc, notes=(f"Follow-up of ticket {ticket.rfc}.",))
    return Decision(comment_on=ticket.rfc)


def decide_note(prepared: PreparedMail, options: Mapping[str, Any], client: Client) -> Decision:
    """Decide about an automatic mail: a note on the open ticket that it belongs to. Raises Refused."""
    screening, tickets = prepared.screening, EasyVistaTickets(client, options)
    found = prepared.find_ticket(tickets)
    ticket = tickets.read(found.ticket) if found.ticket else None
    if ticket is None:
        raise refuse_automatic_mail(screening, " ".join(found.notes))
    if ticket.is_closed:
        raise refuse_automatic_mail(screening, f"It belongs to ticket {ticket.rfc}, which is closed.")
    if options["comment_action_type_id"] is None:
        raise refuse_automatic_mail(screening, f"It belongs to ticket {ticket.rfc}, but comments are not set up.")
    is_report = found.proof is Proof.REPORT
    note = describe_report(found.unreached) if is_report else "This is an automatic mail. Nobody was answered."
    return Decision(comment_on=ticket.rfc, notes=(note,))


def decide_joined(rfc: str, options: Mapping[str, Any], client: Client) -> Decision:
    """Decide about a mail that a person joined to a ticket: a comment, or nothing. Raises Refused."""
    ticket = client.ticket(rfc)
    if ticket is None or (ticket.is_closed and options["closed_reply"] != "comment"):
        raise refuse_to_join(rfc, is_closed=ticket is not None)
    if options["comment_action_type_id"] is None:
        raise Conflict(
            "This sink writes no comments any more. Set comment_action_type_id in its options.", code="CommentsNotSetUp"
        )
    return Decision(comment_on=rfc, notes=("A person joined this mail to the ticket.",))


def refuse_to_join(rfc: str, *, is_closed: bool) -> Refused:
    """Return the error for a mail that cannot be added to the ticket that a person chose."""
    if is_closed:
        return Refused(
            f"A person joined the mail to ticket {rfc}, which is closed. Reopen it, or choose another one.",
            code="TicketClosed",
        )
    return NotFound(
        f"A person joined the mail to ticket {rfc}, which does not exist any more. Choose another one.",
        code="TicketNotFound",
    )


def decide_closed(prepared: PreparedMail, rfc: str, options: Mapping[str, Any]) -> Decision:
    """Return what to do with a reply to a closed ticket that accepts no comment: see the option `closed_reply`.

    Raises Refused for a mail that is set aside.
    """
    if _says_only_thanks(prepared):
        raise Refused(
            f"The mail only says thanks, and its ticket {rfc} is closed. Redeliver it if it is needed.",
            code="ThanksOnly",
        )
    if options["closed_reply"] == "quarantine":
        raise Refused(
            f"The mail answers ticket {rfc}, which is closed. Reopen it, or redeliver the mail.", code="TicketClosed"
        )
    return Decision(parent=rfc, notes=(f"Follow-up of ticket {rfc}, which is closed.",))


def _says_only_thanks(prepared: PreparedMail) -> bool:
    """Return whether the mail has neither words nor files besides thanks. A person may want its ticket all the same."""
    mail, signed = prepared.mail, prepared.rendering.signature_content_ids
    if prepared.is_forced or any(not (one.is_pixel or one.content_id in signed) for one in mail.attachments):
        return False
    return says_only_thanks(prepared.rendering.text, (mail.sender_name, mail.sender.partition("@")[0]))
