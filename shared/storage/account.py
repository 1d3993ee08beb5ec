"""The app's own storage account: its clients, whose errors become GatewayErrors.

Imports are lazy, here and in the modules beside it: the storage libraries cost more start-up time than the rest of the
app.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from shared import context
from shared.azure_transport import build_transport
from shared.errors import ConfigurationError, GatewayError, Rejected, StorageRefused, Unavailable
from shared.identity import Identity
from shared.readiness import Service, note
from shared.redirects import is_redirect, redirect_refused
from shared.settings.mail_settings import StorageSettings

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError
    from azure.storage.blob import BlobServiceClient, ContainerClient
    from azure.storage.queue import QueueClient

    from shared.storage.blob_client import SmallBlobs
    from shared.storage.queue_client import MessageWriter
    from shared.storage.service import Account
    from shared.storage.table_client import TableClient

# A dead storage account must show within seconds; left alone, the blob library waits 15 s before its first repeat.
_LIMITS: dict[str, Any] = {
    "retry_total": 2,
    "retry_backoff_factor": 0.3,
    "initial_backoff": 0.5,
    "increment_base": 1.5,
    "random_jitter_range": 0.3,
    "permit_redirects": False,
}
_TIMEOUTS: dict[str, Any] = {"connection_timeout": 3, "read_timeout": 20}
BLOCK = 4 * 1024 * 1024
_SUFFIX = "core.windows.net"
_LOCAL_NAME = "usedevelopmentstorage=true"
_LOCAL = (  # the well-known account of Microsoft's storage emulator
    "AccountName=devstoreaccount1;BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;"
    "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;"
    "TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;AccountKey="
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
_DENIED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_OF_THE_REQUEST = frozenset(range(400, 500)) - {*_DENIED, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
_NEVER_TAKEN = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


class Storage:
    """The storage account: builds the libraries' clients, by connection string or with the app's identity.

    All of them share their connections.
    """

    def __init__(self, settings: StorageSettings, identity: Identity) -> None:
        self._settings = settings
        self._identity = identity
        self._transport = Lazy(lambda: build_transport(**_TIMEOUTS))

    def open_table(self, name: str) -> "TableClient":
        """Build a client for a table."""
        from shared.storage.table_client import TableClient

        return TableClient(self.find_account("table"), name, self._transport.get())

    def open_blobs(self, container: str) -> "SmallBlobs":
        """Build a client for the small blobs of a container."""
        from shared.storage.blob_client import SmallBlobs

        return SmallBlobs(self.find_account("blob"), container, self._transport.get())

    def open_messages(self, queue: str) -> "MessageWriter":
        """Build a client that puts messages into a queue."""
        from shared.storage.queue_client import MessageWriter

        return MessageWriter(self.find_account("queue"), queue, self._transport.get())

    def open_container(self, name: str) -> "ContainerClient":
        """Build a client for a container."""
        from azure.storage.blob import ContainerClient

        # max_single_get_size is the size of the first read; the library's default is 32 MiB.
        limits = ("max_single_put_size", "max_block_size", "max_single_get_size", "max_chunk_get_size")
        sizes: dict[str, Any] = dict.fromkeys(limits, BLOCK)
        if self._settings.connection_string:
            string = self._settings.connection_string
            with _string_errors():
                return ContainerClient.from_connection_string(string, name, **self._options(), **sizes)
        return ContainerClient(self._address("blob"), name, credential=self._credential(), **self._options(), **sizes)

    def open_blob_service(self) -> "BlobServiceClient":
        """Build a client for what concerns the blobs of the whole account. It is opened by the app's identity."""
        from azure.storage.blob import BlobServiceClient

        return BlobServiceClient(self._address("blob"), credential=self._credential(), **self._options())

    def open_queue(self, name: str) -> "QueueClient":
        """Build a client for a queue."""
        from azure.storage.queue import QueueClient

        if self._settings.connection_string:
            with _string_errors():
                return QueueClient.from_connection_string(self._settings.connection_string, name, **self._options())
        return QueueClient(self._address("queue"), name, credential=self._credential(), **self._options())

    def find_account(self, service: str) -> "Account":
        """Return where a service is, "table", "blob" or "queue", and what opens it."""
        from shared.storage.service import Account

        if not self._settings.connection_string:
            return Account(self._address(service), credential=self._credential())
        with _string_errors():
            return _read_account(self._settings.connection_string, service)

    def _address(self, service: str) -> str:
        address: str | None = getattr(self._settings, f"{service}_url")
        if address is None:
            raise ConfigurationError("AzureWebJobsStorage is not set. Set it: it names the storage account.")
        return address

    def _options(self) -> dict[str, Any]:
        return _LIMITS | {"transport": self._transport.get()}

    def _credential(self) -> Any:
        return self._identity.credential(self._settings.client_id)


class Lazy[T]:
    """An object that is built once, by the thread that needs it first."""

    def __init__(self, build: Callable[[], T]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._built: T | None = None

    def get(self) -> T:
        """Return the object, built at the first call."""
        with self._lock:
            if self._built is None:
                self._built = self._build()
            return self._built


def _read_account(connection_string: str, service: str) -> "Account":
    """Return the service that a connection string names. Raises ValueError as the storage libraries do."""
    import base64

    from azure.core.utils import parse_connection_string

    from shared.storage.service import Account, SharedKey

    parts = parse_connection_string(_LOCAL if connection_string.lower() == _LOCAL_NAME else connection_string)
    name = parts.get("accountname", "")
    url = parts.get(f"{service}endpoint")
    if not url:
        suffix, protocol = parts.get("endpointsuffix", _SUFFIX), parts.get("defaultendpointsprotocol", "https")
        url = f"{protocol}://{name}.{service}.{suffix}"
    if "accountkey" in parts and name:
        return Account(url, key=SharedKey(name, base64.b64decode(parts["accountkey"], validate=True)))
    if "sharedaccesssignature" in parts and (f"{service}endpoint" in parts or name):
        return Account(url, sas=parts["sharedaccesssignature"].removeprefix("?"))
    raise ValueError("a connection string names an account, and a key or a signature")


@contextmanager
def _string_errors() -> Iterator[None]:
    """Raise ConfigurationError for a connection string that the storage libraries cannot read."""
    try:
        yield
    except ValueError as error:
        raise ConfigurationError(
            "AzureWebJobsStorage is no connection string of a storage account. Copy it from the account's access keys.",
            detail=type(error).__name__,
        ) from None


@contextmanager
def storage_errors(what: str, *, quiet: bool = False) -> Iterator[None]:
    """Raise a GatewayError for errors of the storage libraries.

    StorageRefused for refused access, Rejected for what the service will never take (status 400 or 413), and
    Unavailable for all others, and without asking when the call is over. It is noted whether the account serves this
    process: statuses of 400 and more that speak of the request, such as 404 and 412, are answers of an account that
    does.
    """
    from azure.core.exceptions import AzureError

    if not quiet and context.is_over():
        raise Unavailable(f"The time of the call ended before {what} was asked. Try again later.", code="OutOfTime")
    try:
        yield
        note(Service.STORAGE)
    except AzureError as error:
        if quiet:
            return
        failure = _translate(error, what)
        is_served = getattr(error, "status_code", None) in _OF_THE_REQUEST
        note(Service.STORAGE, error=None if is_served else failure)
        raise failure from error


def _translate(error: "AzureError", what: str) -> GatewayError:
    from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

    status = getattr(error, "status_code", None)
    if is_redirect(status):
        return redirect_refused("The storage account", status)
    detail = f"{type(error).__name__} status={status}"
    is_answer = isinstance(error, HttpResponseError)
    if isinstance(error, ClientAuthenticationError) or (is_answer and status in _DENIED):
        return StorageRefused(
            f"The storage account refuses access to {what}. Wait some minutes if its roles are new; else check "
            "AzureWebJobsStorage and the identity's roles.",
            detail=detail,
        )
    if is_answer and status in _NEVER_TAKEN:
        return _reject(what, str(getattr(error, "error_code", None)), int(status))
    return Unavailable(f"The storage account did not serve {what}. Try again later.", detail=detail)


def _reject(what: str, code: str, status: int) -> Rejected:
    """Return the error for what the service will never take; `code` is its own, such as PropertyValueTooLarge."""
    detail = f"{code} status={status}"
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or "too" in code.lower():  # TooLarge, TooLong, TooMany
        return Rejected(
            f"The storage account takes no entry of this size in {what}. Handle the mail in its mailbox.",
            code="EntryTooLarge",
            detail=detail,
        )
    return Rejected(
        f"The storage account refuses an entry of {what}. Report it with the requestId.",
        code="EntryRefused",
        detail=detail,
    )
