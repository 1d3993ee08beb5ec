"""MIME of a message. As with Exchange, it is made for each request, so its bytes differ each time."""

import base64
import re
import uuid
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP

from twin.core.wire import Stream, stream_of
from twin.mail.contents import Attachment
from twin.mail.draft import Draft
from twin.mail.message import Message

_LINE = 57
"""Bytes in one line of base64."""
_LINES = 2048
_BOUNDARY = re.compile(rb'boundary="?([^"\s;]{12,70})"?', re.IGNORECASE)
_MARK = f"mime-{uuid.uuid4().hex}"
_POLICY = SMTP.clone(utf8=False)
_STRUCTURAL = frozenset({"mime-version", "content-type", "content-transfer-encoding"})


def render_mime(message: Message) -> Stream:
    """Write a message as MIME."""
    raw = message.draft.raw
    return stream_of(_refresh(raw)) if raw is not None else _build(message.draft)


def _refresh(raw: bytes) -> bytes:
    """Write received MIME again: with uniform line ends and new boundaries."""
    text = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    for boundary in set(_BOUNDARY.findall(text)):
        text = text.replace(boundary, b"_000_" + uuid.uuid4().hex.encode() + b"_")
    return text


def _build(draft: Draft) -> Stream:
    mail = EmailMessage(policy=_POLICY)
    for line in draft.headers or ():
        if line["name"].lower() not in _STRUCTURAL:
            mail[line["name"]] = line["value"]
    body = draft.values["body"]
    large = body["content"] if isinstance(body["content"], Stream) else None
    text = f"{_MARK}\n" if large else body["content"]
    mail.set_content(text, subtype="html" if body["contentType"] == "html" else "plain")
    inline = [one for one in draft.attachments if one.is_inline]
    others = [one for one in draft.attachments if not one.is_inline]
    if inline:
        mail.make_related()
    for one in inline:
        mail.attach(_make_part(one))
    if others:
        mail.make_mixed()
    for one in others:
        mail.attach(_make_part(one))
    pieces = mail.as_bytes().split(_MARK.encode())
    first, *rest = pieces
    streams = [large.as_base64()] if large else []
    streams += [one.content if _is_mail(one) else _encode_lines(one.content) for one in (*inline, *others)]
    return stream_of(first, *(part for pair in zip(streams, rest, strict=True) for part in pair))


def _is_mail(one: Attachment) -> bool:
    """Return whether it is an attached mail, which MIME does not encode."""
    return one.kind == "item" and one.item == "message"


def _make_part(one: Attachment) -> EmailMessage:
    """Make a part with a mark where its bytes go."""
    part = EmailMessage(policy=_POLICY)
    fallback = {"message": "message/rfc822", "event": "text/calendar", "contact": "text/vcard"}[one.item]
    part["Content-Type"] = (one.content_type or "application/octet-stream") if one.kind != "item" else fallback
    part["Content-Transfer-Encoding"] = "8bit" if _is_mail(one) else "base64"
    part.add_header("Content-Disposition", "inline" if one.is_inline else "attachment", filename=one.name)
    if one.content_id:
        part["Content-ID"] = f"<{one.content_id}>"
    part.set_payload(f"{_MARK}\n")
    return part


def _encode_lines(content: Stream) -> Stream:
    """Return the base64 of a content in lines."""
    full, rest = divmod(content.size, _LINE)
    size = full * (_LINE // 3 * 4) + (rest + 2) // 3 * 4 + 2 * (full + bool(rest))

    def read() -> Iterator[bytes]:
        for piece in content.pieces(_LINE * _LINES):
            yield base64.encodebytes(piece).replace(b"\n", b"\r\n")

    return Stream(size, read)
