"""Folders of a mailbox, the messages in one, and its deltas."""

from collections.abc import Sequence
from typing import Any

from twin.core.routes import Routes
from twin.core.wire import Call, Json, Reply
from twin.graph.errors import refuse_option
from twin.graph.odata import answer_collection, answer_entity, make_context, read_flag, read_integer
from twin.mail.access import enter_mailbox, find_folder, view_of
from twin.mail.delta import Cursor, Entry, Query, begin, go_on, is_due, turn_page
from twin.mail.errors import SyncStateRefusal, refuse_access, refuse_expansion, refuse_sort, refuse_token
from twin.mail.mailbox import ROOT, Folder, Mailbox
from twin.mail.message import Message
from twin.mail.options import (
    Selection,
    check_options,
    read_delta_filter,
    read_filter,
    read_name_filter,
    read_names,
    read_selection,
    sort_messages,
)
from twin.mail.properties import FOLDER, WITHHELD
from twin.mail.render import View, applied, refuse_large, render_folder, render_message
from twin.mail.state import Expiry, Mail

folders = Routes[Mail]("/v1.0/users/{user}")

_DELTA_TOKEN, _SKIP_TOKEN = "$deltatoken", "$skiptoken"
_FIRST_DELTA = ("$select", "$filter", "$top", "$orderby", "$expand", "$count", "changeType", _DELTA_TOKEN)
_LIST = ("$select", "$filter", "$top", "$skip", "$orderby", "$expand", "$count", "includeHiddenMessages")
_CHANGE_TYPES = frozenset({"created", "updated", "deleted"})
_DEFAULT_TOP = 10
_MOST = 1000


@folders.get("/mailFolders")
def list_folders(call: Call, mail: Mail) -> Reply:
    """Folders right below the root, ten to a page; hidden ones on request."""
    mailbox = enter_mailbox(call, mail, "ListMailFolders")
    return _answer_folders(call, mailbox, mailbox.folder(ROOT), "mailFolders")


@folders.get("/mailFolders/{folder}")
def get_folder(call: Call, mail: Mail) -> Reply:
    """One folder by id or well-known name, with its counts."""
    mailbox = enter_mailbox(call, mail, "GetMailFolders")
    check_options(call, "$select", "includeHiddenFolders")
    names = read_names(call, FOLDER, "mailFolder")
    found = find_folder(mailbox, call["folder"])
    return answer_entity(_context(call, "mailFolders/$entity"), render_folder(mailbox, found, names))


@folders.get("/mailFolders/{folder}/childFolders")
def list_children(call: Call, mail: Mail) -> Reply:
    """Folders right below one."""
    mailbox = enter_mailbox(call, mail, "ListMailFolders")
    return _answer_folders(call, mailbox, find_folder(mailbox, call["folder"]), "mailFolders")


@folders.get("/mailFolders/{folder}/messages")
def list_messages(call: Call, mail: Mail) -> Reply:
    """Messages of one folder, newest first; pages use $skip, so they shift when the folder changes."""
    mailbox = enter_mailbox(call, mail, "ListMessages")
    return _answer_messages(call, mail, find_folder(mailbox, call["folder"]).messages())


@folders.get("/messages")
def list_all_messages(call: Call, mail: Mail) -> Reply:
    """Messages of all folders, deleted ones too."""
    mailbox = enter_mailbox(call, mail, "ListMessages")
    return _answer_messages(call, mail, mailbox.messages())


@folders.get("/mailFolders/{folder}/messages/delta")
def delta(call: Call, mail: Mail) -> Reply:
    """Answer with one page of a round: the first one, or that of a link."""
    mailbox = enter_mailbox(call, mail, "DeltaMessages")
    folder = find_folder(mailbox, call["folder"])
    view = view_of(call, mail)
    token = call.option(_SKIP_TOKEN) or call.option(_DELTA_TOKEN)
    if token is None or token.lower() == "latest":
        cursor = begin(_read_query(call, mailbox, folder, view))
    else:
        check_options(call, _SKIP_TOKEN, _DELTA_TOKEN)
        cursor = _find_cursor(call, mail, folder, token)
        cursor = cursor if cursor.entries is not None else go_on(cursor)
    page = turn_page(cursor, view.page_size)
    query = cursor.query
    items = [_render_entry(one, view, query.selection) for one in page.entries if is_due(one, query)]
    refuse_large(items, view)
    body: Json = {
        "@odata.context": _context(call, "mailFolders('" + folder.id + "')/messages/$delta"),
        "value": items,
    }
    kind, name = ("@odata.deltaLink", _DELTA_TOKEN) if page.done else ("@odata.nextLink", _SKIP_TOKEN)
    body[kind] = f"https://{call.host}{call.raw_path}?{name}={mail.hand_out(page.cursor)}"
    return Reply(200, body, applied(view))


@folders.get("/mailFolders/{folder}/messages/delta()")
def delta_with_brackets(call: Call, mail: Mail) -> Reply:
    """Answer the same call with brackets, as OData writes functions."""
    return delta(call, mail)


def _read_query(call: Call, mailbox: Mailbox, folder: Folder, view: View) -> Query:
    check_options(call, *_FIRST_DELTA)
    order = call.option("$orderby")
    if order is not None and order.lower().split() != ["receiveddatetime", "desc"]:
        raise refuse_sort()
    change_type = call.option("changeType")
    if change_type is not None and change_type not in _CHANGE_TYPES:
        raise refuse_option(f"Invalid value '{change_type}' for changeType query option found.")
    selection = _read_visible(call, view)
    if selection.extended or selection.others:
        # expanding anything but attachments broke (microsoft-graph-docs-contrib issues 8029 and 7929)
        raise refuse_expansion()
    return Query(
        mailbox, folder, selection, read_delta_filter(call), change_type, order is not None, read_integer(call, "$top")
    )


def _find_cursor(call: Call, mail: Mail, folder: Folder, token: str) -> Cursor:
    found = mail.find_cursor(token)
    if isinstance(found, Expiry):
        start = f"https://{call.host}{call.raw_path}" if found.location else None
        raise SyncStateRefusal(found.status, found.code, inner_code=found.inner_code, location=start)
    if found is None or found.query.folder is not folder:
        raise refuse_token()
    return found


def _render_entry(entry: Entry, view: View, selection: Selection) -> Json:
    own_id = entry.message.id if view.immutable else entry.mutable_id
    if entry.removed is not None:
        return {"@odata.type": "#microsoft.graph.message", "id": own_id, "@removed": {"reason": entry.removed}}
    if entry.stub is None or not view.switches.delta_stubs:
        return {"@odata.type": entry.message.type_name} | render_message(entry.message, view, selection)
    changed = {"isRead", "parentFolderId", *entry.stub}
    if selection.names is not None:
        changed &= {"isRead", "parentFolderId", *selection.names}
    shown = render_message(entry.message, view, Selection(tuple(sorted(changed))))
    return {"@odata.type": entry.message.type_name} | shown


def _answer_messages(call: Call, mail: Mail, messages: list[Message]) -> Reply:
    view = view_of(call, mail)
    check_options(call, *_LIST)
    selection = _read_visible(call, view)
    conditions = read_filter(call)
    found = [one for one in messages if all(condition.holds(one) for condition in conditions)]
    found = sort_messages(call, found, conditions)
    page, link = _cut(call, found, _read_top(call))
    rendered = [render_message(one, view, selection) for one in page]
    count = len(found) if read_flag(call, "$count") else None
    context = _context(call, "messages" + ("" if selection.names is None else f"({','.join(selection.names)})"))
    reply = answer_collection(context, rendered, count=count, link=link)
    return Reply(reply.status, reply.body, applied(view))


def _answer_folders(call: Call, mailbox: Mailbox, parent: Folder, context: str) -> Reply:
    check_options(call, "$select", "$top", "$skip", "$filter", "$count", "includeHiddenFolders")
    wanted = read_name_filter(call)
    names = read_names(call, FOLDER, "mailFolder")
    hidden = read_flag(call, "includeHiddenFolders")
    found = [
        one for one in mailbox.children(parent) if (hidden or not one.is_hidden) and wanted in (None, one.name.lower())
    ]
    page, link = _cut(call, found, _read_top(call))
    count = len(found) if read_flag(call, "$count") else None
    rendered = [render_folder(mailbox, one, names) for one in page]
    return answer_collection(_context(call, context), rendered, count=count, link=link)


def _read_visible(call: Call, view: View) -> Selection:
    """Read which properties to show. GraphRefusal 403 for those that the permission hides."""
    selection = read_selection(call)
    hidden = selection.attachments or selection.extended or WITHHELD & set(selection.names or ())
    if view.basic and hidden:
        raise refuse_access()
    return selection


def _read_top(call: Call) -> int:
    top = read_integer(call, "$top")
    if top is not None and not 1 <= top <= _MOST:
        raise refuse_option(f"Invalid value '{top}' for $top query option found. It must be between 1 and {_MOST}.")
    return top or _DEFAULT_TOP


def _cut[T](call: Call, items: Sequence[T], top: int) -> tuple[Sequence[T], str | None]:
    """Return a page, and the link to the next one, which counts from the beginning."""
    start = read_integer(call, "$skip") or 0
    end = start + top
    kept: list[tuple[str, Any]] = [part for part in _raw_options(call) if part[0].lower() not in {"$skip", "%24skip"}]
    query = "&".join("=".join(part) for part in [*kept, ("$skip", str(end))])
    link = f"https://{call.host}{call.raw_path}?{query}" if end < len(items) else None
    return items[start:end], link


def _raw_options(call: Call) -> list[tuple[str, str]]:
    pairs = [part.partition("=") for part in call.query_string.split("&") if part]
    return [(name, value) for name, _, value in pairs]


def _context(call: Call, what: str) -> str:
    return make_context(call, f"users('{call['user']}')/{what}")
