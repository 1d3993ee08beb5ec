"""Plans --remove: take credentials and grants away and disable the app; with --delete, delete it too."""

from setup.consent import disable, list_assignments, list_grants, withdraw
from setup.errors import APP_ROLE, SCOPE_CONSENT_ROLE, Stopped
from setup.federation import list_federated, remove_federated
from setup.keys import list_keys, remove_key
from setup.plan import Plan
from setup.tenant import Tenant


def plan_removal(tenant: Tenant, plan: Plan) -> None:
    """Plan the removal of everything that is still there."""
    if tenant.app is None:
        if tenant.handmade:
            raise Stopped("This command did not make the app of that name, so it does not remove it.")
        return
    why = "--remove asks for it"
    if tenant.principal is not None and tenant.principal["accountEnabled"]:
        plan.add("Disable the app in the tenant", why, lambda: disable(tenant))
    names = {str(role["id"]): str(role["value"]) for role in tenant.graph["appRoles"]}
    for one in list_assignments(tenant):
        plan.add(
            f"Withdraw the application permission {names.get(one['appRoleId'], one['appRoleId'])}",
            why,
            lambda one=one: withdraw(tenant, one),  # type: ignore[misc]
        )
    for grant in list_grants(tenant):
        plan.add(
            f"Withdraw the consent to {', '.join(sorted(str(grant['scope']).split()))}",
            why,
            lambda grant=grant: _withdraw_grant(tenant, grant),  # type: ignore[misc]
        )
    for trust in list_federated(tenant):
        plan.add(
            f"Remove the federated credential for the identity {trust['subject']}",
            why,
            lambda trust=trust: remove_federated(tenant, trust),  # type: ignore[misc]
        )
    for key in list_keys(tenant):
        plan.add(f"Remove the {key.describe()}", why, lambda key=key: remove_key(tenant, key))  # type: ignore[misc]
    _plan_vault(tenant, plan, why)
    if tenant.options.delete:
        plan.add("Delete the app (30 days in the recycle bin)", "--delete asks for it", lambda: _delete(tenant))


def _plan_vault(tenant: Tenant, plan: Plan, why: str) -> None:
    vault, name = tenant.vault, tenant.options.credential_name
    if vault is None or not name:
        return
    for version in vault.versions(name):
        if version.enabled and version.tags.get("appId") == tenant.app_id:
            plan.add(
                f"Disable {name}, version of {version.created:%Y-%m-%d}, in the vault",
                why,
                lambda version=version: vault.disable(name, version),  # type: ignore[misc]
            )


def _withdraw_grant(tenant: Tenant, grant: dict[str, str]) -> None:
    path = f"/oauth2PermissionGrants/{grant['id']}"
    tenant.directory.write("DELETE", path, doing="Withdrawing a consent", role=SCOPE_CONSENT_ROLE)


def _delete(tenant: Tenant) -> None:
    tenant.directory.write("DELETE", tenant.app_path, doing="Deleting the app", role=APP_ROLE)
