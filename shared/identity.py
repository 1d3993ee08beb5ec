"""The app's own identity: opens Key Vault and storage, and signs the federated assertion.

Imports are lazy because azure-identity and the vault client cost more start-up time than everything else together.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from shared.azure_transport import build_transport
from shared.errors import ConfigurationError, GatewayError, Unavailable
from shared.redirects import is_redirect, redirect_refused
from shared.settings.choices import IdentitySource

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

# azure-identity and the vault client wait 300 s by default and sit out any Retry-After; a caller of ours has 30 s. No
# status is retried inside them: the caller retries, because it knows how much time is left.
LIMITS: dict[str, Any] = {
    "retry_total": 1,
    "retry_status": 0,
    "retry_backoff_factor": 0.2,
    "permit_redirects": False,
}
TIMEOUTS: dict[str, Any] = {"connection_timeout": 3, "read_timeout": 5}

_IDENTITY_STATUS = re.compile(r"Token request error: \(\w*\) (\d{3})\b")


class Identity:
    """The identity of the running app."""

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
        with own_errors("The managed identity"):
            return self.credential(client_id).get_token(f"{resource}/.default").token

    def _build(self, client_id: str | None) -> "TokenCredential":
        from azure.identity import AzureCliCredential, ManagedIdentityCredential

        if self._source is IdentitySource.AZURE_CLI:
            return AzureCliCredential()
        transport = build_transport(**TIMEOUTS, who="The managed identity's endpoint")
        return ManagedIdentityCredential(client_id=client_id, **LIMITS, transport=transport)


@contextmanager
def own_errors(what: str) -> Iterator[None]:
    """Raise GatewayErrors in place of the Azure libraries' errors. A ValueError means an answer that is not JSON."""
    from azure.core.exceptions import AzureError

    try:
        yield
    except (AzureError, ValueError) as error:
        raise _translate(error, what) from error


def _translate(error: Exception, what: str) -> GatewayError:
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import CredentialUnavailableError

    status = _status(error)
    if is_redirect(status):
        return redirect_refused(what, status)
    detail = f"{type(error).__name__} status={status}"
    if isinstance(error, CredentialUnavailableError) and not _may_pass(status):
        return ConfigurationError(
            f"{what} could not be used, because the app has no such identity. Check IDENTITY_CLIENT_ID and which "
            "identities are assigned to the app; on a developer's machine, IDENTITY_SOURCE and az login.",
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
