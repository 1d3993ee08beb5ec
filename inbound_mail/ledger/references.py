"""Names of mails: in our own store, and at the other side."""

import hashlib

from inbound_mail.content.models import clean_message_id
from shared.json_text import Json


def mail_key(tenant_id: str, mailbox: str, graph_id: str) -> str:
    """Return a mail's name in our store (hex). Immutable ids are case-sensitive and long: so they are hashed."""
    return digest(tenant_id.lower(), mailbox, graph_id)[:40]


def reference_of(mailbox: str, identity: str) -> str:
    """Return what names a mail at a sink for ever: 45 characters, fit for EasyVista's 50-character column.

    `identity` is the message id without brackets, or the Graph id of a mail that has none of its own.
    """
    return "mail-" + digest(mailbox, identity)[:40]


def content_digest(message: Json) -> str:
    """Return what two copies of one mail share (hex): devices that reuse message ids send different mails.

    Scanners send the same words each time; but when a mail was sent stays with its copies.
    """
    headers = message.get("internetMessageHeaders") or []
    sent = next((str(one.get("value")) for one in headers if str(one.get("name")).lower() == "date"), "")
    author = ((message.get("from") or {}).get("emailAddress") or {}).get("address") or ""
    body = (message.get("body") or {}).get("content") or ""
    return digest(author.lower(), sent.strip(), str(message.get("subject") or ""), body)


def message_id_of(message: Json) -> str | None:
    """Return the internet message id without angle brackets, case kept."""
    return clean_message_id(str(message.get("internetMessageId") or ""))


def digest(*parts: str) -> str:
    """Return the SHA-256 (hex) of texts, one to a line; a lone surrogate is no obstacle."""
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
