"""Messages, attachments and folders as JSON."""

import base64
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from twin.core.wire import Call, Json, Stream
from twin.graph.odata import read_preferences
from twin.mail.bodies import make_document, make_html, make_preview, make_safe_html, make_text
from twin.mail.contents import Attachment
from twin.mail.draft import Draft, render_time
from twin.mail.eml import read_eml
from twin.mail.errors import refuse_slow
from twin.mail.extended import read_extended
from twin.mail.ids import attach
from twin.mail.mailbox import Folder, Mailbox
from twin.mail.message import Message
from twin.mail.options import Selection
from twin.mail.properties import ATTACHMENT, DEFAULT, FILE, WITHHELD
from twin.mail.switches import Switches

_IMMUTABLE = 'idtype="immutableid"'
TEXT_WANTED = 'outlook.body-content-type="text"'
_UNSAFE_WANTED = "outlook.allow-unsafe-html"
_PAGE_SIZE = "odata.maxpagesize="
MINIMAL = "return=minimal"


@dataclass(frozen=True, slots=True)
class View:
    """How a request wants its answer: most of it is in the Prefer header, for this request only."""

    switches: Switches
    immutable: bool = False
    text: bool = False
    unsafe: bool = False
    page_size: int | None = None
    minimal: bool = False
    basic: bool = False


def make_view(call: Call, switches: Switches, *, basic: bool = False) -> View:
    """Read the Prefer header; `basic` hides what Mail.ReadBasic.All does not show."""
    wishes = read_preferences(call)
    sizes = [one.removeprefix(_PAGE_SIZE) for one in wishes if one.startswith(_PAGE_SIZE)]
    size = int(sizes[0]) if sizes and sizes[0].isdecimal() and int(sizes[0]) > 0 else None
    return View(
        switches, _IMMUTABLE in wishes, TEXT_WANTED in wishes, _UNSAFE_WANTED in wishes, size, MINIMAL in wishes, basic
    )


def applied(view: View) -> dict[str, str]:
    """Return the header that confirms preferences."""
    return {"preference-applied": TEXT_WANTED} if view.text else {}


def render_message(one: Message, view: View, selection: Selection) -> Json:
    """Return a message; id and ETag are always included."""
    names: Iterable[str] = DEFAULT if selection.names is None else selection.names
    shown = start_message(one, view)
    for name in names:
        if name == "id" or (view.basic and name in WITHHELD):
            continue
        read = _READERS.get(name)
        shown[name] = read(one, view) if read else one.draft.values.get(name)
    if selection.names is None and not view.basic:
        shown |= one.draft.meeting or {}
    if selection.attachments:
        shown["attachments"] = [render_attachment(one, each, view, None) for each in one.attachments]
    if selection.extended:
        found = [(key, read_extended(one, key)) for key in selection.extended]
        tags = [{"id": key, "value": value} for key, value in found if value is not None]
        if tags:
            shown["singleValueExtendedProperties"] = tags
    return shown


def start_message(one: Message, view: View) -> Json:
    """Return the members that every message begins with. A meeting message says its type, whatever was asked for.

    Its other fields come without $select only, and $select refuses their names (microsoft-graph-docs issue 2018).
    """
    kind = {"@odata.type": one.type_name} if one.draft.meeting else {}
    return kind | {"@odata.etag": f'W/"{make_change_key(one)}"', "id": one.shown_id(immutable=view.immutable)}


def make_change_key(one: Message) -> str:
    """Make the key of the message's present state."""
    state = hashlib.sha256(f"{one.id}/{one.version}".encode()).digest()[:16]
    return "CQAAABYAAAD" + base64.b64encode(state).decode().rstrip("=").replace("/", "_").replace("+", "-")


def refuse_large(shown: Iterable[Json], view: View) -> None:
    """Refuse an answer with more bytes of bodies than Exchange collects in time. GraphRefusal 504."""
    most = view.switches.slow_bytes
    if most and sum(len(one["body"]["content"]) for one in shown if "body" in one) > most:
        raise refuse_slow()


def render_attachment(
    message: Message, one: Attachment, view: View, names: tuple[str, ...] | None, *, item: bool = False
) -> Json:
    """Write an attachment. Bytes are included without $select, an attached item with $expand."""
    overhead = view.switches.attachment_overhead
    values: Json = {
        "id": attach(message.shown_id(immutable=view.immutable), one.suffix),
        "lastModifiedDateTime": render_time(message.received),
        "name": one.name,
        "contentType": one.content_type,
        "size": one.content.size + overhead,
        "isInline": one.is_inline,
    }
    shown: Json = {"@odata.type": f"#microsoft.graph.{one.kind}Attachment"}
    if one.kind == "file" and (names is None or "contentType" in names):
        shown["@odata.mediaContentType"] = one.content_type
    shown |= {name: value for name, value in values.items() if names is None or name == "id" or name in names}
    if one.kind == "file":
        file: Json = {"contentId": one.content_id, "contentLocation": None, "contentBytes": one.content}
        shown |= {name: value for name, value in file.items() if names is None or name in names}
    if one.kind == "reference" and view.switches.shows_source_url:
        shown["sourceUrl"] = one.url
    if item and one.kind == "item" and one.item == "message":
        shown["item"] = _render_item(read_eml(one.content.whole()), view)
    return shown


def render_folder(mailbox: Mailbox, one: Folder, names: tuple[str, ...] | None) -> Json:
    """Write a folder with its counts."""
    messages = one.messages()
    values = {
        "displayName": one.name,
        "parentFolderId": one.parent.id if one.parent else one.id,
        "childFolderCount": len(mailbox.children(one)),
        "unreadItemCount": sum(1 for message in messages if not message.is_read),
        "totalItemCount": len(messages),
        "isHidden": one.is_hidden,
    }
    return {"id": one.id} | {name: value for name, value in values.items() if names is None or name in names}


def known_to_attachments() -> frozenset[str]:
    """Return what $select may name of attachments: clients ask for the properties of files, too."""
    return ATTACHMENT | FILE


def _render_item(draft: Draft, view: View) -> Json:
    """Write an attached mail; its headers are left out, because JSON has only some of them."""
    names = ("subject", "from", "sender", "toRecipients", "ccRecipients", "sentDateTime", "internetMessageId")
    values = {name: draft.values[name] for name in names}
    body = _shape_body(draft.values["body"], view)
    return {"@odata.type": "#microsoft.graph.message", "id": "", "body": body} | values


def _shape_body(body: Json, view: View) -> Json:
    content, is_html = body["content"], body["contentType"] == "html"
    if isinstance(content, Stream):
        return body
    if view.text:
        return {"contentType": "text", "content": make_text(content) if is_html else content}
    if not is_html:
        if view.switches.text_bodies == "text":
            return body
        return {"contentType": "html", "content": make_html(content)}
    markup = content if view.unsafe else make_safe_html(content)
    return {"contentType": "html", "content": make_document(markup) if view.switches.html_documents else markup}


def _unique_body(one: Message, view: View) -> Json:
    """Return the part above the quotation, as far as it is recognised."""
    body: Json = one.draft.values["body"]
    content = body["content"]
    if isinstance(content, Stream):
        return body
    for mark in ("<blockquote", "-----Original Message-----", "\n> ", "<hr", "\n________________________________"):
        content = content.partition(mark)[0]
    return _shape_body(body | {"content": content}, view)


def _preview(one: Message, view: View) -> str:
    _ = view
    body = one.draft.values["body"]
    if isinstance(body["content"], Stream):
        return ""
    return make_preview(body["content"], is_html=body["contentType"] == "html")


_READERS: dict[str, Callable[[Message, View], Any]] = {
    "createdDateTime": lambda one, _: render_time(one.received),
    "lastModifiedDateTime": lambda one, _: render_time(one.modified),
    "receivedDateTime": lambda one, _: render_time(one.received),
    "changeKey": lambda one, _: make_change_key(one),
    "categories": lambda one, _: list(one.categories),
    "hasAttachments": lambda one, _: one.has_attachments,
    "bodyPreview": _preview,
    "importance": lambda one, _: one.importance,
    "parentFolderId": lambda one, _: one.home.id,
    "conversationId": lambda one, _: one.conversation_id,
    "conversationIndex": lambda one, _: "AQHc" + one.conversation_id[6:26],
    "isDeliveryReceiptRequested": lambda one, _: one.draft.values.get("isDeliveryReceiptRequested"),
    "isReadReceiptRequested": lambda one, _: bool(one.draft.values.get("isReadReceiptRequested")),
    "isRead": lambda one, _: one.is_read,
    "isDraft": lambda one, _: one.is_draft,
    "webLink": lambda one, _: (
        f"https://outlook.office365.com/owa/?ItemID={quote(one.mutable_id, safe='')}"
        "&exvsurl=1&viewmodel=ReadMessageItem"
    ),
    "inferenceClassification": lambda one, _: one.inference,
    "body": lambda one, view: _shape_body(one.draft.values["body"], view),
    "uniqueBody": _unique_body,
    "flag": lambda one, _: one.flag,
    "internetMessageHeaders": lambda one, _: one.draft.headers or [],
}
