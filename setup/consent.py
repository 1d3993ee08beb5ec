"""Admin consent: application permissions as role assignments, delegated permissions as a grant for one user.

Source: learn.microsoft.com/graph/permissions-grant-via-msgraph. A grant takes effect at once, without a review page.
"""

from typing import Any

from setup.directory import quote
from setup.errors import APP_ROLE, CONSENT_ROLE, SCOPE_CONSENT_ROLE, Role, Stopped
from setup.options import Part
from setup.permissions import OfferedPermission, find_mailbox_roles
from setup.plan import Plan
from setup.tenant import Tenant
from setup.waiting import retry_until_success
from shared.errors import Conflict, NotFound

_SLOW = "The service principal has not reached every server of the directory yet."
_OPEN_MAIL = (
    "{names} is granted in Entra ID: the app can read EVERY mailbox of the tenant, even outside Exchange's scope, "
    "because the grants add up. To withdraw it, run again with --close-mail."
)


def plan_consent(tenant: Tenant, plan: Plan, permissions: list[OfferedPermission]) -> None:
    """Plan the grants that are missing, and point out if the person's roles do not include the right to give them."""
    before = len(plan.steps)
    if tenant.options.is_delegated:
        _plan_scopes(tenant, plan, permissions)
        _point_out_missing_role(tenant, plan, SCOPE_CONSENT_ROLE, before)
        return
    _plan_roles(tenant, plan, permissions)
    _point_out_missing_role(tenant, plan, CONSENT_ROLE, before)


def find_missing(tenant: Tenant, permissions: list[OfferedPermission]) -> list[str]:
    """Return the permissions that the app has not been granted, by name. Raises Stopped for an unknown user."""
    if tenant.options.is_delegated:
        _, given = _read_scopes(tenant)
        return [one.name for one in permissions if one.name not in given]
    assigned = {one["appRoleId"] for one in _list_assignments(tenant)}
    return [one.name for one in permissions if one.id not in assigned]


def _point_out_missing_role(tenant: Tenant, plan: Plan, role: Role, before: int) -> None:
    first, last = before + 1, len(plan.steps)
    if last < first or tenant.role_names is None or tenant.role_names & role.held_by:
        return
    steps = f"step {first}" if first == last else f"steps {first} to {last}"
    plan.note(
        f"Your active roles do not include {role.name}. So Entra ID will refuse {steps}, and this run ends there. "
        f"{role.remedy}\n     {tenant.options.command(Part.CONSENT)}"
    )


def _plan_roles(tenant: Tenant, plan: Plan, permissions: list[OfferedPermission]) -> None:
    given = _list_assignments(tenant)
    for permission in permissions:
        if permission.id not in {one["appRoleId"] for one in given}:
            plan.add(
                f"Grant the application permission {permission.name} (admin consent)",
                f"the gateway needs it {permission.why}, and it is not granted",
                lambda permission=permission: _assign(tenant, permission),  # type: ignore[misc]
            )
    _plan_closing(tenant, plan, given)


def _plan_closing(tenant: Tenant, plan: Plan, given: list[Any]) -> None:
    opening = find_mailbox_roles(tenant.graph)
    found = [one for one in given if one["appRoleId"] in opening]
    if found and not tenant.options.close_mail:
        plan.note(_OPEN_MAIL.format(names=" and ".join(sorted(opening[one["appRoleId"]] for one in found))))
        return
    for one in found:
        plan.add(
            f"Withdraw the application permission {opening[one['appRoleId']]}",
            "it opens every mailbox of the tenant; Exchange's own role opens only the right ones",
            lambda one=one: withdraw(tenant, one),  # type: ignore[misc]
        )


def withdraw(tenant: Tenant, assignment: Any) -> None:
    """Take an application permission away."""
    path = f"/servicePrincipals/{(tenant.principal or {})['id']}/appRoleAssignments/{assignment['id']}"
    tenant.directory.write("DELETE", path, doing="Withdrawing a permission", role=CONSENT_ROLE)


def list_assignments(tenant: Tenant) -> list[Any]:
    """List the application permissions that the app has."""
    return _list_assignments(tenant)


def list_grants(tenant: Tenant) -> list[Any]:
    """List the delegated permissions that the app has."""
    if tenant.principal is None:
        return []
    query = f"clientId eq '{tenant.principal['id']}'"
    return list(tenant.directory.list("/oauth2PermissionGrants", filter=query))


def _list_assignments(tenant: Tenant) -> list[Any]:
    if tenant.principal is None:
        return []
    found = tenant.directory.list(f"/servicePrincipals/{tenant.principal['id']}/appRoleAssignments")
    return [one for one in found if one["resourceId"] == tenant.graph["id"]]


def _assign(tenant: Tenant, permission: OfferedPermission) -> None:
    if tenant.principal is None:
        raise Stopped("The app is not in this tenant. Run the part `prepare` first.")
    body = {"principalId": tenant.principal["id"], "resourceId": tenant.graph["id"], "appRoleId": permission.id}
    path = f"/servicePrincipals/{tenant.graph['id']}/appRoleAssignedTo"

    def write() -> None:
        try:
            tenant.directory.write("POST", path, body, doing=f"Granting {permission.name}", role=CONSENT_ROLE)
        except Conflict:
            return  # an earlier try succeeded, but its answer was lost

    retry_until_success(write, on=(NotFound,), console=tenant.console, sentence=_SLOW)


def _plan_scopes(tenant: Tenant, plan: Plan, permissions: list[OfferedPermission]) -> None:
    address = tenant.options.service_user or ""
    user, given = _read_scopes(tenant)
    grants = [one for one in list_grants(tenant) if one["principalId"] == user["id"]]
    wanted = {one.name for one in permissions}
    if wanted <= given:
        return
    plan.add(
        f"Consent to {', '.join(sorted(wanted - given))} for {address} only",
        "the app acts for that user",
        lambda: _grant(tenant, str(user["id"]), grants[0] if grants else None, wanted | given),
    )


def _read_scopes(tenant: Tenant) -> tuple[Any, set[str]]:
    """Return the service user, and what is consented to for that user. Raises Stopped."""
    address = tenant.options.service_user or ""
    user = tenant.directory.find(f"/users/{quote(address)}", select="id,userPrincipalName")
    if user is None:
        raise Stopped(f"There is no user {address} in this tenant. Check --service-user.")
    mine = [one for one in list_grants(tenant) if one["principalId"] == user["id"]]
    return user, set(str(mine[0]["scope"]).split()) if mine else set()


def _grant(tenant: Tenant, user_id: str, grant: Any, scopes: set[str]) -> None:
    scope = " ".join(sorted(scopes))
    doing = "Consenting to delegated permissions"
    if grant is not None:
        path = f"/oauth2PermissionGrants/{grant['id']}"
        tenant.directory.write("PATCH", path, {"scope": scope}, doing=doing, role=SCOPE_CONSENT_ROLE)
        return
    body = {
        "clientId": (tenant.principal or {})["id"],
        "consentType": "Principal",
        "principalId": user_id,
        "resourceId": tenant.graph["id"],
        "scope": scope,
    }

    def write() -> None:
        tenant.directory.write("POST", "/oauth2PermissionGrants", body, doing=doing, role=SCOPE_CONSENT_ROLE)

    retry_until_success(write, on=(NotFound,), console=tenant.console, sentence=_SLOW)


def disable(tenant: Tenant) -> None:
    """Disable the service principal, so that the app cannot sign in."""
    path = f"/servicePrincipals/{(tenant.principal or {})['id']}"
    tenant.directory.write("PATCH", path, {"accountEnabled": False}, doing="Disabling the app", role=APP_ROLE)
