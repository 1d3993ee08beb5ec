"""Mails as Graph answers with them: built from a few words, or from the bytes of an .eml file."""

import email.header
import email.policy
import hashlib
from email.message import Message
from email.utils import getaddresses
from pathlib import Path
from typing import Any

from inbound_mail.content.models import InboundMail

MAILBOX = "support@contoso.example"
type Headers = dict[str, str]


def build_mail(
    content: str = "Hello",
    *,
    kind: str = "text",
    subject: str = "Printer broken",
    sender: str = "jane@fabrikam.example",
    headers: Headers | None = None,
    **more: Any,
) -> InboundMail:
    """A mail with the given body; headers None: Graph knows none, as of mails put into a mailbox by API."""
    message = {
        "id": "AAMk1",
        "receivedDateTime": "2026-11-23T08:00:00Z",
        "subject": subject,
        "from": _recipient("Jane", sender) if sender else None,
        "internetMessageId": "<own@fabrikam.example>",
        "body": {"contentType": kind, "content": content},
        "internetMessageHeaders": headers and [{"name": name, "value": value} for name, value in headers.items()],
    }
    return InboundMail("it-support", MAILBOX, "00ff", message | more)


def read_mail(path: Path) -> InboundMail:
    """An .eml file as Exchange would show it: the HTML body if there is one, every header, undecodable bytes replaced.

    The lenient policy of the standard library, since half of these files break the rules on purpose.
    """
    parsed = email.message_from_bytes(path.read_bytes(), policy=email.policy.compat32)
    sender = _recipients(parsed, "From")
    message = {
        "id": hashlib.sha256(path.name.encode()).hexdigest(),
        "receivedDateTime": "2026-11-23T08:00:00Z",
        "subject": _decode(parsed.get("Subject")),
        "from": sender[0] if sender else None,
        "toRecipients": _recipients(parsed, "To"),
        "ccRecipients": _recipients(parsed, "Cc"),
        "replyTo": _recipients(parsed, "Reply-To"),
        "internetMessageId": parsed.get("Message-ID"),
        "body": _body(parsed),
        "internetMessageHeaders": [{"name": name, "value": _decode(value)} for name, value in parsed.items()],
    }
    return InboundMail("it-support", MAILBOX, "00ff", message)


def _recipient(name: str, address: str) -> dict[str, Any]:
    return {"emailAddress": {"name": name, "address": address}}


def _recipients(parsed: Message, name: str) -> list[dict[str, Any]]:
    values = [_decode(value) for value in parsed.get_all(name, [])]
    return [_recipient(shown, address) for shown, address in getaddresses(values) if address]


def _decode(value: Any) -> str:
    try:
        return str(email.header.make_header(email.header.decode_header(str(value or ""))))
    except (LookupError, ValueError):
        return str(value)


def _body(parsed: Message) -> dict[str, str]:
    texts = {"text/html": "", "text/plain": ""}
    for part in parsed.walk():
        kind = part.get_content_type()
        if kind in texts and not texts[kind] and not part.get_filename():
            payload = part.get_payload(decode=True)
            texts[kind] = _characters(payload if isinstance(payload, bytes) else b"", part.get_content_charset())
    if texts["text/html"]:
        return {"contentType": "html", "content": texts["text/html"]}
    return {"contentType": "text", "content": texts["text/plain"]}


def _characters(payload: bytes, charset: str | None) -> str:
    try:
        return payload.decode(charset or "utf-8", "replace")
    except LookupError:
        return payload.decode("latin-1")
