"""The app's own identity: opens Key Vault and storage, and signs the federated assertion.

The managed identity's tokens come by msal, which signs in to Entra ID anyway; azure-identity, which is imported for the
Azure CLI's identity on a developer's machine, takes longer to import than the rest of a first answer.
"""

import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

import requests

from shared.errors import ConfigurationError, GatewayError, Unavailable
from shared.settings.choices import IdentitySource
from shared.token_session import TokenSession

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.core.credentials import TokenCredential

# No status is retried here, and no Retry-After sat out: the caller retries, because it knows how much time is left.
TIMEOUT = (3.0, 5.0)
_WHAT = "The managed identity"


class Token(NamedTuple):
    """A token and when it ends, in seconds since 1970; Azure's client libraries read these names."""

    token: str
    expires_on: int


class Identity:
    """The identity of the running app."""

    def __init__(self, source: IdentitySource) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._credentials: dict[str | None, TokenCredential] = {}

    def credential(self, client_id: str | None) -> "TokenCredential":
        """Return the one credential object of this identity: its endpoint limits rates, its tokens are cached.

        It raises what Azure's client libraries expect.
        """
        with self._lock:
            if client_id not in self._credentials:
                self._credentials[client_id] = self._build(client_id)
            return self._credentials[client_id]

    def find_token(self, client_id: str | None, scope: str, what: str, **more: str | None) -> str:
        """Return a token for `scope`. Raises ConfigurationError or Unavailable, about `what` it is needed for.

        `more`: `tenant_id` or `claims` of a challenge.
        """
        credential: Any = self.credential(client_id)
        if isinstance(credential, ManagedIdentity):
            try:
                return credential.request(scope, more.get("claims")).token
            except IdentityRefusedError as error:
                raise error.explain(what) from error
        from azure.core.exceptions import AzureError

        try:
            return str(credential.get_token(scope, **{name: value for name, value in more.items() if value}).token)
        except (AzureError, ValueError) as error:
            raise _no_identity(what, f"{type(error).__name__} status=None") from error

    def assertion(self, client_id: str | None, audience: str) -> str:
        """Return a JWT for the federated exchange. Raises ConfigurationError or Unavailable."""
        return self.token(client_id, audience)

    def token(self, client_id: str | None, resource: str) -> str:
        """Return a token for a service of Azure. Raises ConfigurationError or Unavailable."""
        return self.find_token(client_id, f"{resource}/.default", _WHAT)

    def _build(self, client_id: str | None) -> "TokenCredential":
        if self._source is IdentitySource.AZURE_CLI:
            from azure.identity import AzureCliCredential

            return AzureCliCredential()
        return ManagedIdentity(client_id)


class IdentityRefusedError(Exception):
    """The identity's endpoint answered with an error (`status`), or not at all: None."""

    def __init__(self, detail: str, status: int | None, *, is_there: bool = True) -> None:
        super().__init__(f"Token request error: {detail}")
        self.detail = detail
        self.status = status
        self.is_there = is_there
        """Whether the process was given an endpoint to ask."""

    def explain(self, what: str) -> GatewayError:
        """Return the error for callers."""
        detail = f"{self.detail} status={self.status}"
        if may_pass(self.status) or (self.status is None and self.is_there):
            return Unavailable(f"{what} did not answer. Try again later.", detail=detail)
        return _no_identity(what, detail)


class ManagedIdentity:
    """Tokens of the managed identity, as Azure's client libraries take a credential."""

    def __init__(self, client_id: str | None) -> None:
        import msal

        own: Any = (
            msal.UserAssignedManagedIdentity(client_id=client_id) if client_id else msal.SystemAssignedManagedIdentity()
        )
        session = TokenSession("The managed identity's endpoint", TIMEOUT, _refuse)
        self._client: Any = msal.ManagedIdentityClient(own, http_client=session)

    def request(self, scope: str, claims: str | None = None) -> Token:
        """Return a token, of the cache if it is good. Raises IdentityRefusedError."""
        import msal.managed_identity

        try:
            answer: Mapping[str, Any] = self._client.acquire_token_for_client(
                resource=scope.removesuffix("/.default"), claims_challenge=claims
            )
            return Token(str(answer["access_token"]), int(time.time()) + int(answer["expires_in"]))
        except requests.exceptions.RequestException as error:
            source: Any = msal.managed_identity.get_managed_identity_source()
            is_there = source != msal.managed_identity.DEFAULT_TO_VM
            raise IdentityRefusedError(type(error).__name__, None, is_there=is_there) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise IdentityRefusedError(f"no token in the answer ({type(error).__name__})", None) from error

    def get_token(self, *scopes: str, claims: str | None = None, **_: Any) -> Any:
        """Return a token, for Azure's client libraries. Raises ClientAuthenticationError or ServiceRequestError."""
        try:
            return self.request(scopes[0], claims)
        except IdentityRefusedError as error:
            from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

            raise (ServiceRequestError if error.status is None else ClientAuthenticationError)(str(error)) from error


def may_pass(status: int | None) -> bool:
    """Return whether waiting may help: the server failed, or there were too many requests."""
    return status is not None and (status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS)


def _refuse(answer: requests.Response) -> None:
    if answer.status_code != HTTPStatus.OK:
        raise IdentityRefusedError("refused", answer.status_code)


def _no_identity(what: str, detail: str) -> ConfigurationError:
    return ConfigurationError(
        f"{what} could not be used, because the app has no such identity. Check IDENTITY_CLIENT_ID and which "
        "identities are assigned to the app; on a developer's machine, IDENTITY_SOURCE and az login.",
        detail=detail,
    )
