"""A client of one table over HTTP, on the pipeline of Azure's core library: the few requests that the gateway makes.

Microsoft's own client of tables takes three times the computing time; docs/dependencies.md has the figures. Errors are
those of the core library, with the service's `error_code`. A request is repeated only if that can do no harm: a write
after no connection came about, or the service was too busy to begin; a read after any failure that may pass.

Sources: learn.microsoft.com/rest/api/storageservices/table-service-rest-api, /authorize-with-shared-key and
/performing-entity-group-transactions.
"""

import base64
import hashlib
import hmac
import re
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from azure.core.exceptions import AzureError, HttpResponseError, ServiceResponseError
from azure.core.pipeline import Pipeline, PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import BearerTokenCredentialPolicy
from azure.core.rest import HttpRequest

from shared.direct_session import is_unsent
from shared.json_text import Json, parse_json, write_json
from shared.storage.table_values import read_entity, write_entity

_VERSION = "2019-02-02"
_SCOPE = "https://storage.azure.com/.default"
_JSON = "application/json"
_WITH_TYPES = "application/json;odata=minimalmetadata"
_SUCCESS = range(200, 300)
_PAUSES = (0.0, 0.6)  # before the second and the third try
_NOT_BEGUN = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
_MAY_PASS = _NOT_BEGUN | {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.GATEWAY_TIMEOUT,
}
_METHODS = {"create": "POST", "upsert": "PUT", "replace": "PUT", "upsert-merge": "PATCH", "merge": "PATCH"}
_TENANT = re.compile(r"""authorization(?:_uri)?="?https://[^/\s"]+/([^/\s",]+)""")
_PART = re.compile(rb"HTTP/1\.1 (\d{3})[^\r\n]*\r?\n(.*?)\r?\n\r?\n(.*?)(?=\r?\n--)", re.DOTALL)
_ETAG = re.compile(rb"^ETag:\s*(.*?)\s*$", re.IGNORECASE | re.MULTILINE)


class TableError(HttpResponseError):
    """The service refused. `error_code` is its own name for the reason; `index` is the operation of a transaction."""

    def __init__(self, status: int, code: str, index: int) -> None:
        super().__init__(message=f"{code} status={status}")
        self.status_code = status
        self.error_code = code
        self.index = index


@dataclass(frozen=True)
class Write:
    """One operation, see `shared.storage.tables.Operation`."""

    kind: str
    entity: Mapping[str, Any]
    etag: str | None


@dataclass(frozen=True, repr=False)
class SharedKey:
    """The key of an account, which signs requests."""

    account: str
    key: bytes

    def sign(self, method: str, url: str, content_type: str, date: str) -> str:
        """Return the header Authorization."""
        text = f"{method}\n\n{content_type}\n{date}\n/{self.account}{urlsplit(url).path}"
        signature = hmac.digest(self.key, text.encode(), hashlib.sha256)
        return f"SharedKey {self.account}:{base64.b64encode(signature).decode()}"


@dataclass(frozen=True)
class TableAccount:
    """The table service of an account: its address, and what opens it: a key, a signature (`sas`), or a token."""

    url: str
    key: SharedKey | None = None
    sas: str = field(default="", repr=False)
    credential: Any = None


class _TokenPolicy(BearerTokenCredentialPolicy[Any, Any]):
    """Signs in to the tenant that the service names, if a token of another one was refused."""

    def on_challenge(self, request: PipelineRequest[Any], response: PipelineResponse[Any, Any]) -> bool:
        if super().on_challenge(request, response):
            return True
        found = _TENANT.search(response.http_response.headers.get("WWW-Authenticate", ""))
        if found is None:
            return False
        self.authorize_request(request, _SCOPE, tenant_id=found[1])
        return True


class TableClient:
    """Requests to one table. Raises AzureErrors: TableError, ServiceRequestError and ServiceResponseError."""

    def __init__(self, account: TableAccount, name: str, transport: Any) -> None:
        self.account = account
        self._name = name
        self._url = f"{account.url.rstrip('/')}/{name}"
        policies = [_TokenPolicy(account.credential, _SCOPE)] if account.credential is not None else []
        self._pipeline: Pipeline[Any, Any] = Pipeline(transport, policies=policies)

    def make_table(self) -> None:
        """Create the table. TableError 409 if it exists."""
        body = write_json({"TableName": self._name})
        self._send("POST", f"{self.account.url.rstrip('/')}/Tables", {}, body)

    def get(self, partition: str, row: str) -> tuple[dict[str, Any], str] | None:
        """Return the properties and the version of an entity; None if there is none, or no table."""
        try:
            response = self._send("GET", self._address(partition, row), {"Accept": _WITH_TYPES})
        except TableError as error:
            if error.status_code == HTTPStatus.NOT_FOUND:
                return None
            raise
        values, etag = read_entity(parse_json(response.content))
        return values, etag or str(response.headers.get("ETag") or "")

    def query(
        self, condition: str, *, select: Sequence[str] | None, page_size: int
    ) -> Iterator[tuple[dict[str, Any], str]]:
        """Yield the entities that meet an OData condition, in order. TableError 404 if there is no table."""
        url = f"{self._url}()?$filter={quote(condition, safe='')}&$top={page_size}"
        url += f"&$select={quote(','.join(select), safe='')}" if select else ""
        following = ""
        while True:
            response = self._send("GET", url + following, {"Accept": _WITH_TYPES})
            for entity in parse_json(response.content)["value"]:
                yield read_entity(entity)
            partition, row = (response.headers.get(f"x-ms-continuation-Next{key}Key") for key in ("Partition", "Row"))
            if not partition:
                return
            following = f"&NextPartitionKey={quote(partition, safe='')}"
            following += f"&NextRowKey={quote(row, safe='')}" if row else ""

    def write(self, write: Write) -> str:
        """Do one operation; return the new version, "" after a delete."""
        method, url, headers, body = self._prepare(write)
        return str(self._send(method, url, headers, body).headers.get("ETag") or "")

    def write_all(self, writes: Sequence[Write]) -> list[str]:
        """Do all operations, on one partition, or none; return the new versions, "" for deletes."""
        if len({write.entity["PartitionKey"] for write in writes}) > 1:
            raise ValueError("a transaction is about one partition")
        batch, changes = f"batch_{uuid.uuid4()}", f"changeset_{uuid.uuid4()}"
        head = f"--{batch}\r\nContent-Type: multipart/mixed; boundary={changes}\r\n\r\n"
        parts = [head.encode(), *(self._write_part(number, write, changes) for number, write in enumerate(writes))]
        body = b"".join([*parts, f"--{changes}--\r\n\r\n--{batch}--\r\n".encode()])
        headers = {"Content-Type": f"multipart/mixed; boundary={batch}"}
        response = self._send("POST", f"{self.account.url.rstrip('/')}/$batch", headers, body)
        return _read_parts(response.content, len(writes))

    def _write_part(self, number: int, write: Write, boundary: str) -> bytes:
        method, url, headers, body = self._prepare(write)
        lines = [
            f"--{boundary}",
            "Content-Type: application/http",
            "Content-Transfer-Encoding: binary",
            f"Content-ID: {number}",
            "",
            f"{method} {url} HTTP/1.1",
            *(f"{name}: {value}" for name, value in headers.items()),
            f"Content-Length: {len(body)}",
            "",
            "",
        ]
        return "\r\n".join(lines).encode() + body + b"\r\n"

    def _prepare(self, write: Write) -> tuple[str, str, dict[str, str], bytes]:
        """Return method, address, headers and body of an operation."""
        headers = {"Accept": _WITH_TYPES, "DataServiceVersion": "3.0"}
        if write.kind == "delete":
            return "DELETE", self._address_of(write.entity), headers | {"If-Match": write.etag or "*"}, b""
        headers["Content-Type"] = _JSON
        body = write_entity(write.entity)
        if write.kind == "create":
            return "POST", self._url, headers | {"Prefer": "return-no-content"}, body
        if not write.kind.startswith("upsert"):
            headers["If-Match"] = write.etag or "*"
        return _METHODS[write.kind], self._address_of(write.entity), headers, body

    def _address_of(self, entity: Mapping[str, Any]) -> str:
        return self._address(entity["PartitionKey"], entity["RowKey"])

    def _address(self, partition: str, row: str) -> str:
        return f"{self._url}(PartitionKey='{_escape_key(partition)}',RowKey='{_escape_key(row)}')"

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Any:
        """Send a request, again where that can do no harm; return the answer. Raises AzureErrors."""
        for pause in (*_PAUSES, None):
            failure = self._try(method, url, headers, body)
            if not isinstance(failure, AzureError):
                return failure
            if pause is None or not _may_repeat(method, failure):
                raise failure
            time.sleep(pause)
        raise AssertionError("the last try has returned or raised")

    def _try(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Any:
        account = self.account
        date = formatdate(usegmt=True)
        whole = {"x-ms-version": _VERSION, "x-ms-date": date, "DataServiceVersion": "3.0", "Accept": _JSON, **headers}
        if body is not None:
            whole.setdefault("Content-Type", _JSON)
        if account.key is not None:
            whole["Authorization"] = account.key.sign(method, url, whole.get("Content-Type", ""), date)
        if account.sas:
            url = f"{url}{'&' if '?' in url else '?'}{account.sas}"
        try:
            response = self._pipeline.run(HttpRequest(method, url, headers=whole, content=body or None)).http_response
        except AzureError as error:
            return error
        if response.status_code not in _SUCCESS:
            return _read_error(response.status_code, response.content)
        return response


def _escape_key(text: str) -> str:
    return quote(text.replace("'", "''"), safe="")


def _may_repeat(method: str, failure: AzureError) -> bool:
    is_read = method == "GET"
    if isinstance(failure, TableError):
        return failure.status_code in (_MAY_PASS if is_read else _NOT_BEGUN)
    if is_read and isinstance(failure, ServiceResponseError):
        return True
    return failure.inner_exception is not None and is_unsent(failure.inner_exception)


def _read_error(status: int, body: bytes) -> TableError:
    """Return the error in the body of an answer. In a transaction its text begins with the operation's number."""
    code, index = "", "0"
    try:
        error: Json = parse_json(body)["odata.error"]
        code = str(error["code"])
        index = str(error["message"]["value"]).partition(":")[0]
    except (ValueError, KeyError, TypeError):
        pass  # not every failure comes from the service itself
    return TableError(status, code, int(index) if index.isdecimal() else 0)


def _read_parts(body: bytes, expected: int) -> list[str]:
    """Return the versions in the answer to a transaction. Raises TableError, or ServiceResponseError for half of it."""
    etags = []
    for status, headers, text in _PART.findall(body):
        if int(status) not in _SUCCESS:
            raise _read_error(int(status), text)
        found = _ETAG.search(headers)
        etags.append(found[1].decode() if found else "")
    if len(etags) != expected:
        raise ServiceResponseError("the answer to a transaction is not whole")
    return etags
