"""The contract between the delivery of mails and the sinks that take them.

A sink is called under a claim, so never twice at once for one mail. It may be called again after any failure: a refused
connection, a crash between two steps, a lost answer. It saves each completed step in `Progress`. If
`Progress.interrupted` is true, an earlier attempt may have done more than it saved, so the sink looks before it writes.

The error that a sink raises decides what happens next (shared.errors). `Unavailable` and `OutcomeUnknown` are tried
again later, the latter after a pause. `Refused` puts this mail into quarantine with the error's code and message as
its cause. `ConfigurationError` makes the deliverer probe the sink: the circuit breaker opens, and every mail waits, if
the probe fails or several different mails fail alike. Otherwise the error is this mail's, which goes to quarantine
after three attempts; where the probe proves nothing, only if another mail was delivered meanwhile, or for an
`UnclearRefusalError`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from inbound_mail.content.belonging import Belonging, Proof, Threads, TicketLookup, belongs_to
from inbound_mail.content.files import SeenFiles
from inbound_mail.content.models import Attachment, InboundMail, Rendering, Screening
from inbound_mail.content.requestor import Requestor
from inbound_mail.content.rules import MatchedRule
from shared.errors import ConfigurationError, Invalid, Refused
from shared.json_text import Json
from shared.key_vault import RememberedSecret
from shared.storage.account import Storage
from shared.wording import count_of


class UnclearRefusalError(ConfigurationError):
    """The target refused a request, because of the gateway's rights or of the mail's words: the answer does not say.

    Firewalls in front of a target answer 403 to words that they dislike.
    """


class KnownFiles(Protocol):
    """The files of earlier mails to this sink."""

    def find(self, mail: InboundMail, ticket: str | None) -> SeenFiles:
        """Return which files of a mail came before: from its author, and in this ticket if there is one."""


class Progress(Protocol):
    """The durable record of one delivery. `save` returns when its values, and those noted before, are stored."""

    @property
    def values(self) -> Mapping[str, Any]:
        """The JSON values that this attempt and earlier ones saved or noted."""

    @property
    def interrupted(self) -> bool:
        """True if an earlier attempt ended without a known outcome."""

    def save(self, **values: Any) -> None:
        """Add values. Raises Conflict if another worker has taken over the delivery: the sink must stop at once.

        Nothing is written if there is nothing to add.
        """

    def note(self, **values: Any) -> None:
        """Add values with the next write, at the latest the one that ends this attempt.

        It is for what may be lost with the process: decisions of which nobody else knows yet, and steps that may be
        repeated.
        """


@dataclass(frozen=True)
class LoopNotice:
    """Why a mail stands for further ones of its author, which are set aside.

    `begin`, `end`: the hour (UTC) in which the author reached a limit. `tickets`, `comments`: what the author's mails
    became in it before. `rest`: where the mails are listed that are set aside.
    """

    correspondent: str
    begin: datetime
    end: datetime
    tickets: int
    comments: int
    rest: str

    @property
    def title(self) -> str:
        """The title of the ticket."""
        return f"Loop suspected: {self.correspondent}"

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the ticket says."""
        hour = f"{self.begin:%Y-%m-%d %H:%M} to {self.end:%H:%M} UTC"
        made = f"{count_of(self.tickets, 'ticket')} and {count_of(self.comments, 'comment')}"
        return (
            f"Loop suspected: mails of {self.correspondent} became {made} in the hour from {hour}.",
            f"The next mail is below, further ones are set aside ({self.rest}). They can be delivered by hand.",
        )

    def describe(self) -> Json:
        """Return it as events show it."""
        return {
            "correspondent": self.correspondent,
            "begin": self.begin.isoformat().replace("+00:00", "Z"),
            "end": self.end.isoformat().replace("+00:00", "Z"),
            "tickets": self.tickets,
            "comments": self.comments,
            "rest": self.rest,
        }


@dataclass(frozen=True)
class PreparedMail:
    """One mail, prepared for a sink.

    `reference` identifies the mail in the sink's target for ever: 45 characters of a-z, 0-9 and "-". `open` yields the
    bytes of an attachment in chunks; only attachments whose `blob` is set have any. `history_in` is the ticket in which
    the text stands that the rendering's `new_text` leaves out, None if that text is in no ticket of this sink.

    `is_note`: this is an automatic mail. It may be added to an open ticket that it certainly belongs to; else the sink
    raises `refuse_automatic_mail`.

    `rule`: what a rule of the mailbox decided for this sink; it is the same in every attempt.
    `join`: the ticket to which a person wants the mail to be added. It becomes no ticket of its own. `is_forced`: a
    person asked for this delivery, so that the mail is not set aside. `requestor`: whom the ticket is for, if the
    policy lists the author; `who_asks` is that or the author.
    `loop`: the mail becomes the one ticket that tells of a loop, whatever it belongs to.
    """

    mail: InboundMail
    rendering: Rendering
    screening: Screening
    reference: str
    threads: Threads
    known_files: KnownFiles
    open: Callable[[Attachment], Iterator[bytes]]
    is_note: bool = False
    history_in: str | None = None
    rule: MatchedRule | None = None
    join: str | None = None
    is_forced: bool = False
    requestor: Requestor | None = None
    loop: LoopNotice | None = None

    @property
    def who_asks(self) -> Requestor:
        """Whom the ticket is for."""
        return self.requestor or Requestor(self.mail.sender, self.mail.sender_name)

    @property
    def is_report(self) -> bool:
        """Whether the mail is a delivery report for a ticket. Nothing proves who wrote its words."""
        return self.is_note and self.screening.is_bounce

    def find_ticket(self, lookup: TicketLookup | None = None) -> Belonging:
        """Decide which ticket the mail belongs to. `lookup`: what the sink's target says about its tickets."""
        if self.loop:
            return Belonging(notes=self.loop.sentences)
        found = belongs_to(self.mail, self.screening, self.rendering.title, self.threads, lookup)
        if found.ticket is None or found.proof is not Proof.REPORT or self.is_note:
            return found
        # A person or a rule wants a ticket, which gets the report's words; the other ticket does not.
        note = f"The mail reports that a mail of ticket {found.ticket} could not be delivered."
        return Belonging(related=(found.ticket,), notes=(note,))


def refuse_joining() -> Invalid:
    """Return the error of sinks that cannot ask for a ticket, so that no mail can be joined to one."""
    return Invalid(
        "This sink cannot ask whether the ticket exists. Name a sink that makes tickets itself.",
        code="TicketsUnknown",
        target="sink",
    )


def refuse_automatic_mail(screening: Screening, more: str = "") -> Refused:
    """Return the error that sets an automatic mail aside. `more`: a sentence about the ticket that it may concern."""
    evidence = "; ".join(screening.evidence) or "This is an automatic mail"
    message = f"{evidence.rstrip('.')}. Redeliver it if it is needed."
    return Refused(f"{message} {more}" if more else message, code="AutomaticMail")


@dataclass(frozen=True)
class Receipt:
    """The result of a delivery. `ticket` is None if the sink's target accepted the mail without naming a ticket.

    `is_reply` is true if the mail was added to an existing ticket. `notes` are sentences for the operator. `files` are
    the SHA-256 (hex) of the files that the ticket got. `url` is the https address of the ticket, if the target said it.
    """

    ticket: str | None = None
    is_reply: bool = False
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    url: str | None = None


@dataclass(frozen=True)
class Look:
    """Whether a sink's target has a mail, and in which ticket if that is known. None: the sink cannot find out."""

    is_there: bool | None
    ticket: str | None = None


class Sink(Protocol):
    """Delivers mails to one target, for example an instance of EasyVista."""

    @property
    def time_limit(self) -> float:
        """Seconds that one attempt may take; the claim lasts a little longer."""

    @property
    def probe_is_proof(self) -> bool:
        """Whether a successful probe proves that the target accepts the gateway's credential."""

    def deliver(self, prepared: PreparedMail, progress: Progress) -> Receipt:
        """Deliver one mail, and continue where an earlier attempt ended. Raises errors of shared.errors."""

    def find_mail(self, reference: str, begun: Mapping[str, Any], *, interrupted: bool) -> Look:
        """Look for a mail after earlier attempts: `begun` is what these saved. Raises errors of shared.errors."""

    def check_ticket(self, ticket: str) -> str:
        """Return the number of a ticket as the target writes it.

        Raises Refused unless a mail can be added to this ticket now, or if the sink cannot ask for tickets.
        """

    def probe(self) -> None:
        """Send a request without effect. Raises ConfigurationError if settings, rights or credentials are wrong."""

    def secrets(self) -> Iterable[RememberedSecret]:
        """Return the secrets that the sink uses, so that their expiry can be watched."""


@dataclass(frozen=True)
class Tools:
    """What a sink is built with. `base_url` is the gateway's own address, "" if the settings have none."""

    secret: Callable[[str], RememberedSecret]
    storage: Storage
    base_url: str
