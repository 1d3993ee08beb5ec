"""The mailbox's own row of the ledger: how far its feeds are, counters, last success, last error."""

from typing import Any

from shared.storage.tables import Entity, Operation, Row


class State:
    """A mailbox's own row, and the version that guards its change."""

    def __init__(self, identity: Entity, row: Row | None) -> None:
        self._identity = identity
        self._row = row

    @property
    def values(self) -> Entity:
        """What it says."""
        return dict(self._row.values) if self._row else {}

    @property
    def last_number(self) -> int:
        """The last number that the feed has given out."""
        return int(self.values.get("last_number", 0))

    @property
    def last_outcome(self) -> int:
        """The number of the last result."""
        return int(self.values.get("last_outcome", 0))

    def operation(self, **values: Any) -> Operation:
        """Return the guarded step that adds these values."""
        if self._row is None:
            return Operation("create", self._identity | values)
        return Operation("merge", self._identity | values, self._row.etag)
