"""What a queue listener makes of storage that refuses: as the queue extension did, the host ends or goes on."""

import threading
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import AzureError, HttpResponseError, ServiceRequestError
from azure.storage.queue import QueueMessage

from devkit.host import queues
from devkit.host.queues import QueueListener, QueueTrigger
from devkit.host.settings import QueueSettings
from devkit.host.worker import IndexedFunction, Outcome
from tests.unit.host_vectors import read_vectors

ERRORS = {case[0]: case for case in read_vectors("queue")["errors"] if case[1][0] != "hang" and "short" not in case[0]}


class FailingQueue:
    """A queue of one message that answers one kind of request with an error."""

    def __init__(self, kind: str, error: AzureError) -> None:
        self.kind, self.error = kind, error
        self.queue_name = "letters"
        self.receives = self.failures = 0

    def act(self, kind: str) -> None:
        if kind == self.kind:
            self.failures += 1
            raise self.error

    def get_queue_client(self, _name: str) -> "FailingQueue":
        return self

    def receive_messages(self, **_: object) -> SimpleNamespace:
        return SimpleNamespace(by_page=self.receive_pages)

    def receive_pages(self) -> Iterator[list[Any]]:
        """Each page is a request; there is no end of them, because a poll is one request."""
        while True:
            self.receives += 1
            self.act("receive")
            message: Any = QueueMessage(content="b2s=", id="1", pop_receipt="2", dequeue_count=1)
            yield [message] if self.receives == 1 else []

    def delete_message(self, _message: object) -> None:
        self.act("delete")

    def update_message(self, _message: object, **_: object) -> None:
        self.act("release")

    def send_message(self, _stored: str) -> None:
        self.act("poison")


def make_error(answer: list[Any]) -> AzureError:
    if answer[0] == "reset":
        return ServiceRequestError("connection reset")
    error = HttpResponseError("injected")
    error.status_code = answer[1]
    vars(error)["error_code"] = answer[2]  # the storage clients add it
    return error


def make_listener(
    queue: Any, *, ok: bool, tries: int, ended: threading.Event, wake: Callable[[str], None] = print
) -> QueueListener:
    function = IndexedFunction("read_letter", "1", ({"type": "queueTrigger", "name": "msg"},))
    trigger = QueueTrigger(function, "letters", queue, QueueSettings(1, 0, tries, 0.0, 0.1, base64=True))
    return QueueListener(trigger, lambda _: Outcome(ok=ok), end_host=lambda _: ended.set(), wake=wake)


def test_a_message_moved_to_a_poison_queue_wakes_the_function_of_that_queue() -> None:
    woken: SimpleQueue[str] = SimpleQueue()
    listener = make_listener(
        FailingQueue("nothing", AzureError("never raised")), ok=False, tries=1, ended=threading.Event(), wake=woken.put
    )
    listener.start()
    try:
        assert woken.get(timeout=20) == "letters"  # the stand-in has one name for both
    finally:
        listener.stop(time.monotonic() + 5)


@pytest.mark.parametrize("name", ERRORS)
def test_the_host_ends_where_the_queue_extension_lets_it_end(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, answer, _, _, unhandled, *_ = ERRORS[name]
    monkeypatch.setattr(queues, "_PATIENCE", 0.0)
    kind = name.partition("-")[0]
    queue = FailingQueue(kind, make_error(answer))
    ended = threading.Event()
    listener = make_listener(queue, ok=kind == "delete", tries=1 if kind == "poison" else 5, ended=ended)
    listener.start()
    try:
        if unhandled:
            assert ended.wait(20)
        else:
            seen = queue.receives
            deadline = time.monotonic() + 20
            while queue.failures < 1 or queue.receives < seen + 2:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            assert not ended.is_set()
    finally:
        listener.stop(time.monotonic() + 5)
