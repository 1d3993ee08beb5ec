"""The vault that the app's own identity opens: its secrets, each one request.

Microsoft's client asks first without a token, to learn for whom one is needed, and takes more computing time to import
than the rest of a first answer. Here the token is asked for at once. The settings take the address of a vault of
Microsoft's alone, and the token is good for the vaults of that cloud alone: for this the client checks the challenge.

Source: learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests

from shared.challenges import read_challenge, read_tenant
from shared.direct_session import DirectSession
from shared.errors import ConfigurationError, GatewayError, Unavailable
from shared.identity import TIMEOUT, Identity
from shared.readiness import Service, note
from shared.redirects import is_redirect, redirect_refused
from shared.settings.clouds import CLOUDS

_VERSION = "7.5"
_READ_AGAIN_SECONDS = 60.0


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


class KeyVault:
    """Reads the secrets of one vault."""

    def __init__(self, url: str, identity: Identity, identity_client_id: str | None) -> None:
        self._url = url.rstrip("/")
        self._scope = _find_scope(url)
        self._identity = identity
        self._identity_client_id = identity_client_id
        self._lock = threading.Lock()
        self._session: DirectSession | None = None

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
        what = f"The Key Vault secret {name}"
        answer, token = self._ask(name, what, {})
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            answer = self._answer_challenge(name, what, answer, token)
        if answer.status_code != HTTPStatus.OK:
            raise _read_error(answer, what)
        try:
            found: dict[str, Any] = answer.json()
            attributes = found.get("attributes") or {}
            expires = datetime.fromtimestamp(attributes["exp"], UTC) if attributes.get("exp") else None
            version = str(found["id"]).rsplit("/", 1)[-1]
            return VaultSecret(str(found["value"] or ""), version, expires, found.get("contentType"))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Unavailable(f"{what} did not answer. Try again later.", detail="no secret in the answer") from None

    def _ask(self, name: str, what: str, challenge: Mapping[str, str | None]) -> tuple[requests.Response, str]:
        """Ask once, and once more if no answer came; return the answer and the token that it is an answer to."""
        token = self._identity.find_token(self._identity_client_id, self._scope, what, **challenge)
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        url = f"{self._url}/secrets/{name}?api-version={_VERSION}"
        session = self._open()
        try:
            return session.request("GET", url, headers=headers, timeout=TIMEOUT), token
        except requests.exceptions.RequestException:
            pass
        try:
            return session.request("GET", url, headers=headers, timeout=TIMEOUT), token
        except requests.exceptions.RequestException as error:
            raise Unavailable(f"{what} did not answer. Try again later.", detail=type(error).__name__) from error

    def _answer_challenge(self, name: str, what: str, refused: requests.Response, token: str) -> requests.Response:
        """Ask with the token that a 401 wants, of another tenant or with claims, if it is another one than before."""
        challenge = {"tenant_id": read_tenant(refused.headers), "claims": read_challenge(refused.headers)}
        if self._identity.find_token(self._identity_client_id, self._scope, what, **challenge) == token:
            return refused
        return self._ask(name, what, challenge)[0]

    def _open(self) -> DirectSession:
        with self._lock:
            self._session = self._session or DirectSession()
            return self._session


def _find_scope(url: str) -> str:
    """Return the scope of a vault's own cloud. Raises ConfigurationError for what is no vault of Microsoft's."""
    host = (urlsplit(url).hostname or "").lower()
    for cloud in CLOUDS.values():
        if host.endswith(f".{cloud.vault_suffix}"):
            return f"https://{cloud.vault_suffix}/.default"
    raise ConfigurationError("KEY_VAULT_URL leads to no vault of Microsoft's. Correct it.")


def _read_error(answer: requests.Response, what: str) -> GatewayError:
    status = answer.status_code
    if is_redirect(status):
        return redirect_refused(what, status)
    inner = _find_inner_code(answer)
    detail = f"status={status} {inner}".strip()
    if status == HTTPStatus.NOT_FOUND:
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
    if status == HTTPStatus.UNAUTHORIZED:
        return ConfigurationError(
            f"{what} could not be used: the app's own identity was refused. Check IDENTITY_CLIENT_ID.", detail=detail
        )
    return Unavailable(f"{what} did not answer. Try again later.", detail=detail)


def _find_inner_code(answer: requests.Response) -> str:
    """Return the vault's own word for the reason, "" if there is none."""
    try:
        return str(answer.json()["error"]["innererror"]["code"])
    except (ValueError, KeyError, TypeError):
        return ""
