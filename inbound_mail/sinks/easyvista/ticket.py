"""Turns a mail into EasyVista's fields, texts and files.

EasyVista stores texts byte for byte, and its pages render HTML in them (measured by the public Python client). So in
descriptions every "<" that could begin a tag is written as an entity: the page shows it as it was. Whether the pages
render titles and columns too is not known, so there an invisible character keeps the "<" from beginning a tag. HTML is
only sent after it was sanitised.
"""

import html
import re
from collections.abc import Iterable, Mapping
from typing import Any

from inbound_mail.content.files import describe_size
from inbound_mail.content.names import is_control
from inbound_mail.content.requestor import Basis
from inbound_mail.content.rules import MatchedRule
from inbound_mail.sinks._bounds import describe_rest, list_addresses, list_reply_to, locate_mail, shorten
from inbound_mail.sinks._placeholders import fill_placeholders
from inbound_mail.sinks.easyvista.files import Handover, list_files
from inbound_mail.sinks.easyvista.options import GUID
from inbound_mail.sinks.protocol import PreparedMail

type Options = Mapping[str, Any]

_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_ENTITY = re.compile(r"&(?:#\w{1,20}|[A-Za-z][A-Za-z0-9]{0,31});?")
_JOINER = "\u2060"  # has no width; a browser begins no tag with it
_ID_FIELDS = ("department_id", "location_id", "urgency_id", "impact_id", "severity_id")
_CODE_FIELDS = ("catalog_guid", "catalog_code", "department_code", "location_code")


def apply_rule(options: Options, rule: MatchedRule | None) -> Options:
    """Return the sink's options as the rule of a mail changes them."""
    if rule is None:
        return options
    changed: dict[str, Any] = {}
    if rule.catalog_entry is not None:
        is_guid = GUID.fullmatch(rule.catalog_entry) is not None
        changed |= {"catalog_guid": rule.catalog_entry if is_guid else None}
        changed |= {"catalog_code": None if is_guid else rule.catalog_entry}
    if rule.urgency is not None:
        changed |= {"urgency_id": rule.urgency, "high_importance_urgency_id": None}
    if rule.custom_fields:
        changed |= {"fields": _merge_fields(options.get("fields") or {}, rule.custom_fields)}
    return {**options, **changed}


def _merge_fields(fields: Mapping[str, str], others: Mapping[str, str]) -> dict[str, str]:
    """Return both; EasyVista reads the names of columns in any letter case, so one name counts once."""
    names = {name.lower() for name in others}
    return {name: text for name, text in fields.items() if name.lower() not in names} | dict(others)


def make_ticket_fields(
    prepared: PreparedMail, options: Options, files: Handover, *, parent: str | None, notes: Iterable[str]
) -> dict[str, Any]:
    """Return the JSON of a new ticket. If the mail has no author, no person is named: the caller chooses one."""
    mail, rendering = prepared.mail, prepared.rendering
    text = make_ticket_text(prepared, options, files, body=rendering.text, rich=rendering.html, notes=notes)
    fields: dict[str, Any] = {
        name: options[name] for name in (*_CODE_FIELDS, *_ID_FIELDS) if options.get(name) is not None
    }
    if str(mail.message.get("importance")).lower() == "high" and options.get("high_importance_urgency_id"):
        fields["urgency_id"] = options["high_importance_urgency_id"]
    fields |= {
        "title": make_title(prepared, options["title_length"]),
        "description": text,
        "origin": options["origin"],
        "external_reference": prepared.reference,
        **make_person_fields(prepared.who_asks.address),
        **{name: fill_template(template, prepared) for name, template in (options.get("fields") or {}).items()},
    }
    return fields | ({"parentrequest": parent} if parent else {})


def make_person_fields(address: str) -> dict[str, str]:
    """Return the fields that name the person a ticket is for."""
    return {"requestor_mail": address, "recipient_mail": address} if address else {}


def fill_template(template: str, prepared: PreparedMail) -> str:
    """Return the text of a column as one line, its placeholders replaced."""
    return one_line(fill_placeholders(template, prepared))


def make_title(prepared: PreparedMail, length: int) -> str:
    """Return the title, cut to a length."""
    title = one_line(prepared.rendering.title) or "(no subject)"
    return title if len(title) <= length else f"{title[: length - 1].rstrip()}…"


def one_line(text: str) -> str:
    """Return the text as one line without control characters, in which no "<" begins a tag whether escaped or not."""
    return _TAG.sub(f"<{_JOINER}", _flatten(text))


def escape_tags(text: str) -> str:
    """Return text that browsers show as it is: what could begin a tag or an entity is escaped, and nothing else."""
    return _TAG.sub("&lt;", _ENTITY.sub(_escape_entity, text))


def _escape_entity(found: re.Match[str]) -> str:
    return found[0] if html.unescape(found[0]) == found[0] else f"&amp;{found[0][1:]}"


def _flatten(text: str) -> str:
    return " ".join("".join(" " if is_control(one) else one for one in text).split())


def make_ticket_text(
    prepared: PreparedMail,
    options: Options,
    files: Handover,
    *,
    body: str,
    rich: str | None,
    notes: Iterable[str],
    is_history_left_out: bool = False,
) -> str:
    """Return the text of a ticket or comment: author, date, files left out, notes, the body, the mail's reference.

    `rich` is the body as sanitised HTML, used when the option `body` is `html`. If `is_history_left_out`, or if the
    text goes on in the mail, a note says so.
    """
    mail, asks = prepared.mail, prepared.who_asks
    attached = [f"{file.name} ({describe_size(file.attachment.size)})" for file in list_files(files)]
    head = [
        ("From", shorten(f"{mail.sender_name} ({mail.sender})" if mail.sender_name != mail.sender else mail.sender)),
        ("Sender", shorten(mail.sent_by)),
        ("Reply-To", ", ".join(list_reply_to(mail))),
        ("Requestor", "" if asks.basis is Basis.AUTHOR else shorten(asks.explain())),
        ("To", list_addresses(mail, "toRecipients")),
        ("Cc", list_addresses(mail, "ccRecipients")),
        ("Date", f"{mail.received:%Y-%m-%d %H:%M} UTC"),
        ("Message-ID", shorten(mail.message_id or "")),
        ("Attachments", ", ".join(attached)),
        *(("Not attached", line) for line in files.left_out),
        ("Not attached", files.decoration),
        ("Note", asks.note),
        *(("Note", note) for note in notes),
        *(("Note", note) for note in describe_rest(prepared, is_history_left_out=is_history_left_out)),
    ]
    lines = [f"{label}: {_flatten(value)}" for label, value in head if value.strip()]
    last = f"Reference: {prepared.reference}"
    if options["body"] == "html":
        escaped = "<br>".join(html.escape(line) for line in lines)
        inner = rich if rich is not None else html.escape(body).replace("\n", "<br>")
        return f"<p>{escaped}</p><div>{inner}</div><p>{last}</p>"
    return "\n".join([*map(escape_tags, lines), "", escape_tags(body).strip(), "", last])


def make_report_text(prepared: PreparedMail, options: Options, notes: Iterable[str]) -> str:
    """Return a delivery report in our own words. Nothing proves who wrote it, so its words stay in the mailbox."""
    mail = prepared.mail
    lines = [
        *(f"Note: {_flatten(note)}" for note in notes),
        f"Note: The report is in the mail: GET {locate_mail(mail)} of the gateway, or the mailbox {mail.address}.",
        f"Reference: {prepared.reference}",
    ]
    return "".join(f"<p>{html.escape(line)}</p>" for line in lines) if options["body"] == "html" else "\n".join(lines)
