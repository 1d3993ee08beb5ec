"""The ids of mails: keys in the ledger and in storage, references at the sinks, and digests that recognise copies."""

import hashlib
from collections.abc import Iterable

from inbound_mail.content.models import Attachment, AttachmentKind, clean_message_id
from shared.json_text import Json

_PIECE = 1_000_000  # characters


def mail_key(tenant_id: str, mailbox: str, graph_id: str) -> str:
    """Return the key of a mail, 40 hexadecimal digits: a hash, as immutable ids are long and case-sensitive."""
    return digest(tenant_id.lower(), mailbox, graph_id)[:40]


def reference_of(mailbox: str, identity: str) -> str:
    """Return the lasting reference of a mail at a sink: 45 characters, because EasyVista's column has 50.

    `identity` is the message id without brackets, or the Graph id of a mail that has none of its own.
    """
    return "mail-" + digest(mailbox, identity)[:40]


def content_digest(message: Json) -> str:
    """Return a digest (hex) that is equal for copies of one mail only: some devices reuse message ids.

    It includes the time of sending, because scanners send the same words each time.
    """
    headers = message.get("internetMessageHeaders") or []
    sent = next((str(one.get("value")) for one in headers if str(one.get("name")).lower() == "date"), "")
    author = ((message.get("from") or {}).get("emailAddress") or {}).get("address") or ""
    body = (message.get("body") or {}).get("content") or ""
    return digest(author.lower(), sent.strip(), str(message.get("subject") or ""), body)


def identity_digest(message: Json) -> str | None:
    """Return a digest (hex) that is equal for copies of one mail, whatever their files; None without a message id."""
    message_id = message_id_of(message)
    return None if message_id is None else digest(message_id, content_digest(message))


def files_digest(attachments: Iterable[Attachment]) -> str:
    """Return a digest (hex) that is equal for the same files: their names and bytes, or sizes where bytes are missing.

    Of an attached mail only the name counts, because Exchange writes its MIME anew each time.
    """
    parts: list[str] = []
    for one in attachments:
        known = "" if one.kind is AttachmentKind.ITEM else one.sha256 or str(one.size)
        parts += [one.kind, one.name, known]
    return digest(*parts)


def message_id_of(message: Json) -> str | None:
    """Return the internet message id without angle brackets, case kept."""
    return clean_message_id(str(message.get("internetMessageId") or ""))


def digest(*parts: str) -> str:
    """Return the SHA-256 (hex) of texts, one per line; they may contain unpaired surrogates."""
    hashed = hashlib.sha256()
    for number, part in enumerate(parts):
        hashed.update(b"\n" if number else b"")
        for start in range(0, len(part), _PIECE):  # a mail's text may be large, and its copies are larger
            hashed.update(part[start : start + _PIECE].encode("utf-8", "surrogatepass"))
    return hashed.hexdigest()
