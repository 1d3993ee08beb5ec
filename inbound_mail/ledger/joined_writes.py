"""Transactions of deliveries that are made side by side, joined: what comes together is written in one request.

Each delivery still waits until its own write is done, and is guarded by its own versions, so joining changes nothing
for it but the number of requests. Where one of those that were joined is refused, it alone gets the error, and the
others are written without it.

One of the threads that wait writes for all. It first gives the others a moment, unless they all wait already; so a
delivery that is made alone never waits.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition
from typing import Protocol

from shared import context
from shared.errors import Conflict, Rejected
from shared.storage.tables import TRANSACTION_SIZE, Operation

# What a thread does between two writes, reading a mail and asking its sink, is seldom shorter than some milliseconds.
_MOMENT = 0.05


class Transactions(Protocol):
    """Takes transactions, as `shared.storage.tables.Table` does."""

    def transact(self, operations: Sequence[Operation]) -> list[str]:
        """Do all of it or nothing; return the new versions."""


@dataclass(eq=False)
class _Waiting:
    """What one thread wants to write, and what became of it."""

    operations: Sequence[Operation]
    etags: list[str] = field(default_factory=list)
    error: BaseException | None = None
    is_done: bool = False

    @property
    def rows(self) -> set[str]:
        """The rows that it changes."""
        return {str(one.entity["RowKey"]) for one in self.operations}


class JoinedWrites:
    """The transactions on one partition of a table."""

    def __init__(self, table: Transactions) -> None:
        self._table = table
        self._changed = Condition()
        self._deliveries = 0
        self._waiting: list[_Waiting] = []
        self._is_writing = False

    @contextmanager
    def taking_part(self) -> Iterator[None]:
        """Run the block as one of the deliveries whose writes may be joined."""
        with self._changed:
            self._deliveries += 1
        try:
            yield
        finally:
            with self._changed:
                self._deliveries -= 1
                self._changed.notify_all()

    @contextmanager
    def standing_aside(self) -> Iterator[None]:
        """Run the block as a delivery that writes nothing meanwhile, so that nobody waits for it."""
        with self._changed:
            self._deliveries -= 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._deliveries += 1

    def transact(self, operations: Sequence[Operation]) -> list[str]:
        """Write; return the new versions. Raises as `Table.transact` does, `target` counting these operations."""
        own = _Waiting(operations)
        with self._changed:
            if self._deliveries <= 1 or context.is_over():  # nobody else shall meet the end of this call
                own.is_done = True
            else:
                self._waiting.append(own)
                self._changed.notify_all()
        if own.is_done:
            return self._table.transact(operations)
        try:
            while taken := self._wait(own):
                self._write_all(taken)
        finally:
            self._forget([own])
        if own.error is not None:
            raise own.error
        return own.etags

    def _wait(self, own: _Waiting) -> list[_Waiting]:
        """Wait until this is written, and return nothing; or return what this thread is to write."""
        with self._changed:
            self._changed.wait_for(lambda: own.is_done or not self._is_writing)
            if own.is_done:
                return []
            self._is_writing = True
            self._changed.wait_for(lambda: len(self._waiting) >= self._deliveries, timeout=_MOMENT)
            taken = _choose(self._waiting)
            self._forget(taken)
            return taken

    def _forget(self, taken: Sequence[_Waiting]) -> None:
        with self._changed:
            self._waiting = [one for one in self._waiting if one not in taken]

    def _write_all(self, taken: list[_Waiting]) -> None:
        try:
            _write_joined(self._table, taken)
        except BaseException as error:
            for one in taken:
                if not (one.etags or one.error):
                    one.error = error
            if not isinstance(error, Exception):
                raise
        finally:
            with self._changed:
                self._is_writing = False
                for one in taken:
                    one.is_done = True
                self._changed.notify_all()


def _choose(waiting: Sequence[_Waiting]) -> list[_Waiting]:
    """Return the first ones that fit into one transaction, in which each row may occur once."""
    taken: list[_Waiting] = []
    rows: set[str] = set()
    size = 0
    for one in waiting:
        is_first = not taken
        if is_first or (size + len(one.operations) <= TRANSACTION_SIZE and rows.isdisjoint(one.rows)):
            taken.append(one)
            rows |= one.rows
            size += len(one.operations)
    return taken


def _write_joined(table: Transactions, taken: Sequence[_Waiting]) -> None:
    """Write all, but those that are refused."""
    left = list(taken)
    while left:
        try:
            etags = table.transact([operation for one in left for operation in one.operations])
        except Conflict as conflict:
            refused, index = _find_refused(left, int(conflict.target or 0))
            refused.error = Conflict(conflict.message, target=str(index), detail=conflict.detail)
            left.remove(refused)
        except Rejected as error:  # one is too large, or all are together
            if len(left) == 1:
                left[0].error = error
                return
            for one in left:
                _write_joined(table, [one])
            return
        else:
            for one in left:
                one.etags, etags = etags[: len(one.operations)], etags[len(one.operations) :]
            return


def _find_refused(joined: Sequence[_Waiting], index: int) -> tuple[_Waiting, int]:
    """Return what the operation with this index belongs to, and its index there."""
    for one in joined:
        if index < len(one.operations):
            return one, index
        index -= len(one.operations)
    raise ValueError("the service refused an operation that was not sent")
