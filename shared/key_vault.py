"""The app's own identity, and the vault that it opens. Only this module and shared.auth use Azure's identity library.

Imports are lazy because azure-identity and the vault client cost more start-up time than everything else together.
"""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from shared.azure_transport import build_transport
from shared.errors import ConfigurationError, GatewayError, Unavailable
from shared.readiness import Service, note
from shared.redirects import is_redirect, redirect_refused
from shared.settings.choices import IdentitySource

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.keyvault.secrets import SecretClient

# azure-identity and the vault client wait 300 s by default and sit out any Retry-After; a caller of ours has 30 s. No
# status is retried inside them: the caller retries, because it knows how much time is left.
_LIMITS: dict[str, Any] = {
    "retry_total": 1,
    "retry_status": 0,
    "retry_backoff_factor": 0.2,
    "permit_redirects": False,
}
_TIMEOUTS: dict[str, Any] = {"connection_timeout": 3, "read_timeout": 5}

_READ_AGAIN_SECONDS = 60.0
_IDENTITY_STATUS = re.compile(r"Token request error: \(\w*\) (\d{3})\b")


@dataclass(frozen=True, repr=False)
class VaultSecret:
    """One version of a secret. Has no representation, so that no log or traceback can show the value."""

    value: str
    version: str
    expires_on: datetime | None
    content_type: str | None


class SecretMissingError(ConfigurationError):
    """The vault answers, but holds no secret of this name."""


class Secrets(Protocol):
    """A store of secrets by name."""

    def get(self, name: str) -> VaultSecret:
        """Return the current version. Raises ConfigurationError or Unavailable."""


class RememberedSecret:
    """One secret by name: read at its first use, remembered for the process, read again when it is refused."""

    def __init__(self, secrets: Secrets | None, name: str) -> None:
        self.name = name
        self._secrets = secrets
        self._lock = threading.Lock()
        self._known: VaultSecret | None = None
        self._read_at = 0.0

    def __call__(self) -> str:
        """Return the value. Raises ConfigurationError or Unavailable."""
        with self._lock:
            return (self._known or self._read()).value

    @property
    def expires_on(self) -> datetime | None:
        """When the version in use ends; None if it was not read yet or has no end."""
        known = self._known
        return known.expires_on if known else None

    def renew(self, refused: str) -> bool:
        """Read it again after its value was refused. Return whether there is another value now.

        The vault is asked once a minute at most. Raises ConfigurationError or Unavailable.
        """
        with self._lock:
            if self._known and self._known.value == refused and time.monotonic() - self._read_at > _READ_AGAIN_SECONDS:
                self._read()
            return self._known is not None and self._known.value != refused

    def _read(self) -> VaultSecret:
        if self._secrets is None:
            raise ConfigurationError(
                "The settings name no vault. Set KEY_VAULT_URL: it names the vault that holds the secrets."
            )
        self._read_at = time.monotonic()
        self._known = self._secrets.get(self.name)
        return self._known


class Identity:
    """The identity of the running app: opens Key Vault and signs the federated assertion."""

    def __init__(self, source: IdentitySource) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._credentials: dict[str | None, TokenCredential] = {}

    def credential(self, client_id: str | None) -> "TokenCredential":
        """Return the one credential object of this identity: its endpoint limits rates, its tokens are cached."""
        with self._lock:
            if client_id not in self._credentials:
                self._credentials[client_id] = self._build(client_id)
            return self._credentials[client_id]

    def assertion(self, client_id: str | None, audience: str) -> str:
        """Return a JWT for the federated exchange. Raises ConfigurationError or Unavailable."""
        return self.token(client_id, audience)

    def token(self, client_id: str | None, resource: str) -> str:
        """Return a token for a service of Azure. Raises ConfigurationError or Unavailable."""
        with _own_errors("The managed identity"):
            return self.credential(client_id).get_token(f"{resource}/.default").token

    def _build(self, client_id: str | None) -> "TokenCredential":
        from azure.identity import AzureCliCredential, ManagedIdentityCredential

        if self._source is IdentitySource.AZURE_CLI:
            return AzureCliCredential()
        transport = build_transport(**_TIMEOUTS, who="The managed identity's endpoint")
        return ManagedIdentityCredential(client_id=client_id, **_LIMITS, transport=transport)


class KeyVault:
    """Reads the secrets of one vault."""

    def __init__(self, url: str, identity: Identity, identity_client_id: str | None) -> None:
        self._url = url
        self._identity = identity
        self._identity_client_id = identity_client_id
        self._lock = threading.Lock()
        self._client: SecretClient | None = None

    def get(self, name: str) -> VaultSecret:
        """Return the current version of a secret. Raises ConfigurationError or Unavailable."""
        try:
            with _own_errors(f"The Key Vault secret {name}"):
                secret = self._open().get_secret(name)
        except GatewayError as error:
            note(Service.VAULT, error=None if isinstance(error, SecretMissingError) else error)
            raise
        note(Service.VAULT)
        properties = secret.properties
        if not secret.value:
            raise ConfigurationError(f"The Key Vault secret {name} is empty. Store a value.")
        return VaultSecret(secret.value, properties.version or "", properties.expires_on, properties.content_type)

    def _open(self) -> "SecretClient":
        with self._lock:
            if self._client is None:
                from azure.keyvault.secrets import SecretClient

                credential = self._identity.credential(self._identity_client_id)
                self._client = SecretClient(self._url, credential, **_LIMITS, transport=build_transport(**_TIMEOUTS))
            return self._client


@contextmanager
def _own_errors(what: str) -> Iterator[None]:
    """Raise GatewayErrors in place of the Azure libraries' errors. A ValueError means an answer that is not JSON."""
    from azure.core.exceptions import AzureError

    try:
        yield
    except (AzureError, ValueError) as error:
        raise _translate(error, what) from error


def _translate(error: Exception, what: str) -> GatewayError:
    from azure.core.exceptions import ClientAuthenticationError, ResourceNotFoundError
    from azure.identity import CredentialUnavailableError

    status, inner = _status(error), _inner_code(error)
    if is_redirect(status):
        return redirect_refused(what, status)
    detail = f"{type(error).__name__} status={status} {inner}".strip()
    if isinstance(error, CredentialUnavailableError) and not _may_pass(status):
        return ConfigurationError(
            f"{what} could not be used, because the app has no such identity. Check IDENTITY_CLIENT_ID and which "
            "identities are assigned to the app; on a developer's machine, IDENTITY_SOURCE and az login.",
            detail=detail,
        )
    if isinstance(error, ResourceNotFoundError):
        return SecretMissingError(
            f"{what} does not exist. Store it, or correct its name in the settings.", detail=detail
        )
    if status == HTTPStatus.FORBIDDEN:
        causes = {
            "ForbiddenByFirewall": "is closed to this network: the vault's firewall refused the call",
            "ForbiddenByRbac": "is closed to the app's identity: it lacks a role",
        }
        return ConfigurationError(
            f"{what} {causes.get(inner, 'refused access')}. Check the vault's network, and that the identity has the "
            "role Key Vault Secrets User.",
            detail=detail,
        )
    if isinstance(error, ClientAuthenticationError) and status is not None and not _may_pass(status):
        return ConfigurationError(
            f"{what} could not be used: the app's own identity was refused. Check IDENTITY_CLIENT_ID.", detail=detail
        )
    return Unavailable(f"{what} did not answer. Try again later.", detail=detail)


def _may_pass(status: int | None) -> bool:
    """Return whether waiting may help: the server failed, or there were too many requests."""
    return status is not None and (status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS)


def _status(error: Exception) -> int | None:
    """Return the HTTP status behind an error; the identity library has its own in the text only."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is None and (found := _IDENTITY_STATUS.search(str(error))):
        status = int(found[1])
    return status


def _inner_code(error: Exception) -> str:
    inner = getattr(getattr(error, "error", None), "innererror", None)
    return str(inner.get("code", "")) if isinstance(inner, dict) else ""
