"""Authorisation in the directory: the scopes of the token and the directory roles of its user.

Public sources: learn.microsoft.com/entra/identity/role-based-access-control/delegate-by-task and
.../enterprise-apps/grant-admin-consent: the two administrators of applications may consent to anything but application
permissions of Microsoft Graph, which take the Privileged Role Administrator.
"""

from twin.core.wire import Call
from twin.directory.errors import refuse_privileges
from twin.directory.state import Directory, Registration
from twin.graph.admission import Caller, caller_of

GLOBAL_ADMINISTRATOR = "Global Administrator"
PRIVILEGED_ROLE_ADMINISTRATOR = "Privileged Role Administrator"
APPLICATION_ADMINISTRATOR = "Application Administrator"
CLOUD_APPLICATION_ADMINISTRATOR = "Cloud Application Administrator"
APPLICATION_DEVELOPER = "Application Developer"

ROLE_TEMPLATES = {
    GLOBAL_ADMINISTRATOR: "62e90394-69f5-4237-9190-012177145e10",
    PRIVILEGED_ROLE_ADMINISTRATOR: "e8611ab8-c189-46e8-94e1-60213ab1f814",
    APPLICATION_ADMINISTRATOR: "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",
    CLOUD_APPLICATION_ADMINISTRATOR: "158c047a-c907-4556-b7ef-446551a6b5f7",
    APPLICATION_DEVELOPER: "cf1c38e5-3621-4004-a7cb-879624dced7c",
}
CLI_SCOPES = (
    "Application.ReadWrite.All",
    "AppRoleAssignment.ReadWrite.All",
    "AuditLog.Read.All",
    "DelegatedPermissionGrant.ReadWrite.All",
    "Directory.AccessAsUser.All",
    "Group.ReadWrite.All",
    "User.Read.All",
    "User.ReadWrite.All",
)
"""What the Azure CLI's own token for Graph carries, by public token dumps. No Bookings, no Mail."""

_APPLICATION_ADMINISTRATORS = frozenset(
    {GLOBAL_ADMINISTRATOR, APPLICATION_ADMINISTRATOR, CLOUD_APPLICATION_ADMINISTRATOR}
)
_CONSENTERS = _APPLICATION_ADMINISTRATORS | {PRIVILEGED_ROLE_ADMINISTRATOR}
_ROLE_GRANTERS = frozenset({GLOBAL_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR})
_WRITE, _READ, _OWNED = "Application.ReadWrite.All", "Application.Read.All", "Application.ReadWrite.OwnedBy"


def check_reading(call: Call) -> Caller:
    """Let members read, and apps that hold the permission."""
    return _check_permission(call, {_WRITE, _READ, _OWNED, "Directory.Read.All"})


def check_creating(call: Call, directory: Directory) -> Caller:
    """Let application administrators and developers register apps, and everybody where the tenant allows it."""
    caller = _check_permission(call, {_WRITE, _OWNED})
    may = directory.switches.users_may_register
    if not may and not _has_role(caller, _APPLICATION_ADMINISTRATORS | {APPLICATION_DEVELOPER}):
        raise refuse_privileges()
    return caller


def check_changing(call: Call, registration: Registration) -> Caller:
    """Let application administrators change any app, and owners their own."""
    caller = _check_permission(call, {_WRITE, _OWNED})
    is_owner = caller.user is not None and caller.user.object_id in registration.owners
    if not is_owner and not _has_role(caller, _APPLICATION_ADMINISTRATORS):
        raise refuse_privileges()
    return caller


def check_restoring(call: Call) -> Caller:
    """Let application administrators use the recycle bin."""
    caller = _check_permission(call, {_WRITE})
    if not _has_role(caller, _APPLICATION_ADMINISTRATORS):
        raise refuse_privileges()
    return caller


def check_granting_roles(call: Call) -> Caller:
    """Let those with the role consent to Graph's application permissions."""
    caller = _check_permission(call, {"AppRoleAssignment.ReadWrite.All"})
    if not _has_role(caller, _ROLE_GRANTERS):
        raise refuse_privileges()
    return caller


def check_granting_scopes(call: Call) -> Caller:
    """Let administrators consent to delegated permissions."""
    caller = _check_permission(call, {"DelegatedPermissionGrant.ReadWrite.All"})
    if not _has_role(caller, _CONSENTERS):
        raise refuse_privileges()
    return caller


def _check_permission(call: Call, sufficient: set[str]) -> Caller:
    caller = caller_of(call)
    wide = {"Directory.AccessAsUser.All"} if caller.user is not None else set[str]()
    if not caller.permissions & (sufficient | wide):
        raise refuse_privileges()
    return caller


def _has_role(caller: Caller, sufficient: frozenset[str]) -> bool:
    """Return whether the user has one of the roles; for an app only its permissions count."""
    return caller.user is None or bool(caller.user.directory_roles & sufficient)
