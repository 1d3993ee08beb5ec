"""Plans the application object and its service principal: create, adopt, restore or change.

Sources: learn.microsoft.com/graph/api/application-upsert and serviceprincipal-upsert (PATCH by alternate key with
`Prefer: create-if-missing`). A failed run never deletes the application, because the recycle bin keeps its unique name.
"""

from typing import Any

from setup.errors import APP_ROLE, CREATE_ROLE, Stopped
from setup.options import Options
from setup.permissions import GRAPH_APP_ID, OfferedPermission
from setup.plan import Plan
from setup.tenant import Tenant
from setup.waiting import retry_until_success
from shared.errors import NotFound

TAG = "graph-gateway"
NATIVE = "https://login.microsoftonline.com/common/oauth2/nativeclient"
_NAMES = {
    "displayName": "its name",
    "signInAudience": "Supported account types",
    "isFallbackPublicClient": "Allow public client flows",
    "tags": f"the tag {TAG}",
    "publicClient": "Redirect URIs",
    "requiredResourceAccess": "API permissions",
}
"""Properties of an app under the names that the portal shows."""
_AUDIENCES = {"AzureADMyOrg": "this organisation only", "AzureADMultipleOrgs": "any organisation"}
_SLOW = "The change has not reached every server of the directory yet."


def plan_application(tenant: Tenant, plan: Plan, permissions: list[OfferedPermission]) -> bool:
    """Plan the application object. Return False if the other steps can be planned only after this one is done."""
    options = tenant.options
    if tenant.app is None and options.adopt:
        _plan_adoption(tenant, plan)
        _plan_changes(tenant, plan, permissions)
        return True
    if tenant.app is not None:
        if options.adopt and options.adopt != tenant.app["appId"]:
            raise Stopped(
                f"The unique name {options.unique_name} already belongs to the app {tenant.app_id}. Choose another one "
                "with --unique-name."
            )
        _plan_changes(tenant, plan, permissions)
        return True
    if tenant.deleted:
        bin_id = str(tenant.deleted[0]["id"])
        plan.add(
            f'Bring the app "{options.name}" back from the recycle bin',
            "it was deleted within the last 30 days and still holds the unique name",
            lambda: _restore(tenant, bin_id),
            replan=True,
        )
        return False
    if tenant.handmade:
        ids = ", ".join(str(one["appId"]) for one in tenant.handmade)
        raise Stopped(
            f'There is an app named "{options.name}" that this command did not make ({ids}). To take it over, add '
            f"--adopt {tenant.handmade[0]['appId']}. To make another app, choose another --name."
        )
    audience = "several tenants" if options.multi_tenant else "this tenant only"
    plan.add(
        f'Register the app "{options.name}" for {audience}, not a public client',
        f"no app has the unique name {options.unique_name}",
        lambda: _create(tenant, permissions),
    )
    return True


def plan_principal(tenant: Tenant, plan: Plan) -> None:
    """Plan the service principal ("enterprise application"), which the portal creates without asking."""
    if tenant.principal is None:
        plan.add(
            'Add the app to the tenant (its service principal, the "enterprise application")',
            "without it the app cannot sign in to this tenant or get permissions",
            lambda: _install(tenant),
        )
    elif not tenant.principal["accountEnabled"]:
        plan.add("Enable the app in the tenant", "its service principal is disabled", lambda: _enable(tenant))


def _plan_adoption(tenant: Tenant, plan: Plan) -> None:
    options = tenant.options
    found = tenant.find_app(options.adopt or "")
    if found.get("uniqueName"):
        raise Stopped(
            f"That app already has a unique name, which cannot be changed. Run without --adopt and with --unique-name "
            f"{found['uniqueName']}."
        )
    plan.add(
        f"Take over the app {options.adopt} ({found['displayName']}) under the unique name {options.unique_name}",
        "--adopt names it; later runs find it by this unique name, which cannot be changed afterwards",
        lambda: _adopt(tenant, found),
    )
    tenant.app = found  # what follows is planned for it, too
    tenant.read_principal()


def _plan_changes(tenant: Tenant, plan: Plan, permissions: list[OfferedPermission]) -> None:
    app = tenant.app or {}
    changes, reasons = find_changes(app, tenant.options, permissions)
    if changes:
        what = ", ".join(_NAMES[name] for name in changes)
        plan.add(f"Change the app: {what}", "; ".join(reasons), lambda: _change(tenant, changes))
    for secret in app["passwordCredentials"]:
        if not str(secret.get("displayName") or "").startswith(TAG):
            plan.note(
                f'The client secret "{secret.get("displayName") or "without a name"}" (ends {secret["endDateTime"]}) '
                "was made by hand. This command does not touch it; remove it when it is no longer used."
            )


def find_changes(
    app: dict[str, Any], options: Options, permissions: list[OfferedPermission]
) -> tuple[dict[str, Any], list[str]]:
    """Return the properties to change, and the reasons. Entries that others added are kept."""
    changes: dict[str, Any] = {}
    reasons = []
    if app["displayName"] != options.name:
        changes["displayName"] = options.name
        reasons.append(f'it is named "{app["displayName"]}", and becomes "{options.name}": --name says so')
    audience = _audience(options)
    if app["signInAudience"] != audience:
        changes["signInAudience"] = audience
        reasons.append(f"it is open to {_AUDIENCES.get(app['signInAudience'], app['signInAudience'])}")
    if app["isFallbackPublicClient"]:
        changes["isFallbackPublicClient"] = False
        reasons.append("it is marked as a public client, so Entra ID would refuse its credential")
    if TAG not in (app.get("tags") or []):
        changes["tags"] = [*(app.get("tags") or []), TAG]
        reasons.append(f"it lacks the tag {TAG}")
    redirects = (app.get("publicClient") or {}).get("redirectUris") or []
    if options.native_redirect and NATIVE not in redirects:
        changes["publicClient"] = {"redirectUris": [*redirects, NATIVE]}
        reasons.append("--native-redirect asks for it")
    listed = app.get("requiredResourceAccess") or []
    access = _merge_access(listed, permissions)
    if access is not None:
        changes["requiredResourceAccess"] = access
        missing = [one.name for one in permissions if (one.id, one.kind) not in _list_access(listed)]
        reasons.append(f"its list of permissions lacks {', '.join(missing)}")
    return changes, reasons


def _audience(options: Options) -> str:
    return "AzureADMultipleOrgs" if options.multi_tenant else "AzureADMyOrg"


def _merge_access(listed: list[dict[str, Any]], permissions: list[OfferedPermission]) -> list[dict[str, Any]] | None:
    """Return the whole list with our permissions added, or None if none is missing. Graph replaces the whole list."""
    graph = next((one for one in listed if one["resourceAppId"] == GRAPH_APP_ID), None)
    known = (graph or {}).get("resourceAccess") or []
    missing = [
        {"id": one.id, "type": one.kind} for one in permissions if (one.id, one.kind) not in _list_access(listed)
    ]
    if not missing:
        return None
    others = [one for one in listed if one is not graph]
    return [*others, {"resourceAppId": GRAPH_APP_ID, "resourceAccess": [*known, *missing]}]


def _list_access(listed: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Return id and kind of each permission of Microsoft Graph in the list."""
    graph = next((one for one in listed if one["resourceAppId"] == GRAPH_APP_ID), {})
    return {(entry["id"], entry["type"]) for entry in graph.get("resourceAccess") or []}


def _create(tenant: Tenant, permissions: list[OfferedPermission]) -> None:
    options = tenant.options
    body = {
        "displayName": options.name,
        "signInAudience": _audience(options),
        "isFallbackPublicClient": False,
        "publicClient": {"redirectUris": [NATIVE] if options.native_redirect else []},
        "tags": [TAG],
        "notes": "Managed by the Graph gateway's register command.",
        "servicePrincipalLockConfiguration": {"isEnabled": True, "allProperties": True},
        "requiredResourceAccess": _merge_access([], permissions) or [],
    }
    path = f"/applications(uniqueName='{options.unique_name}')"
    tenant.directory.write("PATCH", path, body, doing="Registering the app", role=CREATE_ROLE, upsert=True)

    def read() -> None:
        tenant.read_app()
        if tenant.app is None:
            raise NotFound("The new app cannot be read yet.", code="NotThere")
        tenant.directory.get(tenant.app_path, select="id")

    retry_until_success(read, on=(NotFound,), console=tenant.console, sentence=_SLOW)


def _change(tenant: Tenant, changes: dict[str, Any]) -> None:
    tenant.directory.write("PATCH", tenant.app_path, changes, doing="Changing the app", role=APP_ROLE)
    tenant.read_app()


def _adopt(tenant: Tenant, found: dict[str, Any]) -> None:
    body = {"uniqueName": tenant.options.unique_name}
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

    retry_until_success(read, on=(NotFound,), console=tenant.console, sentence=_SLOW)


def _install(tenant: Tenant) -> None:
    path = f"/servicePrincipals(appId='{tenant.app_id}')"

    def write() -> None:
        body = {"displayName": tenant.options.name}
        tenant.directory.write("PATCH", path, body, doing="Adding the app to the tenant", role=APP_ROLE, upsert=True)

    def read() -> None:
        tenant.read_principal()
        if tenant.principal is None:
            raise NotFound("The new service principal cannot be read yet.", code="NotThere")
        tenant.directory.get(f"/servicePrincipals/{tenant.principal['id']}", select="id")

    retry_until_success(write, on=(NotFound,), console=tenant.console, sentence=_SLOW)
    retry_until_success(read, on=(NotFound,), console=tenant.console, sentence=_SLOW)


def _enable(tenant: Tenant) -> None:
    path = f"/servicePrincipals/{(tenant.principal or {})['id']}"
    tenant.directory.write("PATCH", path, {"accountEnabled": True}, doing="Enabling the app", role=APP_ROLE)
    tenant.read_principal()
