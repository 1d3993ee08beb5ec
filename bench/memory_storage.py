"""In-memory replacements for the table, blob and queue clients of `shared.storage`.

They serve one poll at a time and check no versions: enough to see what a poll costs without storage.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from shared.storage.tables import Entity, Operation, Row


class MemoryTable:
    """Entities in a dictionary."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Entity] = {}

    def get(self, partition: str, row: str) -> Row | None:
        """Return one entity, or None."""
        found = self._rows.get((partition, row))
        return None if found is None else Row(dict(found), "-")

    def query(
        self, partition: str, *, start: str, end: str, select: Sequence[str] | None = None, limit: int | None = None
    ) -> Iterator[Row]:
        """Yield the entities of a partition whose row key lies in [start, end), in order."""
        _ = select
        keys = sorted(key for key in self._rows if key[0] == partition and start <= key[1] < end)
        for key in keys[:limit]:
            yield Row(dict(self._rows[key]), "-")

    def upsert(self, entity: Entity) -> None:
        """Insert or replace."""
        self.transact([Operation("upsert", entity)])

    def transact(self, operations: Sequence[Operation]) -> list[str]:
        """Do all of it."""
        for operation in operations:
            key = (operation.entity["PartitionKey"], operation.entity["RowKey"])
            if operation.kind == "delete":
                self._rows.pop(key, None)
            elif operation.kind in ("merge", "upsert-merge"):
                self._rows[key] = self._rows.get(key, {}) | operation.entity
            else:
                self._rows[key] = dict(operation.entity)
        return ["-"] * len(operations)


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
    """A queue whose messages nobody reads."""

    def put(self, message: Mapping[str, Any], *, delay: float = 0, ttl: float | None = None) -> None:
        """Drop a message."""

    def count(self) -> int:
        """Return 0."""
        return 0
