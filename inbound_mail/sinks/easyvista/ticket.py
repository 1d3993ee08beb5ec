"""Turns a mail into EasyVista's fields, texts and files.

EasyVista stores texts byte for byte, and its pages render HTML in them (measured by the public Python client). So in
plain text every "<" that could begin a tag gets a blank behind it, and HTML is only sent after it was sanitised.
"""

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from inbound_mail.content.models import Attachment, AttachmentKind
from inbound_mail.sinks.protocol import PreparedMail

type Options = Mapping[str, Any]

_MIB = 1024 * 1024
_LONGEST_NAME = 120
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_UNSAFE = re.compile(r'[<>:"/\\|?*]')
_ID_FIELDS = ("department_id", "location_id", "urgency_id", "impact_id", "severity_id")
_CODE_FIELDS = ("catalog_guid", "catalog_code", "department_code", "location_code")
# The placeholders that the text of a custom column may contain.
PLACEHOLDERS = ("message_id", "mailbox", "address", "sender", "sender_name", "subject", "received", "reference")


@dataclass(frozen=True)
class File:
    """An attachment, and the name that it gets in EasyVista."""

    name: str
    attachment: Attachment


def make_ticket_fields(
    prepared: PreparedMail, options: Options, *, parent: str | None, notes: Iterable[str]
) -> dict[str, Any]:
    """Return the JSON of a new ticket. If the mail has no author, no person is named: the caller chooses one."""
    mail, rendering = prepared.mail, prepared.rendering
    fields: dict[str, Any] = {
        name: options[name] for name in (*_CODE_FIELDS, *_ID_FIELDS) if options.get(name) is not None
    }
    if str(mail.message.get("importance")).lower() == "high" and options.get("high_importance_urgency_id"):
        fields["urgency_id"] = options["high_importance_urgency_id"]
    fields |= {
        "title": make_title(prepared, options["title_length"]),
        "description": make_ticket_text(prepared, options, body=rendering.text, rich=rendering.html, notes=notes),
        "origin": options["origin"],
        "external_reference": prepared.reference,
        **make_person_fields(mail.sender),
        **{name: fill_template(template, prepared) for name, template in (options.get("fields") or {}).items()},
    }
    return fields | ({"parentrequest": parent} if parent else {})


def make_person_fields(address: str) -> dict[str, str]:
    """Return the fields that name the person a ticket is for."""
    return {"requestor_mail": address, "recipient_mail": address} if address else {}


def fill_template(template: str, prepared: PreparedMail) -> str:
    """Replace the placeholders of a template. Braces in a replacing value are not read as placeholders."""
    mail = prepared.mail
    values = {
        "message_id": mail.message_id or "",
        "mailbox": mail.mailbox,
        "address": mail.address,
        "sender": mail.sender,
        "sender_name": mail.sender_name,
        "subject": mail.subject,
        "received": mail.received.isoformat(),
        "reference": prepared.reference,
    }
    filled = re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), template)
    return one_line(filled)


def make_title(prepared: PreparedMail, length: int) -> str:
    """Return the title, cut to a length."""
    title = one_line(prepared.rendering.title) or "(no subject)"
    return title if len(title) <= length else f"{title[: length - 1].rstrip()}…"


def one_line(text: str) -> str:
    """Return the text as one line, without control characters and HTML tags."""
    return break_tags(" ".join("".join(" " if _is_control(one) else one for one in text).split()))


def break_tags(text: str) -> str:
    """Put a blank behind every "<" that could begin an HTML tag, so that browsers show the text as it is."""
    return _TAG.sub("< ", text)


def make_ticket_text(
    prepared: PreparedMail, options: Options, *, body: str, rich: str | None, notes: Iterable[str]
) -> str:
    """Return the text of a ticket or comment: author, date, files left out, notes, the body, the mail's reference.

    `rich` is the body as sanitised HTML, used when the option `body` is `html`.
    """
    mail = prepared.mail
    attached = [f"{file.name} ({_size(file.attachment.size)})" for file in list_files(prepared, options)]
    head = [
        ("From", f"{mail.sender_name} ({mail.sender})" if mail.sender_name != mail.sender else mail.sender),
        ("To", ", ".join(mail.recipients("toRecipients"))),
        ("Cc", ", ".join(mail.recipients("ccRecipients"))),
        ("Date", f"{mail.received:%Y-%m-%d %H:%M} UTC"),
        ("Message-ID", mail.message_id or ""),
        ("Attachments", ", ".join(attached)),
        *(("Not attached", line) for line in _list_files_left_out(prepared, options)),
        *(("Note", note) for note in notes),
    ]
    lines = [f"{label}: {one_line(value)}" for label, value in head if value.strip()]
    last = f"Reference: {prepared.reference}"
    if options["body"] == "html":
        escaped = "<br>".join(html.escape(line) for line in lines)
        inner = rich if rich is not None else html.escape(body).replace("\n", "<br>")
        return f"<p>{escaped}</p><div>{inner}</div><p>{last}</p>"
    return "\n".join([*lines, "", break_tags(body).strip(), "", last])


def list_files(prepared: PreparedMail, options: Options, taken: Iterable[str] = ()) -> list[File]:
    """Return the attachments to send, under safe names that differ from each other and from the names in `taken`.

    The same mail always gives the same names, so a later attempt finds by name which files are already there.
    """
    used = {_fold(name) for name in taken}
    files = []
    for attachment in prepared.mail.attachments:
        if _reason_to_omit(attachment, prepared, options) is not None:
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
    """Return a file name without path, control characters and characters that Windows forbids; .eml for a mail."""
    text = unicodedata.normalize("NFC", attachment.name)
    text = "".join(" " if _is_control(one) else one for one in _UNSAFE.sub("_", text))
    name = " ".join(text.split()).strip(". ") or f"attachment-{attachment.number}"
    if attachment.kind is AttachmentKind.ITEM and not name.lower().endswith(".eml"):
        name += ".eml"
    stem, dot, ending = name.rpartition(".")
    if len(name) > _LONGEST_NAME:
        short = dot and len(ending) <= 10  # noqa: PLR2004 - longer than any known file ending
        name = f"{stem[: _LONGEST_NAME - 1 - len(ending)]}.{ending}" if short else name[:_LONGEST_NAME]
    return name


def _list_files_left_out(prepared: PreparedMail, options: Options) -> Iterator[str]:
    for attachment in prepared.mail.attachments:
        reason = _reason_to_omit(attachment, prepared, options)
        if reason:
            yield f"{attachment.name} ({reason})"


def _reason_to_omit(attachment: Attachment, prepared: PreparedMail, options: Options) -> str | None:
    """Return why an attachment is not sent, or None if it is sent; "" for a small picture that needs no mention."""
    if attachment.kind is AttachmentKind.REFERENCE:
        return attachment.omitted or "a link: open it in the mail"
    if attachment.blob is None:
        return attachment.omitted or "its bytes could not be read"
    if attachment.size > options["attachment_mb"] * _MIB:
        return f"{_size(attachment.size)}, more than {options['attachment_mb']} MiB"
    if _is_picture_of_text(attachment, prepared):
        if attachment.size <= options["inline_min_kib"] * 1024:
            return ""
        if attachment.content_id not in prepared.rendering.referenced_content_ids:
            return "an inline picture that the text does not show"
    return None


def _is_picture_of_text(attachment: Attachment, prepared: PreparedMail) -> bool:
    is_picture = attachment.content_type.lower().startswith("image/")
    return attachment.is_inline and is_picture and prepared.rendering.html is not None


def _is_control(one: str) -> bool:
    """Return True for control characters, line ends, and characters that change the direction of text."""
    return unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp", "Cs")


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _size(size: int) -> str:
    return f"{size / _MIB:.1f} MiB" if size >= _MIB else f"{max(1, round(size / 1024))} KiB"
