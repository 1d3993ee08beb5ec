"""What a queue listener makes of storage that refuses: as the queue extension did, the host ends or goes on."""

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import pytest

from devkit.host import queues
from devkit.host.queues import QueueListener, QueueTrigger
from devkit.host.settings import QueueSettings
from devkit.host.storage import Queue, StorageError
from devkit.host.worker import IndexedFunction, Outcome
from tests.unit.host_vectors import read_vectors

ERRORS = {case[0]: case for case in read_vectors("queue")["errors"] if case[1][0] != "hang" and "short" not in case[0]}


KINDS = {"GET": "receive", "DELETE": "delete", "PUT": "release", "POST": "poison"}
MESSAGE = (
    "<QueueMessage><MessageId>1</MessageId><InsertionTime>Mon, 30 Nov 2026 10:00:00 GMT</InsertionTime>"
    "<PopReceipt>2</PopReceipt><DequeueCount>1</DequeueCount><MessageText>b2s=</MessageText></QueueMessage>"
)


class FailingAccount:
    """An account with one message in its queue that answers one kind of request with an error."""

    def __init__(self, kind: str, error: StorageError) -> None:
        self.kind, self.error = kind, error
        self.receives = self.failures = 0

    def send(self, method: str, *_: object, **__: object) -> SimpleNamespace:
        self.receives += method == "GET"
        if KINDS[method] == self.kind:
            self.failures += 1
            raise self.error
        texts = MESSAGE if self.receives == 1 else ""
        data = f"<QueueMessagesList>{texts}</QueueMessagesList>".encode()
        return SimpleNamespace(data=data, headers={"x-ms-popreceipt": "3"})


def make_error(answer: list[Any]) -> StorageError:
    return StorageError(0, "connection reset") if answer[0] == "reset" else StorageError(answer[1], answer[2])


def make_listener(
    account: Any, *, ok: bool, tries: int, ended: threading.Event, wake: Callable[[str], None] = print
) -> QueueListener:
    function = IndexedFunction("read_letter", "1", ({"type": "queueTrigger", "name": "msg"},))
    settings = QueueSettings(1, 0, tries, 0.0, 0.1, base64=True)
    trigger = QueueTrigger(function, Queue(account, "letters"), settings)
    return QueueListener(trigger, lambda _: Outcome(ok=ok), end_host=lambda _: ended.set(), wake=wake)


def test_a_message_moved_to_a_poison_queue_wakes_the_function_of_that_queue() -> None:
    woken: SimpleQueue[str] = SimpleQueue()
    account = FailingAccount("nothing", StorageError(0, "never raised"))
    listener = make_listener(account, ok=False, tries=1, ended=threading.Event(), wake=woken.put)
    listener.start()
    try:
        assert woken.get(timeout=20) == "letters-poison"
    finally:
        listener.stop(time.monotonic() + 5)


@pytest.mark.parametrize("name", ERRORS)
def test_the_host_ends_where_the_queue_extension_lets_it_end(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, answer, _, _, unhandled, *_ = ERRORS[name]
    monkeypatch.setattr(queues, "_PATIENCE", 0.0)
    kind = name.partition("-")[0]
    account = FailingAccount(kind, make_error(answer))
    ended = threading.Event()
    listener = make_listener(account, ok=kind == "delete", tries=1 if kind == "poison" else 5, ended=ended)
    listener.start()
    try:
        if unhandled:
            assert ended.wait(20)
        else:
            seen = account.receives
            deadline = time.monotonic() + 20
            while account.failures < 1 or account.receives < seen + 2:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            assert not ended.is_set()
    finally:
        listener.stop(time.monotonic() + 5)
