"""In-memory replacements for the table, blob and queue clients of `shared.storage`, for one process.

They keep what the services promise to one process: transactions write all or nothing and compare versions, and one at
a time holds a lease. The tests of `shared.storage` hold them to it.
"""

import itertools
import threading
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

from shared.errors import Conflict, Rejected
from shared.storage.blobs import BlobVersion
from shared.storage.tables import TRANSACTION_SIZE, Entity, Operation, Row

_NEVER_IN_A_KEY = set("/\\#?")


class MemoryTable:
    """Entities in a dictionary, with their versions."""

    def __init__(self) -> None:
        self._partitions: defaultdict[str, dict[str, Row]] = defaultdict(dict)
        self._keys: defaultdict[str, list[str]] = defaultdict(list)  # in order
        self._versions = map(str, itertools.count(1))
        self._lock = threading.Lock()

    def get(self, partition: str, row: str) -> Row | None:
        """Return one entity, or None."""
        with self._lock:
            found = self._partitions[partition].get(row)
        return None if found is None else _copy(found)

    def find(self, partition: str, rows: Sequence[str]) -> dict[str, Row]:
        """Return those entities that are there, by row key."""
        ordered = sorted(set(rows))
        tens = (ordered[first : first + 10] for first in range(0, len(ordered), 10))
        return {row.row_key: row for ten in tens for row in self.query(partition, start="", end="~", only=ten)}

    def query(
        self,
        partition: str,
        *,
        start: str,
        end: str,
        select: Sequence[str] | None = None,
        limit: int | None = None,
        only: Sequence[str] = (),
    ) -> Iterator[Row]:
        """Yield the entities of a partition whose row key lies in [start, end), in order; `only` these, if any."""
        with self._lock:
            rows, keys = self._partitions[partition], self._keys[partition]
            if only:
                keys = sorted(key for key in set(only) if key in rows)
            span = keys[bisect_left(keys, start) : bisect_left(keys, end)]
            found = [rows[key] for key in span[:limit]]
        for row in found:
            yield _copy(row, select)

    def create(self, entity: Entity) -> bool:
        """Insert. Return False if there is such an entity already."""
        return self._try(Operation("create", entity))

    def update(self, entity: Entity, etag: str) -> bool:
        """Replace the version with this etag; False if it has another version by now, or was deleted."""
        return self._try(Operation("replace", entity, etag))

    def upsert(self, entity: Entity) -> None:
        """Insert or replace."""
        self.transact([Operation("upsert", entity)])

    def transact(self, operations: Sequence[Operation]) -> list[str]:
        """Do all of it or nothing; return the new versions, "" for deletes.

        Raises Conflict and Rejected as the service does, but takes entities of any size.
        """
        if len(operations) > TRANSACTION_SIZE:
            raise ValueError(f"a transaction takes {TRANSACTION_SIZE} operations")
        keys = [(one.entity["PartitionKey"], one.entity["RowKey"]) for one in operations]
        if len(set(keys)) < len(keys) or len({partition for partition, _ in keys}) > 1:
            raise Rejected("An entity twice, or two partitions, in a transaction.", code="EntryRefused")
        if any(set(name) & _NEVER_IN_A_KEY for key in keys for name in key):
            raise Rejected("A character that no key may contain.", code="EntryRefused")
        with self._lock:
            for number, operation in enumerate(operations):
                if not self._is_possible(operation):
                    raise Conflict("An entry was changed by somebody else at the same time.", target=str(number))
            return [self._write(operation) for operation in operations]

    def _try(self, operation: Operation) -> bool:
        try:
            self.transact([operation])
        except Conflict:
            return False
        return True

    def _is_possible(self, operation: Operation) -> bool:
        known = self._partitions[operation.entity["PartitionKey"]].get(operation.entity["RowKey"])
        if operation.kind == "create":
            return known is None
        if operation.kind.startswith("upsert"):
            return True
        return known is not None and operation.etag in (None, known.etag)

    def _write(self, operation: Operation) -> str:
        rows, key = self._partitions[operation.entity["PartitionKey"]], operation.entity["RowKey"]
        keys = self._keys[operation.entity["PartitionKey"]]
        if operation.kind == "delete":
            del rows[key], keys[bisect_left(keys, key)]
            return ""
        if key not in rows:
            insort(keys, key)
        before = rows[key].values if key in rows and operation.kind in ("merge", "upsert-merge") else {}
        values = {name: value for name, value in operation.entity.items() if value is not None}  # None is not sent
        rows[key] = Row(before | values, next(self._versions))
        return rows[key].etag


class MemoryContainer:
    """Blobs in a dictionary, and who holds their leases."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}
        self._modified: dict[str, datetime] = {}
        self._leased: set[str] = set()
        self._lock = threading.Lock()

    def make(self) -> None:
        """Find it made."""

    def put(self, name: str, data: bytes | Iterable[bytes], *, content_type: str = "") -> None:
        """Keep a blob."""
        _ = content_type
        self._blobs[name] = data if isinstance(data, bytes) else b"".join(data)
        self._modified[name] = datetime.now(UTC)

    def get(self, name: str) -> bytes | None:
        """Return a blob."""
        return self._blobs.get(name)

    def delete(self, name: str) -> None:
        """Delete a blob. A blob that does not exist is no error."""
        self._blobs.pop(name, None)

    def read(self, name: str, *, offset: int = 0, length: int | None = None) -> Iterator[bytes] | None:
        """Return a blob, or a part of it, in one chunk; None for a missing blob."""
        found = self._blobs.get(name)
        return None if found is None else iter([found[offset : None if length is None else offset + length]])

    def list_versions(self, prefix: str) -> list[BlobVersion]:
        """Return the blobs whose names begin with `prefix`, without their data and without ETags."""
        names = sorted(name for name in self._blobs if name.startswith(prefix))
        return [BlobVersion(name, "", self._modified[name], len(self._blobs[name]), {}) for name in names]

    @contextmanager
    def lease(self, name: str, seconds: int) -> Iterator["MemoryLease | None"]:
        """Hold a lease for the whole block, however long; None if somebody else holds it."""
        _ = seconds
        with self._lock:
            is_free = name not in self._leased
            self._leased.add(name)
        try:
            yield MemoryLease() if is_free else None
        finally:
            if is_free:
                self._leased.discard(name)


class MemoryLease:
    """A lease that is never lost."""

    def renew(self) -> None:
        """Go on holding it."""

    def check(self) -> None:
        """Find it held."""

    def kept(self) -> nullcontext[None]:
        """Renew nothing."""
        return nullcontext()


class MemoryQueue:
    """A queue whose messages are taken by whoever holds it."""

    def __init__(self) -> None:
        self.messages: list[Mapping[str, Any]] = []

    def put(self, message: Mapping[str, Any], *, delay: float = 0, ttl: float | None = None) -> None:
        """Keep a message; delays do not pass."""
        _ = delay, ttl
        self.messages.append(dict(message))

    def count(self) -> int:
        """Return how many messages were not taken."""
        return len(self.messages)

    def take(self) -> list[Mapping[str, Any]]:
        """Take all messages."""
        taken, self.messages = self.messages, []
        return taken


def _copy(row: Row, select: Sequence[str] | None = None) -> Row:
    return Row({name: value for name, value in row.values.items() if not select or name in select}, row.etag)
