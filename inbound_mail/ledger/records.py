"""What the ledger takes and returns: the states of mails and deliveries, and one frozen record for each kind of row."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from shared.json_text import Json
from shared.storage.tables import Row

SETTLED = "settled"  # the member of a delivery's progress that is not the sink's
FACTS = "mail"  # a column of open work and of deliveries: `MailFacts` and the subject as JSON


class MailState(StrEnum):
    """The state of a mail. Seen and stored are open; a quarantined mail may be delivered again."""

    SEEN = "seen"
    STORED = "stored"
    DELIVERED = "delivered"
    QUARANTINED = "quarantined"
    SKIPPED = "skipped"
    GONE = "gone"


class DeliveryState(StrEnum):
    """The state of one delivery. Delivered, quarantined and set aside are final: no worker goes on by itself."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    DELIVERED = "delivered"
    QUARANTINED = "quarantined"
    SET_ASIDE = "set-aside"

    @property
    def is_final(self) -> bool:
        """Whether no worker works on the delivery any more."""
        return self not in (DeliveryState.WAITING, DeliveryState.CLAIMED)


BY_HAND = "by-hand"  # why a mail was skipped: a person set all its deliveries aside


class Phase(StrEnum):
    """The next work on an open mail: fetch its attachments, or deliver it."""

    FETCH = "fetch"
    DELIVER = "deliver"


@dataclass(frozen=True)
class NewMail:
    """A mail that is to be entered. `skipped`: the reason why it is not to be delivered.

    `screening`: the decisions about it as JSON (`Screening.describe`), None if it cannot be screened. `copy_of`: the
    key of the mail of which it is a copy. `cause`: code and message if its deliveries go to quarantine. `rule`: what a
    rule decided (`MatchedRule.describe`). `sinks`: where it goes, None for the sinks of the mailbox.
    """

    key: str
    message: Json
    folder: str
    phase: Phase
    skipped: str | None = None
    screening: Json | None = None
    copy_of: str | None = None
    cause: tuple[str, str] | None = None
    rule: Json | None = None
    sinks: tuple[str, ...] | None = None


class MailDates(NamedTuple):
    """When a mail was entered, when it was complete, and when the work on it ended last; older versions noted less."""

    seen_at: datetime | None = None
    stored_at: datetime | None = None
    closed_at: datetime | None = None


@dataclass(frozen=True)
class MailRecord:
    """What the ledger knows about a mail itself. `number` is its place in the feed, None before it is complete.

    `screening`, `rule` and `sinks` are as in `NewMail`; mails that an older version entered have none. `written_back`:
    a `WrittenBack`, None if nothing was to be changed in the mailbox.
    """

    key: str
    state: MailState
    graph_id: str
    reference: str
    message_id: str
    conversation_id: str
    subject: str
    sender: str
    received: str
    folder: str
    number: int | None = None
    reason: str | None = None
    screening: Json | None = None
    copy_of: str | None = None
    sent_by: str | None = None
    reply_to: tuple[str, ...] = ()
    rule: Json | None = None
    sinks: tuple[str, ...] | None = None
    dates: MailDates = field(default_factory=MailDates)
    written_back: str | None = None


@dataclass(frozen=True)
class MailFacts:
    """What a delivery must know of its mail beside the text: `MailRecord` explains the members."""

    reference: str
    sender: str
    received: str
    rule: Json | None = None
    sinks: tuple[str, ...] | None = None


class MailSummary(NamedTuple):
    """What lists show of a mail."""

    sender: str
    subject: str
    received: str


@dataclass(frozen=True)
class OpenMail:
    """A mail on which work is open. `newly_delivered`: sinks that took it since the work began, or began again.

    `asked`: when a message asked for the delivery to a sink last, or until when the poll need not miss it.
    """

    key: str
    phase: Phase
    graph_id: str
    folder_id: str
    deliveries: "tuple[DeliveryRecord, ...]"
    newly_delivered: tuple[str, ...]
    asked: Mapping[str, datetime]
    row: Row

    @property
    def tickets(self) -> list[str]:
        """The tickets that this mail became or was added to."""
        return [one.ticket for one in self.deliveries if one.ticket]

    @property
    def summary(self) -> MailSummary | None:
        """What lists show of it; None where an earlier version entered it."""
        return read_summary([self.row.values, *(one.values for one in self.deliveries)])

    @property
    def was_closed(self) -> bool:
        """Whether the work on it had ended before, and was begun again."""
        return "told" in self.row.values or bool(self.row.values.get("wanted"))

    @property
    def cause(self) -> tuple[str, str] | None:
        """Code and message if the deliveries go to quarantine once the attachments are stored."""
        values = self.row.values
        return (str(values["cause"]), str(values["message"])) if values.get("cause") else None

    @property
    def sinks(self) -> tuple[str, ...] | None:
        """Where the mail goes, as it was decided when it was entered; None for the sinks of the mailbox."""
        return read_sinks(self.row.values)

    @property
    def wanted(self) -> Json | None:
        """What a person asked for whose mail was skipped: {"sinks", "begun": columns of its deliveries}."""
        found: Json | None = json.loads(self.row.values.get("wanted") or "null")
        return found

    @property
    def fetch_tries(self) -> int:
        """How many attempts to fetch the attachments have failed."""
        return int(self.row.values.get("fetch_tries", 0))

    @property
    def identity(self) -> str | None:
        """A digest of message id and content, None without a message id, and for mails of earlier versions."""
        return self.row.values.get("identity") or None

    @property
    def was_unclear(self) -> bool:
        """Whether the last attempt to fetch the attachments failed in a way that may be the whole mailbox's trouble."""
        return bool(self.row.values.get("unclear", False))

    @property
    def was_forbidden(self) -> bool:
        """Whether Graph refused access to the attachments in the last attempt."""
        return bool(self.row.values.get("barred"))

    @property
    def write_tries(self) -> int:
        """How many attempts to write back have failed."""
        return int(self.row.values.get("write_tries", 0))

    @property
    def may_have_moved(self) -> bool:
        """Whether a move of the mail was begun; its result may be unknown."""
        return bool(self.row.values.get("moving"))


@dataclass(frozen=True)
class DeliveryRecord:
    """The row of one delivery."""

    key: str
    sink: str
    row: Row

    @property
    def values(self) -> Mapping[str, Any]:
        """The columns as stored."""
        return self.row.values

    @property
    def state(self) -> DeliveryState:
        """Its state."""
        return DeliveryState(self.values["state"])

    @property
    def due(self) -> datetime:
        """When the next attempt is due or, while it is claimed, when the claim expires."""
        due: datetime = self.values["due"]
        return due

    @property
    def finished_at(self) -> datetime:
        """When it was delivered or set aside, or went to quarantine."""
        finished: datetime = self.values["finished_at"]
        return finished

    @property
    def progress(self) -> dict[str, Any]:
        """What the sink has saved, and what was settled before its first attempt."""
        found: dict[str, Any] = json.loads(self.values["progress"])
        return found

    @property
    def settled(self) -> dict[str, Any]:
        """What was decided about it before its first attempt."""
        found: dict[str, Any] = self.progress.get(SETTLED) or {}
        return found

    @property
    def attempts(self) -> int:
        """How many attempts were begun since the delivery was created or redelivered, the current one included."""
        return int(self.values["attempts"])

    @property
    def ticket(self) -> str | None:
        """The ticket, or None."""
        return self.values.get("ticket") or None

    @property
    def ticket_url(self) -> str | None:
        """The address of the ticket as the sink's target gave it, or None."""
        return self.values.get("ticket_url") or None

    @property
    def quarantined_at(self) -> datetime | None:
        """When it went to quarantine, or was created there."""
        return self.values.get("finished_at") or self.values.get("created_at")

    @property
    def is_reply(self) -> bool:
        """Whether the mail was added to an existing ticket."""
        return bool(self.values.get("is_reply"))

    @property
    def notes(self) -> list[str]:
        """Sentences of the sink for the operator."""
        found: list[str] = json.loads(self.values["notes"])
        return found

    @property
    def cause(self) -> str | None:
        """The code of the error that sent it to quarantine, or the reason why it was set aside."""
        return self.values.get("cause")

    @property
    def moved_to(self) -> str | None:
        """The sink to which a person sent the mail instead."""
        return self.values.get("moved_to")

    @property
    def message(self) -> str | None:
        """The sentence of that error."""
        return self.values.get("message")

    @property
    def last_error(self) -> str | None:
        """The code of the error of the last attempt."""
        return self.values.get("last_error")

    @property
    def facts(self) -> MailFacts | None:
        """What it knows of its mail; None for deliveries of older versions."""
        found: Json | None = json.loads(self.values.get(FACTS) or "null")
        return None if found is None else read_facts(found)

    @property
    def correlation_id(self) -> str | None:
        """The id of the poll or request that this delivery goes back to; deliveries of older versions have none."""
        return self.values.get("correlation_id")


def read_facts(values: Mapping[str, Any]) -> MailFacts:
    """Return the facts in a mail's row, or in a column with the same members."""
    rule = values.get("rule")
    return MailFacts(
        reference=str(values["reference"]),
        sender=str(values["sender"]),
        received=str(values["received"]),
        rule=json.loads(rule) if rule else None,
        sinks=read_sinks(values),
    )


def read_summary(rows_with_facts: Iterable[Mapping[str, Any]]) -> MailSummary | None:
    """Return the summary in the first column of facts that has one: earlier versions kept no subject there."""
    for values in rows_with_facts:
        facts: Json = json.loads(values.get(FACTS) or "{}")
        if "subject" in facts:
            return MailSummary(str(facts["sender"]), str(facts["subject"]), str(facts["received"]))
    return None


def read_sinks(values: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the sinks in a row of a mail or of its open work, None if it names none."""
    return tuple(str(values["sinks"]).split(",")) if values.get("sinks") else None


class FeedEntry(NamedTuple):
    """A complete mail and its number in the feed."""

    number: int
    key: str
    at: datetime


class EndedDelivery(NamedTuple):
    """How one delivery of a mail stood when the work on the mail ended. `at`: when it was done, if that is known."""

    sink: str
    state: DeliveryState
    ticket: str | None = None
    cause: str | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class MailOutcome:
    """How the work on a mail ended. `sinks`: those that took it since the work began, or began again.

    Skipped mails have none that an earlier version wrote, and neither summary nor deliveries has any outcome of one.
    `is_again`: there may be an earlier outcome of the mail.
    """

    number: int
    key: str
    state: MailState
    at: datetime
    sinks: frozenset[str] = frozenset()
    summary: MailSummary | None = None
    deliveries: tuple[EndedDelivery, ...] | None = None
    is_again: bool = False


@dataclass(frozen=True)
class QuarantinedDelivery:
    """A delivery in quarantine, and since when."""

    key: str
    sink: str
    cause: str
    since: datetime


@dataclass(frozen=True)
class SkippedMail:
    """A mail that was skipped, and when."""

    key: str
    since: datetime
