"""Single messages: read, change, move, delete, MIME, and attachments."""

import re
from collections.abc import Callable
from typing import Any

from twin.core.routes import Routes
from twin.core.wire import Call, Json, Reply
from twin.graph.errors import refuse_body, refuse_option
from twin.graph.odata import answer_collection, answer_entity, make_context
from twin.mail.access import enter_mailbox, find_attachment, find_folder, find_message, read_json, view_of
from twin.mail.errors import (
    refuse_access,
    refuse_change,
    refuse_conflict,
    refuse_content,
    refuse_property,
    refuse_rendering,
    refuse_value,
)
from twin.mail.extended import read_key
from twin.mail.message import NOT_FLAGGED, Message
from twin.mail.mime import render_mime
from twin.mail.options import Selection, check_options, read_names, read_selection
from twin.mail.properties import CHANGEABLE, DRAFT_ONLY, MESSAGE, WITHHELD
from twin.mail.render import (
    View,
    applied,
    known_to_attachments,
    make_change_key,
    refuse_large,
    render_attachment,
    render_message,
)
from twin.mail.state import Mail

messages = Routes[Mail]("/v1.0/users/{user}/messages/{id}")

_ITEM = "microsoft.graph.itemattachment/item"
_ITEM_TYPES = {"message": "message/rfc822", "event": "text/calendar", "contact": "text/vcard"}
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(;[ -~]*)?", re.ASCII)
_LEVELS = frozenset({"low", "normal", "high"})
_FLAGS = frozenset({"notFlagged", "complete", "flagged"})
_FLAG_MEMBERS = frozenset({"flagStatus", "startDateTime", "dueDateTime", "completedDateTime"})
_FITS: dict[str, Callable[[Any], bool]] = {
    "isRead": lambda value: isinstance(value, bool),
    "categories": lambda value: isinstance(value, list) and all(isinstance(one, str) for one in value),
    "importance": lambda value: value in _LEVELS,
    "inferenceClassification": lambda value: value in {"focused", "other"},
    "flag": lambda value: isinstance(value, dict) and set(value) <= _FLAG_MEMBERS and value.get("flagStatus") in _FLAGS,
}


@messages.get("")
def get_message(call: Call, mail: Mail) -> Reply:
    """One message."""
    mailbox = enter_mailbox(call, mail, "GetMessages")
    check_options(call, "$select", "$expand", "includeHiddenMessages")
    view, selection = view_of(call, mail), read_selection(call)
    if view.basic and (selection.attachments or selection.extended or WITHHELD & set(selection.names or ())):
        raise refuse_access()
    return _answer_message(call, find_message(call, mailbox), view, selection)


@messages.patch("")
def update_message(call: Call, mail: Mail) -> Reply:
    """Change a received mail; answers with the message, or with no body under return=minimal."""
    mailbox = enter_mailbox(call, mail, "UpdateMessages")
    check_options(call)
    message = find_message(call, mailbox)
    wanted = call.headers.get("if-match", "*")
    if wanted != "*" and wanted != f'W/"{make_change_key(message)}"':
        raise refuse_conflict()
    body = {name: value for name, value in read_json(call).items() if "@" not in name}
    tags = _read_tags(body.pop("singleValueExtendedProperties", []))
    changes, rewritten = _read_changes(body, message, guards_content=mail.switches.guards_content)
    mailbox.change(message, changes)
    if rewritten:
        mailbox.rewrite(message, rewritten)
    if tags:
        mailbox.tag(message, tags)
    view = view_of(call, mail)
    return Reply(204) if view.minimal else _answer_message(call, message, view, Selection(None))


@messages.delete("")
def delete_message(call: Call, mail: Mail) -> Reply:
    """Delete: the first time to Deleted Items."""
    mailbox = enter_mailbox(call, mail, "DeleteMessages")
    mailbox.delete(find_message(call, mailbox))
    return Reply(204)


@messages.post("/move")
def move_message(call: Call, mail: Mail) -> Reply:
    """Move: the answer shows the message under its new id. Not idempotent."""
    mailbox = enter_mailbox(call, mail, "MoveMessages")
    message = find_message(call, mailbox)
    body = {name.lower(): value for name, value in read_json(call).items()}
    if set(body) != {"destinationid"} or not isinstance(body["destinationid"], str):
        raise refuse_body("The parameter 'DestinationId' is required.")
    mailbox.move(message, find_folder(mailbox, body["destinationid"]))
    return _answer_message(call, message, view_of(call, mail), Selection(None), status=201)


@messages.get("/$value")
def get_mime(call: Call, mail: Mail) -> Reply:
    """Answer with the message as MIME; 500 for one that Exchange cannot render."""
    message = find_message(call, enter_mailbox(call, mail, "GetMessagesContent"))
    if message.unrenderable:
        raise refuse_rendering()
    return Reply(200, render_mime(message), {"content-type": "text/plain"})


@messages.get("/attachments")
def list_attachments(call: Call, mail: Mail) -> Reply:
    """All attachments with their bytes; $filter and $top are read and ignored (microsoft-graph-docs issue 1974)."""
    mailbox = enter_mailbox(call, mail, "ListAttachments")
    check_options(call, "$select", "$expand", "$filter", "$top", "$count")
    names = read_names(call, known_to_attachments(), "attachment")
    message, view = find_message(call, mailbox), view_of(call, mail)
    expands = _expands_item(call)
    items = [render_attachment(message, one, view, names, item=expands) for one in message.attachments]
    return answer_collection(_context(call, "/attachments"), items, count=None, link=None)


@messages.get("/attachments/{attachment}")
def get_attachment(call: Call, mail: Mail) -> Reply:
    """One attachment; an attached item only with $expand."""
    mailbox = enter_mailbox(call, mail, "GetAttachments")
    check_options(call, "$select", "$expand")
    names = read_names(call, known_to_attachments(), "attachment")
    message = find_message(call, mailbox)
    found = find_attachment(call, message)
    shown = render_attachment(message, found, view_of(call, mail), names, item=_expands_item(call))
    return answer_entity(_context(call, "/attachments/$entity"), shown)


@messages.get("/attachments/{attachment}/$value")
def get_content(call: Call, mail: Mail) -> Reply:
    """Answer with the bytes: of a file as they are, of an item as MIME, iCal or vCard; a link has no bytes."""
    message = find_message(call, enter_mailbox(call, mail, "GetAttachmentsContent"))
    found = find_attachment(call, message)
    if found.kind == "reference":
        raise refuse_value()
    content_type = _ITEM_TYPES[found.item] if found.kind == "item" else found.content_type or ""
    return Reply(200, found.content, {"content-type": content_type} if _MEDIA_TYPE.fullmatch(content_type) else {})


def _answer_message(call: Call, message: Message, view: View, selection: Selection, *, status: int = 200) -> Reply:
    shown = render_message(message, view, selection)
    refuse_large([shown], view)
    context = make_context(call, f"users('{call['user']}')/messages/$entity")
    reply = answer_entity(context, shown, status=status)
    return Reply(reply.status, reply.body, applied(view) | {"etag": shown["@odata.etag"]})


def _read_changes(body: Json, message: Message, *, guards_content: bool) -> tuple[Json, Json]:
    """Return the changes that any mail allows and those of its content, which drafts allow.

    GraphRefusal 403 for the content of a received mail, 400 for other properties.
    """
    changes: Json = {}
    rewritten: Json = {}
    for name, value in body.items():
        if name not in MESSAGE:
            raise refuse_body(f"The property '{name}' does not exist on type 'microsoft.graph.message'.")
        if name in CHANGEABLE:
            if not _FITS[name](value):
                raise refuse_body(f"Cannot convert the value of '{name}' to the expected type.")
            changes[name] = NOT_FLAGGED | value if name == "flag" else value
        elif name in DRAFT_ONLY:
            if guards_content and not message.is_draft:
                raise refuse_content(name)
            rewritten[name] = value
        else:
            raise refuse_change(name)
    return changes, rewritten


def _read_tags(given: Any) -> dict[str, str]:
    if not isinstance(given, list):
        raise refuse_body("The property 'singleValueExtendedProperties' expects a collection.")
    tags = {}
    for one in given:
        if not isinstance(one, dict) or set(one) != {"id", "value"} or not isinstance(one["value"], str):
            raise refuse_body("An extended property needs an 'id' and a 'value'.")
        tags[read_key(str(one["id"]))] = one["value"]
    return tags


def _expands_item(call: Call) -> bool:
    text = call.option("$expand")
    if text is not None and text.lower() != _ITEM:
        if "/" in text:
            raise refuse_option(f"Could not expand '{text}'.")
        raise refuse_property(text, "attachment")
    return text is not None


def _context(call: Call, what: str) -> str:
    return make_context(call, f"users('{call['user']}')/messages('{call['id']}'){what}")
