"""Access to a mailbox: caller, permission, mailbox, folder and message of a request."""

from twin.core.wire import Call, Json
from twin.graph.admission import caller_of
from twin.graph.errors import GraphRefusal
from twin.mail.contents import Attachment
from twin.mail.errors import (
    refuse_access,
    refuse_item,
    refuse_mailbox,
    refuse_malformed,
    refuse_scope,
    refuse_user,
)
from twin.mail.ids import is_well_formed
from twin.mail.mailbox import Folder, Mailbox
from twin.mail.message import Message
from twin.mail.permissions import is_allowed, is_basic
from twin.mail.render import View, make_view
from twin.mail.state import Mail

_SHORTEST_ID = 40


def enter_mailbox(call: Call, mail: Mail, operation: str) -> Mailbox:
    """Enter the mailbox of the path, for an operation that is allowed in it."""
    caller = caller_of(call)
    if not is_allowed(operation, caller.permissions, readwrite_reads=mail.switches.readwrite_reads):
        raise refuse_access()
    name = call["user"]
    try:
        mailbox = mail.mailbox(name, caller.tenant.id)
    except KeyError:
        users = caller.tenant.users
        known = name.lower() in users or any(one.object_id == name for one in tuple(users.values()))
        raise (refuse_mailbox() if known else refuse_user(name)) from None
    if caller.user is not None and caller.user.name.lower() != mailbox.address.lower():
        raise refuse_access()
    if caller.user is None and not mail.is_in_scope(caller.app_id, mailbox):
        raise refuse_scope()
    return mailbox


def view_of(call: Call, mail: Mail) -> View:
    """Return the view of a request by its token and its Prefer header."""
    return make_view(call, mail.switches, basic=is_basic(caller_of(call).permissions))


def find_folder(mailbox: Mailbox, name: str) -> Folder:
    """Return the folder of a path: an id or a well-known name, not a display name."""
    for one in tuple(mailbox.folders.values()):
        if name == one.id or name.lower() == one.well_known:
            return one
    raise refuse_item() if len(name) >= _SHORTEST_ID and is_well_formed(name) else refuse_malformed()


def find_message(call: Call, mailbox: Mailbox) -> Message:
    """Return the message of a path, by either kind of id."""
    if not is_well_formed(call["id"]):
        raise refuse_malformed()
    try:
        return mailbox.message(call["id"])
    except KeyError:
        raise refuse_item() from None


def find_attachment(call: Call, message: Message) -> Attachment:
    """Return the attachment of a path."""
    if not is_well_formed(call["attachment"]):
        raise refuse_malformed()
    try:
        return message.attachment(call["attachment"])
    except KeyError:
        raise refuse_item() from None


def read_json(call: Call) -> Json:
    """Read the JSON object sent. GraphRefusal 400 for anything else."""
    try:
        body = call.json()
    except ValueError as error:
        raise GraphRefusal(400, "BadRequest", "Unable to read JSON request payload.") from error
    if not isinstance(body, dict):
        raise GraphRefusal(400, "BadRequest", "Empty Payload. JSON content expected.")
    return body
