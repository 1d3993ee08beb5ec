"""Blobs: whole or streamed, guarded by their versions, and leases on them."""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING, Any

from shared.errors import Conflict, Unavailable
from shared.storage.account import BLOCK, Lazy, Storage, storage_errors

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient

    from shared.storage.blob_client import Part


@dataclass(frozen=True)
class BlobVersion:
    """One version of a blob. `data` is empty in a list, and where the blob is larger than was asked for."""

    name: str
    etag: str
    modified: datetime
    size: int
    metadata: Mapping[str, str]
    data: bytes = field(default=b"", repr=False)


class Unchanged:
    """The blob still has the version that the caller knows."""


class Container:
    """Blobs of one container."""

    def __init__(self, storage: Storage, name: str) -> None:
        self._client = Lazy(lambda: storage.open_container(name))
        self._small = Lazy(lambda: storage.open_blobs(name))
        self._name = name

    @property
    def name(self) -> str:
        """The container's name."""
        return self._name

    def put(self, name: str, data: bytes | Iterable[bytes], *, content_type: str = "application/octet-stream") -> None:
        """Write a blob, whole or not at all; what was there is replaced. An iterable is streamed in blocks of 4 MiB."""
        from azure.core.exceptions import HttpResponseError

        small, rest = (data, None) if isinstance(data, bytes) else _take_block(iter(data))
        with storage_errors(self._name):
            if rest is not None or len(small) > BLOCK:
                self._put_blocks(name, data if rest is None else chain([small], rest), content_type)
                return
            for is_last in (False, True):
                try:
                    self._small.get().put(name, small, content_type)
                except HttpResponseError as error:
                    if is_last or error.status_code != HTTPStatus.NOT_FOUND:
                        raise
                    self.make()
                else:
                    return

    def _put_blocks(self, name: str, data: bytes | Iterable[bytes], content_type: str) -> None:
        from azure.core.exceptions import ResourceNotFoundError
        from azure.storage.blob import ContentSettings

        settings = ContentSettings(content_type=content_type)
        blob = self._client.get().get_blob_client(name)
        try:
            blob.upload_blob(data, overwrite=True, content_settings=settings)
        except ResourceNotFoundError:
            if not isinstance(data, bytes):
                raise
            self.make()
            blob.upload_blob(data, overwrite=True, content_settings=settings)

    def get(self, name: str) -> bytes | None:
        """Return a blob's bytes, or None."""
        chunks = self.read(name)
        return None if chunks is None else b"".join(chunks)

    def delete(self, name: str) -> None:
        """Delete a blob. A blob that does not exist is no error."""
        from azure.core.exceptions import ResourceNotFoundError

        with storage_errors(self._name):
            try:
                self._client.get().delete_blob(name)
            except ResourceNotFoundError:
                return

    def read(self, name: str, *, offset: int = 0, length: int | None = None) -> Iterator[bytes] | None:
        """Return a blob, or a part of it, in chunks of 4 MiB. None for a missing blob, no chunk past its end."""
        from azure.core.exceptions import HttpResponseError

        last = None if length is None else offset + length
        with storage_errors(self._name):
            try:
                first = self._small.get().get(name, offset, _end(offset, last))
            except HttpResponseError as error:
                if error.status_code == HTTPStatus.NOT_FOUND:
                    return None
                if error.status_code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    raise
                return iter(())  # an empty blob has no range at all
        return self._chunks(name, first, offset, last)

    def _chunks(self, name: str, part: "Part", offset: int, last: int | None) -> Iterator[bytes]:
        """Yield the first part and those that follow it, all of one version."""
        end = part.total if last is None else min(last, part.total)
        while True:
            yield part.data
            offset += len(part.data)
            if offset >= end:
                return
            with storage_errors(self._name):
                part = self._small.get().get(name, offset, _end(offset, end), part.etag)

    def get_version(self, name: str, *, known: str | None = None, most: int) -> BlobVersion | Unchanged | None:
        """Return a blob of at most `most` bytes (4 MiB or less), or None; Unchanged if its ETag is `known`.

        One request. Of a larger blob everything is returned but its data.
        """
        from azure.core import MatchConditions
        from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

        condition: dict[str, Any] = {"etag": known, "match_condition": MatchConditions.IfModified} if known else {}
        with storage_errors(self._name):
            try:
                download = self._client.get().get_blob_client(name).download_blob(**condition)
            except ResourceNotFoundError:
                return None
            except HttpResponseError as error:
                if error.status_code != HTTPStatus.NOT_MODIFIED:
                    raise
                return Unchanged()
            data = download.readall() if download.size <= most else b""
        return _version(download.properties, data)

    def put_version(self, name: str, data: bytes, *, replaces: str | None, metadata: Mapping[str, str]) -> str:
        """Write a blob in place of the version with the ETag `replaces`, None: where there is none; return its ETag.

        Raises Conflict if there is another version.
        """
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
        from azure.storage.blob import ContentSettings

        more: dict[str, Any] = {"overwrite": replaces is not None, "metadata": dict(metadata)}
        more |= {"etag": replaces, "match_condition": MatchConditions.IfNotModified} if replaces else {}
        more |= {"content_settings": ContentSettings(content_type="application/json")}
        blob = self._client.get().get_blob_client(name)
        with storage_errors(self._name):
            try:
                try:
                    written = blob.upload_blob(data, **more)
                except ResourceNotFoundError:
                    if replaces is not None:
                        raise
                    self.make()
                    written = blob.upload_blob(data, **more)
            except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError) as error:
                raise Conflict(
                    "The blob was changed by somebody else at the same time. Read it again first.",
                    detail=type(error).__name__,
                ) from error
        return str(written["etag"])

    def list_versions(self, prefix: str) -> list[BlobVersion]:
        """Return the blobs whose names begin with `prefix`, in the order of their names, without their data."""
        from azure.core.exceptions import ResourceNotFoundError

        with storage_errors(self._name):
            try:
                return [_version(one) for one in self._client.get().list_blobs(prefix, include=["metadata"])]
            except ResourceNotFoundError:
                return []

    def make(self) -> None:
        """Create the container if it does not exist."""
        from azure.core.exceptions import ResourceExistsError

        with storage_errors(self._name):
            try:
                self._client.get().create_container()
            except ResourceExistsError:
                return

    @contextmanager
    def lease(self, name: str, seconds: int) -> Iterator["Lease | None"]:
        """Hold the lease of a blob, created if missing, for 15 to 60 s; None if somebody else holds it."""
        from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

        blob = self._client.get().get_blob_client(name)
        with storage_errors(self._name):
            try:
                held = _acquire(blob, seconds)
            except ResourceNotFoundError:
                self._make_blob(blob)
                held = _acquire(blob, seconds)
            except ResourceExistsError:
                held = None
        if held is None:
            yield None
            return
        try:
            yield Lease(held, seconds)
        finally:
            with storage_errors(self._name, quiet=True):
                held.release()

    def _make_blob(self, blob: "BlobClient") -> None:
        from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

        with storage_errors(self._name), suppress(ResourceExistsError):
            try:
                blob.upload_blob(b"", overwrite=False)
            except ResourceNotFoundError:  # the container
                self.make()
                blob.upload_blob(b"", overwrite=False)


class Lease:
    """A lease that this process holds. It expires by itself if the process dies."""

    def __init__(self, held: Any, seconds: int) -> None:
        self._held = held
        self._seconds = seconds
        self._good_until = time.monotonic() + seconds

    def renew(self) -> None:
        """Hold it for another term. Raises Conflict if somebody else has it now."""
        from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

        asked_at = time.monotonic()
        try:
            self._held.renew()
        except (ServiceRequestError, ServiceResponseError) as error:
            raise Unavailable(
                "The storage account did not answer. Try again later.", detail=type(error).__name__
            ) from error
        except HttpResponseError as error:
            self._good_until = 0.0
            raise Conflict(
                "The lease was lost to somebody else. Begin again.", detail=str(error.status_code)
            ) from error
        self._good_until = asked_at + self._seconds

    def check(self) -> None:
        """Raise Conflict unless it is certain that the lease is still held."""
        if time.monotonic() >= self._good_until:
            raise Conflict("The lease has run out. Begin again.")

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renew it on another thread while the block runs, three times in each term."""
        done = threading.Event()

        def keep() -> None:
            while not done.wait(self._seconds / 3):
                try:
                    self.renew()
                except Unavailable:
                    continue  # there is time for another try; `check` raises when there is not
                except Conflict:
                    return

        thread = threading.Thread(target=keep, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def _version(properties: Any, data: bytes = b"") -> BlobVersion:
    return BlobVersion(
        properties.name,
        str(properties.etag),
        properties.last_modified,
        properties.size,
        dict(properties.metadata or {}),
        data,
    )


def _acquire(blob: "BlobClient", seconds: int) -> Any:
    return blob.acquire_lease(lease_duration=seconds)


def _end(start: int, last: int | None) -> int:
    return start + BLOCK if last is None else min(start + BLOCK, last)


def _take_block(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes] | None]:
    """Return the first bytes of a stream, and what follows; all of it, and None, if it is at most one block."""
    block = bytearray()
    for chunk in chunks:
        block += chunk
        if len(block) > BLOCK:
            return bytes(block), chunks
    return bytes(block), None
