"""Service principals and their consents.

Public sources: the Graph v1.0 reference, serviceprincipal: list, post, upsert (by appId), update, appRoleAssignments,
appRoleAssignedTo, and oauth2permissiongrant: list, post, update, delete.
"""

from twin.core.routes import Routes
from twin.core.wire import Call, Json, Reply
from twin.directory.access import (
    check_changing,
    check_granting_roles,
    check_granting_scopes,
    check_reading,
    check_restoring,
)
from twin.directory.applications import read_body
from twin.directory.errors import refuse_request, refuse_unknown, refuse_unknown_app
from twin.directory.permissions import ROLE_IDS, ROLES
from twin.directory.render import (
    describe_graph,
    describe_identity,
    describe_principal,
    graph_id,
    matches,
    select,
)
from twin.directory.state import Directory, make_id
from twin.entra.state import ServicePrincipal, Tenant
from twin.entra.tokens import GRAPH_APP_ID
from twin.graph.admission import Caller, caller_of
from twin.graph.odata import answer_collection, answer_entity, make_context, read_preferences
from twin.identity.state import Identities

principals = Routes[Directory]("/v1.0")

_CHANGEABLE = frozenset({"appId", "displayName", "accountEnabled"})


@principals.get("/servicePrincipals")
def list_principals(call: Call, directory: Directory) -> Reply:
    """List the principals of the caller's tenant."""
    tenant = check_reading(call).tenant
    known = [describe_graph(tenant)]
    known += [_describe(directory, one) for one in tuple(tenant.principals.values()) if directory.sees(one)]
    found = [select(call, one) for one in known if matches(call, one, ("appId", "displayName"))]
    return answer_collection(make_context(call, "servicePrincipals"), found, count=None, link=None)


@principals.post("/servicePrincipals")
def create_principal(call: Call, directory: Directory) -> Reply:
    """Make the principal of an app; this server must know the app already."""
    return _create(call, directory, str(read_body(call).get("appId")))


@principals.get("/servicePrincipals/{id}")
def get_principal(call: Call, directory: Directory) -> Reply:
    """Return one principal."""
    tenant = check_reading(call).tenant
    if call["id"] == graph_id(tenant):
        return _answer(call, describe_graph(tenant))
    for identity in directory.world.state(Identities).assigned:
        if (identity.principal_id, identity.tenant_id) == (call["id"].lower(), tenant.id):
            return _answer(call, describe_identity(identity))
    return _answer(call, _describe(directory, _find(call, directory)))


@principals.get("/servicePrincipals(appId)/{app}")
def get_principal_of_app(call: Call, directory: Directory) -> Reply:
    """Return the principal of an app."""
    tenant = check_reading(call).tenant
    if call["app"] == GRAPH_APP_ID:
        return _answer(call, describe_graph(tenant))
    found = tenant.principals.get(call["app"])
    if found is None or not directory.sees(found):
        raise refuse_unknown(call["app"])
    return _answer(call, _describe(directory, found))


@principals.patch("/servicePrincipals(appId)/{app}")
def upsert_principal(call: Call, directory: Directory) -> Reply:
    """Change the principal of an app; with `Prefer: create-if-missing` make it if there is none."""
    found = caller_of(call).tenant.principals.get(call["app"])
    if found is not None:
        return _change(call, directory, found)
    if "create-if-missing" not in read_preferences(call):
        raise refuse_unknown(call["app"])
    return _create(call, directory, call["app"])


@principals.patch("/servicePrincipals/{id}")
def change_principal(call: Call, directory: Directory) -> Reply:
    """Change a principal: whether it may sign in."""
    return _change(call, directory, _find(call, directory))


@principals.get("/servicePrincipals/{id}/appRoleAssignments")
def list_assignments(call: Call, directory: Directory) -> Reply:
    """List the application permissions of a principal."""
    tenant = check_reading(call).tenant
    found = _find(call, directory)
    entries = [_describe_assignment(tenant, found, role) for role in sorted(found.roles) if role in ROLE_IDS]
    return answer_collection(make_context(call, "appRoleAssignments"), entries, count=None, link=None)


@principals.delete("/servicePrincipals/{id}/appRoleAssignments/{assignment}")
def remove_assignment(call: Call, directory: Directory) -> Reply:
    """Remove an application permission; tokens already issued keep it."""
    tenant = check_granting_roles(call).tenant
    found = _find(call, directory)
    for role in found.roles & set(ROLE_IDS):
        if _describe_assignment(tenant, found, role)["id"] == call["assignment"]:
            found.revoke_roles(role)
            return Reply(204)
    raise refuse_unknown(call["assignment"])


@principals.post("/servicePrincipals/{id}/appRoleAssignedTo")
def assign_role(call: Call, directory: Directory) -> Reply:
    """Grant an application permission of Microsoft Graph: the admin consent of the portal."""
    caller, body = check_granting_roles(call), read_body(call)
    tenant = caller.tenant
    if not call["id"] == body.get("resourceId") == graph_id(tenant):
        raise refuse_unknown(call["id"])
    found = _find_by_id(directory, tenant, str(body.get("principalId")))
    role = ROLES.get(str(body.get("appRoleId")))
    if role is None:
        raise refuse_request("Permission being assigned was not found on application.")
    if role in found.roles:
        raise refuse_request("Permission being assigned already exists on the object.")
    found.grant_roles(role)
    entity = _describe_assignment(tenant, found, role)
    return answer_entity(make_context(call, "appRoleAssignments/$entity"), entity, status=201)


@principals.get("/oauth2PermissionGrants")
def list_grants(call: Call, directory: Directory) -> Reply:
    """List consents to delegated permissions."""
    _ = directory
    tenant = check_reading(call).tenant
    grants = [
        grant
        for principal in tuple(tenant.principals.values())
        for user in principal.consents
        if matches(call, grant := _describe_grant(tenant, principal, user), ("clientId", "principalId"))
    ]
    return answer_collection(make_context(call, "oauth2PermissionGrants"), grants, count=None, link=None)


@principals.post("/oauth2PermissionGrants")
def add_grant(call: Call, directory: Directory) -> Reply:
    """Consent to delegated permissions, for one user or for all."""
    tenant, body = check_granting_scopes(call).tenant, read_body(call)
    if body.get("resourceId") != graph_id(tenant):
        raise refuse_unknown(str(body.get("resourceId")))
    principal = _find_by_id(directory, tenant, str(body.get("clientId")))
    user = None
    if body.get("consentType") == "Principal":
        user = _find_user(tenant, str(body.get("principalId")))
    elif body.get("consentType") != "AllPrincipals" or body.get("principalId"):
        raise refuse_request("Invalid value specified for property 'consentType'.")
    if user in principal.consents:
        raise refuse_request("Permission entry already exists.")
    principal.consent(*str(body.get("scope") or "").split(), user=user)
    entity = _describe_grant(tenant, principal, user)
    return answer_entity(make_context(call, "oauth2PermissionGrants/$entity"), entity, status=201)


@principals.patch("/oauth2PermissionGrants/{id}")
def change_grant(call: Call, directory: Directory) -> Reply:
    """Replace the scopes of a consent."""
    _ = directory
    caller = check_granting_scopes(call)
    principal, user = _find_grant(call, caller)
    scopes = frozenset(str(read_body(call).get("scope") or "").split())
    principal.consents = {**principal.consents, user: scopes}
    return Reply(204)


@principals.delete("/oauth2PermissionGrants/{id}")
def remove_grant(call: Call, directory: Directory) -> Reply:
    """Remove a consent."""
    _ = directory
    caller = check_granting_scopes(call)
    principal, user = _find_grant(call, caller)
    principal.consents = {name: scopes for name, scopes in principal.consents.items() if name != user}
    return Reply(204)


def _create(call: Call, directory: Directory, app_id: str) -> Reply:
    tenant = caller_of(call).tenant
    app = directory.entra.apps.get(app_id)
    if app is None or not directory.registration(app).fresh.is_seen():
        raise refuse_unknown_app(app_id)
    if app.home_tenant == tenant.id:
        check_changing(call, directory.registration(app))
    elif app.multi_tenant:
        check_restoring(call)
    else:
        raise refuse_unknown_app(app_id)
    if app_id in tenant.principals:
        raise refuse_request("The service principal cannot be created, because it is already in use.")
    made = directory.install(tenant, app)
    return _answer(call, _describe(directory, made), status=201)


def _change(call: Call, directory: Directory, found: ServicePrincipal) -> Reply:
    check_changing(call, directory.registration(directory.entra.apps[found.app_id]))
    body = read_body(call)
    if unknown := set(body) - _CHANGEABLE:
        raise refuse_request(f"Invalid property '{min(unknown)}'.")
    found.enabled = bool(body.get("accountEnabled", found.enabled))
    return Reply(204)


def _find(call: Call, directory: Directory) -> ServicePrincipal:
    return _find_by_id(directory, caller_of(call).tenant, call["id"])


def _find_by_id(directory: Directory, tenant: Tenant, object_id: str) -> ServicePrincipal:
    for one in tuple(tenant.principals.values()):
        if one.object_id == object_id and directory.sees(one):
            return one
    raise refuse_unknown(object_id)


def _find_user(tenant: Tenant, object_id: str) -> str:
    for user in tuple(tenant.users.values()):
        if user.object_id == object_id:
            return user.name.lower()
    raise refuse_unknown(object_id)


def _find_grant(call: Call, caller: Caller) -> tuple[ServicePrincipal, str | None]:
    for principal in tuple(caller.tenant.principals.values()):
        for user in principal.consents:
            if _describe_grant(caller.tenant, principal, user)["id"] == call["id"]:
                return principal, user
    raise refuse_unknown(call["id"])


def _describe(directory: Directory, principal: ServicePrincipal) -> Json:
    app = directory.entra.apps.get(principal.app_id)
    return describe_principal(principal, app.name if app else principal.app_id)


def _describe_assignment(tenant: Tenant, principal: ServicePrincipal, role: str) -> Json:
    return {
        "id": make_id(principal.object_id, role),
        "appRoleId": ROLE_IDS[role],
        "principalId": principal.object_id,
        "principalType": "ServicePrincipal",
        "resourceId": graph_id(tenant),
        "resourceDisplayName": "Microsoft Graph",
    }


def _describe_grant(tenant: Tenant, principal: ServicePrincipal, user: str | None) -> Json:
    known = tenant.users.get(user) if user else None
    return {
        "id": make_id(principal.object_id, "grant", user or ""),
        "clientId": principal.object_id,
        "consentType": "Principal" if user else "AllPrincipals",
        "principalId": known.object_id if known else None,
        "resourceId": graph_id(tenant),
        "scope": " ".join(sorted(principal.consents[user])),
    }


def _answer(call: Call, entity: Json, *, status: int = 200) -> Reply:
    return answer_entity(make_context(call, "servicePrincipals/$entity"), select(call, entity), status=status)
