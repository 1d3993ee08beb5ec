"""Signing in as the app, with the gateway's own code: what works here works there.

Each try takes a new token source: msal repeats refusals from memory for a minute.
"""

from dataclasses import dataclass, field

from setup.tenant import Tenant
from shared.auth import TokenSource
from shared.config import AllowList, Connection, Credential, IdentitySource
from shared.key_vault import Identity, Secrets, VaultSecret


@dataclass(frozen=True)
class _InHand:
    """A value that is in no vault yet."""

    value: str = field(repr=False)

    def get(self, name: str) -> VaultSecret:
        """Return it, whatever the name."""
        _ = name
        return VaultSecret(self.value, version="in hand", expires_on=None, content_type=None)


def probe(tenant: Tenant, value: str | None) -> str:
    """Return a Graph token of the app, with a stored value or (None) the identity of the machine we run on.

    Raises ConfigurationError with the reason, or Unavailable.
    """
    wish = tenant.wish
    connection = Connection(
        name="register",
        cloud=wish.cloud,
        tenant_id=tenant.id,
        client_id=tenant.app_id,
        credential=wish.credential,
        credential_name=wish.credential_name or None,
        identity_client_id=wish.identity_client_id,
        businesses=AllowList(frozenset()),
    )
    source = IdentitySource.MANAGED if wish.credential is Credential.FEDERATED else IdentitySource.AZURE_CLI
    secrets: Secrets | None = None if value is None else _InHand(value)
    return TokenSource(connection, Identity(source), secrets).token()
