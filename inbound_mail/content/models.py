"""The data of the mail side: a mail, its attachments, its screening and its rendering."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.json_text import Json


class AttachmentKind(StrEnum):
    """The kinds of attachments in Graph (`@odata.type`): a file, an attached mail or event, a link."""

    FILE = "file"
    ITEM = "item"
    REFERENCE = "reference"


class Seal(StrEnum):
    """What an attachment is that holds a whole mail of S/MIME. What is signed was unpacked; the others were not."""

    SIGNED = "signed"
    ENCRYPTED = "encrypted"
    UNREADABLE = "unreadable"


_MOST_EVIDENCE = 20
_LONGEST_EVIDENCE = 200  # characters; a header may be endless
_WEB_ADDRESS = re.compile(r"https?://[^\s<>\"\\]{1,2000}")


@dataclass(frozen=True)
class Attachment:
    """One attachment. Its bytes are in the blob `blob`; an attached item's bytes are its MIME (.eml).

    `blob` and `sha256` (hexadecimal) are None if there are no bytes: the attachment is a link or was too large. Then
    `omitted` says why (`files.Omission`). `name` is Graph's and may be unsafe as a file name (`names.safe_name`).
    `content_id` is without angle brackets. `url` is where a link leads, if Graph says so. `is_pixel`: a picture of
    1 by 1. `seal`: the whole mail is in this attachment; if it is signed, its text and files were unpacked, and the
    files follow as further attachments.
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
    url: str | None = None
    is_pixel: bool = False
    seal: Seal | None = None


@dataclass(frozen=True)
class InboundMail:
    """One mail of a mailbox. `message` is Graph's JSON with body and internetMessageHeaders.

    `key` identifies the mail in the ledger and the mail store (40 hexadecimal digits). `mailbox` is the mailbox's name
    in the settings, `address` its mail address.
    """

    mailbox: str
    address: str
    key: str
    message: Json
    attachments: tuple[Attachment, ...] = ()

    @property
    def graph_id(self) -> str:
        """The mail's immutable id in Graph."""
        return str(self.message["id"])

    @property
    def subject(self) -> str:
        """The subject as sent; may be empty."""
        return str(self.message.get("subject") or "")

    @property
    def sender(self) -> str:
        """The author's address in lower case, "" if there is none (bounces, drafts)."""
        return _address(self.message.get("from")) or _address(self.message.get("sender"))

    @property
    def sender_name(self) -> str:
        """The author's display name, or the address."""
        shown = self.message.get("from") or self.message.get("sender") or {}
        return str((shown.get("emailAddress") or {}).get("name") or self.sender)

    @property
    def sent_by(self) -> str:
        """The address of who sent the mail for its author (Sender), in lower case; "" if that is the author."""
        found = _address(self.message.get("sender"))
        return "" if found == self.sender else found

    @property
    def reply_to(self) -> list[tuple[str, str]]:
        """Whom answers should go to (Reply-To), as (address in lower case, name); none if that is the author."""
        entries = [entry for entry in self.message.get("replyTo") or [] if _address(entry) not in ("", self.sender)]
        return [(_address(entry), str(entry["emailAddress"].get("name") or "")) for entry in entries]

    @property
    def message_id(self) -> str | None:
        """The internet message id without angle brackets, in its own letter case; None if the mail has none."""
        return clean_message_id(str(self.message.get("internetMessageId") or ""))

    @property
    def received(self) -> datetime:
        """When the mail arrived in the mailbox, in UTC."""
        return datetime.fromisoformat(str(self.message["receivedDateTime"]))

    @property
    def web_link(self) -> str | None:
        """Where Outlook on the web shows the mail to those who may read the mailbox; older records have none."""
        return read_web_address(self.message.get("webLink"))

    def headers(self, name: str) -> list[str]:
        """Return the values of an internet header; `name` in any letter case. Mails created by API may have none."""
        found = self.message.get("internetMessageHeaders") or []
        return [str(header.get("value") or "") for header in found if str(header.get("name")).lower() == name.lower()]

    def recipients(self, field_name: str) -> list[str]:
        """Return the addresses of toRecipients, ccRecipients or replyTo, in lower case."""
        return [address for entry in self.message.get(field_name) or [] if (address := _address(entry))]


@dataclass(frozen=True)
class Screening:
    """Three independent decisions about one mail, and the evidence for them as sentences.

    `may_reply`: an automatic answer may go to its author. `makes_ticket`: the mail is worth a ticket. `is_bounce`: the
    mail reports that another mail could not be delivered; `bounced` are the message ids of the mails it names, and
    `failed_recipients` the addresses (lower case) that could not be reached. `is_own`: we sent it ourselves.
    """

    may_reply: bool
    makes_ticket: bool
    is_bounce: bool
    evidence: tuple[str, ...] = ()
    bounced: tuple[str, ...] = ()
    failed_recipients: tuple[str, ...] = ()
    is_own: bool = False

    def describe(self) -> Json:
        """Return the decisions and the evidence as answers and events show them."""
        return {
            "mayReply": self.may_reply,
            "makesTicket": self.makes_ticket,
            "isBounce": self.is_bounce,
            "evidence": [one[:_LONGEST_EVIDENCE] for one in self.evidence[:_MOST_EVIDENCE]],
        }


@dataclass(frozen=True)
class Rendering:
    """A mail as a ticket shows it. Texts contain no control characters except line feeds and tabs.

    `title` is the subject without prefixes such as "Re:". `text` is the whole body as plain text, or its beginning if
    the body is too long (`is_truncated`). `new_text` is the text without quoted history that stands in a stored mail,
    or the whole text; `was_cut` is true if the two differ. `html` is the sanitised body, None for a plain-text mail.

    `referenced_content_ids` are the pictures that the HTML shows. Some of them are shown only inside the signature, or
    only inside the part of the text that `new_text` does not have. Where the text shows
    pictures is in `marked` and `pictures`, which the functions of `rendering` read.
    """

    title: str
    text: str
    new_text: str
    html: str | None
    was_cut: bool
    is_truncated: bool = False
    referenced_content_ids: frozenset[str] = field(default_factory=frozenset)
    signature_content_ids: frozenset[str] = field(default_factory=frozenset)
    history_content_ids: frozenset[str] = field(default_factory=frozenset)
    marked: str = field(default="", repr=False)
    pictures: tuple[str, ...] = ()


def read_web_address(value: object) -> str | None:
    """Return an http address as it is, None for anything else."""
    return value if isinstance(value, str) and _WEB_ADDRESS.fullmatch(value) else None


def clean_message_id(text: str) -> str | None:
    """Return a message id without surrounding blanks and angle brackets, or None if nothing is left."""
    return text.strip().removeprefix("<").removesuffix(">").strip() or None


def _address(entry: Any) -> str:
    return str(((entry or {}).get("emailAddress") or {}).get("address") or "").strip().lower()
