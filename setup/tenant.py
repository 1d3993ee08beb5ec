"""The tenant as it is: its name, the person, the app and its service principal. Read before anything is planned."""

from dataclasses import dataclass, field, replace
from typing import Any

from setup.console import Console
from setup.directory import Directory, quote
from setup.errors import Stopped
from setup.options import Options, Part
from setup.permissions import GRAPH_APP_ID
from setup.vault import Vault
from shared.errors import GatewayError

_APP_FIELDS = (
    "id,appId,displayName,uniqueName,signInAudience,isFallbackPublicClient,tags,publicClient,requiredResourceAccess,"
    "passwordCredentials"
)


@dataclass
class Tenant:
    """The tenant's current state. `app` and `principal` (service principal) are None until they exist.

    `role_names` are the person's active directory roles, None if they are not known. `handmade` are other apps of the
    same display name, `deleted` are apps in the recycle bin with the unique name.
    """

    options: Options
    directory: Directory
    vault: Vault | None
    console: Console
    id: str
    title: str
    person: str
    roles: str
    role_names: frozenset[str] | None
    graph: dict[str, Any]
    app: dict[str, Any] | None = None
    principal: dict[str, Any] | None = None
    handmade: list[dict[str, Any]] = field(default_factory=list)
    deleted: list[dict[str, Any]] = field(default_factory=list)

    @property
    def app_id(self) -> str:
        """The application (client) id. Raises Stopped before there is one."""
        if self.app is None:
            raise Stopped("The app does not exist yet. Run the part `prepare` first.")
        return str(self.app["appId"])

    @property
    def is_foreign(self) -> bool:
        """Whether the app is registered in another tenant, and only added to this one."""
        return self.app is not None and not self.app["id"]

    @property
    def app_path(self) -> str:
        """The path of the application object."""
        return f"/applications/{(self.app or {})['id']}"

    def read_app(self) -> None:
        """Read the app by its unique name, and its service principal; without an app, others of its name."""
        options = self.options
        if options.app:
            self.app = self.directory.find(f"/applications(appId='{quote(options.app)}')", select=_APP_FIELDS)
            if self.app is None and options.part is not Part.CONSENT:
                raise Stopped(f"There is no app {options.app} in this tenant. Check the client id and --tenant.")
            if self.app is None:
                self.app = {"appId": options.app, "id": "", "displayName": options.name, "passwordCredentials": []}
            else:  # what is printed for Exchange names its scope and mark by the app
                names = {"name": self.app["displayName"], "unique_name": self.app.get("uniqueName")}
                self.options = replace(options, **{key: name for key, name in names.items() if name})
        else:
            self.app = self.directory.find(
                f"/applications(uniqueName='{quote(options.unique_name)}')", select=_APP_FIELDS
            )
        self.handmade, self.deleted = [], []
        if self.app is None:
            named = f"displayName eq '{quote(options.name)}'"
            self.handmade = list(self.directory.list("/applications", filter=named, select="id,appId,uniqueName"))
            bin_path = "/directory/deletedItems/microsoft.graph.application"
            self.deleted = [
                one
                for one in self.directory.list(bin_path, select="id,appId,displayName,uniqueName")
                if one.get("uniqueName") == options.unique_name
            ]
        self.principal = None
        if self.app is not None:
            self.read_principal()

    def read_principal(self) -> None:
        """Read the app's service principal in this tenant."""
        self.principal = self.directory.find(
            f"/servicePrincipals(appId='{self.app_id}')", select="id,appId,accountEnabled"
        )

    def find_app(self, app_id: str) -> dict[str, Any]:
        """Return an app of this tenant by its client id. Raises Stopped if there is none."""
        found: dict[str, Any] | None = self.directory.find(
            f"/applications(appId='{quote(app_id)}')", select=_APP_FIELDS
        )
        if found is None:
            raise Stopped(f"There is no app {app_id} in this tenant. Check the client id and --tenant.")
        return found

    def introduce(self) -> None:
        """Print the tenant, the person and the app."""
        app = self.app
        there = "does not exist yet" if app is None else f"exists, client id {app['appId']}"
        if app is None and self.options.adopt:
            there = f"is to be the app {self.options.adopt}, which was made by hand"
        self.console.say(f"Tenant   {self.title}")
        name = self.options.name if app is None else str(app["displayName"])
        self.console.say(f"You      {self.person}; {self.roles}")
        self.console.say(f"App      {name} (unique name {self.options.unique_name}): {there}")


def read_tenant(options: Options, directory: Directory, vault: Vault | None, console: Console) -> Tenant:
    """Read the tenant and the app. Raises Stopped if it is not the tenant that the options name."""
    own = next(iter(directory.list("/organization", select="id,displayName,verifiedDomains")))
    domains = [str(one["name"]) for one in own["verifiedDomains"]]
    if options.tenant and options.tenant.lower() not in (str(own["id"]).lower(), *(name.lower() for name in domains)):
        raise Stopped(
            f"You are signed in to {own['displayName']} ({own['id']}), not to {options.tenant}. Sign in there with "
            f"`az login --tenant {options.tenant} --allow-no-subscriptions`."
        )
    graph = directory.get(f"/servicePrincipals(appId='{GRAPH_APP_ID}')", select="id,appRoles,oauth2PermissionScopes")
    person, roles, names = _read_person(directory)
    tenant = Tenant(
        options=options,
        directory=directory,
        vault=vault,
        console=console,
        id=str(own["id"]),
        title=f"{own['displayName']}, {domains[0]}, {own['id']}",
        person=person,
        roles=roles,
        role_names=names,
        graph=graph,
    )
    tenant.read_app()
    return tenant


def _read_person(directory: Directory) -> tuple[str, str, frozenset[str] | None]:
    """Return the person's name, a phrase on their roles, and the roles if they are known.

    An app, as in a pipeline, has no /me.
    """
    try:
        person = str(directory.get("/me", select="id,userPrincipalName")["userPrincipalName"])
    except GatewayError:
        return "an application", "its permissions decide what it may do", None
    try:
        listed = directory.list("/me/transitiveMemberOf/microsoft.graph.directoryRole", select="id,displayName")
        names = [str(role["displayName"]) for role in listed]
    except GatewayError:
        return person, "directory roles could not be read", None
    return person, f"active directory roles: {', '.join(names) or 'none'}", frozenset(names)
