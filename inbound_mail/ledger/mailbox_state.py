"""The mailbox's own row of the ledger: last numbers of its feeds, counters, last success, last error.

The counters `new`, `delivered`, `skipped`, `copies`, `gone` and `swept` change in the transactions that change what
they count, so that they are right wherever a process dies.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.storage.tables import Entity, Operation, Row

_LOOKS = ("last_poll", "last_success")


@dataclass(frozen=True)
class PollError:
    """With what the last poll failed, and how many polls have failed one after the other."""

    code: str
    message: str
    at: datetime
    failures: int


def read_poll_error(values: Mapping[str, Any]) -> PollError | None:
    """Return the error of the last poll from the columns of the row; None if that poll succeeded."""
    failures = int(values.get("failures") or 0)
    if not failures or "last_error" not in values:
        return None
    return PollError(str(values["last_error"]), str(values["last_error_message"]), values["last_error_at"], failures)


class MailboxState:
    """The mailbox's own row, with the version that guards changes to it."""

    def __init__(self, identity: Entity, row: Row | None) -> None:
        self._identity = identity
        self._row = row

    @property
    def values(self) -> Entity:
        """The columns of the row; {} before the first poll."""
        return dict(self._row.values) if self._row else {}

    @property
    def last_number(self) -> int:
        """The number of the last entry in the feed."""
        return int(self.values.get("last_number", 0))

    @property
    def last_outcome(self) -> int:
        """The number of the last outcome."""
        return int(self.values.get("last_outcome", 0))

    def after_look(self, looked_at: datetime) -> Entity:
        """Return the columns as they are after a quick look at this time, which does not write them."""
        values = self.values
        later = {name: looked_at for name in _LOOKS if name in values and values[name] < looked_at}
        return values | later

    def counted(self, **more: int) -> Entity:
        """Return those counters that change by these additions, as they are then."""
        return {name: int(self.values.get(name, 0)) + number for name, number in more.items() if number}

    def grow(self, **values: Any) -> Operation:
        """Return the operation that sets these values and that the mailbox has changed just now; see `operation`."""
        return self.operation(active_at=datetime.now(UTC), **values)

    def operation(self, **values: Any) -> Operation:
        """Return the operation that sets these values; it fails if the row has changed since it was read."""
        if self._row is None:
            return Operation("create", self._identity | values)
        return Operation("merge", self._identity | values, self._row.etag)
