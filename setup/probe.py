"""Signs in as the app with the gateway's own code, so that a sign-in that works here works in the gateway.

Each try uses a new token source, because msal repeats a refusal from its cache for a minute.
"""

from dataclasses import dataclass, field

from setup.errors import Stopped
from setup.tenant import Tenant
from shared.auth import TokenSource
from shared.errors import ConfigurationError
from shared.identity import Identity
from shared.key_vault import Secrets, VaultSecret
from shared.settings.businesses import AllowList
from shared.settings.choices import Credential, IdentitySource
from shared.settings.config import Connection

# Password, account, multi-factor sign-in, Conditional Access: waiting helps none of them, and repeated wrong passwords
# lock the account.
_OF_THE_USER = frozenset(
    {50126, 50053, 50055, 50144, 50057, 50034, 50105, 50072, 50074, 50076, 50079, 50158, 53000, 53001, 53002, 53003}
    | {53004, 530032, 530035, 50056, 50135, 50142, 50131, 50020, 51004, 90072}
)
_PASSWORDS = frozenset({50126, 50056, 50055, 50144, 50135, 50142})
_HINT = "To type it in again, add --new-password."


@dataclass(frozen=True)
class _InHand:
    """Stands in for the vault, with a value that is not stored yet."""

    value: str = field(repr=False)

    def get(self, name: str) -> VaultSecret:
        """Return the value under any name."""
        _ = name
        return VaultSecret(self.value, version="in hand", expires_on=None, content_type=None)


def probe(tenant: Tenant, value: str | None) -> str:
    """Return a Graph token of the app, with a credential's value or, if `value` is None, this machine's identity.

    Raises ConfigurationError with the reason (waiting may help), Stopped if Entra ID refuses the user's account, or
    Unavailable.
    """
    options = tenant.options
    connection = Connection(
        name="register",
        cloud=options.cloud,
        tenant_id=tenant.id,
        client_id=tenant.app_id,
        credential=options.credential,
        credential_name=options.credential_name or None,
        identity_client_id=options.identity_client_id,
        businesses=AllowList(frozenset()),
    )
    source = IdentitySource.MANAGED if options.credential is Credential.FEDERATED else IdentitySource.AZURE_CLI
    secrets: Secrets | None = None if value is None else _InHand(value)
    try:
        return TokenSource(connection, Identity(source), secrets).token()
    except ConfigurationError as error:
        number = int(error.members.get("entraError", "0").removeprefix("AADSTS"))
        if number not in _OF_THE_USER:
            raise
        hint = f" {_HINT}" if number in _PASSWORDS else ""
        raise Stopped(f"{error.message}{hint}", code=error.code, detail=error.detail) from error
