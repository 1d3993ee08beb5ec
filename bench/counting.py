"""Storage in memory that counts what it is asked."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from devkit.memory_storage import MemoryQueue, MemoryTable
from shared.storage.tables import Operation, Row

READS, WRITES, MESSAGES = "table reads", "table writes", "messages"
_ROWS_IN_A_REQUEST = 1_000


class CountingTable(MemoryTable):
    """A table. `part`: as what its reads are counted."""

    def __init__(self, counts: Counter[str]) -> None:
        super().__init__()
        self.part = READS
        self._counts = counts

    def get(self, partition: str, row: str) -> Row | None:
        """Count one request."""
        self._counts[self.part] += 1
        return super().get(partition, row)

    def query(self, partition: str, **options: Any) -> Iterator[Row]:
        """Count a request for each thousand rows."""
        found = list(super().query(partition, **options))
        self._counts[self.part] += max(1, math.ceil(len(found) / _ROWS_IN_A_REQUEST))
        return iter(found)

    def transact(self, operations: Sequence[Operation]) -> list[str]:
        """Count one request."""
        self._counts[WRITES] += 1
        return super().transact(operations)


class CountingQueue(MemoryQueue):
    """A queue."""

    def __init__(self, counts: Counter[str]) -> None:
        super().__init__()
        self._counts = counts

    def put(self, message: Mapping[str, Any], *, delay: float = 0, ttl: float | None = None) -> None:
        """Count one request."""
        self._counts[MESSAGES] += 1
        super().put(message, delay=delay, ttl=ttl)
