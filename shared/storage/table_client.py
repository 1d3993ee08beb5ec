"""A client of one table: entities by their keys, ranges of a partition, single writes, transactions.

Source: learn.microsoft.com/rest/api/storageservices/table-service-rest-api and /performing-entity-group-transactions
"""

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from azure.core.exceptions import ServiceResponseError

from shared.json_text import Json, parse_json, write_json
from shared.storage.service import Account, Kind, Service, ServiceError
from shared.storage.table_values import read_entity, write_entity

_JSON = "application/json"
_WITH_TYPES = "application/json;odata=minimalmetadata"
_METHODS = {"create": "POST", "upsert": "PUT", "replace": "PUT", "upsert-merge": "PATCH", "merge": "PATCH"}
_PART = re.compile(rb"HTTP/1\.1 (\d{3})[^\r\n]*\r?\n(.*?)\r?\n\r?\n(.*?)(?=\r?\n--)", re.DOTALL)
_ETAG = re.compile(rb"^ETag:\s*(.*?)\s*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Write:
    """One operation, see `shared.storage.tables.Operation`."""

    kind: str
    entity: Mapping[str, Any]
    etag: str | None


class TableClient:
    """Requests to one table. Raises AzureErrors: ServiceError, ServiceRequestError and ServiceResponseError."""

    def __init__(self, account: Account, name: str, transport: Any) -> None:
        self._service = Service(account, _TABLES, transport)
        self._name = name
        self._url = f"{self._service.url}/{name}"

    def make_table(self) -> None:
        """Create the table. ServiceError 409 if it exists."""
        body = write_json({"TableName": self._name})
        self._send("POST", f"{self._service.url}/Tables", {}, body)

    def get(self, partition: str, row: str) -> tuple[dict[str, Any], str] | None:
        """Return the properties and the version of an entity; None if there is none, or no table."""
        try:
            response = self._send("GET", self._address(partition, row), {"Accept": _WITH_TYPES})
        except ServiceError as error:
            if error.status_code == HTTPStatus.NOT_FOUND:
                return None
            raise
        values, etag = read_entity(parse_json(response.content))
        return values, etag or str(response.headers.get("ETag") or "")

    def query(
        self, condition: str, *, select: Sequence[str] | None, page_size: int
    ) -> Iterator[tuple[dict[str, Any], str]]:
        """Yield the entities that meet an OData condition, in order. ServiceError 404 if there is no table."""
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
        response = self._send("POST", f"{self._service.url}/$batch", headers, body)
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
        whole = {"DataServiceVersion": "3.0", "Accept": _JSON, **headers}
        if body is not None:
            whole.setdefault("Content-Type", _JSON)
        return self._service.send(method, url, whole, body, is_repeatable=method == "GET")


def _escape_key(text: str) -> str:
    return quote(text.replace("'", "''"), safe="")


def _read_error(status: int, body: bytes) -> ServiceError:
    """Return the error in the body of an answer. In a transaction its text begins with the operation's number."""
    code, index = "", "0"
    try:
        error: Json = parse_json(body)["odata.error"]
        code = str(error["code"])
        index = str(error["message"]["value"]).partition(":")[0]
    except (ValueError, KeyError, TypeError):
        pass  # not every failure comes from the service itself
    return ServiceError(status, code, int(index) if index.isdecimal() else 0)


def _read_parts(body: bytes, expected: int) -> list[str]:
    """Return the versions in the answer to a transaction. Half of it is a ServiceResponseError."""
    etags = []
    for status, headers, text in _PART.findall(body):
        if int(status) >= HTTPStatus.MULTIPLE_CHOICES:
            raise _read_error(int(status), text)
        found = _ETAG.search(headers)
        etags.append(found[1].decode() if found else "")
    if len(etags) != expected:
        raise ServiceResponseError("the answer to a transaction is not whole")
    return etags


def _describe(account: str, method: str, url: str, headers: Mapping[str, str]) -> str:
    """Return what is signed of a request to tables."""
    return f"{method}\n\n{headers.get('Content-Type', '')}\n{headers['x-ms-date']}\n/{account}{urlsplit(url).path}"


_TABLES = Kind("2019-02-02", _describe, lambda response: _read_error(response.status_code, response.content))
