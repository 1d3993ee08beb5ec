"""Tokens and secrets without the requests that bring them, for tests whose subject these are not.

Each test begins with new services, which sign in at their first call: seven requests to the identity, the vault and
Entra ID take most of the time of a small test. So with --quick the app gets both from the twin's state, by the twin's
own rules, as long as nothing is wrong there. Whatever the twin would refuse is asked for by requests, and so is
everything while there is any fault, with any other credential than a secret, and in tests that are marked `signs_in`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from shared.auth import TokenSource
from shared.key_vault import KeyVault, VaultSecret
from shared.settings.choices import Credential
from twin.entra.credentials import authenticate_client
from twin.entra.errors import EntraRefusal
from twin.entra.grants import Applicant, grant_app_token
from twin.identity.state import Identities
from twin.simulator import Simulator
from twin.vault.errors import VaultRefusal
from twin.vault.state import SecretVersion


@dataclass
class SignInAtHand:
    """Answers in place of the identity, the vault and Entra ID of one twin, while `is_on`."""

    sim: Simulator
    is_on: bool = False

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Let the app's token sources and vaults ask here first."""
        acquire, read = TokenSource._acquire, KeyVault._read

        def acquire_at_hand(source: TokenSource, claims: str | None, *, force: bool) -> Mapping[str, Any]:
            is_first = claims is None and not force and source._hold is None
            return (self._find_token(source) if is_first else None) or acquire(source, claims, force=force)

        def read_at_hand(vault: KeyVault, name: str) -> VaultSecret:
            if (found := self.find_secret(vault, name)) is None:
                return read(vault, name)
            return VaultSecret(found.value, found.version, found.expires, found.content_type)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TokenSource, "_acquire", acquire_at_hand)
            patch.setattr(KeyVault, "_read", read_at_hand)
            yield

    def find_secret(self, vault: KeyVault, name: str) -> SecretVersion | None:
        """Return the current version of a secret, if the app's identity may read it and the vault gives it."""
        if not self.is_on or self.sim.faults.all():
            return None
        identity = self.sim.world.state(Identities).find("client_id", vault._identity_client_id)
        stored = self.sim.vaults.by_host.get(vault._url.removeprefix("https://"))
        if identity is None or stored is None or identity.tenant_id != stored.tenant_id or not stored.network_open:
            return None
        try:
            found = stored.find_secret(name) if stored.allows(identity.principal_id, writing=False) else None
        except VaultRefusal:
            return None
        return found if found and found.enabled else None

    def _find_token(self, source: TokenSource) -> Mapping[str, Any] | None:
        """Return Entra ID's answer to a first request with a secret, if it would be a token."""
        connection, entra = source.connection, self.sim.entra
        if not self.is_on or self.sim.faults.all() or connection.credential is not Credential.SECRET:
            return None
        tenant, app = entra.tenants.get(connection.tenant_id), entra.apps.get(connection.client_id)
        principal = tenant.principals.get(connection.client_id) if tenant else None
        if not (tenant and app and principal and principal.enabled) or tenant.forced or app.forced:
            return None
        form = {
            "client_secret": source._credential_secret().value,
            "scope": source._scopes[0],
            "claims": '{"access_token": {"xms_cc": {"values": ["CP1"]}}}',
        }
        if app.refresh_in is not None or any(secret.unknown_for for secret in app.secrets.values()):
            return None
        try:
            authenticate_client(entra, tenant, app, form)
            return grant_app_token(entra, Applicant(tenant, app, principal), form)
        except EntraRefusal:
            return None
