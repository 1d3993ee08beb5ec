"""What a sink is: the contract between delivery and the places that take tickets.

A sink is called under a claim, so never twice at once for one mail. It may be called again after anything: a refused
connection, a crash between two steps, an answer that got lost. What it has done it notes in `Progress`; where
`Progress.interrupted` says that an earlier attempt ended in the dark, it looks before it writes.

What it raises decides what happens next (shared.errors): `Unavailable` and `OutcomeUnknown` are tried again later,
the latter after a pause; `ConfigurationError` opens the circuit of the sink and keeps every mail waiting; `Refused`
puts this one mail into quarantine with the error's code and message as its cause.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from inbound_mail.content.models import Attachment, InboundMail, Rendering, Screening
from shared.key_vault import RememberedSecret
from shared.settings.mail_settings import SinkSettings
from shared.storage.account import Storage


@dataclass(frozen=True)
class Thread:
    """A ticket known from an earlier mail, and the addresses (lower case) that took part in it."""

    ticket: str
    participants: frozenset[str]


class Threads(Protocol):
    """Which tickets of this sink earlier mails became."""

    def find(self, message_ids: Sequence[str]) -> Thread | None:
        """Return the ticket of the first of these message ids (clean) that is known."""

    def find_conversation(self, conversation_id: str) -> Thread | None:
        """Return the ticket of a Graph conversation: weak evidence, as strangers may get into one."""


class Progress(Protocol):
    """The durable record of one delivery; `save` returns once the values are safe."""

    @property
    def values(self) -> Mapping[str, Any]:
        """What was saved so far, by this attempt or earlier ones: JSON values."""

    @property
    def interrupted(self) -> bool:
        """Whether an earlier attempt ended without a known outcome."""

    def save(self, **values: Any) -> None:
        """Add values. Raises Conflict when another worker has taken the delivery over: stop at once."""


@dataclass(frozen=True)
class PreparedMail:
    """One mail as it is handed over.

    `reference` names it at the other side for ever: 45 characters of a-z, 0-9 and "-". `open` yields an attachment's
    bytes in chunks; only attachments whose `blob` is set have any.
    """

    mail: InboundMail
    rendering: Rendering
    screening: Screening
    reference: str
    threads: Threads
    open: Callable[[Attachment], Iterator[bytes]]


@dataclass(frozen=True)
class Receipt:
    """What became of a delivery. `ticket` is None where the other side took the mail and named no ticket.

    `is_reply` tells that the mail was added to a ticket that was there; `notes` are sentences for the operator.
    """

    ticket: str | None = None
    is_reply: bool = False
    notes: tuple[str, ...] = ()


class Sink(Protocol):
    """A place that takes tickets."""

    @property
    def time_limit(self) -> float:
        """Seconds that one attempt may take; the claim lasts a little longer."""

    def deliver(self, prepared: PreparedMail, progress: Progress) -> Receipt:
        """Hand over one mail, going on where an earlier attempt ended. Raises the error family."""

    def probe(self) -> None:
        """Ask something harmless. Raises ConfigurationError as long as settings, rights or credentials are wrong."""

    def secrets(self) -> Iterable[RememberedSecret]:
        """Return the secrets that it lives on, to watch when they end."""


@dataclass(frozen=True)
class Tools:
    """What a sink is built with. `base_url` is the gateway's own address, "" where none is set."""

    secret: Callable[[str], RememberedSecret]
    storage: Storage
    base_url: str


@dataclass(frozen=True)
class Kind:
    """A kind of sink: what is wrong with given options, as (option, sentence), and how to build one of right ones."""

    check: Callable[[SinkSettings], Iterable[tuple[str, str]]]
    build: Callable[[SinkSettings, Tools], Sink]
