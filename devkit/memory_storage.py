"""In-memory replacements for the table, blob and queue clients of `shared.storage`, for one process.

They keep what the services promise to a single caller: transactions write all or nothing and compare versions.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from shared.errors import Conflict
from shared.storage.tables import Entity, Operation, Row


class MemoryTable:
    """Entities in a dictionary, with their versions."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], tuple[Entity, str]] = {}
        self._versions = map(str, itertools.count(1))

    def get(self, partition: str, row: str) -> Row | None:
        """Return one entity, or None."""
        found = self._rows.get((partition, row))
        return None if found is None else Row(dict(found[0]), found[1])

    def query(
        self, partition: str, *, start: str, end: str, select: Sequence[str] | None = None, limit: int | None = None
    ) -> Iterator[Row]:
        """Yield the entities of a partition whose row key lies in [start, end), in order."""
        _ = select
        keys = sorted(key for key in self._rows if key[0] == partition and start <= key[1] < end)
        for key in keys[:limit]:
            entity, version = self._rows[key]
            yield Row(dict(entity), version)

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
        """Do all of it or nothing; return the new versions. Raises Conflict as the service does."""
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
        known = self._rows.get(_key(operation.entity))
        if operation.kind == "create":
            return known is None
        if operation.kind.startswith("upsert"):
            return True
        return known is not None and operation.etag in (None, known[1])

    def _write(self, operation: Operation) -> str:
        key = _key(operation.entity)
        if operation.kind == "delete":
            self._rows.pop(key, None)
            return ""
        before = self._rows[key][0] if key in self._rows and operation.kind in ("merge", "upsert-merge") else {}
        version = next(self._versions)
        self._rows[key] = (before | operation.entity, version)
        return version


class MemoryContainer:
    """Blobs in a dictionary; nobody else wants their leases."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    def put(self, name: str, data: bytes | Iterable[bytes], *, content_type: str = "") -> None:
        """Keep a blob."""
        _ = content_type
        self._blobs[name] = data if isinstance(data, bytes) else b"".join(data)

    def get(self, name: str) -> bytes | None:
        """Return a blob."""
        return self._blobs.get(name)

    def read(self, name: str, *, offset: int = 0, length: int | None = None) -> Iterator[bytes] | None:
        """Return a blob, or a part of it, in one chunk; None for a missing blob."""
        found = self._blobs.get(name)
        return None if found is None else iter([found[offset : None if length is None else offset + length]])

    @contextmanager
    def lease(self, name: str, seconds: int) -> Iterator["MemoryLease"]:
        """Hold a lease."""
        _ = name, seconds
        yield MemoryLease()


class MemoryLease:
    """A lease that is never lost."""

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


def _key(entity: Entity) -> tuple[str, str]:
    return entity["PartitionKey"], entity["RowKey"]
