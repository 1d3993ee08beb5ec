"""Gets tokens for Graph by msal, with a credential from Key Vault or the app's own identity.

`TokenSource` adds three things that msal 1.39 lacks. Only one thread at a time requests a token; with an empty cache,
msal lets each thread request one. The last token is used until it expires, also when Entra ID answers a refresh with
5xx. After a refusal Key Vault is read once, because the stored secret may have been replaced.
"""

import logging
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared import context
from shared.entra_errors import Cure, Refusal, read_refusal, read_unknown_tenant
from shared.errors import ConfigurationError, GatewayError, Unavailable
from shared.identity import Identity
from shared.key_vault import KeyVault, RememberedSecret, Secrets, VaultSecret
from shared.readiness import Service, note
from shared.settings.choices import Credential
from shared.settings.config import Connection, Settings
from shared.stored_credentials import read_certificate, read_user
from shared.token_session import TokenSession

if TYPE_CHECKING:
    import msal
    import requests

_log = logging.getLogger("gateway.auth")

_MSAL_TIMEOUT = (3, 10)
_REFRESH_BEFORE = 300.0  # msal counts a token with less than five minutes left as absent
_SAFETY = 15.0  # a token must not die on its way
_RETRY_REFRESH_AFTER = 20.0
_RELOAD_AT_MOST_EVERY = 60.0
_REREAD_AFTER = 12 * 3600.0
_WARN_DAYS = 30
_DISCOVERY_STATUS = re.compile(r"OIDC Discovery failed on \S+ HTTP status: (\d{3})")


@dataclass(frozen=True)
class _Token:
    value: str
    expires_at: float
    refresh_at: float

    def is_good(self) -> bool:
        return time.time() < self.expires_at - _SAFETY


@dataclass(frozen=True)
class _Hold:
    """A refusal of Entra ID. Until `until`, no further request is made with the same credential."""

    refusal: Refusal
    until: float


class TokenSource:
    """Graph tokens of one connection, for the life of the process. Thread-safe; logs no token and no secret.

    `token()` takes less than a microsecond until the token is due for a refresh. Then one thread asks Entra ID, and the
    others use the old token meanwhile.
    """

    def __init__(self, connection: Connection, identity: Identity, secrets: Secrets | None) -> None:
        self.connection = connection
        self._identity = identity
        self._secrets = secrets
        self._scopes = [f"https://{connection.cloud.graph}/.default"]
        self._lock = threading.Lock()
        self._last: _Token | None = None
        self._failure: GatewayError | None = None
        self._failed_at = 0.0
        self._app: msal.ConfidentialClientApplication | None = None
        self._secret: VaultSecret | None = None
        self._secret_read_at = 0.0
        self._hold: _Hold | None = None

    @property
    def credential_expires_on(self) -> datetime | None:
        """When the stored credential expires; None if that is unknown or it was not read yet."""
        return self._secret.expires_on if self._secret else None

    @property
    def has_token(self) -> bool:
        """Whether there is a token that is good for a call now."""
        last = self._last
        return last is not None and last.is_good()

    def token(self) -> str:
        """Return a valid token. Raises ConfigurationError or Unavailable."""
        last = self._last
        if last and time.time() < last.refresh_at:
            return last.value
        began = time.monotonic()
        if last and last.is_good():
            if not self._lock.acquire(blocking=False):
                return last.value
        elif not self._lock.acquire(timeout=_bounded(context.remaining())):
            raise Unavailable("Signing in to Microsoft Graph took too long. Try again later.")
        try:
            if self._last is not last and self._last and self._last.is_good():
                return self._last.value
            if self._failure and self._failed_at >= began:
                raise _again(self._failure)  # what the thread that we waited for has just learned
            return self._refresh(claims=None, force=False)
        finally:
            self._lock.release()

    def renew(self, rejected: str, claims: str | None = None) -> str:
        """Return another token than the one that Graph rejected. `claims` is the JSON text of a CAE challenge."""
        with self._lock:
            if self._last and self._last.value != rejected and self._last.is_good():
                return self._last.value
            self._last = None
            return self._refresh(claims=claims, force=True)

    def _refresh(self, *, claims: str | None, force: bool) -> str:
        """Request a token; if that fails, return the old one while it is valid. The caller holds the lock."""
        try:
            self._last = _read_token(self._acquire(claims, force=force))
        except GatewayError as error:
            if self._last is None or not self._last.is_good():
                self._failure, self._failed_at = error, time.monotonic()
                note(Service.SIGN_IN, self.connection.name, error=error)
                raise
            _log.warning("connection %s: keeping the last good token: %s", self.connection.name, error)
            self._last = _Token(self._last.value, self._last.expires_at, time.time() + _RETRY_REFRESH_AFTER)
        else:
            note(Service.SIGN_IN, self.connection.name)
        return self._last.value

    def _acquire(self, claims: str | None, *, force: bool) -> Mapping[str, Any]:
        if self._hold and time.time() < self._hold.until and not self._is_replaced_meanwhile():
            raise self._sign_in_failed(self._hold.refusal)
        self._hold = None
        self._reread_if_old()
        answer = self._ask(claims, force=force)
        if "access_token" in answer:
            return answer
        refusal = read_refusal(answer)
        if refusal.cure is Cure.RELOAD and self._reload():
            _log.info("connection %s: trying the credential anew", self.connection.name)
            answer = self._ask(claims, force=force)
            if "access_token" in answer:
                return answer
            refusal = read_refusal(answer)
        if refusal.cure is Cure.LATER:
            raise Unavailable(
                "Entra ID is not available. Try again later.", detail=refusal.describe(), members=refusal.members
            )
        _log.error("connection %s cannot sign in: %s", self.connection.name, refusal.describe())
        self._hold = _Hold(refusal, time.time() + refusal.hold)
        raise self._sign_in_failed(refusal)

    def _sign_in_failed(self, refusal: Refusal) -> ConfigurationError:
        return ConfigurationError(
            f"The gateway cannot sign in to Microsoft Graph (connection {self.connection.name}): {refusal.text}",
            code="SignInFailed",
            detail=refusal.describe(),
            members=refusal.members,
        )

    def _ask(self, claims: str | None, *, force: bool) -> Mapping[str, Any]:
        """Make one token request by msal. Raises Unavailable in place of msal's exceptions."""
        try:
            app = self._application()
            if self.connection.credential is Credential.PASSWORD:
                return self._ask_with_password(app, claims, force=force)
            if force:
                app.remove_tokens_for_client()
            return dict(app.acquire_token_for_client(self._scopes, claims_challenge=claims))
        except ValueError as error:
            if (text := _find_unknown_tenant(error)) is not None:
                return read_unknown_tenant(text)
            raise Unavailable("Entra ID did not answer in JSON. Try again later.") from error
        except Exception as error:
            if not type(error).__module__.startswith(("msal", "requests", "urllib3")):
                raise
            raise Unavailable("Entra ID did not answer. Try again later.", detail=type(error).__name__) from error

    def _ask_with_password(
        self, app: "msal.ConfidentialClientApplication", claims: str | None, *, force: bool
    ) -> Mapping[str, Any]:
        user = read_user(self._credential_secret())
        for account in app.get_accounts(user["username"]):
            silent = app.acquire_token_silent(
                self._scopes, account, claims_challenge=claims, force_refresh=force and claims is None
            )
            if silent:
                return dict(silent)
        return dict(
            app.acquire_token_by_username_password(
                user["username"], user["password"], self._scopes, claims_challenge=claims
            )
        )

    def _application(self) -> "msal.ConfidentialClientApplication":
        if self._app is None:
            authority = f"https://{self.connection.cloud.login}/{self.connection.tenant_id}"
            session = TokenSession("Entra ID", _MSAL_TIMEOUT, _refuse_unreadable)
            with session.asking_ahead(f"{authority}/v2.0/.well-known/openid-configuration"):  # what msal asks for first
                import msal

                credential = self._client_credential()
            self._app = msal.ConfidentialClientApplication(
                self.connection.client_id,
                client_credential=credential,
                authority=authority,
                client_capabilities=["CP1"],
                azure_region=False,  # silences a warning wherever the platform sets REGION_NAME
                http_client=session,
            )
        return self._app

    def _client_credential(self) -> Any:
        """Return what msal takes as `client_credential` for this mode."""
        connection = self.connection
        match connection.credential:
            case Credential.FEDERATED:
                audience = connection.cloud.federated_audience
                assert_identity = partial(self._identity.assertion, connection.identity_client_id, audience)
                ready = [assert_identity()]
                return {"client_assertion": lambda: ready.pop() if ready else assert_identity()}
            case Credential.CERTIFICATE:
                return read_certificate(self._credential_secret())
            case Credential.SECRET:
                return self._credential_secret().value
            case Credential.PASSWORD:
                _log.warning(
                    "connection %s signs in with a user's password, which multi-factor sign-in will break: "
                    "prefer an app-only credential",
                    connection.name,
                )
                return read_user(self._credential_secret())["client_secret"]

    def _credential_secret(self) -> VaultSecret:
        if self._secret is None:
            if self._secrets is None or self.connection.credential_name is None:
                raise ConfigurationError(
                    "The credential cannot be read. Set KEY_VAULT_URL and the Key Vault name of the credential."
                )
            self._secret = self._secrets.get(self.connection.credential_name)
            self._secret_read_at = time.time()
            _warn_before_expiry(self.connection.name, self._secret)
        return self._secret

    def _reload(self) -> bool:
        """Read the stored credential again. Return whether another try makes sense."""
        if self.connection.credential is Credential.FEDERATED:
            self._app = None  # a new app object makes a new assertion
            return True
        before, self._secret = self._secret, None
        try:
            stored = self._credential_secret()
        finally:
            self._secret = self._secret or before
            self._secret_read_at = time.time()
        if before and before.version == stored.version:
            return False
        self._app = None
        return True

    def _is_replaced_meanwhile(self) -> bool:
        """Return whether the refused credential was replaced, which ends a hold early. Asks once a minute."""
        if self._secret is None or time.time() - self._secret_read_at < _RELOAD_AT_MOST_EVERY:
            return False
        return self._reload()

    def _reread_if_old(self) -> None:
        """Read the stored credential twice a day, so that its expiry or replacement is noticed in time."""
        if self._secret is None or time.time() - self._secret_read_at < _REREAD_AFTER:
            return
        try:
            self._reload()
        except GatewayError as error:
            _log.warning("connection %s: could not re-read its credential: %s", self.connection.name, error)


def _find_unknown_tenant(error: BaseException | None) -> str | None:
    """Return what msal says where a ValueError of it means an unknown tenant, and not an answer other than JSON."""
    while error is not None:
        if status := _DISCOVERY_STATUS.search(str(error)):
            return str(error) if status[1] in ("400", "404") else None
        error = error.__cause__ or error.__context__
    return None


def _refuse_unreadable(answer: "requests.Response") -> None:
    """Raise ValueError for a token answer that is not JSON: msal would log its text, which may hold half a token."""
    if urlsplit(answer.url).path.endswith("/token") and answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        try:
            answer.json()
        except ValueError:
            raise ValueError("The answer is not JSON.") from None


def _bounded(seconds: float) -> float:
    """Return the time-out for the lock: the time left of the call, at most a minute."""
    return max(0.0, min(seconds, 60.0))


def _again(error: GatewayError) -> GatewayError:
    """Return a copy to raise on another thread, so that no traceback grows with each waiter."""
    copy = type(error).__new__(type(error))
    copy.__dict__.update(error.__dict__)
    copy.args = error.args
    return copy


def _warn_before_expiry(connection: str, secret: VaultSecret) -> None:
    if secret.expires_on is None:
        return
    days = (secret.expires_on - datetime.now(UTC)).days
    if days < _WARN_DAYS:
        _log.warning("connection %s: its stored credential expires in %d days", connection, days)


def _read_token(answer: Mapping[str, Any]) -> _Token:
    expires_at = time.time() + float(answer["expires_in"])
    refresh_at = expires_at - _REFRESH_BEFORE
    if answer.get("refresh_on"):
        refresh_at = min(refresh_at, float(answer["refresh_on"]))
    return _Token(str(answer["access_token"]), expires_at, refresh_at)


class Authenticator:
    """One identity, one vault, and one token source for each connection."""

    def __init__(self, settings: Settings) -> None:
        self.identity = identity = Identity(settings.identity_source)
        self._secrets: Secrets | None = None
        if settings.key_vault_url:
            self._secrets = KeyVault(settings.key_vault_url, identity, settings.identity_client_id)
        self._sources = {
            name: TokenSource(connection, identity, self._secrets) for name, connection in settings.connections.items()
        }

    def tokens(self, connection: str) -> TokenSource:
        """Return the token source of a configured connection."""
        return self._sources[connection]

    def sources(self) -> tuple[TokenSource, ...]:
        """Return the token sources of all connections."""
        return tuple(self._sources.values())

    def secret(self, name: str) -> RememberedSecret:
        """Return a secret that is read at its first use and remembered for the process."""
        return RememberedSecret(self._secrets, name)
