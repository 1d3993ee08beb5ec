"""Storage queues: the trigger's polling, leases, dequeue counts and poison queues; the output binding's writing.

Rules: https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger and QueueListener.cs,
QueueProcessor.cs, RandomizedExponentialBackoffStrategy.cs in azure-sdk-for-net.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueMessage, QueueServiceClient

from devkit.host import worker
from devkit.host.messages import decode_message, encode_message, make_metadata, split_output
from devkit.host.settings import QueueSettings
from devkit.host.worker import Call, IndexedFunction, Outcome

_LOGGER = logging.getLogger("devkit.host.queues")
_POISON = "-poison"
_MAX_NAME = 63
_LOST = {"MessageNotFound", "PopReceiptMismatch", "QueueNotFound", "QueueBeingDeleted", "QueueDisabled"}
_FIRST_DELAY = 0.1
_JITTER = 0.2

STORAGE_OPTIONS: dict[str, Any] = {
    # Azurite refuses versions newer than itself; every service and emulator in use knows this one.
    "api_version": "2025-05-05",
    # The storage is on this machine or it is not there: one quick retry instead of the SDK's 15 seconds and more.
    "retry_total": 1,
    "initial_backoff": 0.2,
    "increment_base": 0,
    "random_jitter_range": 0,
    "connection_timeout": 3,
    "read_timeout": 30,
}

LEASE = timedelta(minutes=10)
"""How long a received message stays hidden; renewed at half time while its function runs."""


class Backoff:
    """The platform's polling delays: 100 ms after a message, then growing with jitter up to the maximum."""

    def __init__(self, maximum: float) -> None:
        self._maximum = maximum
        self._exponent = 0
        self._full = False

    def reset(self) -> None:
        """Note that a message was found."""
        self._exponent = 0
        self._full = False

    def next_delay(self) -> float:
        """Return the seconds to wait now."""
        growth = random.uniform(1 - _JITTER, 1 + _JITTER) * 2 ** (self._exponent - 1) if self._exponent else 0  # noqa: S311  no secret
        delay = _FIRST_DELAY * (1 + growth)
        self._full = self._full or delay >= self._maximum
        if self._full:
            return self._maximum
        self._exponent += 1
        return delay


@dataclass(frozen=True)
class QueueTrigger:
    """What a listener needs to know about its function."""

    function: IndexedFunction
    queue: str
    service: QueueServiceClient
    settings: QueueSettings
    lease: timedelta = LEASE


class QueueListener:
    """Polls one queue for one function in a thread and runs messages in others."""

    def __init__(self, trigger: QueueTrigger, run: Callable[[Call], Outcome]) -> None:
        self._trigger = trigger
        self._run = run
        settings = trigger.settings
        self._queue = trigger.service.get_queue_client(trigger.queue)
        self._poison = _find_poison_queue(trigger.service, trigger.queue)
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._pool = ThreadPoolExecutor(
            settings.batch_size + settings.new_batch_threshold, thread_name_prefix=f"queue-{trigger.queue}"
        )
        self._running: dict[Future[None], QueueMessage] = {}
        self._thread = threading.Thread(target=self._poll, name=f"poll-{trigger.queue}", daemon=True)

    @property
    def queue_name(self) -> str:
        """The queue this listener polls."""
        return self._trigger.queue

    def start(self) -> None:
        """Begin to poll. The queue need not exist: it is polled for until it does, and never created here."""
        self._thread.start()

    def wake(self) -> None:
        """Poll now: this host has just written to the queue."""
        self._wake.set()

    def stop(self, deadline: float) -> None:
        """Receive no more, let running messages finish until ``deadline`` (``time.monotonic()``), release the rest."""
        self._stopping.set()
        self._wake.set()
        self._thread.join()
        running = dict(self._running)
        _, unfinished = wait(running, timeout=max(0.0, deadline - time.monotonic()))
        for future in unfinished:
            _LOGGER.warning("%s: a message of %s is released unfinished.", self._name, self._trigger.queue)
            self._release(running[future], 0.0)
        self._pool.shutdown(wait=not unfinished, cancel_futures=True)

    @property
    def _name(self) -> str:
        return self._trigger.function.name

    def _poll(self) -> None:
        settings = self._trigger.settings
        backoff = Backoff(settings.max_polling_interval)
        while not self._stopping.is_set():
            self._wake.clear()
            if self._receive():
                backoff.reset()
                self._wait_for_space()
            else:
                self._wake.wait(backoff.next_delay())

    def _receive(self) -> bool:
        size = self._trigger.settings.batch_size
        try:
            batch = list(
                self._queue.receive_messages(
                    messages_per_page=size,
                    max_messages=size,
                    visibility_timeout=round(self._trigger.lease.total_seconds()),
                )
            )
        except ResourceNotFoundError:
            return False
        except AzureError as error:
            _LOGGER.warning("%s: the queue %s cannot be read: %s", self._name, self._trigger.queue, error)
            return False
        for message in batch:
            future = self._pool.submit(self._process, message)
            self._running[future] = message
            future.add_done_callback(self._forget)
        return bool(batch)

    def _forget(self, future: Future[None]) -> None:
        self._running.pop(future, None)
        self._wake.set()
        if not future.cancelled() and (error := future.exception()) is not None:
            _LOGGER.error("%s: a message could not be settled: %s", self._name, error)

    def _wait_for_space(self) -> None:
        while len(self._running) > self._trigger.settings.new_batch_threshold and not self._stopping.is_set():
            self._wake.wait()
            self._wake.clear()

    def _process(self, message: QueueMessage) -> None:
        settings = self._trigger.settings
        count = message.dequeue_count or 0
        if count > settings.max_dequeue_count:
            self._poison_message(message, f"was received {count} times")
            return
        try:
            text = decode_message(str(message.content), base64_encoded=settings.base64)
        except ValueError as error:
            self._poison_message(message, f"cannot be decoded ({error}; check messageEncoding on both sides)")
            return
        call = Call(
            self._trigger.function,
            worker.make_text(text),
            make_metadata(message, text),
            reason=f"New queue message detected on '{self._trigger.queue}'.",
        )
        with _LeaseKeeper(self._queue, message, self._trigger.lease, self._name):
            outcome = self._run(call)
        if outcome.stopped:
            return  # stop() has released the message
        if outcome.ok:
            self._delete(message)
        elif self._poison is None:
            _LOGGER.warning("%s: a message of %s stays hidden until its lease ends.", self._name, self._trigger.queue)
        elif count >= settings.max_dequeue_count:
            self._poison_message(message, f"failed {count} times")
        else:
            self._release(message, settings.retry_delay)

    def _poison_message(self, message: QueueMessage, reason: str) -> None:
        if self._poison is None:
            return
        _LOGGER.warning("%s: a message %s and moves to %s.", self._name, reason, self._poison.queue_name)
        _send(self._poison, str(message.content))
        self._delete(message)

    def _delete(self, message: QueueMessage) -> None:
        with self._tolerate_loss():
            self._queue.delete_message(message)

    def _release(self, message: QueueMessage, delay: float) -> None:
        with self._tolerate_loss():
            self._queue.update_message(message, visibility_timeout=round(delay))
        self._wake.set()

    @contextmanager
    def _tolerate_loss(self) -> Iterator[None]:
        """Settle nothing when the message or its queue is gone, or the message was received again by someone."""
        try:
            yield
        except HttpResponseError as error:
            if getattr(error, "error_code", None) not in _LOST:
                raise
            _LOGGER.debug("%s: a message of %s is gone or someone else's.", self._name, self._trigger.queue)


class _LeaseKeeper:
    """Renews a message's lease at half time for as long as the block runs."""

    def __init__(self, queue: QueueClient, message: QueueMessage, lease: timedelta, name: str) -> None:
        self._queue, self._message, self._lease, self._name = queue, message, lease, name
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease-{name}", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _renew(self) -> None:
        seconds = self._lease.total_seconds()
        while not self._done.wait(seconds / 2):
            try:
                renewed = self._queue.update_message(self._message, visibility_timeout=round(seconds))
            except AzureError as error:
                _LOGGER.warning("%s: the lease of a message could not be renewed: %s", self._name, error)
                return
            self._message.pop_receipt = renewed.pop_receipt


class QueueOutput:
    """Writes a queue output binding's values; creates the queue when it does not exist."""

    def __init__(self, queue: QueueClient, *, base64_encoded: bool) -> None:
        self._queue = queue
        self._base64 = base64_encoded

    @property
    def queue_name(self) -> str:
        """The queue written to."""
        return str(self._queue.queue_name)

    def write(self, value: Any) -> None:
        """Send the messages that ``value`` stands for. Raises AzureError or ValueError."""
        for content in split_output(value):
            _send(self._queue, encode_message(content, base64_encoded=self._base64))


def _find_poison_queue(service: QueueServiceClient, name: str) -> QueueClient | None:
    """Return the poison queue, or None when the queue is one itself or the name would be too long."""
    if name.endswith(_POISON) or len(name + _POISON) > _MAX_NAME:
        return None
    return service.get_queue_client(name + _POISON)


def _send(queue: QueueClient, stored: str) -> None:
    try:
        queue.send_message(stored)
    except ResourceNotFoundError:
        try:
            queue.create_queue()
        except ResourceExistsError:
            _LOGGER.debug("%s was created by someone else meanwhile.", queue.queue_name)
        queue.send_message(stored)
