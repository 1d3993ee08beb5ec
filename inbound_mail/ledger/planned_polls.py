"""When each mailbox is polled next: one row for each, in one partition, so that the timer reads all in one request.

    $polls|{mailbox}   next_poll, is_quiet, reads: written at the end of each poll
                       awake_until: written before somebody opens work outside of a poll, or asks for a poll

The rows are hints and no record: what has no row is polled at once. Versions that know no such rows poll every mailbox
at every run of the timer, and leave the rows alone. The two kinds of writes merge, so that none undoes the other.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.storage.tables import Operation, Table

PARTITION = "$polls"  # no mailbox can have this name
# Longer than it takes until a poll notices that a queue message was lost, so that a process may die behind a decision.
_AWAKE = timedelta(minutes=20)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class PlannedPoll:
    """What is known of a mailbox's next poll. `reads` says from where the last one has read. `is_quiet`: in vain."""

    next_poll: datetime = _LONG_AGO
    is_quiet: bool = False
    reads: str = ""
    awake_until: datetime = _LONG_AGO


class PollPlan:
    """The planned polls of all mailboxes. Methods raise Unavailable when the storage account does not answer."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self) -> dict[str, PlannedPoll]:
        """Return the planned polls by mailbox, a thousand in one request."""
        columns = PlannedPoll.__dataclass_fields__
        return {
            row.row_key: PlannedPoll(**{name: value for name, value in row.values.items() if name in columns})
            for row in self._table.query(PARTITION, start="", end="~")
        }

    def put(self, mailbox: str, next_poll: datetime, *, is_quiet: bool, reads: str) -> None:
        """Plan the next poll of a mailbox."""
        self._merge(mailbox, next_poll=next_poll, is_quiet=is_quiet, reads=reads)

    def keep_awake(self, mailbox: str) -> None:
        """Have a mailbox polled at every run of the timer for a while, whatever its polls plan meanwhile."""
        self._merge(mailbox, awake_until=datetime.now(UTC) + _AWAKE)

    def _merge(self, mailbox: str, **values: datetime | bool | str) -> None:
        entity = {"PartitionKey": PARTITION, "RowKey": mailbox, **values}
        self._table.transact([Operation("upsert-merge", entity)])
