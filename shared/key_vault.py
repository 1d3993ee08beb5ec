"""The vault that the app's own identity opens: its secrets."""

import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Protocol

from shared.azure_transport import build_transport
from shared.direct_session import leads_nowhere
from shared.errors import ConfigurationError, GatewayError
from shared.identity import LIMITS, TIMEOUTS, Identity, own_errors
from shared.readiness import Service, note

if TYPE_CHECKING:
    from azure.core.exceptions import HttpResponseError
    from azure.keyvault.secrets import SecretClient

_READ_AGAIN_SECONDS = 60.0
READER_ROLE = "Key Vault Secrets User"
_CLIENT_ADDRESS = re.compile(r"Client address: ([0-9A-Fa-f.:]+)")
_NOWHERE = (
    "There is no Key Vault at the address in KEY_VAULT_URL, or this network lets nobody there. Correct the address, or "
    "let an administrator open the network."
)


@dataclass(frozen=True, repr=False)
class VaultSecret:
    """One version of a secret. Has no representation, so that no log or traceback can show the value."""

    value: str
    version: str
    expires_on: datetime | None
    content_type: str | None
    tags: Mapping[str, str] = field(default_factory=dict)


class VaultClosure(Enum):
    """Why a vault does not let the gateway in. Each is mended by a person, in another place."""

    UNKNOWN = auto()  # there is no vault at this address
    FIREWALL = auto()
    ROLE = auto()
    OTHER = auto()


class VaultClosedError(ConfigurationError):
    """The vault does not let the gateway in; `closure` says why.

    `address` is where the call came from, as the firewall saw it.
    """

    def __init__(
        self, message: str, closure: VaultClosure, *, detail: str | None = None, address: str | None = None
    ) -> None:
        super().__init__(message, detail=detail)
        self.closure = closure
        self.address = address


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

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags of the version in use; empty if it was not read yet."""
        return self._known.tags if self._known else {}

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


_CLOSURES = {
    "ForbiddenByFirewall": (VaultClosure.FIREWALL, "is closed to this network by the vault's firewall"),
    "ForbiddenByRbac": (
        VaultClosure.ROLE,
        f"is closed to the gateway's identity, which lacks the role {READER_ROLE} on the vault",
    ),
}
_ASK = "An administrator finds the command that opens it with `python3 -m devkit doctor`."


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
            secret = self._read(name)
        except GatewayError as error:
            note(Service.VAULT, error=None if isinstance(error, SecretMissingError) else error)
            raise
        note(Service.VAULT)
        if not secret.value:
            raise ConfigurationError(f"The Key Vault secret {name} is empty. Store a value.")
        return secret

    def _read(self, name: str) -> VaultSecret:
        from azure.core.exceptions import HttpResponseError, ServiceRequestError

        what = f"The Key Vault secret {name}"
        with own_errors(what):
            try:
                found = self._open().get_secret(name)
            except HttpResponseError as error:
                if refusal := _explain_refusal(error, what):
                    raise refusal from error
                raise
            except ServiceRequestError as error:
                if leads_nowhere(error):
                    raise VaultClosedError(_NOWHERE, VaultClosure.UNKNOWN, detail=type(error).__name__) from error
                raise
        known = found.properties
        return VaultSecret(
            found.value or "", known.version or "", known.expires_on, known.content_type, known.tags or {}
        )

    def _open(self) -> "SecretClient":
        with self._lock:
            if self._client is None:
                from azure.keyvault.secrets import SecretClient

                credential = self._identity.credential(self._identity_client_id)
                self._client = SecretClient(self._url, credential, **LIMITS, transport=build_transport(**TIMEOUTS))
            return self._client


def _explain_refusal(error: "HttpResponseError", what: str) -> GatewayError | None:
    """Return what a refusal of the vault itself means; None for all other answers."""
    from azure.core.exceptions import ResourceNotFoundError

    inner = _find_inner_code(error)
    detail = f"{type(error).__name__} status={error.status_code} {inner}".strip()
    if isinstance(error, ResourceNotFoundError):
        return SecretMissingError(
            f"{what} does not exist. Store it, or correct its name in the settings.", detail=detail
        )
    if error.status_code == HTTPStatus.FORBIDDEN:
        closure, why = _CLOSURES.get(inner, (VaultClosure.OTHER, "refused access"))
        address = _find_address(error) if closure is VaultClosure.FIREWALL else None
        return VaultClosedError(f"{what} {why}. {_ASK}", closure, detail=detail, address=address)
    return None


def _find_address(error: "HttpResponseError") -> str | None:
    """Return the address of the caller that the firewall names in its text; None for anything but an address."""
    found = _CLIENT_ADDRESS.search(str(error.message))
    try:
        return str(ip_address(found[1])) if found else None
    except ValueError:
        return None


def _find_inner_code(error: "HttpResponseError") -> str:
    inner = getattr(error.error, "innererror", None)
    return str(inner.get("code", "")) if isinstance(inner, dict) else ""
