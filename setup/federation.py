"""Plans the federated credential: the gateway's managed identity signs in as the app, without a secret.

Source: learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity: only
user-assigned identities, same tenant (or a multi-tenant app), same cloud. Entra ID accepts any values unchecked and
compares them case-sensitively at sign-in. So the identity is looked up here, or a wrong one would show only when the
gateway signs in for the first time.
"""

from typing import Any

from setup.errors import APP_ROLE, Stopped
from setup.plan import Plan
from setup.tenant import Tenant
from setup.waiting import retry_until_success
from shared.errors import NotFound

_NAME = "graph-gateway"
_SLOW = "The app has not reached every server of the directory yet."


def plan_federation(tenant: Tenant, plan: Plan) -> None:
    """Plan the credential by which the app trusts the gateway's identity."""
    options = tenant.options
    wanted = {
        "issuer": f"https://{options.cloud.login}/{tenant.id}/v2.0",
        "subject": _find_identity(tenant),
        "audiences": [options.cloud.federated_audience],
    }
    known = list_federated(tenant) if tenant.app else []
    if any(all(one[key] == value for key, value in wanted.items()) for one in known):
        return
    ours = next((one for one in known if one["name"] == _NAME), None)
    if ours is None:
        plan.add(
            f"Trust the identity {options.identity} (federated credential, no secret)",
            "no credential of the app names this issuer and subject",
            lambda: _write(tenant, "POST", "", {"name": _NAME, **wanted}),
        )
        return
    plan.add(
        f"Trust the identity {options.identity} instead of {ours['subject']}",
        "the federated credential names another identity than that of the gateway that is deployed now",
        lambda: _write(tenant, "PATCH", f"/{ours['id']}", wanted),
    )


def _find_identity(tenant: Tenant) -> str:
    """Return the identity's object id in the directory's spelling, because a subject is case-sensitive.

    Raises Stopped if no user-assigned identity of this tenant has the id, for example if it is the client id.
    """
    named = tenant.options.identity or ""
    found = tenant.directory.find(f"/servicePrincipals/{named}", select="id,servicePrincipalType,alternativeNames")
    if found is None:
        raise Stopped(
            f"This tenant has no identity with the object id {named}. Give GATEWAY_IDENTITY_PRINCIPAL_ID of `azd up`, "
            "not the client id. A new identity takes a minute to show. An identity of another tenant cannot be used; "
            "choose --credential certificate instead."
        )
    if found["servicePrincipalType"] != "ManagedIdentity":
        raise Stopped(f"{named} is an app, not a managed identity. Give the gateway's identity with --identity.")
    if "isExplicit=False" in found["alternativeNames"]:
        raise Stopped(
            f"{named} is a system-assigned identity, which Entra ID does not accept here. Give the app a user-assigned "
            "identity."
        )
    return str(found["id"])


def list_federated(tenant: Tenant) -> list[Any]:
    """List the federated credentials of the app."""
    return list(tenant.directory.list(f"{tenant.app_path}/federatedIdentityCredentials"))


def remove_federated(tenant: Tenant, credential: Any) -> None:
    """Remove a federated credential from the app."""
    path = f"{tenant.app_path}/federatedIdentityCredentials/{credential['id']}"
    tenant.directory.write("DELETE", path, doing="Removing a federated credential", role=APP_ROLE)


def _write(tenant: Tenant, method: str, ending: str, body: dict[str, Any]) -> None:
    path = f"{tenant.app_path}/federatedIdentityCredentials{ending}"

    def write() -> None:
        tenant.directory.write(method, path, body, doing="Adding a federated credential", role=APP_ROLE)

    retry_until_success(write, on=(NotFound,), console=tenant.console, sentence=_SLOW)
