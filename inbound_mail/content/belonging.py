"""The one decision about the ticket that a mail belongs to, and what proves it. Every sink and every event uses it.

Anybody can write a Message-ID, a ticket's number or a subject. So a mail belongs to a ticket if it refers to it, by an
answered mail that we know or by a number in the subject, and its author takes part in that ticket. Where people write
to each other with a copy to us, two of them may answer one mail that we never got: then the later answer belongs to
the ticket of the earlier one if it went to that one's author, too, who so learns nothing new. Exchange's conversation
proves nothing, because Exchange joins mails of one subject now and then. An answer under a new subject is a new
request. A delivery report proves nothing about its author: at most it becomes a note in our own words.

What proves nothing is said all the same: the new ticket names the other one, and says why it is not the same.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Protocol

from inbound_mail.content.authentication import explain_doubt
from inbound_mail.content.models import InboundMail, Screening
from inbound_mail.content.subjects import is_replaced

# EasyVista's numbers: letters for the kind, the date, a counter of 3 to 8 digits (widths of 4, 5 and 6 were observed).
_NUMBER = re.compile(r"(?<![A-Z0-9])([A-Z]{1,2}\d{6}_\d{3,8})(?![A-Z0-9_])")
_MESSAGE_ID = re.compile(r"<\s*([^<>\s]+)\s*>")
_MAIL_SYSTEMS = ("mailer-daemon", "postmaster", "mail.delivery", "mail-delivery", "microsoftexchange", "mdaemon")
MOST_ANSWERED = 5
"""So many of the mails that a mail answers are looked for."""
_MOST_NUMBERS = 5
_MOST_TICKETS = 10


class Proof(StrEnum):
    """What proves that a mail belongs to a ticket."""

    ANSWER = "answer"
    SIBLING = "sibling"
    NUMBER = "number"
    REPORT = "report"


# These prove that the author takes part in the ticket.
PROOFS_OF_AUTHOR = frozenset({Proof.ANSWER, Proof.SIBLING, Proof.NUMBER})


@dataclass(frozen=True)
class Thread:
    """A ticket that an earlier mail became, and the addresses (lower case) of the participants so far.

    `title`: the subject of that mail without prefixes, "" if it is not known. `author`: who wrote it, "" if that does
    not matter.
    """

    ticket: str
    participants: frozenset[str] = frozenset()
    title: str = ""
    author: str = ""


class Threads(Protocol):
    """The tickets of a sink that earlier mails became."""

    def find_all(self, message_ids: Iterable[str]) -> Iterator[Thread]:
        """Yield the tickets of these message ids (without angle brackets), in their order, each ticket once."""

    def find_siblings(self, message_ids: Iterable[str]) -> Iterator[Thread]:
        """Yield the tickets of the first mails that answered mails with these ids, whether we know those or not."""

    def find_conversation(self, conversation_id: str) -> Thread | None:
        """Return the ticket of the first mail of a Graph conversation. It proves nothing."""

    def find_ticket(self, ticket: str) -> Thread | None:
        """Return what is known of a ticket."""


class TicketLookup(Protocol):
    """What a sink's target says about its tickets."""

    def find_numbers(self, subject: str) -> Sequence[str]:
        """Return the ticket numbers in a subject."""

    def exists(self, ticket: str) -> bool:
        """Return whether the ticket can be read."""

    def people(self, ticket: str) -> AbstractSet[str]:
        """Return the addresses (lower case) of those whom the target itself knows as the ticket's people."""

    def is_trusted(self, author: str) -> bool:
        """Return whether the author may write into every ticket."""


class NoLookup:
    """The lookup of a target that cannot be asked."""

    def find_numbers(self, _subject: str) -> Sequence[str]:
        """Return nothing, because the form of the numbers is not known."""
        return ()

    def exists(self, _ticket: str) -> bool:
        """Return True: tickets that earlier mails became are taken to exist."""
        return True

    def people(self, _ticket: str) -> AbstractSet[str]:
        """Return nobody."""
        return frozenset()

    def is_trusted(self, _author: str) -> bool:
        """Return False."""
        return False


@dataclass(frozen=True)
class Belonging:
    """The decision. `ticket` and `proof` are None for a mail that is a new request.

    `related`: tickets that the mail seems to be about, without proof. `notes`: sentences for the new ticket.
    `unreached`: the participants whom a delivery report names as not reached.
    """

    ticket: str | None = None
    proof: Proof | None = None
    related: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unreached: tuple[str, ...] = ()

    @property
    def author_is_participant(self) -> bool:
        """Whether it is proven that the author takes part in the ticket."""
        return self.proof in PROOFS_OF_AUTHOR


def belongs_to(
    mail: InboundMail, screening: Screening, title: str, threads: Threads, lookup: TicketLookup | None = None
) -> Belonging:
    """Decide. `title` is the mail's subject without prefixes."""
    question = _Question(mail, screening, title, threads, lookup or NoLookup())
    doubt = explain_doubt(mail)
    notes: list[str] = [doubt] if doubt else []
    related: dict[str, str] = {}  # by the number in upper case
    for thread, proof in islice(question.list_candidates(), _MOST_TICKETS):
        name = thread.ticket.upper()
        if name in related:
            continue
        related[name] = thread.ticket
        if doubt is None and not question.lookup.exists(thread.ticket):
            notes.append(f"The mail names ticket {thread.ticket}, which cannot be read.")
            continue
        found = "its author is not proven" if doubt else question.judge(thread, proof)
        if isinstance(found, Belonging):
            return found
        relation = "answers the same mail as" if proof is Proof.SIBLING else "names"
        notes.append(f"The mail {relation} ticket {thread.ticket}, but {found}.")
    conversation = threads.find_conversation(str(mail.message.get("conversationId") or ""))
    if conversation and conversation.ticket.upper() not in related:
        related[conversation.ticket.upper()] = conversation.ticket
        notes.append(
            f"Exchange counts the mail to the conversation of ticket {conversation.ticket}. That alone proves nothing."
        )
    return Belonging(related=tuple(related.values()), notes=tuple(notes))


def may_belong(mail: InboundMail, screening: Screening, threads: Threads) -> bool:
    """Return whether the mail refers to anything that `belongs_to` looks at; no sink is asked."""
    candidates = _Question(mail, screening, "", threads, NoLookup()).list_candidates()
    return bool(find_numbers(mail.subject)) or next(candidates, None) is not None


def find_numbers(subject: str) -> Sequence[str]:
    """Return what has the form of a number of EasyVista's, in upper case, each once."""
    return list(dict.fromkeys(_NUMBER.findall(subject.upper())))[:_MOST_NUMBERS]


def list_answered_ids(mail: InboundMail) -> list[str]:
    """Return the message ids of the mails that a mail answers, the most recent first."""
    found: list[str] = []
    for name in ("In-Reply-To", "References"):
        for value in mail.headers(name):
            found += reversed(_MESSAGE_ID.findall(value))
    return [one for one in dict.fromkeys(found) if one != mail.message_id]


@dataclass(frozen=True)
class _Question:
    """A mail, and what its ticket is looked for in."""

    mail: InboundMail
    screening: Screening
    title: str
    threads: Threads
    lookup: TicketLookup

    def list_candidates(self) -> Iterator[tuple[Thread, Proof]]:
        """Yield the tickets that the mail refers to, and what would prove it."""
        screening = self.screening
        ids = screening.bounced if screening.is_bounce else list_answered_ids(self.mail)
        for thread in self.threads.find_all(ids):
            yield thread, Proof.ANSWER
        for number in self.lookup.find_numbers(self.mail.subject):
            yield self.threads.find_ticket(number) or Thread(number), Proof.NUMBER
        if screening.makes_ticket:
            for thread in self.threads.find_siblings(ids):
                yield thread, Proof.SIBLING

    def judge(self, thread: Thread, proof: Proof) -> Belonging | str:
        """Return the decision for this ticket, or why the mail does not belong to it, in words."""
        if self.screening.is_bounce:
            return self._judge_report(thread, is_known=proof is Proof.ANSWER)
        is_answer = proof is not Proof.NUMBER and self.screening.makes_ticket
        if is_answer and is_replaced(self.title, thread.title, thread.ticket):
            return "it has a new subject"
        if not self._takes_part(thread, is_known=proof is Proof.ANSWER):
            return "its author does not take part in it"
        if proof is Proof.SIBLING and not self._went_to(thread.author):
            return "it did not go to whom the ticket is from"
        return Belonging(thread.ticket, proof)

    def _went_to(self, address: str) -> bool:
        """Return whether somebody wrote or got this mail."""
        mail = self.mail
        return address in (mail.sender, *mail.recipients("toRecipients"), *mail.recipients("ccRecipients"))

    def _takes_part(self, thread: Thread, *, is_known: bool) -> bool:
        """Return whether the author takes part in a ticket.

        The mailbox's own address takes part in all of its tickets, because people answer from it. But forms send the
        words of strangers from it, with their addresses in Reply-To, and automatic mails come back to it: these do not.
        """
        mail = self.mail
        author, own = mail.sender, mail.address.lower()
        if author == own:
            return is_known and self.screening.makes_ticket and {own}.issuperset(mail.recipients("replyTo"))
        if not author:
            return False
        if author in thread.participants or self.lookup.is_trusted(author):
            return True
        return author in self.lookup.people(thread.ticket)

    def _judge_report(self, thread: Thread, *, is_known: bool) -> Belonging | str:
        """Decide about a delivery report. Anybody can write one, so it names only people whom the ticket knows."""
        if not _is_of_mail_system(self.mail):
            return "the report is not from a mail system"
        people = {*thread.participants, *self.lookup.people(thread.ticket)}
        unreached = tuple(one for one in self.screening.failed_recipients if one in people)
        if not (is_known or unreached):
            return "the report names nobody who takes part in it"
        return Belonging(thread.ticket, Proof.REPORT, unreached=unreached)


def _is_of_mail_system(mail: InboundMail) -> bool:
    """Return whether the mail is from nobody, or from what mail systems call themselves. Both can be forged."""
    paths = ["".join(value.split()) for value in mail.headers("Return-Path")]
    return not mail.sender or mail.sender.startswith(_MAIL_SYSTEMS) or any(path in ("", "<>") for path in paths)
