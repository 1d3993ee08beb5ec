"""One service of the storage account over HTTP: signed requests on the pipeline of Azure's core library.

For the requests that the gateway makes most; Microsoft's own clients take two to eight times the computing time
(docs/dependencies.md has the figures). Errors are those of the core library, with the service's `error_code`. A request
is repeated only if that can do no harm: after no connection came about, or the service was too busy to begin; what is
the same when done twice, after any failure that may pass.

Source: learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from azure.core.exceptions import AzureError, HttpResponseError, ServiceResponseError
from azure.core.pipeline import Pipeline, PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import BearerTokenCredentialPolicy
from azure.core.rest import HttpRequest

from shared.challenges import read_tenant
from shared.direct_session import is_unsent

_SCOPE = "https://storage.azure.com/.default"
_SUCCESS = range(200, 300)
_PAUSES = (0.0, 0.6)  # before the second and the third try
_NOT_BEGUN = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
_MAY_PASS = _NOT_BEGUN | {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.GATEWAY_TIMEOUT,
}
_SIGNED = (  # in this order, an absent one as an empty line
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-MD5",
    "Content-Type",
    "Date",
    "If-Modified-Since",
    "If-Match",
    "If-None-Match",
    "If-Unmodified-Since",
    "Range",
)


class ServiceError(HttpResponseError):
    """The service refused. `error_code` is its own name for the reason; `index` is the operation of a transaction."""

    def __init__(self, status: int, code: str, index: int = 0) -> None:
        super().__init__(message=f"{code} status={status}")
        self.status_code = status
        self.error_code = code
        self.index = index


@dataclass(frozen=True, repr=False)
class SharedKey:
    """The key of an account, which signs requests."""

    account: str
    key: bytes

    def sign(self, text: str) -> str:
        """Return the header Authorization for what a service wants signed."""
        signature = hmac.digest(self.key, text.encode(), hashlib.sha256)
        return f"SharedKey {self.account}:{base64.b64encode(signature).decode()}"


@dataclass(frozen=True)
class Account:
    """One service of an account: its address, and what opens it: a key, a signature (`sas`), or a token."""

    url: str
    key: SharedKey | None = None
    sas: str = field(default="", repr=False)
    credential: Any = None


@dataclass(frozen=True)
class Kind:
    """What differs between the services: the version of the API, what is signed, how an error is read."""

    version: str
    describe: Callable[[str, str, str, Mapping[str, str]], str]
    """Takes account, method, address and headers (names as in `Service.send`); returns the text to sign."""
    read_error: Callable[[Any], ServiceError]


def describe_headers(account: str, method: str, url: str, headers: Mapping[str, str]) -> str:
    """Return what is signed of a request to blobs and queues: most headers, path and query."""
    parts = urlsplit(url)
    own = sorted(name for name in headers if name.startswith("x-ms-"))
    lines = [method, *(headers.get(name, "") for name in _SIGNED), *(f"{name}:{headers[name]}" for name in own)]
    query = (f"{name}:{value}" for name, value in sorted(parse_qsl(parts.query)))
    return "\n".join([*lines, f"/{account}{parts.path}", *query])


def read_code(response: Any) -> ServiceError:
    """Return the error that blobs and queues name in a header."""
    return ServiceError(response.status_code, str(response.headers.get("x-ms-error-code") or ""))


class _TokenPolicy(BearerTokenCredentialPolicy[Any, Any]):
    """Signs in to the tenant that the service names, if a token of another one was refused."""

    def on_challenge(self, request: PipelineRequest[Any], response: PipelineResponse[Any, Any]) -> bool:
        if super().on_challenge(request, response):
            return True
        tenant = read_tenant(response.http_response.headers)
        if tenant is None:
            return False
        self.authorize_request(request, _SCOPE, tenant_id=tenant)
        return True


class Service:
    """Sends requests to one service. Raises AzureErrors: ServiceError, ServiceRequestError, ServiceResponseError."""

    def __init__(self, account: Account, kind: Kind, transport: Any) -> None:
        self.account = account
        self.url = account.url.rstrip("/")
        self._kind = kind
        policies = [_TokenPolicy(account.credential, _SCOPE)] if account.credential is not None else []
        self._pipeline: Pipeline[Any, Any] = Pipeline(transport, policies=policies)

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None, *, is_repeatable: bool
    ) -> Any:
        """Send a request, again where that can do no harm; return the answer. `is_repeatable`: twice is as once."""
        for pause in (*_PAUSES, None):
            failure = self._try(method, url, headers, body)
            if not isinstance(failure, AzureError):
                return failure
            if pause is None or not _may_repeat(failure, is_repeatable=is_repeatable):
                raise failure
            time.sleep(pause)
        raise AssertionError("the last try has returned or raised")

    def _try(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Any:
        account = self.account
        whole = {"x-ms-version": self._kind.version, "x-ms-date": formatdate(usegmt=True), **headers}
        if body:
            whole["Content-Length"] = str(len(body))
        if account.key is not None:
            text = self._kind.describe(account.key.account, method, url, whole)
            whole["Authorization"] = account.key.sign(text)
        if account.sas:
            url = f"{url}{'&' if '?' in url else '?'}{account.sas}"
        try:
            response = self._pipeline.run(HttpRequest(method, url, headers=whole, content=body or None)).http_response
        except AzureError as error:
            return error
        return response if response.status_code in _SUCCESS else self._kind.read_error(response)


def _may_repeat(failure: AzureError, *, is_repeatable: bool) -> bool:
    if isinstance(failure, ServiceError):
        return failure.status_code in (_MAY_PASS if is_repeatable else _NOT_BEGUN)
    if is_repeatable and isinstance(failure, ServiceResponseError):
        return True
    return failure.inner_exception is not None and is_unsent(failure.inner_exception)
