"""Control routes of the directory: roles, switches, and the tokens of the stand-in for the Azure CLI."""

import time
from dataclasses import asdict

from twin.core.control import read_object
from twin.core.routes import Routes
from twin.core.wire import Call, Reply
from twin.directory.access import CLI_SCOPES, ROLE_TEMPLATES
from twin.directory.state import Directory
from twin.entra.state import App, ServicePrincipal, User
from twin.entra.tokens import Order, issue_token

control = Routes[Directory]("/directory")

_CLI_APP_ID = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"


@control.get("")
def show(call: Call, directory: Directory) -> Reply:
    """Show switches, the recycle bin, who is there, and who has which directory role."""
    _ = call
    people = [user for tenant in directory.entra.tenants.values() for user in tenant.users.values()]
    return Reply(
        200,
        {
            "switches": asdict(directory.switches),
            "deleted": {one.object_id: one.app.name for one in directory.deleted.values()},
            "people": sorted(user.name.lower() for user in people),
            "roles": {user.name: sorted(user.directory_roles) for user in people if user.directory_roles},
        },
    )


@control.patch("/switches")
def set_switches(call: Call, directory: Directory) -> Reply:
    """Set switches by name: {"unseen_requests": 2, "secrets_allowed": false}."""
    directory.switches.set(read_object(call))
    return Reply(200, asdict(directory.switches))


@control.put("/roles/{user}")
def set_roles(call: Call, directory: Directory) -> Reply:
    """Give a user these directory roles and no others: {"roles": ["Application Administrator"]}."""
    roles = [str(role) for role in read_object(call)["roles"]]
    if unknown := set(roles) - set(ROLE_TEMPLATES):
        raise ValueError(f"{min(unknown)} is not among {sorted(ROLE_TEMPLATES)}")
    _find_user(call, directory).directory_roles = frozenset(roles)
    return Reply(200, {"roles": sorted(roles)})


@control.put("/passwords/{user}")
def set_password(call: Call, directory: Directory) -> Reply:
    """Give a user another password: {"password": "..."}."""
    _find_user(call, directory).password = str(read_object(call)["password"])
    return Reply(204)


@control.post("/cli-token")
def issue_cli_token(call: Call, directory: Directory) -> Reply:
    """Issue a user's token as `az account get-access-token` prints it: {"user", "resource", "tenant"?}."""
    wish = read_object(call)
    name, resource = str(wish["user"]).lower(), str(wish["resource"]).rstrip("/")
    for tenant in directory.entra.tenants.values():
        if name in tenant.users and (not wish.get("tenant") or tenant.is_called(str(wish["tenant"]))):
            cli = App(_CLI_APP_ID, tenant.id, "Microsoft Azure CLI")
            scopes = CLI_SCOPES if resource == tenant.cloud.graph_resource else ("user_impersonation",)
            cli_principal = ServicePrincipal(_CLI_APP_ID, _CLI_APP_ID)
            order = Order(tenant, cli, cli_principal, resource, user=tenant.users[name], scopes=scopes)
            token = issue_token(directory.entra, order)
            expires = int(time.time()) + cli.expires_in
            return Reply(200, {"accessToken": token, "expires_on": expires, "tenant": tenant.id, "tokenType": "Bearer"})
    raise KeyError(name)


def _find_user(call: Call, directory: Directory) -> User:
    name = call["user"].lower()
    for tenant in directory.entra.tenants.values():
        if name in tenant.users:
            return tenant.users[name]
    raise KeyError(name)
