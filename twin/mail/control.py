"""Control routes of mailboxes: add mails, expire cursors, set switches, restrict an app."""

import base64
from dataclasses import asdict
from datetime import datetime
from typing import Any

from twin.core.control import read_object
from twin.core.routes import Routes
from twin.core.wire import Call, Json, Reply
from twin.entra.state import Entra
from twin.mail.contents import Enclosure, File, Item, Reference, Synthetic
from twin.mail.draft import render_time
from twin.mail.mailbox import Mailbox
from twin.mail.message import Message
from twin.mail.state import Mail

control = Routes[Mail]("/mail")

_KEYWORDS = {
    "subject": "subject", "from": "sender", "to": "to", "cc": "cc", "replyTo": "reply_to", "html": "html",
    "text": "text", "headers": "headers", "folder": "folder", "messageId": "message_id",
    "withoutMessageId": "without_message_id", "inReplyTo": "in_reply_to", "importance": "importance",
    "isRead": "is_read",
}  # fmt: skip
_EXPIRY = {"status": "status", "code": "code", "innerCode": "inner_code", "location": "location"}


@control.get("")
def list_mailboxes(call: Call, mail: Mail) -> Reply:
    """List mailboxes with the counts of their folders, and the scopes of apps."""
    _ = call
    scopes = [
        {"appId": app, "tenantId": tenant, "mailboxes": sorted(names)} for (tenant, app), names in mail.scopes.items()
    ]
    return Reply(200, {"mailboxes": [_describe(one) for one in tuple(mail.mailboxes.values())], "scopes": scopes})


@control.get("/switches")
def show_switches(call: Call, mail: Mail) -> Reply:
    """Show the switches."""
    _ = call
    return Reply(200, asdict(mail.switches))


@control.patch("/switches")
def set_switches(call: Call, mail: Mail) -> Reply:
    """Set switches: {"delta_empty_pages": 1, "delta_delay_seconds": 60}."""
    mail.switches.set(read_object(call))
    return show_switches(call, mail)


@control.post("/cursors/expire")
def expire_cursors(call: Call, mail: Mail) -> Reply:
    """Expire all delta and next links: {"mailbox"?, "status"?: 410, "code"?, "innerCode"?, "location"?: false}."""
    wish = read_object(call)
    name = wish.pop("mailbox", None)
    how = {_EXPIRY[key]: value for key, value in wish.items()}
    return Reply(200, {"expired": mail.expire_cursors(mail.mailbox(name) if name else None, **how)})


@control.put("/scopes/{appId}")
def restrict(call: Call, mail: Mail) -> Reply:
    """Restrict an app to some mailboxes: {"tenant": name or id, "mailboxes": [address] or null for all}."""
    wish = read_object(call, "tenant", "mailboxes")
    tenant = mail.world.state(Entra).tenant(str(wish["tenant"]))
    mail.restrict(call["appId"], tenant.id, wish["mailboxes"])
    return Reply(204)


@control.post("/mailboxes")
def add_mailbox(call: Call, mail: Mail) -> Reply:
    """Add a mailbox: {"address", "tenant": name or id, "displayName"?, "objectId"?, "shared"?: true}."""
    wish = read_object(call)
    tenant = mail.world.state(Entra).tenant(str(wish["tenant"]))
    made = mail.add_mailbox(
        str(wish["address"]),
        tenant.id,
        name=str(wish.get("displayName", "")),
        object_id=wish.get("objectId"),
        shared=bool(wish.get("shared", True)),
    )
    return Reply(201, _describe(made))


@control.delete("/mailboxes/{mailbox}")
def remove_mailbox(call: Call, mail: Mail) -> Reply:
    """Remove a mailbox."""
    mail.remove_mailbox(call["mailbox"])
    return Reply(204)


@control.post("/mailboxes/{mailbox}/folders")
def add_folder(call: Call, mail: Mail) -> Reply:
    """Add a folder: {"displayName", "parent"?: folder}."""
    wish = read_object(call)
    made = mail.mailbox(call["mailbox"]).add_folder(str(wish["displayName"]), str(wish.get("parent", "msgfolderroot")))
    return Reply(201, {"id": made.id, "displayName": made.name})


@control.get("/mailboxes/{mailbox}/messages")
def list_messages(call: Call, mail: Mail) -> Reply:
    """List messages; ?folder= names one folder."""
    found = mail.mailbox(call["mailbox"]).messages(call.option("folder"))
    return Reply(200, {"messages": [describe_message(one) for one in found]})


@control.post("/mailboxes/{mailbox}/messages")
def drop_mail(call: Call, mail: Mail) -> Reply:
    """Add a mail: MIME as message/rfc822 (?folder=), or JSON with subject, from, html, attachments and so on."""
    mailbox = mail.mailbox(call["mailbox"])
    if call.headers.get("content-type", "").startswith("message/rfc822"):
        made = mailbox.receive(call.body, folder=call.option("folder") or "inbox")
    else:
        made = mailbox.receive(**read_keywords(read_object(call)))
    return Reply(201, describe_message(made))


@control.patch("/mailboxes/{mailbox}/messages")
def change_message(call: Call, mail: Mail) -> Reply:
    """Change the message named by ?id=, as a colleague would: {"isRead", "categories", "folder", "unrenderable"}."""
    found, wish = _find(call, mail), read_object(call)
    target, unrenderable = wish.pop("folder", None), wish.pop("unrenderable", found.unrenderable)
    found.change(wish)
    found.unrenderable = bool(unrenderable)
    if target is not None:
        found.move(str(target))
    return Reply(200, describe_message(found))


@control.delete("/mailboxes/{mailbox}/messages")
def delete_message(call: Call, mail: Mail) -> Reply:
    """Delete the message named by ?id=; ?forever=true past Deleted Items."""
    _find(call, mail).delete(forever=call.option("forever") == "true")
    return Reply(204)


@control.post("/mailboxes/{mailbox}/replay")
def replay(call: Call, mail: Mail) -> Reply:
    """Repeat the newest mails in the next delta: {"count": 3, "folder"?: "inbox"}."""
    wish = read_object(call)
    mail.mailbox(call["mailbox"]).replay(int(wish["count"]), str(wish.get("folder", "inbox")))
    return Reply(204)


def describe_message(one: Message) -> Json:
    """Describe a message for people and tests."""
    return {
        "id": one.id,
        "mutableId": one.mutable_id,
        "folder": one.folder,
        "subject": one.subject,
        "from": one.draft.values["from"],
        "internetMessageId": one.internet_message_id,
        "receivedDateTime": render_time(one.received),
        "isRead": one.is_read,
        "categories": one.categories,
        "flag": one.flag,
        "importance": one.importance,
        "extended": one.extended,
        "unrenderable": one.unrenderable,
        "attachments": [{"name": each.name, "kind": each.kind, "size": each.content.size} for each in one.attachments],
    }


def _find(call: Call, mail: Mail) -> Message:
    wanted = call.option("id")
    if wanted is None:
        raise ValueError("?id= is needed")
    return mail.mailbox(call["mailbox"]).message(wanted.replace(" ", "+"))


def read_keywords(wish: Json) -> dict[str, Any]:
    """Return the arguments of `Mailbox.receive` that a description in JSON stands for. ValueError for unknown names."""
    attachments = [_read_enclosure(one) for one in wish.pop("attachments", [])]
    received = wish.pop("receivedDateTime", None)
    unknown = set(wish) - set(_KEYWORDS)
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; a mail takes {', '.join(_KEYWORDS)}")
    keywords = {_KEYWORDS[name]: value for name, value in wish.items()} | {"attachments": attachments}
    if received is not None:
        instant = datetime.fromisoformat(str(received))
        if instant.tzinfo is None:
            raise ValueError("receivedDateTime needs an offset or Z")
        keywords["received"] = instant
    return keywords


def _read_enclosure(wish: Json) -> Enclosure:
    """Read {"name", "contentType"?, "text" or "base64", "inline"?, "contentId"?}, {"size"}, {"mail"} or {"url"}."""
    name = str(wish.get("name", "file.bin"))
    kind = str(wish.get("contentType", "application/octet-stream"))
    if "mail" in wish:
        return Item(str(wish["mail"]).encode(), wish.get("name"))
    if "url" in wish:
        return Reference(name, str(wish["url"]))
    if "size" in wish:
        return Synthetic(int(wish["size"]), name, kind)
    data = base64.b64decode(wish["base64"]) if "base64" in wish else str(wish.get("text", "")).encode()
    return File(name, kind, data, bool(wish.get("inline", False)), wish.get("contentId"))


def _describe(one: Mailbox) -> Json:
    return {
        "address": one.address,
        "objectId": one.object_id,
        "tenantId": one.tenant_id,
        "displayName": one.name,
        "shared": one.is_shared,
        "folders": [
            {"id": each.id, "name": each.well_known or each.name, "messages": len(each.members)}
            for each in tuple(one.folders.values())
        ],
    }
