"""A mail as EasyVista's fields, texts and files.

EasyVista stores memos byte for byte and its pages render the HTML in them (public Python client, measured): so plain
text loses every "<" that could begin a tag, and HTML comes sanitised or not at all.
"""

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from inbound_mail.content.models import Attachment, AttachmentKind
from inbound_mail.sinks.protocol import Parcel

type Options = Mapping[str, Any]

_MIB = 1024 * 1024
_LONGEST_NAME = 120
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_UNSAFE = re.compile(r'[<>:"/\\|?*]')
_ID_FIELDS = ("department_id", "location_id", "urgency_id", "impact_id", "severity_id")
_CODE_FIELDS = ("catalog_guid", "catalog_code", "department_code", "location_code")
# What a template of a custom column may name.
PLACEHOLDERS = ("message_id", "mailbox", "address", "sender", "sender_name", "subject", "received", "reference")


@dataclass(frozen=True)
class File:
    """An attachment under the name it gets at EasyVista."""

    name: str
    attachment: Attachment


def make_members(parcel: Parcel, options: Options, *, parent: str | None, notes: Iterable[str]) -> dict[str, Any]:
    """Return the members of a create. Without an author there is no recipient: the caller decides on one."""
    mail = parcel.mail
    members: dict[str, Any] = {
        name: options[name] for name in (*_CODE_FIELDS, *_ID_FIELDS) if options.get(name) is not None
    }
    if str(mail.message.get("importance")).lower() == "high" and options.get("high_importance_urgency_id"):
        members["urgency_id"] = options["high_importance_urgency_id"]
    members |= {
        "title": make_title(parcel, options["title_length"]),
        "description": describe(parcel, options, body=parcel.rendering.text, rich=parcel.rendering.html, notes=notes),
        "origin": options["origin"],
        "external_reference": parcel.reference,
        **name_person(mail.sender),
        **{name: fill(template, parcel) for name, template in (options.get("fields") or {}).items()},
    }
    return members | ({"parentrequest": parent} if parent else {})


def name_person(address: str) -> dict[str, str]:
    """Return the members that name the person a ticket is for."""
    return {"requestor_mail": address, "recipient_mail": address} if address else {}


def fill(template: str, parcel: Parcel) -> str:
    """Return a template with its placeholders replaced, each once: what they bring is never read as a template."""
    mail = parcel.mail
    values = {
        "message_id": mail.message_id or "",
        "mailbox": mail.mailbox,
        "address": mail.address,
        "sender": mail.sender,
        "sender_name": mail.sender_name,
        "subject": mail.subject,
        "received": mail.received.isoformat(),
        "reference": parcel.reference,
    }
    filled = re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), template)
    return one_line(filled)


def make_title(parcel: Parcel, length: int) -> str:
    """Return the title, cut to a length."""
    title = one_line(parcel.rendering.title) or "(no subject)"
    return title if len(title) <= length else f"{title[: length - 1].rstrip()}…"


def one_line(text: str) -> str:
    """Return a text without control characters, line ends and tags."""
    return defuse(" ".join("".join(" " if _is_control(one) else one for one in text).split()))


def defuse(text: str) -> str:
    """Return plain text in which no browser finds a tag: a blank after "<" ends it, and reads the same as text."""
    return _TAG.sub("< ", text)


def describe(parcel: Parcel, options: Options, *, body: str, rich: str | None, notes: Iterable[str]) -> str:
    """Return the text of a ticket or comment: who wrote when, what could not come along, the body, the reference."""
    mail = parcel.mail
    head = [
        ("From", f"{mail.sender_name} ({mail.sender})" if mail.sender_name != mail.sender else mail.sender),
        ("To", ", ".join(mail.recipients("toRecipients"))),
        ("Cc", ", ".join(mail.recipients("ccRecipients"))),
        ("Date", f"{mail.received:%Y-%m-%d %H:%M} UTC"),
        ("Message-ID", mail.message_id or ""),
        ("Attachments", ", ".join(f"{one.name} ({_size(one.attachment.size)})" for one in files_of(parcel, options))),
        *(("Not attached", line) for line in _left_out(parcel, options)),
        *(("Note", note) for note in notes),
    ]
    lines = [f"{label}: {one_line(value)}" for label, value in head if value.strip()]
    last = f"Reference: {parcel.reference}"
    if options["body"] == "html":
        escaped = "<br>".join(html.escape(line) for line in lines)
        inner = rich if rich is not None else html.escape(body).replace("\n", "<br>")
        return f"<p>{escaped}</p><div>{inner}</div><p>{last}</p>"
    return "\n".join([*lines, "", defuse(body).strip(), "", last])


def files_of(parcel: Parcel, options: Options, taken: Iterable[str] = ()) -> list[File]:
    """Return the attachments that go along, under safe names that differ from each other and from those taken.

    The same mail gives the same names: an attempt that goes on finds by name what is there already.
    """
    used = {_fold(name) for name in taken}
    files = []
    for attachment in parcel.mail.attachments:
        if _reason_to_omit(attachment, parcel, options) is not None:
            continue
        plain = safe_name(attachment)
        name, number = plain, 1
        while _fold(name) in used:
            number += 1
            name = f"{number}-{plain}"
        used.add(_fold(name))
        files.append(File(name, attachment))
    return files


def safe_name(attachment: Attachment) -> str:
    """Return a file name without path, control characters or what Windows forbids; attached mails end in .eml."""
    text = unicodedata.normalize("NFC", attachment.name)
    text = "".join(" " if _is_control(one) else one for one in _UNSAFE.sub("_", text))
    name = " ".join(text.split()).strip(". ") or f"attachment-{attachment.number}"
    if attachment.kind is AttachmentKind.ITEM and not name.lower().endswith(".eml"):
        name += ".eml"
    stem, dot, ending = name.rpartition(".")
    if len(name) > _LONGEST_NAME:
        short = dot and len(ending) <= 10  # noqa: PLR2004 - longer than any ending that says what a file is
        name = f"{stem[: _LONGEST_NAME - 1 - len(ending)]}.{ending}" if short else name[:_LONGEST_NAME]
    return name


def _left_out(parcel: Parcel, options: Options) -> Iterator[str]:
    for attachment in parcel.mail.attachments:
        reason = _reason_to_omit(attachment, parcel, options)
        if reason:
            yield f"{attachment.name} ({reason})"


def _reason_to_omit(attachment: Attachment, parcel: Parcel, options: Options) -> str | None:
    """Return why an attachment does not go along, None if it does; "" for decoration that nobody misses."""
    if attachment.kind is AttachmentKind.REFERENCE:
        return attachment.omitted or "a link: open it from the mail"
    if attachment.blob is None:
        return attachment.omitted or "its bytes could not be read"
    if attachment.size > options["attachment_mb"] * _MIB:
        return f"{_size(attachment.size)}, more than {options['attachment_mb']} MiB"
    if _is_picture_of_text(attachment, parcel):
        if attachment.size <= options["inline_min_kib"] * 1024:
            return ""
        if attachment.content_id not in parcel.rendering.referenced_content_ids:
            return "an inline picture that the text does not show"
    return None


def _is_picture_of_text(attachment: Attachment, parcel: Parcel) -> bool:
    is_picture = attachment.content_type.lower().startswith("image/")
    return attachment.is_inline and is_picture and parcel.rendering.html is not None


def _is_control(one: str) -> bool:
    """Say whether a character is a control, a line end, or one that turns the direction of the text around it."""
    return unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp", "Cs")


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _size(size: int) -> str:
    return f"{size / _MIB:.1f} MiB" if size >= _MIB else f"{max(1, round(size / 1024))} KiB"
