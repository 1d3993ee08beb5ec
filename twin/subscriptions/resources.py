"""What a subscription may watch: the messages of a mailbox or of one of its folders, and the events of a calendar.

Public sources: the pages "Change notifications for Outlook resources" (paths, permissions) and "Create subscription";
Mail.ReadBasic is not supported for applications (microsoft-graph-docs pull request 16731).
"""

import re
import uuid
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from twin.bookings.state import Bookings
from twin.graph.admission import Caller
from twin.mail.mailbox import Folder, Mailbox
from twin.mail.state import Mail
from twin.subscriptions.errors import refuse_access, refuse_by_exchange, refuse_request
from twin.subscriptions.switches import Switches
from twin.world import World

type Kind = Literal["message", "event"]

_USER = r"(?:me|users(?:/(?P<user>[^/()]+)|\('(?P<quoted_user>[^']+)'\)))"
_FOLDER = r"(?:/mailfolders(?:/(?P<folder>[^/()]+)|\('(?P<quoted_folder>[^']+)'\)))?"
_RESOURCE = re.compile(rf"/?{_USER}(?:{_FOLDER}/(?P<messages>messages)|/events)", re.IGNORECASE)
_READ: dict[str, tuple[str, str]] = {
    "message": ("Mail.Read", "Mail.ReadWrite"),
    "event": ("Calendars.Read", "Calendars.ReadWrite"),
}
_BASIC = frozenset({"Mail.ReadBasic"})
_USERS_OF_PAGES = uuid.UUID("6f5e1f7a-2f5d-4c0b-9f62-4c1f0c6b7a11")


@dataclass(frozen=True, slots=True)
class Watched:
    """What is watched. `owner` is the object id of the user; `folder_id` None stands for all folders."""

    kind: Kind
    owner: str
    folder_id: str | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """What the text of a resource names, before anybody looks whether it is there."""

    kind: Kind
    user: str | None
    folder: str | None


def read_resource(text: str) -> Named:
    """Read the resource of a request. GraphRefusal 400 for one that cannot be watched here."""
    found = _RESOURCE.fullmatch(unquote(text))
    if found is None:
        raise refuse_request(f"Resource '{text}' is not supported for subscriptions.")
    user = found["user"] or found["quoted_user"]
    return Named("message" if found["messages"] else "event", user, found["folder"] or found["quoted_folder"])


def suffices(kind: Kind, permissions: frozenset[str], switches: Switches, *, is_app: bool) -> bool:
    """Return whether these permissions allow to watch this kind of resource."""
    read, write = _READ[kind]
    enough = {read} | ({write} if switches.readwrite_subscribes else set())
    if kind == "message" and not is_app:
        enough |= _BASIC
    return bool(enough & permissions)


def find_watched(world: World, caller: Caller, named: Named, operation: str, switches: Switches) -> Watched:
    """Find what is to be watched. GraphRefusal 403 without permission or outside an app's scope, 404 if unknown."""
    is_app = caller.user is None
    if not suffices(named.kind, caller.permissions, switches, is_app=is_app):
        raise refuse_access(operation)
    name = named.user or (caller.user.name if caller.user else None)
    if name is None:
        raise refuse_request("/me request is only valid with delegated authentication flow.")
    mail, pages = world.state(Mail), world.state(Bookings)
    try:
        mailbox = mail.mailbox(name, caller.tenant.id)
    except KeyError:
        page = pages.businesses.get(name.lower())
        if named.kind == "event" and is_app and page is not None and page.tenant_id == caller.tenant.id:
            return Watched("event", user_of_page(page.id))
        reason = f"The requested user '{name}' is invalid."
        raise refuse_by_exchange(operation, 404, "NotFound", reason) from None
    if caller.user is not None and caller.user.name.lower() != mailbox.address.lower():
        raise refuse_access(operation)
    if is_app and not mail.is_in_scope(caller.app_id, mailbox):
        raise refuse_by_exchange(operation, 403, "Forbidden", "Access to OData is disabled.")
    return Watched(named.kind, mailbox.object_id, _find_folder(mailbox, named.folder, operation))


def user_of_page(business_id: str) -> str:
    """Return the object id of the user that a booking page's mailbox belongs to."""
    return str(uuid.uuid5(_USERS_OF_PAGES, business_id.lower()))


def _find_folder(mailbox: Mailbox, name: str | None, operation: str) -> str | None:
    if name is None:
        return None
    found: Folder | None = next(
        (one for one in tuple(mailbox.folders.values()) if name == one.id or name.lower() == one.well_known), None
    )
    if found is None:
        raise refuse_by_exchange(operation, 404, "NotFound", "The specified object was not found in the store.")
    return found.id
