"""What stops a registration, told to the person who runs it: a sentence what happened and one what to do."""

from shared.errors import Forbidden, GatewayError


class Stopped(GatewayError):  # noqa: N818 - named by what happened, as its family is
    """The registration cannot go on; the message says what a person has to decide or do."""

    code = "Stopped"


class MissingRole(Forbidden):
    """The person lacks a role; `role` names it with its way on."""

    code = "MissingRole"

    def __init__(self, doing: str, role: "Role", *, upstream_id: str | None = None) -> None:
        super().__init__(f"{doing} was refused: it needs {role.name}.", upstream_id=upstream_id)
        self.role = role


class Role:
    """A role by the name its owner knows, and how to come by it or go on without."""

    def __init__(self, name: str, way_on: str) -> None:
        self.name = name
        self.way_on = way_on


_PIM = "A role that is only eligible has to be activated first; then `az login` again. "
_PREPARE = f"{_PIM}Or ask somebody who has the role to run the same command with the part `prepare`."
CREATE_ROLE = Role("the directory role Application Developer", _PREPARE)
APP_ROLE = Role(
    "the directory role Cloud Application Administrator, as the app is not one's own (its owners need no role)",
    _PREPARE,
)
CONSENT_ROLE = Role(
    "the directory role Privileged Role Administrator (Application Administrators cannot consent to application "
    "permissions of Microsoft Graph)",
    f"{_PIM}Or ask somebody who has the role to run the part `consent`:",
)
SCOPE_CONSENT_ROLE = Role(
    "the directory role Cloud Application Administrator",
    f"{_PIM}Or ask somebody who has the role to run the part `consent`:",
)
VAULT_ROLE = Role(
    "the Azure role Key Vault Secrets Officer on the vault",
    "Owner and Contributor do not open a vault's contents. Whoever may assign roles runs:\n"
    '  az role assignment create --role "Key Vault Secrets Officer" --assignee <you> --scope <the vault\'s id>\n'
    "A role given just now takes some minutes.",
)
