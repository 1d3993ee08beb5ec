"""Stored mails: blobs of one container, written once and read by the sinks and the routes.

{mailbox}/{key}/mail.json          Graph's JSON of the message
{mailbox}/{key}/attachments.json   the list of attachments, and the blobs of their bytes; only if there are any
{mailbox}/{key}/{number}           the bytes of an attachment
{mailbox}/{key}/unpacked.json      the text of a signed mail, which takes the place of Graph's body
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from inbound_mail.content.models import Attachment, AttachmentKind, InboundMail, Seal
from inbound_mail.content.names import safe_media_type, safe_name
from inbound_mail.ledger.mail_file import MailFile
from inbound_mail.ledger.open_texts import OpenText
from shared.errors import AnswerTooLarge
from shared.json_text import Json
from shared.storage.blobs import Container

CONTAINER = "mails"
_PIECE = 1_000_000  # characters
_ONE_TEXT = re.compile(r"\s*text/(?:plain|html)\s*(?:;|\Z)", re.IGNORECASE)


class MailStore:
    """The mails of one mailbox."""

    def __init__(self, container: Container, mailbox: str, address: str) -> None:
        self._container = container
        self._mailbox = mailbox
        self._address = address

    def put_message(self, key: str, message: Json) -> None:
        """Store a message."""
        self._put_json(f"{self._folder(key)}/mail.json", message)

    def put_attachments(self, key: str, attachments: Sequence[Attachment]) -> None:
        """Store the list of attachments."""
        self._put_json(f"{self._folder(key)}/attachments.json", describe_files(attachments))

    def put_unpacked(self, key: str, body: Json) -> None:
        """Store the text of a signed mail, as a body in Graph's form."""
        self._put_json(f"{self._folder(key)}/unpacked.json", body)

    def put_bytes(
        self, key: str, number: int, chunks: Iterable[bytes], *, content_type: str, limit: int
    ) -> tuple[str, str, int]:
        """Store an attachment's bytes; return (blob name, SHA-256 in hex, size). Raises AnswerTooLarge past `limit`."""
        counted = _Counted(chunks, limit)
        name = f"{self._folder(key)}/{number:03}"
        self._container.put(name, counted, content_type=safe_media_type(content_type))
        return name, counted.sha256.hexdigest(), counted.size

    def load(self, key: str, text: OpenText | None = None) -> InboundMail | None:
        """Return a mail as it was read, or None if it is not stored. `text`: what is known of it already."""
        message = text.message if text else self._get_json(f"{self._folder(key)}/mail.json")
        if message is None:
            return None
        stored: Sequence[Json] = ()
        if may_have_files(message):
            known = text.files if text else None
            stored = known if known is not None else self._get_json(f"{self._folder(key)}/attachments.json") or ()
        attachments = tuple(_read_attachment(one) for one in stored)
        if any(one.seal is Seal.SIGNED for one in attachments):
            body = self._get_json(f"{self._folder(key)}/unpacked.json")
            message = message | ({"body": body} if body else {})
        return InboundMail(self._mailbox, self._address, key, message, attachments)

    def open(self, attachment: Attachment, *, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield the bytes of an attachment that has any, or a part of them."""
        chunks = self._container.read(attachment.blob, offset=offset, length=length) if attachment.blob else None
        if chunks is None:
            raise LookupError(f"attachment {attachment.number} has no bytes")
        return chunks

    def find_file(self, attachment: Attachment) -> MailFile | None:
        """Return the file of an attachment; None for one that has no bytes."""
        if attachment.blob is None:
            return None
        return MailFile(self._container, attachment.blob, attachment.size, safe_name(attachment))

    def _folder(self, key: str) -> str:
        return f"{self._mailbox}/{key}"

    def _put_json(self, name: str, value: Any) -> None:
        data = json.dumps(value, separators=(",", ":")).encode()
        self._container.put(name, data, content_type="application/json")

    def _get_json(self, name: str) -> Any:
        data = self._container.get(name)
        return None if data is None else json.loads(data)


def describe_files(attachments: Iterable[Attachment]) -> list[Json]:
    """Return the list of attachments as it is stored."""
    return [_describe(one) for one in attachments]


def may_have_files(message: Json) -> bool:
    """Return whether a message may have attachments. Only a mail that is plainly one part of text has none.

    Exchange says `hasAttachments: false` if all files are inline, as photos and PDFs of Apple Mail are. So the header
    Content-Type decides. Anything else than one text is no proof: multipart/alternative may contain files, mails
    within an organisation show application/ms-tnef, and mails that were created by API have no headers.
    """
    if message.get("hasAttachments") or _shows_pictures(str((message.get("body") or {}).get("content"))):
        return True
    headers = [(str(one.get("name")).lower(), one) for one in message.get("internetMessageHeaders") or []]
    types = [str(one.get("value")) for name, one in headers if name == "content-type"]
    is_named = any(name == "content-disposition" for name, _ in headers)
    return is_named or len(types) != 1 or not _ONE_TEXT.match(types[0]) or "name" in types[0].lower()


def _read_attachment(stored: Json) -> Attachment:
    kind, seal = AttachmentKind(stored["kind"]), stored.get("seal")
    return Attachment(**stored | {"kind": kind, "seal": Seal(seal) if seal else None})


def _shows_pictures(body: str) -> bool:
    """Return whether a body refers to an attached picture. It is searched in pieces: a copy of it may be large."""
    return any("cid:" in body[start : start + _PIECE].lower() for start in range(0, len(body), _PIECE - len("cid:")))


def _describe(attachment: Attachment) -> Json:
    """Return an attachment as it is stored; without later additions that say nothing, for older versions to read."""
    values = asdict(attachment)
    return {name: value for name, value in values.items() if value or name not in ("url", "is_pixel", "seal")}


class _Counted:
    """Passes chunks on, hashing and counting them."""

    def __init__(self, chunks: Iterable[bytes], limit: int) -> None:
        self._chunks = chunks
        self._limit = limit
        self.sha256 = hashlib.sha256()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.size += len(chunk)
            if self.size > self._limit:
                raise AnswerTooLarge(
                    "The attachment is larger than the mailbox's limit. Look for it in the mailbox.",
                    code="AttachmentTooLarge",
                )
            self.sha256.update(chunk)
            yield chunk
