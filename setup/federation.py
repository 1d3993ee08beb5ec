"""The federated credential: the gateway's own identity signs in as the app, and there is no secret.

Source: learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity: only
user-assigned identities, same tenant (or a multi-tenant app), same cloud; values are compared with case and accepted
unchecked. So the identity is looked up here: a wrong one would show at the gateway's first sign-in only.
"""

from typing import Any

from setup.errors import APP_ROLE, Stopped
from setup.patience import wait_out
from setup.plan import Plan
from setup.tenant import Tenant
from shared.errors import NotFound

_NAME = "graph-gateway"
_SLOW = "Not every server of the directory knows the app yet."


def plan_federation(tenant: Tenant, plan: Plan) -> None:
    """Plan the credential that trusts the gateway's identity."""
    wish = tenant.wish
    wanted = {
        "issuer": f"https://{wish.cloud.login}/{tenant.id}/v2.0",
        "subject": _find_identity(tenant),
        "audiences": [wish.cloud.federated_audience],
    }
    known = list_federated(tenant) if tenant.app else []
    if any(all(one[key] == value for key, value in wanted.items()) for one in known):
        return
    ours = next((one for one in known if one["name"] == _NAME), None)
    if ours is None:
        plan.add(
            f"Trust the identity {wish.identity} (federated credential, no secret)",
            "no credential of the app names this issuer and subject",
            lambda: _write(tenant, "POST", "", {"name": _NAME, **wanted}),
        )
        return
    plan.add(
        f"Trust the identity {wish.identity} instead of {ours['subject']}",
        "the federated credential names other values; it goes with the gateway that is deployed now",
        lambda: _write(tenant, "PATCH", f"/{ours['id']}", wanted),
    )


def _find_identity(tenant: Tenant) -> str:
    """Return the identity's object id as the directory spells it: in a subject, letter case counts.

    Raises Stopped for an id that no user-assigned identity of this tenant has, as the client id that lies beside it.
    """
    named = tenant.wish.identity or ""
    found = tenant.directory.find(f"/servicePrincipals/{named}", select="id,servicePrincipalType,alternativeNames")
    if found is None:
        raise Stopped(
            f"This tenant has no identity with the object id {named}. It is GATEWAY_IDENTITY_PRINCIPAL_ID of `azd up` "
            "(not the client id); one made just now takes a minute to show. An identity of another tenant cannot be "
            "used: choose --credential certificate."
        )
    if found["servicePrincipalType"] != "ManagedIdentity":
        raise Stopped(f"{named} is an app and no managed identity: --identity names the gateway's identity.")
    if "isExplicit=False" in found["alternativeNames"]:
        raise Stopped(
            f"{named} is a system-assigned identity, which Entra ID does not accept here: assign one by name."
        )
    return str(found["id"])


def list_federated(tenant: Tenant) -> list[Any]:
    """List the federated credentials of the app."""
    return list(tenant.directory.list(f"{tenant.app_path}/federatedIdentityCredentials"))


def remove_federated(tenant: Tenant, credential: Any) -> None:
    """Trust a foreign identity no more."""
    path = f"{tenant.app_path}/federatedIdentityCredentials/{credential['id']}"
    tenant.directory.write("DELETE", path, doing="Removing a federated credential", role=APP_ROLE)


def _write(tenant: Tenant, method: str, ending: str, body: dict[str, Any]) -> None:
    path = f"{tenant.app_path}/federatedIdentityCredentials{ending}"

    def write() -> None:
        tenant.directory.write(method, path, body, doing="Adding a federated credential", role=APP_ROLE)

    wait_out(write, on=(NotFound,), screen=tenant.screen, sentence=_SLOW)
