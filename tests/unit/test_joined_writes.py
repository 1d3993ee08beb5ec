"""Writes that wait at the same time go in one transaction; each gets its own result."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from devkit.memory_storage import MemoryTable
from inbound_mail.ledger.joined_writes import JoinedWrites
from shared.errors import Conflict, OutcomeUnknown, Rejected
from shared.storage.tables import Operation

type Work = Callable[[Sequence[Operation]], list[str]]


def create(row: str, **values: object) -> Operation:
    return Operation("create", {"PartitionKey": "p", "RowKey": row, **values})


class Recorded:
    """A table that records its transactions; `before` may raise in place of one."""

    def __init__(self) -> None:
        self.table = MemoryTable()
        self.transactions: list[list[str]] = []
        self.before: Work = lambda _: []

    def transact(self, operations: Sequence[Operation]) -> list[str]:
        self.transactions.append([str(one.entity["RowKey"]) for one in operations])
        self.before(operations)
        return self.table.transact(operations)


def write_together(recorded: Recorded, *writes: Sequence[Operation]) -> list[Future[list[str]]]:
    """Let as many threads take part, and begin to write at the same time; return what came of each."""
    joined, ready = JoinedWrites(recorded), threading.Barrier(len(writes))

    def write(operations: Sequence[Operation]) -> list[str]:
        with joined.taking_part():
            ready.wait(5)
            return joined.transact(operations)

    with ThreadPoolExecutor(len(writes)) as pool:
        return [pool.submit(write, operations) for operations in writes]


def test_what_waits_together_is_one_transaction() -> None:
    recorded = Recorded()
    done = write_together(recorded, *([create(f"{number}a"), create(f"{number}b")] for number in range(5)))
    etags = [etag for one in done for etag in one.result()]
    assert len(recorded.transactions) == 1
    rows = [recorded.table.get("p", f"{number}{letter}") for number in range(5) for letter in "ab"]
    assert [row and row.etag for row in rows] == etags


def test_one_that_writes_alone_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inbound_mail.ledger.joined_writes._MOMENT", 60.0)
    recorded = Recorded()
    joined = JoinedWrites(recorded)
    joined.transact([create("1")])
    with joined.taking_part():
        joined.transact([create("2")])
    assert recorded.transactions == [["1"], ["2"]]


def test_one_of_two_that_ends_without_a_write_keeps_the_other_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inbound_mail.ledger.joined_writes._MOMENT", 60.0)
    recorded = Recorded()
    joined = JoinedWrites(recorded)
    with ThreadPoolExecutor(1) as pool, joined.taking_part():

        def write() -> list[str]:
            with joined.taking_part():
                return joined.transact([create("1")])

        with joined.taking_part():
            writing = pool.submit(write)
        joined.transact([create("2")])
        assert len(writing.result(5)) == 1
    assert sorted(row for rows in recorded.transactions for row in rows) == ["1", "2"]


def test_one_that_is_refused_gets_the_error_and_the_others_are_written() -> None:
    recorded = Recorded()
    recorded.table.transact([create("known")])
    done = write_together(recorded, [create("1")], [create("2"), create("known")], [create("3")])
    assert [one.exception() is None for one in done] == [True, False, True]
    conflict = done[1].exception()
    assert isinstance(conflict, Conflict)
    assert conflict.target == "1"
    assert [recorded.table.get("p", row) is not None for row in "123"] == [True, False, True]


def test_writes_of_one_row_go_one_after_the_other() -> None:
    recorded = Recorded()
    done = write_together(recorded, [create("1"), create("same")], [create("2"), create("same")])
    assert sorted(one.exception() is None for one in done) == [False, True]
    assert all(len(rows) == len(set(rows)) for rows in recorded.transactions)


def test_one_that_is_too_large_does_not_stop_the_others() -> None:
    recorded = Recorded()

    def refuse(operations: Sequence[Operation]) -> list[str]:
        if any("large" in one.entity for one in operations):
            raise Rejected("Too large.")
        return []

    recorded.before = refuse
    done = write_together(recorded, [create("1")], [create("2", large=True)], [create("3")])
    assert [type(one.exception()) for one in done] == [type(None), Rejected, type(None)]


def test_a_lost_answer_is_everybodys_error() -> None:
    recorded = Recorded()

    def lose(operations: Sequence[Operation]) -> list[str]:
        recorded.table.transact(operations)
        raise OutcomeUnknown("No answer.")

    recorded.before = lose
    done = write_together(recorded, [create("1")], [create("2")])
    assert [type(one.exception()) for one in done] == [OutcomeUnknown, OutcomeUnknown]
    assert len(recorded.transactions) == 1


def test_a_transaction_holds_no_more_than_the_service_takes() -> None:
    recorded = Recorded()
    writes = [[create(f"{number}|{row}") for row in range(40)] for number in range(5)]
    assert [len(one.result()) for one in write_together(recorded, *writes)] == [40] * 5
    assert max(len(rows) for rows in recorded.transactions) <= 100
