"""The doctor's look at Microsoft Graph: the permissions, each by a call that changes nothing, and the mailboxes."""

import base64
import binascii
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from composition.connections import ConnectionServices, Services
from doctor.examination import Name, Status, Step, Verdict
from inbound_mail.support_mailbox import SupportMailbox
from shared.errors import Forbidden, NotFound, Rejected
from shared.graph.client import Gate, GraphClient
from shared.graph.mail import GraphMail
from shared.graph.permissions import APPOINTMENTS_WRITE, BOOKINGS_READ, BOOKINGS_WRITE, MAIL_READ, MAIL_WRITE
from shared.settings.config import Connection, Settings
from shared.transport import Transport

_MOST_BUSINESSES = 20
_BOOKINGS_READ, _MAIL_READ, _MAIL_WRITE = BOOKINGS_READ.name, MAIL_READ.name, MAIL_WRITE.name
_BOOKINGS_WRITE, _BOOKINGS_CANCEL = APPOINTMENTS_WRITE.name, BOOKINGS_WRITE.name
_GRANT = (
    "python3 -m devkit register, or Entra ID, App registrations, {client}, API permissions: the application "
    "permission {role}, then Grant admin consent; tokens that are out lack it for up to an hour"
)
_GRANT_MAIL = "Exchange Online PowerShell: the role Application {role} for these mailboxes, see docs/security.md"
_SCOPE = (
    "Exchange Online PowerShell: Test-ServicePrincipalAuthorization -Identity {client} -Resource {address}; then the "
    "role assignment of docs/security.md. A change takes up to two hours"
)
_CLOSE = (
    "python3 -m devkit register --close-mail withdraws Mail permissions in Entra ID, which open every mailbox; without "
    "any, the scope of docs/security.md is too wide"
)


def list_graph_steps(settings: Settings, services: Services) -> Iterator[Step]:
    """Yield the steps of all connections and mailboxes."""
    for connection in settings.connections.values():
        if not connection.businesses.is_empty:
            yield from _bookings_steps(connection, services)
        mailboxes = [
            mailbox for mailbox in services.mail.mailboxes.values() if mailbox.settings.connection == connection.name
        ]
        if mailboxes:
            yield Step(
                "mail-permission",
                connection.name,
                partial(_check_mail_roles, services, connection, mailboxes),
                _GRANT_MAIL.format(role=_MAIL_WRITE),
                needs=(_token(connection),),
            )
        for mailbox in mailboxes:
            yield from _mailbox_steps(connection, mailbox)


def make_refusal_step(connection: Connection, services: Services, address: str) -> Step:
    """Return the step that proves the scope: the app of this connection must not be able to read this mailbox."""
    client = GraphClient(services.authenticator.tokens(connection.name), Transport(), Gate(1))
    look = partial(_check_refused, GraphMail(client, address), address)
    return Step("refused-mailbox", address, look, _CLOSE, needs=(_token(connection),))


def _token(connection: Connection) -> Name:
    return "token", connection.name


def _roles(services: Services, connection: Connection) -> frozenset[str] | None:
    """Return the permissions that the token shows; None where it cannot be read, which Graph does not promise."""
    try:
        part = services.authenticator.tokens(connection.name).token().split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        found = [*claims.get("roles", ()), *str(claims.get("scp") or "").split()]
    except (IndexError, ValueError, binascii.Error, AttributeError, TypeError):
        return None
    return frozenset(str(one).removesuffix(".Shared") for one in found)


# -- Bookings ----------------------------------------------------------------------------------------------------------


def _bookings_steps(connection: Connection, services: Services) -> Iterator[Step]:
    used = services.connections[connection.name]
    remedy = _GRANT.format(client=connection.client_id, role=_BOOKINGS_READ)
    allowed = sorted(connection.businesses.ids)[:_MOST_BUSINESSES]

    def step(name: str, about: str, look: Callable[[], str | Verdict], *needs: Name) -> Step:
        return Step(name, about, partial(_permitted, services, connection, look), remedy, needs)

    name, token = connection.name, _token(connection)
    yield step("bookings-list", name, partial(_list_businesses, used), token)
    for business in allowed:
        look = partial(_get_business, used, business, connection)
        yield step("bookings-business", f"{name}/{business}", look, token)
    if allowed:
        read = partial(_read_calendar, used, allowed[0])
        yield step("bookings-calendar", name, read, ("bookings-business", f"{name}/{allowed[0]}"))
    else:
        yield step("bookings-calendar", name, partial(_read_any, used), ("bookings-list", name))
    if connection.may_write:
        remedy = _GRANT.format(client=connection.client_id, role=_BOOKINGS_WRITE)
        yield Step("bookings-writes", name, partial(_check_write_roles, services, connection), remedy, (token,))


def _check_write_roles(services: Services, connection: Connection) -> str | Verdict:
    """Read off the token whether appointments may be written: trying it would write one."""
    roles = _roles(services, connection)
    if roles is None:
        return Verdict(Status.SKIPPED, "Skipped because the token does not show its permissions.")
    if _BOOKINGS_WRITE not in roles:
        return Verdict(Status.FAIL, f"Writes are switched on, but {_BOOKINGS_WRITE} is missing.")
    if _BOOKINGS_CANCEL not in roles:
        return f"{_BOOKINGS_WRITE} is granted; to cancel appointments takes {_BOOKINGS_CANCEL} as well."
    return f"{_BOOKINGS_WRITE} and {_BOOKINGS_CANCEL} are granted."


def _permitted(services: Services, connection: Connection, look: Callable[[], str | Verdict]) -> str | Verdict:
    """Name the permission behind a refusal: missing in the token, or there and yet not enough."""
    try:
        return look()
    except Forbidden as error:
        roles = _roles(services, connection)
        if roles is not None and _BOOKINGS_READ in roles:
            return Verdict(
                Status.FAIL,
                f"Microsoft Graph refuses, although {_BOOKINGS_READ} is granted.",
                "Microsoft 365 admin center, Settings, Org settings, Bookings: is it on, and is there a licence?",
            )
        return Verdict(Status.FAIL, error.message)


def _list_businesses(used: ConnectionServices) -> str:
    found = used.graph.list_businesses()
    return f"{len(found)} booking businesses can be listed."


def _get_business(used: ConnectionServices, business: str, connection: Connection) -> str | Verdict:
    try:
        used.graph.get_business(business)
    except NotFound:
        setting = "BOOKINGS_BUSINESSES" if connection.name == "default" else f"GRAPH_CONNECTIONS.{connection.name}"
        return Verdict(
            Status.FAIL,
            "Microsoft Bookings knows no business of this id.",
            f"Take it out of {setting}, or correct it: the id is the mail address of the booking page",
        )
    return "The business can be read."


def _read_calendar(used: ConnectionServices, business: str) -> str:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    found = used.graph.calendar_view(business, today, today + timedelta(days=1))
    return f"The appointments of today can be read: {len(found)}."


def _read_any(used: ConnectionServices) -> str | Verdict:
    found = used.graph.list_businesses()
    if not found:
        return Verdict(Status.SKIPPED, "Skipped because there is no booking business.")
    return _read_calendar(used, str(found[0]["id"]))


# -- mailboxes ---------------------------------------------------------------------------------------------------------


def _check_mail_roles(services: Services, connection: Connection, mailboxes: list[SupportMailbox]) -> str | Verdict:
    """Read off the token whether mails may be read and changed.

    Rights that Exchange gives (RBAC for Applications) are in no token: without any Mail permission in it, only the
    mailboxes themselves can tell.
    """
    roles = _roles(services, connection)
    if roles is None:
        return Verdict(Status.SKIPPED, "Skipped because the token does not show its permissions.")
    mail = {role for role in roles if role.startswith("Mail.")}
    if not mail:
        return "Entra ID grants no Mail permission: what Exchange allows shows at each mailbox."
    if _MAIL_WRITE not in mail and any(mailbox.settings.write_back.is_wanted for mailbox in mailboxes):
        return Verdict(
            Status.FAIL, f"write_back is set, but {_MAIL_WRITE} is missing: mails are delivered and left unchanged."
        )
    if not mail & {_MAIL_READ, _MAIL_WRITE}:
        return Verdict(
            Status.FAIL,
            f"{_MAIL_READ} is missing: without it mails come without their text.",
            _GRANT_MAIL.format(role=_MAIL_READ),
        )
    return f"{', '.join(sorted(mail))} granted in Entra ID, for every mailbox unless Exchange narrows it."


def _mailbox_steps(connection: Connection, mailbox: SupportMailbox) -> Iterator[Step]:
    step_name: Name = ("mailbox", mailbox.name)
    first = mailbox.settings.folders[0]
    remedy = _SCOPE.format(client=connection.client_id, address=mailbox.settings.address)
    yield Step(*step_name, partial(_check_mailbox, mailbox), remedy, needs=(_token(connection),))
    wanted = dict.fromkeys(mailbox.settings.folders, "is read")
    if mailbox.settings.write_back.move_to:
        wanted[mailbox.settings.write_back.move_to] = "takes delivered mails"
    for folder, use in wanted.items():
        yield Step(
            "folder",
            f"{mailbox.name}/{folder}",
            partial(_check_folder, mailbox, folder, use),
            f"MAILBOXES, {mailbox.name}: a well-known name such as inbox or archive, or the folder's id; display "
            "names are no names",
            needs=(step_name,),
        )
    yield Step(
        "immutable-ids",
        mailbox.name,
        partial(_check_ids, mailbox, first),
        "Tell the gateway's makers: mails that are moved would count as new ones.",
        needs=(("folder", f"{mailbox.name}/{first}"),),
    )


def _check_mailbox(mailbox: SupportMailbox) -> str | Verdict:
    address = mailbox.settings.address
    try:
        mailbox.graph.get_folder("inbox")
    except Forbidden:
        return Verdict(Status.FAIL, f"The app may not read {address}: outside its scope, or no Mail permission at all.")
    except NotFound:
        return Verdict(
            Status.FAIL,
            f"There is no mailbox {address} in this tenant's Exchange Online.",
            f"MAILBOXES, {mailbox.name}: address and connection",
        )
    return f"{address} can be read."


def _check_refused(mailbox: GraphMail, address: str) -> str | Verdict:
    try:
        mailbox.get_folder("inbox")
    except Forbidden:
        return f"{address} is closed to the app, as it must be."
    except NotFound:
        return Verdict(
            Status.FAIL, f"There is no mailbox {address}, which proves nothing.", "Name a mailbox that exists"
        )
    return Verdict(Status.FAIL, f"The app can read {address}, and must not.")


def _check_folder(mailbox: SupportMailbox, folder: str, use: str) -> str | Verdict:
    try:
        found = mailbox.graph.get_folder(folder)
    except (NotFound, Rejected) as error:  # a name that cannot be an id is refused as a bad request
        if error.code == "TokenRejected":
            raise
        return Verdict(Status.FAIL, f"There is no folder {folder}, which {use}.")
    return f"The folder is there and {use}; {found.get('totalItemCount', 0)} items."


def _check_ids(mailbox: SupportMailbox, folder: str) -> str | Verdict:
    shown = mailbox.graph.shows_immutable_ids(folder)
    if shown is None:
        return "No mail to look at; immutable ids are asked for."
    return "Graph gives immutable ids." if shown else Verdict(Status.FAIL, "Graph does not give immutable ids.")
