"""Unpacks signed mails: the text and the files that Exchange keeps inside one attachment, smime.p7m.

Source: MS-OXOSMIME 2.1.3.1 and 2.1.3.2. A clear-signed mail is kept as its multipart/signed, an opaque-signed or
encrypted one as a CMS structure, and each is the only attachment. Files such as `invoice.pdf.p7m` that somebody
attaches are no such mails. Nothing is verified, so the ticket says that the signature is not.

Signatures inside signatures are taken off, up to a depth. Bytes that are no such structure, and mails beyond the
bounds, stay packed.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message as Part

from inbound_mail.content.cms import is_encrypted, read_signed
from inbound_mail.content.models import Attachment, AttachmentKind, Seal, clean_message_id
from shared.json_text import Json

MOST_BYTES = 32 * 1024 * 1024
_MOST_DEPTH = 3
_MOST_PARTS = 200
_NAME = "smime.p7m"
_SIGNED_TYPE = "multipart/signed"
_OPAQUE_TYPES = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_SIGNATURES = ("application/pkcs7-signature", "application/x-pkcs7-signature")
_BROKEN = (LookupError, ValueError, TypeError, AttributeError, OverflowError, MessageError, RecursionError)


@dataclass(frozen=True)
class UnpackedFile:
    """A file of a signed mail, with its bytes."""

    name: str
    content_type: str
    data: bytes = field(repr=False)
    kind: AttachmentKind = AttachmentKind.FILE
    is_inline: bool = False
    content_id: str | None = None


@dataclass(frozen=True)
class Unpacked:
    """What became of a sealed mail. `body` is as in Graph's JSON, None if there is no text that can be read."""

    seal: Seal
    body: Json | None = None
    files: tuple[UnpackedFile, ...] = ()


def find_container(attachments: Sequence[Attachment]) -> Attachment | None:
    """Return the attachment that holds a whole mail, None for a mail that is not sealed by S/MIME."""
    if len(attachments) != 1 or attachments[0].kind is not AttachmentKind.FILE:
        return None
    [one] = attachments
    media_type, is_named = _plain_type(one.content_type), one.name.lower() == _NAME
    is_sealed = media_type in _OPAQUE_TYPES or (is_named and media_type in (_SIGNED_TYPE, "application/octet-stream"))
    return one if is_sealed or (is_named and not media_type) else None


def unpack(content_type: str, data: bytes) -> Unpacked:
    """Return what is inside such an attachment. Any bytes are taken."""
    try:
        return _unpack(content_type, data)
    except _BROKEN:
        return Unpacked(Seal.UNREADABLE)


def _unpack(content_type: str, data: bytes) -> Unpacked:
    is_opaque = _plain_type(content_type) != _SIGNED_TYPE and not data[:13].lower().startswith(b"content-type:")
    if is_opaque and is_encrypted(data):
        return Unpacked(Seal.ENCRYPTED)
    signed = read_signed(data) if is_opaque else data
    if signed is None:
        return Unpacked(Seal.UNREADABLE)
    entity: Part = message_from_bytes(signed)
    for _ in range(_MOST_DEPTH):
        inner = _take_signature_off(entity)
        if isinstance(inner, Seal):
            return Unpacked(inner)
        if inner is entity:
            return _read_entity(entity)
        entity = inner
    return Unpacked(Seal.UNREADABLE)


def _take_signature_off(entity: Part) -> Part | Seal:
    """Return what a signature is about, or the entity itself if it bears none."""
    if entity.get_content_type() == _SIGNED_TYPE:
        parts = _parts_of(entity)
        return parts[0] if parts else Seal.UNREADABLE
    if entity.get_content_type() not in _OPAQUE_TYPES:
        return entity
    data = _read_bytes(entity)
    if is_encrypted(data):
        return Seal.ENCRYPTED
    signed = read_signed(data)
    return Seal.UNREADABLE if signed is None else message_from_bytes(signed)


def _read_entity(entity: Part) -> Unpacked:
    text: str | None = None
    page: str | None = None
    files: list[UnpackedFile] = []
    for count, (part, is_choice) in enumerate(_walk(entity)):
        if count >= _MOST_PARTS:
            return Unpacked(Seal.UNREADABLE)
        kind, has_body = part.get_content_type(), text is not None or page is not None
        is_body = not _is_file(part) and (is_choice or not has_body)
        if is_body and kind == "text/html" and page is None:
            page = _read_text(part)
        elif is_body and kind == "text/plain" and text is None:
            text = _read_text(part)
        elif kind not in _SIGNATURES:
            files.append(_read_file(part, len(files) + 1))
    content = page if page is not None else text
    body = {"contentType": "text" if page is None else "html", "content": content or ""}
    return Unpacked(Seal.SIGNED, body, tuple(files))


def _walk(entity: Part) -> Iterator[tuple[Part, bool]]:
    """Yield the parts that are no multipart, in order, and whether they are one of several forms of the same text."""
    waiting = [(entity, False)]
    while waiting:
        part, is_choice = waiting.pop()
        kind = part.get_content_type()
        if kind.startswith("multipart/") and part.is_multipart():
            inside = is_choice or kind == "multipart/alternative"
            waiting += [(one, inside) for one in reversed(_parts_of(part))]
        else:
            yield part, is_choice


def _parts_of(part: Part) -> list[Part]:
    inner = part.get_payload()
    return [one for one in inner if isinstance(one, Part)] if isinstance(inner, list) else []


def _is_file(part: Part) -> bool:
    return part.get_content_disposition() == "attachment" or bool(_read_name(part))


def _read_file(part: Part, number: int) -> UnpackedFile:
    kind, name = part.get_content_type(), _read_name(part)
    is_inline = part.get_content_disposition() == "inline"
    if kind == "message/rfc822" and (inner := _parts_of(part)):
        title = _decode_words(str(inner[0].get("subject") or ""))
        return UnpackedFile(name or title or "message", kind, inner[0].as_bytes(), AttachmentKind.ITEM)
    if not name:
        name = "calendar.ics" if kind == "text/calendar" else f"file-{number}{'.txt' if kind == 'text/plain' else ''}"
    data = b"\r\n".join(one.as_bytes() for one in _parts_of(part)) if part.is_multipart() else _read_bytes(part)
    content_id = clean_message_id(str(part.get("content-id") or ""))
    return UnpackedFile(name, kind, data, is_inline=is_inline or content_id is not None, content_id=content_id)


def _read_name(part: Part) -> str:
    return _decode_words(_safely(lambda: str(part.get_filename() or "")) or "")


def _read_bytes(part: Part) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _read_text(part: Part) -> str:
    data = _read_bytes(part)
    for charset in (_safely(lambda: part.get_content_charset() or "utf-8"), "utf-8"):
        with contextlib.suppress(*_BROKEN):
            return data.decode(charset or "utf-8")
    return data.decode("windows-1252", "replace")


def _decode_words(text: str) -> str:
    """Decode encoded words; what cannot be decoded stays as it is, apart from characters that JSON cannot hold."""
    decoded = (_safely(lambda: str(make_header(decode_header(text)))) if "=?" in text else text) or text
    return decoded.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _plain_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _safely[T](work: Callable[[], T]) -> T | None:
    with contextlib.suppress(*_BROKEN):
        return work()
    return None
