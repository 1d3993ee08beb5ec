"""Conversations are looked for only at sinks that have ever named a ticket."""

import time
from typing import Any

import pytest

from devkit.memory_storage import MemoryTable
from inbound_mail.content.belonging import Thread
from inbound_mail.content.models import InboundMail
from inbound_mail.delivery import threads
from inbound_mail.delivery.threads import KnownConversations, KnownThreads


class CountedTable(MemoryTable):
    reads = 0

    def get(self, partition: str, row: str) -> Any:
        self.reads += 1
        return super().get(partition, row)


def open_threads(table: MemoryTable, known: KnownConversations | None = None) -> KnownThreads:
    return KnownThreads(table, "hook", known)  # type: ignore[arg-type]  # stands in for the table


MAIL = InboundMail("support", "s@x", "key", {"conversationId": "C", "internetMessageId": "<a@x>"})


def test_a_sink_without_tickets_is_asked_for_no_conversation() -> None:
    table, known = CountedTable(), KnownConversations()
    assert [open_threads(table, known).find_conversation(f"{number}") for number in range(5)] == [None] * 5
    assert table.reads == 0
    open_threads(table, known).remember(MAIL, "T-1", joins=False, adds_people=True)
    assert open_threads(table, known).find_conversation("C") == Thread("T-1"), "known in this process at once"


def test_a_conversation_of_another_process_is_found_after_some_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    table, known = CountedTable(), KnownConversations()
    assert open_threads(table, known).find_conversation("C") is None
    open_threads(table).remember(MAIL, "T-1", joins=False, adds_people=True)
    assert open_threads(table, known).find_conversation("C") is None
    began = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: began + threads._TRUSTED_SECONDS + 1)
    assert open_threads(table, known).find_conversation("C") == Thread("T-1")
    assert open_threads(table).find_conversation("C") == Thread("T-1")
