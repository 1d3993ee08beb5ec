"""The federated credential: the gateway's own identity signs in as the app, and there is no secret.

Source: learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity: only
user-assigned identities, same tenant (or a multi-tenant app), same cloud; values are compared with case and accepted
unchecked.
"""

from typing import Any

from setup.errors import APP_ROLE
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
        "subject": wish.identity,
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
