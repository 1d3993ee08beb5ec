"""What the mail side speaks of: one mail as stored, its attachments, and what is known about both."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.json_text import Json


class AttachmentKind(StrEnum):
    """How Graph tells attachments apart (`@odata.type`)."""

    FILE = "file"
    ITEM = "item"
    REFERENCE = "reference"


@dataclass(frozen=True)
class Attachment:
    """One attachment. Its bytes lie in a blob, or nowhere: a link has none, and one over the limit was not fetched.

    `name` is Graph's, not made safe; an attached item's bytes are its MIME (.eml). `content_id` is without brackets.
    `sha256` (hex) and `blob` are None where there are no bytes; then `omitted` says why.
    """

    number: int
    name: str
    content_type: str
    size: int
    kind: AttachmentKind
    is_inline: bool = False
    content_id: str | None = None
    blob: str | None = None
    sha256: str | None = None
    omitted: str | None = None


@dataclass(frozen=True)
class InboundMail:
    """One mail of a mailbox, as it was read once: `message` is Graph's JSON with body and internetMessageHeaders.

    `key` is the mail's name in our store (hex), `mailbox` the mailbox's name in the settings.
    """

    mailbox: str
    address: str
    key: str
    message: Json
    attachments: tuple[Attachment, ...] = ()

    @property
    def graph_id(self) -> str:
        """The immutable id at Graph."""
        return str(self.message["id"])

    @property
    def subject(self) -> str:
        """The subject as sent; may be empty."""
        return str(self.message.get("subject") or "")

    @property
    def sender(self) -> str:
        """The author's address in lower case, "" where there is none (bounces, drafts)."""
        return _address(self.message.get("from")) or _address(self.message.get("sender"))

    @property
    def sender_name(self) -> str:
        """The author's display name, or the address."""
        shown = self.message.get("from") or self.message.get("sender") or {}
        return str((shown.get("emailAddress") or {}).get("name") or self.sender)

    @property
    def message_id(self) -> str | None:
        """The internet message id without angle brackets, case kept; None where the mail has none."""
        return clean_message_id(str(self.message.get("internetMessageId") or ""))

    @property
    def received(self) -> datetime:
        """When the mailbox got it, in UTC."""
        return datetime.fromisoformat(str(self.message["receivedDateTime"]))

    def headers(self, name: str) -> list[str]:
        """Return the values of an internet header, in any case of the name; mails put in by API may have none."""
        found = self.message.get("internetMessageHeaders") or []
        return [str(header.get("value") or "") for header in found if str(header.get("name")).lower() == name.lower()]

    def recipients(self, field_name: str) -> list[str]:
        """Return the addresses of toRecipients, ccRecipients or replyTo, in lower case."""
        return [address for entry in self.message.get(field_name) or [] if (address := _address(entry))]


@dataclass(frozen=True)
class Screening:
    """Three decisions about one mail, kept apart, and the evidence in words for the record.

    `may_reply`: no automatic answer may go to its author. `makes_ticket`: it is worth a ticket. `is_bounce`: it reports
    that a mail could not be delivered; `bounced` are the message ids (clean) it speaks of.
    """

    may_reply: bool
    makes_ticket: bool
    is_bounce: bool
    evidence: tuple[str, ...] = ()
    bounced: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rendering:
    """A mail as a ticket shows it. Lines end in a line feed, and no other control character is left.

    `title` has no reply prefixes; `text` is the whole body as plain text, `new_text` what its author added (the whole
    text where cutting is uncertain); `html` is safe to show, None for a plain-text mail; `was_cut` says whether they
    differ.
    """

    title: str
    text: str
    new_text: str
    html: str | None
    was_cut: bool
    referenced_content_ids: frozenset[str] = field(default_factory=frozenset)


def clean_message_id(text: str) -> str | None:
    """Return a message id without blanks and angle brackets, or None if nothing is left."""
    return text.strip().removeprefix("<").removesuffix(">").strip() or None


def _address(entry: Any) -> str:
    return str(((entry or {}).get("emailAddress") or {}).get("address") or "").strip().lower()
