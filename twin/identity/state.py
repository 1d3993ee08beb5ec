"""The identities assigned to the simulated function app."""

import secrets
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from twin.core.clouds import GLOBAL, Cloud
from twin.core.jws import sign, signing_key
from twin.core.wire import Json
from twin.entra.state import Entra

if TYPE_CHECKING:
    from twin.world import World

ENDPOINT_PATH = "/msi/token"
DEFAULT_LIFETIME = 24 * 3600


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """One identity. Callers cannot name a system-assigned one, which has no client id."""

    name: str
    client_id: str
    principal_id: str
    tenant_id: str
    is_system_assigned: bool = False

    @property
    def resource_id(self) -> str:
        """The Azure resource id that `mi_res_id` names."""
        group = "/subscriptions/00000000-0000-0000-0000-000000000000/resourcegroups/desk"
        return f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{self.name}"


class Identities:
    """The identities of the endpoint. `requests` counts token requests by resource."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.key = signing_key("managed identity")
        self.assigned: list[ManagedIdentity] = []
        self.requests: Counter[str] = Counter()
        self.expires_in = DEFAULT_LIFETIME
        world.state(Entra).trust_issuer(self.key.kid, self.key.public)

    @property
    def header(self) -> str:
        """The value that the X-IDENTITY-HEADER must have."""
        return _make_header()

    def assign(
        self,
        name: str,
        *,
        client_id: str,
        principal_id: str,
        tenant_id: str,
        system: bool = False,
    ) -> ManagedIdentity:
        """Assign an identity to the function app."""
        made = ManagedIdentity(name, client_id, principal_id, tenant_id, system)
        self.assigned = [*self.assigned, made]
        return made

    def find(self, option: str | None, value: str | None) -> ManagedIdentity | None:
        """Return the identity that a request names, by default the system-assigned one."""
        if option is None:
            return next((one for one in self.assigned if one.is_system_assigned), None)
        fields = {"client_id": "client_id", "mi_res_id": "resource_id"}
        name = fields.get(option, "principal_id")
        users = [one for one in self.assigned if not one.is_system_assigned]
        return next((one for one in users if getattr(one, name).lower() == (value or "").lower()), None)

    def cloud_of(self, identity: ManagedIdentity) -> Cloud:
        """Return the cloud of the identity's tenant."""
        tenant = self.world.state(Entra).tenants.get(identity.tenant_id)
        return tenant.cloud if tenant else GLOBAL

    def issue(self, identity: ManagedIdentity, resource: str) -> Json:
        """Return a token for a resource: {"access_token", "expires_on", "resource", "token_type", "client_id"}."""
        now = int(time.time())
        cloud = self.cloud_of(identity)
        is_exchange = resource == cloud.exchange_audience
        claims: Json = {
            "aud": resource,
            "iss": issuer_of(identity.tenant_id, cloud)
            if is_exchange
            else f"https://sts.windows.net/{identity.tenant_id}/",
            "iat": now,
            "nbf": now,
            "exp": now + self.expires_in,
            "appid": identity.client_id,
            "idtyp": "app",
            "oid": identity.principal_id,
            "sub": identity.principal_id,
            "tid": identity.tenant_id,
            "uti": uuid.uuid4().hex,
            "xms_mirid": identity.resource_id,
        }
        return {
            "access_token": sign(claims, self.key),
            "expires_on": str(claims["exp"]),
            "resource": resource,
            "token_type": "Bearer",
            "client_id": identity.client_id,
        }


def issuer_of(tenant_id: str, cloud: Cloud = GLOBAL) -> str:
    """Return the issuer that a federated credential names for the managed identities of a tenant."""
    return f"https://{cloud.login_host}/{tenant_id}/v2.0"


@cache
def _make_header() -> str:
    """Make the header once per process, as the platform does per instance; a reset of the world keeps it."""
    return secrets.token_hex(16).upper()
