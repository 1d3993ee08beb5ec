"""Steps that examine Microsoft Graph: permissions and mailboxes, each by a call that changes nothing."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from composition.connection_services import ConnectionServices
from composition.connections import Services
from doctor.claims import read_permissions
from doctor.examination import Name, Status, Step, Verdict
from doctor.remedies import Place, close_mail, consent, list_missing, open_mailbox, set_setting, withdraw_mail
from doctor.step_names import StepName
from inbound_mail.support_mailbox import SupportMailbox
from shared.errors import Forbidden, NotFound, Rejected
from shared.graph.client import GraphClient
from shared.graph.limits import CallLimits
from shared.graph.mail import GraphMail
from shared.graph.permissions import APPOINTMENTS_WRITE, BOOKINGS_READ, BOOKINGS_WRITE, MAIL_READ, MAIL_WRITE
from shared.settings.config import Connection, Settings
from shared.transport import Transport
from shared.wording import count_of

_MOST_BUSINESSES = 20
_IDS = "<ids of booking pages, separated by commas>"
_MAIL_READ, _MAIL_WRITE = MAIL_READ.name, MAIL_WRITE.name
_LISTING = {BOOKINGS_READ.name, BOOKINGS_WRITE.name}
_BOOKINGS_WRITE, _BOOKINGS_CANCEL = APPOINTMENTS_WRITE.name, BOOKINGS_WRITE.name


def list_graph_steps(settings: Settings, services: Services, place: Place) -> Iterator[Step]:
    """Yield the steps of all connections and mailboxes."""
    for connection in settings.connections.values():
        if not connection.businesses.is_empty:
            yield from _bookings_steps(connection, services, place)
        elif connection.name == "default":
            yield Step(StepName.BOOKINGS_LIST, connection.name, partial(_warn_of_empty_list, place), "")
        mailboxes = [
            mailbox for mailbox in services.mail.mailboxes.values() if mailbox.settings.connection == connection.name
        ]
        if mailboxes:
            yield Step(
                StepName.MAIL_PERMISSION,
                connection.name,
                partial(_check_mail_roles, services, connection, mailboxes),
                _close_mail(connection, mailboxes),
                needs=(_token(connection),),
            )
        for mailbox in mailboxes:
            yield from _mailbox_steps(connection, mailbox)


def make_refusal_step(connection: Connection, services: Services, address: str) -> Step:
    """Return the step that proves the scope: the app of this connection must not be able to read this mailbox."""
    client = GraphClient(services.authenticator.tokens(connection.name), Transport(), CallLimits(1))
    check = partial(_check_refused, GraphMail(client, address), address)
    remedy = (
        f"If Entra ID grants a Mail permission, which opens every mailbox, withdraw it: {withdraw_mail(connection)}. "
        "If it grants none, narrow the scope in Exchange as docs/security.md describes"
    )
    return Step(StepName.REFUSED_MAILBOX, address, check, remedy, needs=(_token(connection),))


def _token(connection: Connection) -> Name:
    return StepName.TOKEN, connection.name


def _read_roles(services: Services, connection: Connection) -> frozenset[str] | None:
    """Return the permissions in the token, or None if the token cannot be read."""
    return read_permissions(services.authenticator.tokens(connection.name).token())


# -- Bookings ----------------------------------------------------------------------------------------------------------


def _warn_of_empty_list(place: Place) -> Verdict:
    return Verdict(
        Status.WARN,
        "BOOKINGS_BUSINESSES is empty, so callers may ask about no booking page.",
        f"{set_setting(place, 'BOOKINGS_BUSINESSES', _IDS)}. Where the gateway only reads mail, leave it empty",
    )


def _bookings_steps(connection: Connection, services: Services, place: Place) -> Iterator[Step]:
    """Yield the steps of Bookings. Who may not list businesses is refused all the rest: that is said once."""
    used = services.connections[connection.name]
    allowed = sorted(connection.businesses.ids)[:_MOST_BUSINESSES]
    name, token, listed = connection.name, _token(connection), (StepName.BOOKINGS_LIST, connection.name)

    def step(name: str, about: str, check: Callable[[], str | Verdict], *needs: Name) -> Step:
        guarded = partial(_check_permission, services, connection, place, check)
        return Step(name, about, guarded, "Look into docs/errors.md for the error", needs)

    yield step(StepName.BOOKINGS_LIST, name, partial(_list_businesses, used), token)
    for business in allowed:
        check = partial(_get_business, used, business, connection, place)
        yield step(StepName.BOOKINGS_BUSINESS, f"{name}/{business}", check, listed)
    if allowed:
        read = partial(_read_calendar, used, allowed[0])
        yield step(StepName.BOOKINGS_CALENDAR, name, read, (StepName.BOOKINGS_BUSINESS, f"{name}/{allowed[0]}"))
    else:
        yield step(StepName.BOOKINGS_CALENDAR, name, partial(_read_any, used), listed)
    if connection.may_write:
        check = partial(_check_write_roles, services, connection, place)
        yield step(StepName.BOOKINGS_WRITES, name, check, listed)


def _check_write_roles(services: Services, connection: Connection, place: Place) -> str | Verdict:
    """Check the permission to write appointments by the token alone, because a trial would write one."""
    roles = _read_roles(services, connection)
    if roles is None:
        return Verdict(Status.SKIPPED, "Skipped because the token does not show its permissions.")
    if _BOOKINGS_WRITE not in roles:
        remedy = consent(place, connection, list_missing(connection, roles))
        kind = "delegated" if connection.is_delegated else "application"
        message = f"BOOKINGS_WRITES is on, but the {kind} permission {_BOOKINGS_WRITE} is missing."
        return Verdict(Status.FAIL, message, remedy)
    if connection.is_delegated:
        return f"{_BOOKINGS_WRITE} is granted; the user also needs a role on the staff of each page that may write."
    if _BOOKINGS_CANCEL not in roles:
        return f"{_BOOKINGS_WRITE} is granted; cancelling appointments also needs {_BOOKINGS_CANCEL}."
    return f"{_BOOKINGS_WRITE} and {_BOOKINGS_CANCEL} are granted."


def _check_permission(
    services: Services, connection: Connection, place: Place, check: Callable[[], str | Verdict]
) -> str | Verdict:
    """Run a check; if Graph refuses it, say whether the permission is missing or something else is wrong."""
    try:
        return check()
    except Forbidden as error:
        roles = _read_roles(services, connection)
        if roles is not None and roles & _LISTING:
            return Verdict(
                Status.FAIL,
                f"Microsoft Graph refuses the call, although {' and '.join(sorted(roles & _LISTING))} is granted.",
                "Check in the Microsoft 365 admin center, Settings, Org settings, Bookings, that Bookings is on, and "
                "that the tenant has a licence for it",
            )
        return Verdict(Status.FAIL, error.message, consent(place, connection, list_missing(connection, roles or ())))


def _list_businesses(used: ConnectionServices) -> str:
    found = used.graph.list_businesses()
    return f"{count_of(len(found), 'booking business', 'booking businesses')} can be listed."


def _get_business(used: ConnectionServices, business: str, connection: Connection, place: Place) -> str | Verdict:
    try:
        used.graph.get_business(business)
    except NotFound:
        setting, change = f"GRAPH_CONNECTIONS.{connection.name}", ""
        if connection.name == "default":
            setting = "BOOKINGS_BUSINESSES"
            change = f": {set_setting(place, setting, _IDS)}"
        return Verdict(
            Status.FAIL,
            "There is no booking business with this id, or the user as whom the gateway signs in is not on its staff."
            if connection.is_delegated
            else "There is no booking business with this id.",
            f"Correct the id in {setting}, or remove it. The id is the mail address of the booking page{change}",
        )
    return "The business can be read."


def _read_calendar(used: ConnectionServices, business: str) -> str:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    found = used.graph.calendar_view(business, today, today + timedelta(days=1))
    return f"Today's appointments can be read: {len(found)}."


def _read_any(used: ConnectionServices) -> str | Verdict:
    found = used.graph.list_businesses()
    if not found:
        return Verdict(Status.SKIPPED, "Skipped because there is no booking business.")
    return _read_calendar(used, str(found[0]["id"]))


# -- mailboxes ---------------------------------------------------------------------------------------------------------


def _check_mail_roles(services: Services, connection: Connection, mailboxes: list[SupportMailbox]) -> str | Verdict:
    """Check by the token whether mails may be read and changed.

    Rights that Exchange gives (RBAC for Applications) are not in a token. So without any Mail permission in the token,
    only a call to each mailbox can show them.
    """
    roles = _read_roles(services, connection)
    if roles is None:
        return Verdict(Status.SKIPPED, "Skipped because the token does not show its permissions.")
    mail = {role for role in roles if role.startswith("Mail.")}
    if not mail:
        return "Entra ID grants no Mail permission; the steps for each mailbox show what Exchange allows."
    if connection.is_delegated:
        return f"{', '.join(sorted(mail))} granted to the user as whom the gateway signs in."
    granted = f"{', '.join(sorted(mail))} is granted in Entra ID, which opens every mailbox of the tenant"
    if _MAIL_WRITE not in mail and _writes_back(mailboxes):
        return Verdict(
            Status.FAIL,
            f"write_back is set, but {_MAIL_WRITE} is missing: mails are delivered, but not changed. {granted}.",
        )
    if not mail & {_MAIL_READ, _MAIL_WRITE}:
        return Verdict(
            Status.FAIL, f"{_MAIL_READ} is missing: without it Graph returns mails without their text. {granted}."
        )
    return Verdict(Status.WARN, f"{granted}, also those outside Exchange's scope.")


def _writes_back(mailboxes: list[SupportMailbox]) -> bool:
    return any(mailbox.settings.write_back.is_wanted for mailbox in mailboxes)


def _close_mail(connection: Connection, mailboxes: list[SupportMailbox]) -> str:
    addresses = [mailbox.settings.address for mailbox in mailboxes]
    return close_mail(connection, addresses, reads_only=not _writes_back(mailboxes))


def _mailbox_steps(connection: Connection, mailbox: SupportMailbox) -> Iterator[Step]:
    step_name: Name = (StepName.MAILBOX, mailbox.name)
    first = mailbox.settings.folders[0]
    remedy = open_mailbox(connection, mailbox.settings.address, reads_only=not mailbox.settings.write_back.is_wanted)
    yield Step(*step_name, partial(_check_mailbox, mailbox), remedy, needs=(_token(connection),))
    wanted = dict.fromkeys(mailbox.settings.folders, "is read")
    if mailbox.settings.write_back.move_to:
        wanted[mailbox.settings.write_back.move_to] = "receives delivered mails"
    for folder, use in wanted.items():
        yield Step(
            StepName.FOLDER,
            f"{mailbox.name}/{folder}",
            partial(_check_folder, mailbox, folder, use),
            f"Correct the folder in MAILBOXES, {mailbox.name}: give a well-known name such as inbox or archive, or the "
            "folder's id, not its display name",
            needs=(step_name,),
        )
    yield Step(
        StepName.IMMUTABLE_IDS,
        mailbox.name,
        partial(_check_ids, mailbox, first),
        "Report this to the gateway's developers: a mail that is moved would count as a new one",
        needs=((StepName.FOLDER, f"{mailbox.name}/{first}"),),
    )


def _check_mailbox(mailbox: SupportMailbox) -> str | Verdict:
    address = mailbox.settings.address
    try:
        mailbox.graph.get_folder("inbox")
    except Forbidden:
        return Verdict(
            Status.FAIL,
            f"The app may not read {address}: the mailbox is outside its scope, or it has no Mail permission at all.",
        )
    except NotFound:
        return Verdict(
            Status.FAIL,
            f"There is no mailbox {address} in this tenant's Exchange Online.",
            f"Correct address or connection in MAILBOXES, {mailbox.name}",
        )
    return f"{address} can be read."


def _check_refused(mailbox: GraphMail, address: str) -> str | Verdict:
    try:
        mailbox.get_folder("inbox")
    except Forbidden:
        return f"{address} is closed to the app, as it must be."
    except NotFound:
        return Verdict(
            Status.FAIL,
            f"There is no mailbox {address}, so the refusal proves nothing.",
            "Name a mailbox that exists",
        )
    return Verdict(Status.FAIL, f"The app can read {address}, and must not.")


def _check_folder(mailbox: SupportMailbox, folder: str, use: str) -> str | Verdict:
    try:
        found = mailbox.graph.get_folder(folder)
    except (NotFound, Rejected) as error:  # a name that cannot be an id is refused as a bad request
        if error.code == "TokenRejected":
            raise
        return Verdict(Status.FAIL, f"There is no folder {folder}, which according to the settings {use}.")
    return f"The folder exists and {use}; {count_of(int(found.get('totalItemCount') or 0), 'item')}."


def _check_ids(mailbox: SupportMailbox, folder: str) -> str | Verdict:
    shown = mailbox.graph.shows_immutable_ids(folder)
    if shown is None:
        return "The folder has no mail to check this with; the gateway asks for immutable ids."
    return "Graph returns immutable ids." if shown else Verdict(Status.FAIL, "Graph does not return immutable ids.")
