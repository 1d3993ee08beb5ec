"""The few requests to storage that the host makes itself: queue messages, and the blobs of its timers.

A host looks at its queues all day; Microsoft's client takes three times the computing time for a look that
finds nothing. Connection strings with a key or a signature open the account: the host knows no identities.
Sources: learn.microsoft.com/rest/api/storageservices (queue-service-rest-api, authorize-with-shared-key).
"""

import base64
import hashlib
import hmac
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import formatdate, parsedate_to_datetime
from http import HTTPStatus
from typing import Self
from urllib.parse import quote, urlencode, urlsplit
from xml.sax.saxutils import escape

import urllib3

_VERSION = "2025-05-05"  # Azurite refuses versions newer than itself; every service and emulator in use knows this one
_TIMEOUT = urllib3.Timeout(connect=3, read=30)
_CONNECTIONS = 64  # more than threads that call
# The emulator's published account: learn.microsoft.com/azure/storage/common/storage-use-azurite
_EMULATOR = (
    "AccountName=devstoreaccount1;AccountKey="
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1"
)
_SIGNED_EMPTY = "\n" * 6  # of the headers that are signed, those between type and Range, which are never sent


class StorageError(Exception):
    """Storage refused, with its status and its own name for the reason, or did not answer: status 0."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}" if status else code)
        self.status = status
        self.code = code


@dataclass
class Message:
    """A message that was received; its receipt changes when its lease is renewed."""

    content: str
    id: str
    pop_receipt: str
    dequeue_count: int
    inserted_on: datetime | None = None
    expires_on: datetime | None = None
    next_visible_on: datetime | None = None

    @classmethod
    def read(cls, element: ET.Element) -> Self:
        """Read one element of an answer."""
        texts = {child.tag: child.text or "" for child in element}
        names = ("InsertionTime", "ExpirationTime", "TimeNextVisible")
        moments = (parsedate_to_datetime(texts[name]) if name in texts else None for name in names)
        receipt = texts.get("PopReceipt", "")
        return cls(texts["MessageText"], texts["MessageId"], receipt, int(texts["DequeueCount"]), *moments)


@dataclass(frozen=True, repr=False)
class Account:
    """A storage account, as a connection string describes it. All threads share its connections."""

    name: str
    key: bytes
    signature: str
    endpoints: Mapping[str, str]
    """By ``blob`` and ``queue``, without a slash at the end."""
    pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(maxsize=_CONNECTIONS, retries=False))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a connection string. Raises ValueError."""
        if text.strip().rstrip(";").casefold() == "usedevelopmentstorage=true":
            text = _EMULATOR
        parts = dict(pair.split("=", 1) for pair in text.split(";") if pair.strip())
        parts = {name.strip().casefold(): value.strip() for name, value in parts.items()}
        name, signature = parts.get("accountname", ""), parts.get("sharedaccesssignature", "").lstrip("?")
        scheme, suffix = parts.get("defaultendpointsprotocol", "https"), parts.get("endpointsuffix", "core.windows.net")
        usual = {service: f"{scheme}://{name}.{service}.{suffix}" for service in ("blob", "queue")} if name else {}
        given = {service: parts.get(f"{service}endpoint") or usual.get(service, "") for service in ("blob", "queue")}
        key = base64.b64decode(parts.get("accountkey", ""), validate=True)
        if not ((name and key) or signature) or not all(urlsplit(url).hostname for url in given.values()):
            raise ValueError("it names no account with a key or a signature")
        return cls(name, key, signature, {service: url.rstrip("/") for service, url in given.items()})

    def send(
        self,
        method: str,
        service: str,
        path: str,
        query: Mapping[str, object] | None = None,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """Send a request, and once more if there is no answer. Raises StorageError."""
        url = f"{self.endpoints[service]}/{quote(path)}"
        whole = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": _VERSION, **(headers or {})}
        if body:
            whole |= {"Content-Length": str(len(body)), "Content-Type": "application/octet-stream"}
        if self.key:
            whole["Authorization"] = self._sign(method, urlsplit(url).path, query or {}, whole)
        asked = "&".join(part for part in (urlencode(query or {}), "" if self.key else self.signature) if part)
        url += f"?{asked}" if asked else ""
        try:
            answer = self._exchange(method, url, body, whole)
        except urllib3.exceptions.HTTPError:
            answer = self._try_again(method, url, body, whole)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise StorageError(answer.status, answer.headers.get("x-ms-error-code", ""))
        return answer

    def make(self, service: str, name: str, query: Mapping[str, object] | None = None) -> None:
        """Make a queue or container, unless somebody else was first. Raises StorageError."""
        try:
            self.send("PUT", service, name, query)
        except StorageError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise

    def close(self) -> None:
        """Close the connections."""
        self.pool.clear()

    def _try_again(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        try:
            return self._exchange(method, url, body, headers)
        except urllib3.exceptions.HTTPError as error:
            raise StorageError(0, f"{type(error).__name__}: {error}") from error

    def _exchange(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        return self.pool.request(method, url, body=body or None, headers=headers, timeout=_TIMEOUT, redirect=False)

    def _sign(self, method: str, path: str, query: Mapping[str, object], headers: Mapping[str, str]) -> str:
        own = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith("x-ms-"))
        length, kind = headers.get("Content-Length", ""), headers.get("Content-Type", "")
        asked = "".join(f"\n{name}:{query[name]}" for name in sorted(query))
        text = f"{method}\n\n\n{length}\n\n{kind}\n{_SIGNED_EMPTY}{own}/{self.name}{path}{asked}"
        digest = hmac.digest(self.key, text.encode(), hashlib.sha256)
        return f"SharedKey {self.name}:{base64.b64encode(digest).decode()}"


@dataclass(frozen=True)
class Queue:
    """One queue. Everything raises StorageError."""

    account: Account
    name: str

    def receive(self, most: int, hidden: int) -> list[Message]:
        """Ask once for messages, which stay hidden for so many seconds."""
        query = {"numofmessages": most, "visibilitytimeout": hidden}
        answer = self.account.send("GET", "queue", f"{self.name}/messages", query)
        return [Message.read(element) for element in ET.fromstring(answer.data)]  # noqa: S314  our own storage

    def hide(self, message: Message, seconds: int) -> None:
        """Hide a message that was received for so many seconds from now; 0 shows it."""
        query = {"popreceipt": message.pop_receipt, "visibilitytimeout": seconds}
        answer = self.account.send("PUT", "queue", f"{self.name}/messages/{message.id}", query)
        message.pop_receipt = answer.headers["x-ms-popreceipt"]

    def delete(self, message: Message) -> None:
        """Delete a message that was received."""
        query = {"popreceipt": message.pop_receipt}
        self.account.send("DELETE", "queue", f"{self.name}/messages/{message.id}", query)

    def put(self, content: str) -> None:
        """Put a message, in a queue that is made if there is none."""
        body = f"<QueueMessage><MessageText>{escape(content)}</MessageText></QueueMessage>".encode()
        try:
            self.account.send("POST", "queue", f"{self.name}/messages", body=body)
        except StorageError as error:
            if error.code != "QueueNotFound":
                raise
            self.account.make("queue", self.name)
            self.account.send("POST", "queue", f"{self.name}/messages", body=body)


@dataclass(frozen=True)
class Container:
    """One container of blobs. Everything raises StorageError."""

    account: Account
    name: str

    def read(self, blob: str) -> str | None:
        """Return a text; None if there is none."""
        try:
            return self.account.send("GET", "blob", f"{self.name}/{blob}").data.decode()
        except StorageError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return None

    def write(self, blob: str, text: str) -> None:
        """Write a text, in a container that is made if there is none."""
        request = ("PUT", "blob", f"{self.name}/{blob}")
        headers = {"x-ms-blob-type": "BlockBlob"}
        try:
            self.account.send(*request, body=text.encode(), headers=headers)
        except StorageError as error:
            if error.code != "ContainerNotFound":
                raise
            self.account.make("blob", self.name, {"restype": "container"})
            self.account.send(*request, body=text.encode(), headers=headers)
