"""What is there: the tenant, who asks, the app, its principal. Read before anything is planned."""

from dataclasses import dataclass, field
from typing import Any

from setup.directory import Directory, quote
from setup.errors import Stopped
from setup.permissions import GRAPH_APP_ID
from setup.screen import Screen
from setup.vault import Vault
from setup.wish import Wish
from shared.errors import GatewayError

_APP_FIELDS = (
    "id,appId,displayName,uniqueName,signInAudience,isFallbackPublicClient,tags,publicClient,requiredResourceAccess,"
    "passwordCredentials"
)


@dataclass
class Tenant:
    """The tenant as found, and as changed since. `app` and `principal` are None until they exist."""

    wish: Wish
    directory: Directory
    vault: Vault | None
    screen: Screen
    id: str
    title: str
    person: str
    roles: str
    graph: dict[str, Any]
    app: dict[str, Any] | None = None
    principal: dict[str, Any] | None = None
    handmade: list[dict[str, Any]] = field(default_factory=list)
    deleted: list[dict[str, Any]] = field(default_factory=list)

    @property
    def app_id(self) -> str:
        """The application (client) id. Raises Stopped before there is one."""
        if self.app is None:
            raise Stopped("There is no such app yet: run the part `prepare` first.")
        return str(self.app["appId"])

    @property
    def app_path(self) -> str:
        """Path of the application object."""
        return f"/applications/{(self.app or {})['id']}"

    def read_app(self) -> None:
        """Look the app up by its unique name, and what else bears its name; and its principal here."""
        wish = self.wish
        if wish.app:
            self.app = {"appId": wish.app, "id": "", "displayName": wish.name, "passwordCredentials": []}
        else:
            self.app = self.directory.find(f"/applications(uniqueName='{quote(wish.unique_name)}')", select=_APP_FIELDS)
        self.handmade, self.deleted = [], []
        if self.app is None:
            named = f"displayName eq '{quote(wish.name)}'"
            self.handmade = list(self.directory.list("/applications", filter=named, select="id,appId,uniqueName"))
            bin_path = "/directory/deletedItems/microsoft.graph.application"
            self.deleted = [
                one
                for one in self.directory.list(bin_path, select="id,appId,displayName,uniqueName")
                if one.get("uniqueName") == wish.unique_name
            ]
        self.principal = None
        if self.app is not None:
            self.read_principal()

    def read_principal(self) -> None:
        """Look up the app's principal in this tenant."""
        self.principal = self.directory.find(
            f"/servicePrincipals(appId='{self.app_id}')", select="id,appId,accountEnabled"
        )

    def find_app(self, app_id: str) -> dict[str, Any]:
        """Return an app of this tenant by its client id. Raises Stopped."""
        found: dict[str, Any] | None = self.directory.find(
            f"/applications(appId='{quote(app_id)}')", select=_APP_FIELDS
        )
        if found is None:
            raise Stopped(f"There is no app {app_id} in this tenant.")
        return found

    def introduce(self) -> None:
        """Print where we are."""
        app = self.app
        there = "not there yet" if app is None else f"there, client id {app['appId']}"
        self.screen.say(f"Tenant   {self.title}")
        name = self.wish.name if app is None else str(app["displayName"])
        self.screen.say(f"You      {self.person}; {self.roles}")
        self.screen.say(f"App      {name} (unique name {self.wish.unique_name}): {there}")


def read_tenant(wish: Wish, directory: Directory, vault: Vault | None, screen: Screen) -> Tenant:
    """Read the tenant and the app. Raises Stopped when it is another tenant than the one that was named."""
    own = next(iter(directory.list("/organization", select="id,displayName,verifiedDomains")))
    domains = [str(one["name"]) for one in own["verifiedDomains"]]
    if wish.tenant and wish.tenant.lower() not in (str(own["id"]).lower(), *(name.lower() for name in domains)):
        raise Stopped(f"You are signed in to {own['displayName']} ({own['id']}), not to {wish.tenant}.")
    graph = directory.get(f"/servicePrincipals(appId='{GRAPH_APP_ID}')", select="id,appRoles,oauth2PermissionScopes")
    person, roles = _read_person(directory)
    tenant = Tenant(
        wish=wish,
        directory=directory,
        vault=vault,
        screen=screen,
        id=str(own["id"]),
        title=f"{own['displayName']}, {domains[0]}, {own['id']}",
        person=person,
        roles=roles,
        graph=graph,
    )
    tenant.read_app()
    return tenant


def _read_person(directory: Directory) -> tuple[str, str]:
    """Return who is signed in and a phrase on their roles; an app (in a pipeline) has no /me."""
    try:
        person = str(directory.get("/me", select="id,userPrincipalName")["userPrincipalName"])
    except GatewayError:
        return "an application", "what it may do is said by its permissions"
    try:
        listed = directory.list("/me/transitiveMemberOf/microsoft.graph.directoryRole", select="id,displayName")
        names = [str(role["displayName"]) for role in listed]
    except GatewayError:
        return person, "directory roles could not be read"
    return person, f"active directory roles: {', '.join(names) or 'none'}"
