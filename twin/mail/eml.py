"""Reads MIME as Exchange does: any bytes are accepted, however broken.

The parser runs under the older policy: it leaves headers as they are, while the newer one raises for some.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message as Part
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any

from twin.core.wire import Json, stream_of
from twin.mail.calendar import UNSUPPORTED_NAME, MeetingMessage, read_meeting
from twin.mail.contents import Attachment
from twin.mail.draft import Draft, make_recipient, render_time
from twin.mail.sealed import CLEAR_CLASS, OPAQUE_CLASS, is_clear_signed, is_opaque, keep_clear_signed
from twin.mail.switches import Switches

_MISHAPS = (LookupError, ValueError, TypeError, AttributeError, OverflowError, MessageError)
_IMPORTANCE = {"high": "high", "low": "low", "1": "high", "2": "high", "4": "low", "5": "low"}
_MESSAGE_ID = re.compile(r"<[^<>\s]+>")


def read_eml(raw: bytes, switches: Switches | None = None) -> Draft:
    """Read a mail from its bytes; any bytes give a mail."""
    switches = switches or Switches()
    try:
        mail: Part = message_from_bytes(raw)
        found = _Parts(reads_meetings=switches.reads_meetings)
        found.sort(mail)
        message_class = _seal(mail, raw, found, switches)
    except (RecursionError, *_MISHAPS):
        mail, found, message_class = Part(), _Parts(text=_decode(raw, None)), None
    meeting = found.meeting
    headers = list(_read_headers(mail))
    first = _First(headers)
    from_ = first.recipients("from")
    sender = first.recipients("sender") or from_
    body = found.html if found.html is not None else found.text
    if meeting is not None and not (body or "").strip():
        body = meeting.description
    found.settle_inline()
    return Draft(
        {
            "subject": _decode_words(first.get("subject")) if "subject" in first.values else None,
            "from": from_[0] if from_ else None,
            "sender": sender[0] if sender else None,
            "toRecipients": first.recipients("to"),
            "ccRecipients": first.recipients("cc"),
            "bccRecipients": [],
            "replyTo": first.recipients("reply-to"),
            "sentDateTime": _read_date(first.get("date")),
            "internetMessageId": _read_message_id(first.get("message-id")),
            "importance": _IMPORTANCE.get(first.get("importance").lower())
            or _IMPORTANCE.get(first.get("x-priority")[:1], "normal"),
            "isReadReceiptRequested": "disposition-notification-to" in first.values,
            "body": {"contentType": "html" if found.html is not None else "text", "content": body or ""},
        },
        headers,
        found.attachments,
        tuple(_MESSAGE_ID.findall(f"{first.get('references')} {first.get('in-reply-to')}")),
        raw,
        {"@odata.type": meeting.type_name} | meeting.fields if meeting else None,
        meeting.message_class if meeting else message_class,
    )


def _seal(mail: Part, raw: bytes, found: "_Parts", switches: Switches) -> str | None:
    """Let the parts of a signed or encrypted mail be what Exchange keeps of them; return the class of the message."""
    if is_opaque(mail):
        return OPAQUE_CLASS
    if not (switches.keeps_signed_whole and is_clear_signed(mail)):
        return None
    if not switches.shows_signed_text:
        found.text = found.html = None
    found.attachments, found.meeting = [keep_clear_signed(raw)], None
    return CLEAR_CLASS


class _First:
    """The first header of each name, which is the one that counts."""

    def __init__(self, headers: list[Json]) -> None:
        self.values: dict[str, str] = {}
        for line in headers:
            self.values.setdefault(line["name"].lower(), line["value"])

    def get(self, name: str) -> str:
        return self.values.get(name, "")

    def recipients(self, name: str) -> list[Json]:
        none: list[tuple[str, str]] = []
        pairs = _safely(lambda: getaddresses([self.get(name)]), none) if self.get(name) else none
        return [make_recipient((_decode_words(shown), address)) for shown, address in pairs if shown or address]


@dataclass
class _Parts:
    """The parts of a mail: two bodies, attachments, and a meeting that a calendar describes."""

    text: str | None = None
    html: str | None = None
    attachments: list[Attachment] = field(default_factory=list)
    reads_meetings: bool = True
    meeting: MeetingMessage | None = None

    def sort(self, mail: Part) -> None:
        """Take every part in order, without recursion."""
        waiting: list[tuple[Part, bool]] = [(mail, False)]
        while waiting:
            part, is_choice = waiting.pop()
            kind = _safely(part.get_content_type, "text/plain")
            inner = part.get_payload()
            if kind.startswith("multipart/") and isinstance(inner, list):
                inside = is_choice or kind == "multipart/alternative"
                waiting += [(one, inside) for one in reversed(inner) if isinstance(one, Part)]
            elif not (self._take_meeting(part, kind) or self._take_body(part, kind, is_choice=is_choice)):
                self.attachments.append(_make_attachment(part, kind, len(self.attachments) + 1))

    def _take_meeting(self, part: Part, kind: str) -> bool:
        """Return whether the part is the calendar of a meeting message: the first that is not an attachment."""
        is_file = kind != "text/calendar" or _safely(part.get_content_disposition, None) == "attachment"
        if is_file or not self.reads_meetings or self.meeting is not None:
            return False
        self.meeting = _safely(lambda: read_meeting(_decode_part(part)), None)
        return self.meeting is not None

    def _take_body(self, part: Part, kind: str, *, is_choice: bool) -> bool:
        """Return whether the part is the body: the first of its kind that is not an attachment."""
        if _safely(part.get_content_disposition, None) == "attachment" or _read_name(part):
            return False
        has_body = self.text is not None or self.html is not None
        if kind == "text/html" and self.html is None and (is_choice or not has_body):
            self.html = _decode_part(part)
        elif kind == "text/plain" and self.text is None and (is_choice or not has_body):
            self.text = _decode_part(part)
        else:
            return not has_body and self._take_rest(part, kind)
        return True

    def _take_rest(self, part: Part, kind: str) -> bool:
        """Use a single part of another text type as the body, or a multipart without parts."""
        if not kind.startswith(("text/", "multipart/")) or kind in {"text/calendar", "text/rfc822-headers"}:
            return False
        self.text = _decode_part(part)
        return True

    def settle_inline(self) -> None:
        """Mark attachments that the body shows as inline, whatever their part says."""
        for one in self.attachments:
            if one.content_id and self.html and f"cid:{one.content_id}" in self.html:
                one.is_inline = True


def _make_attachment(part: Part, kind: str, number: int) -> Attachment:
    name = _read_name(part)
    inner = part.get_payload()
    if kind == "message/rfc822" and isinstance(inner, list) and inner and isinstance(inner[0], Part):
        content = _flatten(inner[0])
        title = _decode_words(_First(list(_read_headers(inner[0]))).get("subject"))
        return Attachment("item", name or title or "Attached message", None, stream_of(content))
    data = b"\r\n".join(map(_flatten, inner)) if isinstance(inner, list) else _read_bytes(part)
    content_id = _clean(str(part.get("content-id") or "")).strip().strip("<>") or None
    is_inline = _safely(part.get_content_disposition, None) == "inline" and not kind.startswith(("text/", "message/"))
    if kind == "text/calendar" and not name:
        name = UNSUPPORTED_NAME
    name = name or f"ATT{number:05}{'.txt' if kind.startswith('text/') else '.dat'}"
    return Attachment("file", name, kind, stream_of(data), is_inline, content_id)


def _read_name(part: Part) -> str:
    return _decode_words(_clean(_safely(part.get_filename, None) or ""))


def _read_headers(mail: Part) -> Iterator[Json]:
    for name, value in mail.raw_items():
        unfolded = re.sub(r"\r?\n[ \t]*", " ", str(value))
        yield {"name": _clean(str(name)), "value": _clean(unfolded).strip()}


def _read_date(text: str) -> str | None:
    def read() -> str:
        return render_time(parsedate_to_datetime(text))

    return _safely(read, None) if text else None


def _read_message_id(text: str) -> str | None:
    found = _MESSAGE_ID.search(text)
    return found[0] if found else text or None


def _read_bytes(part: Part) -> bytes:
    payload = _safely(lambda: part.get_payload(decode=True), None)
    if isinstance(payload, bytes):
        return payload
    return str(part.get_payload() or "").encode("utf-8", "surrogateescape")


def _decode_part(part: Part) -> str:
    return _decode(_read_bytes(part), _safely(part.get_content_charset, None))


def _decode(data: bytes, charset: str | None) -> str:
    for name in (charset, "utf-8"):
        with contextlib.suppress(*_MISHAPS):
            return _clean(data.decode(name or "utf-8"))
    return data.decode("windows-1252", "replace")


def _decode_words(text: str) -> str:
    """Decode encoded words; what cannot be decoded stays as it is."""
    if "=?" not in text:
        return text
    return _clean(_safely(lambda: str(make_header(decode_header(text))), text))


def _clean(text: str) -> str:
    """Return text without invalid characters, which JSON cannot hold."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()


def _flatten(part: Any) -> bytes:
    def write() -> bytes:
        written: bytes = part.as_bytes()
        return written

    return _safely(write, None) or str(part.get_payload()).encode("utf-8", "surrogateescape")


def _safely[T](work: Callable[[], T], otherwise: T) -> T:
    """Do something that can raise for broken mails."""
    try:
        return work()
    except _MISHAPS:
        return otherwise
