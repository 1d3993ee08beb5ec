"""The application object and its principal: found, adopted, restored, made or put right.

Sources: learn.microsoft.com/graph/api/application-upsert and serviceprincipal-upsert (PATCH by alternate key with
`Prefer: create-if-missing`). An application is never deleted to undo: the recycle bin keeps its unique name.
"""

from typing import Any

from setup.errors import APP_ROLE, CREATE_ROLE, Stopped
from setup.patience import wait_out
from setup.permissions import GRAPH_APP_ID, Permission
from setup.plan import Plan
from setup.tenant import Tenant
from setup.wish import Wish
from shared.errors import NotFound

TAG = "graph-gateway"
NATIVE = "https://login.microsoftonline.com/common/oauth2/nativeclient"
_SLOW = "Not every server of the directory knows of it yet."


def plan_application(tenant: Tenant, plan: Plan, permissions: list[Permission]) -> bool:
    """Plan the application object; return False when the rest can be planned only after a step of it."""
    wish = tenant.wish
    if tenant.app is None and wish.adopt:
        _plan_adoption(tenant, plan)
        return False
    if tenant.app is not None:
        if wish.adopt and wish.adopt != tenant.app["appId"]:
            raise Stopped(f"The unique name {wish.unique_name} belongs to the app {tenant.app_id}: choose another.")
        _plan_changes(tenant, plan, permissions)
        return True
    if tenant.deleted:
        bin_id = str(tenant.deleted[0]["id"])
        plan.add(
            f'Bring the app "{wish.name}" back from the recycle bin',
            "it was deleted within the last 30 days and still holds the unique name",
            lambda: _restore(tenant, bin_id),
            replan=True,
        )
        return False
    if tenant.handmade:
        ids = ", ".join(str(one["appId"]) for one in tenant.handmade)
        raise Stopped(
            f'There is an app named "{wish.name}" that was not made by this command ({ids}). To take it over: '
            f"--adopt {tenant.handmade[0]['appId']}. To make another one: --name with another name."
        )
    audience = "several tenants" if wish.multi_tenant else "this tenant only"
    plan.add(
        f'Register the app "{wish.name}" for {audience}, not a public client',
        f"no app has the unique name {wish.unique_name}",
        lambda: _create(tenant, permissions),
    )
    return True


def plan_principal(tenant: Tenant, plan: Plan) -> None:
    """Plan the enterprise application, which the portal makes in silence."""
    if tenant.principal is None:
        plan.add(
            'Add the app to the tenant (its service principal, the "enterprise application")',
            "without it the app cannot sign in here, nor be granted anything",
            lambda: _install(tenant),
        )
    elif not tenant.principal["accountEnabled"]:
        plan.add("Enable the app in the tenant", "its service principal is disabled", lambda: _enable(tenant))


def _plan_adoption(tenant: Tenant, plan: Plan) -> None:
    wish = tenant.wish
    found = tenant.find_app(wish.adopt or "")
    if found.get("uniqueName"):
        raise Stopped(
            f"That app has a unique name already, which cannot be changed: --unique-name {found['uniqueName']}"
        )
    plan.add(
        f"Take over the app {wish.adopt} ({found['displayName']}) under the unique name {wish.unique_name}",
        "--adopt names it; later runs find it by that name, which is for ever",
        lambda: _adopt(tenant, found),
        replan=True,
    )


def _plan_changes(tenant: Tenant, plan: Plan, permissions: list[Permission]) -> None:
    app = tenant.app or {}
    changes, reasons = find_changes(app, tenant.wish, permissions)
    if changes:
        plan.add(f"Change the app: {', '.join(sorted(changes))}", "; ".join(reasons), lambda: _change(tenant, changes))
    for secret in app["passwordCredentials"]:
        if not str(secret.get("displayName") or "").startswith(TAG):
            plan.note(
                f'The client secret "{secret.get("displayName") or "without a name"}" (ends {secret["endDateTime"]}) '
                "was made by hand. It is left alone; remove it when nobody uses it."
            )


def find_changes(app: dict[str, Any], wish: Wish, permissions: list[Permission]) -> tuple[dict[str, Any], list[str]]:
    """Return what differs from the wish, with the reasons. Entries of others are kept."""
    changes: dict[str, Any] = {}
    reasons = []
    if app["displayName"] != wish.name:
        changes["displayName"] = wish.name
        reasons.append(f"it is named {app['displayName']}")
    audience = _audience(wish)
    if app["signInAudience"] != audience:
        changes["signInAudience"] = audience
        reasons.append(f"it is open to {app['signInAudience']}")
    if app["isFallbackPublicClient"]:
        changes["isFallbackPublicClient"] = False
        reasons.append("it is treated as a public client, so Entra ID would refuse its credential")
    if TAG not in (app.get("tags") or []):
        changes["tags"] = [*(app.get("tags") or []), TAG]
        reasons.append("it lacks the tag that tells where it comes from")
    redirects = (app.get("publicClient") or {}).get("redirectUris") or []
    if wish.native_redirect and NATIVE not in redirects:
        changes["publicClient"] = {"redirectUris": [*redirects, NATIVE]}
        reasons.append("--native-redirect asks for it")
    access = _merge_access(app.get("requiredResourceAccess") or [], permissions)
    if access is not None:
        changes["requiredResourceAccess"] = access
        reasons.append("its list of permissions lacks some")
    return changes, reasons


def _audience(wish: Wish) -> str:
    return "AzureADMultipleOrgs" if wish.multi_tenant else "AzureADMyOrg"


def _merge_access(listed: list[dict[str, Any]], permissions: list[Permission]) -> list[dict[str, Any]] | None:
    """Return the whole list with ours added, None if all are there: Graph replaces it as a whole."""
    graph = next((one for one in listed if one["resourceAppId"] == GRAPH_APP_ID), None)
    known = (graph or {}).get("resourceAccess") or []
    missing = [
        {"id": one.id, "type": one.kind}
        for one in permissions
        if (one.id, one.kind) not in {(entry["id"], entry["type"]) for entry in known}
    ]
    if not missing:
        return None
    others = [one for one in listed if one is not graph]
    return [*others, {"resourceAppId": GRAPH_APP_ID, "resourceAccess": [*known, *missing]}]


def _create(tenant: Tenant, permissions: list[Permission]) -> None:
    wish = tenant.wish
    body = {
        "displayName": wish.name,
        "signInAudience": _audience(wish),
        "isFallbackPublicClient": False,
        "publicClient": {"redirectUris": [NATIVE] if wish.native_redirect else []},
        "tags": [TAG],
        "notes": "Managed by the Graph gateway's register command.",
        "servicePrincipalLockConfiguration": {"isEnabled": True, "allProperties": True},
        "requiredResourceAccess": _merge_access([], permissions) or [],
    }
    path = f"/applications(uniqueName='{wish.unique_name}')"
    tenant.directory.write("PATCH", path, body, doing="Registering the app", role=CREATE_ROLE, upsert=True)

    def read() -> None:
        tenant.read_app()
        if tenant.app is None:
            raise NotFound("The new app cannot be read yet.", code="NotThere")
        tenant.directory.get(tenant.app_path, select="id")

    wait_out(read, on=(NotFound,), screen=tenant.screen, sentence=_SLOW)


def _change(tenant: Tenant, changes: dict[str, Any]) -> None:
    tenant.directory.write("PATCH", tenant.app_path, changes, doing="Changing the app", role=APP_ROLE)
    tenant.read_app()


def _adopt(tenant: Tenant, found: dict[str, Any]) -> None:
    body = {"uniqueName": tenant.wish.unique_name}
    path = f"/applications/{found['id']}"
    tenant.directory.write("PATCH", path, body, doing="Taking the app over", role=APP_ROLE)
    _wait_for_app(tenant)


def _restore(tenant: Tenant, bin_id: str) -> None:
    path = f"/directory/deletedItems/{bin_id}/restore"
    tenant.directory.write("POST", path, doing="Bringing the app back", role=APP_ROLE)
    _wait_for_app(tenant)


def _wait_for_app(tenant: Tenant) -> None:
    def read() -> None:
        tenant.read_app()
        if tenant.app is None:
            raise NotFound("The app cannot be read yet.", code="NotThere")

    wait_out(read, on=(NotFound,), screen=tenant.screen, sentence=_SLOW)


def _install(tenant: Tenant) -> None:
    path = f"/servicePrincipals(appId='{tenant.app_id}')"

    def write() -> None:
        body = {"displayName": tenant.wish.name}
        tenant.directory.write("PATCH", path, body, doing="Adding the app to the tenant", role=APP_ROLE, upsert=True)

    def read() -> None:
        tenant.read_principal()
        if tenant.principal is None:
            raise NotFound("The new service principal cannot be read yet.", code="NotThere")
        tenant.directory.get(f"/servicePrincipals/{tenant.principal['id']}", select="id")

    wait_out(write, on=(NotFound,), screen=tenant.screen, sentence=_SLOW)
    wait_out(read, on=(NotFound,), screen=tenant.screen, sentence=_SLOW)


def _enable(tenant: Tenant) -> None:
    path = f"/servicePrincipals/{(tenant.principal or {})['id']}"
    tenant.directory.write("PATCH", path, {"accountEnabled": True}, doing="Enabling the app", role=APP_ROLE)
    tenant.read_principal()
