"""Errors that stop a registration. Each message says what happened and what to do."""

from shared.errors import Forbidden, GatewayError


class Stopped(GatewayError):  # noqa: N818 - named by what happened, as its family is
    """The registration cannot continue; the message says what the person has to decide or do."""

    code = "Stopped"


class MissingRole(Forbidden):
    """The person lacks a role; `role` names it, and what to do."""

    code = "MissingRole"

    def __init__(self, doing: str, role: "Role", *, upstream_id: str | None = None) -> None:
        super().__init__(f"{doing} was refused. It needs {role.name}.", upstream_id=upstream_id)
        self.role = role


class Role:
    """A role under the name that the portal shows; `remedy` says how to get it, or how to go on without it.

    `held_by` are the directory roles that include it, if all of them are known.
    """

    def __init__(self, name: str, remedy: str, *, held_by: frozenset[str] = frozenset()) -> None:
        self.name = name
        self.remedy = remedy
        self.held_by = held_by


_PIM = "If you are only eligible for the role, activate it and run `az login` again. "
_PREPARE = f"{_PIM}Or ask somebody who has the role to run the same command with the part `prepare`."
CREATE_ROLE = Role("the directory role Application Developer", _PREPARE)
APP_ROLE = Role(
    "the directory role Cloud Application Administrator, because you do not own the app (owners need no role)",
    _PREPARE,
)
CONSENT_ROLE = Role(
    "the directory role Privileged Role Administrator (Application Administrators cannot consent to application "
    "permissions of Microsoft Graph)",
    f"{_PIM}Or ask somebody who has the role to run the part `consent`:",
    held_by=frozenset({"Privileged Role Administrator", "Global Administrator"}),
)
SCOPE_CONSENT_ROLE = Role(
    "the directory role Cloud Application Administrator",
    f"{_PIM}Or ask somebody who has the role to run the part `consent`:",
    held_by=CONSENT_ROLE.held_by | {"Cloud Application Administrator", "Application Administrator"},
)
VAULT_ROLE = Role(
    "the Azure role Key Vault Secrets Officer on the vault",
    "Owner and Contributor do not open a vault's contents. Somebody who may assign roles runs:\n"
    '  az role assignment create --role "Key Vault Secrets Officer" --assignee <you> --scope <the vault\'s id>\n'
    "A role assigned just now takes some minutes to work.",
)
