"""A client of one container for blobs of one request: written whole, and read in ranges.

Leases, versions, lists and larger blobs are left to Microsoft's client.

Source: learn.microsoft.com/rest/api/storageservices/put-blob and /get-blob
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from shared.storage.service import Account, Kind, Service, describe_headers, read_code

_TOTAL = re.compile(r"/(\d+)$")


@dataclass(frozen=True)
class Part:
    """A part of a blob: its bytes, the size of the whole, and the version that it is of."""

    data: bytes
    total: int
    etag: str


class SmallBlobs:
    """Requests to one container. Raises AzureErrors: ServiceError, ServiceRequestError and ServiceResponseError."""

    def __init__(self, account: Account, container: str, transport: Any) -> None:
        self._service = Service(account, _BLOBS, transport)
        self._url = f"{self._service.url}/{container}"

    def put(self, name: str, data: bytes, content_type: str) -> None:
        """Write a blob in place of what is there."""
        headers = {"x-ms-blob-type": "BlockBlob", "Content-Type": content_type}
        self._service.send("PUT", self._address(name), headers, data, is_repeatable=True)

    def get(self, name: str, start: int, end: int, etag: str = "") -> Part:
        """Read the bytes from `start` up to, without, `end`, of one version. ServiceError 404, 412 or 416."""
        headers = {"x-ms-range": f"bytes={start}-{end - 1}"} | ({"If-Match": etag} if etag else {})
        response = self._service.send("GET", self._address(name), headers, is_repeatable=True)
        data: bytes = response.content
        found = _TOTAL.search(response.headers.get("Content-Range", ""))
        return Part(data, int(found[1]) if found else len(data), str(response.headers.get("ETag") or ""))

    def _address(self, name: str) -> str:
        return f"{self._url}/{quote(name, safe='/~')}"


_BLOBS = Kind("2021-12-02", describe_headers, read_code)
