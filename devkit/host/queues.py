"""Storage queues: the trigger's polling, leases, dequeue counts and poison queues.

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

from devkit.host import worker
from devkit.host.messages import UndecodableError, UnreadableError, decode_message, make_metadata
from devkit.host.settings import QueueSettings
from devkit.host.storage import Message, Queue, StorageError
from devkit.host.worker import Call, IndexedFunction, Outcome

_LOGGER = logging.getLogger("devkit.host.queues")
_POISON = "-poison"
_MAX_NAME = 63
_ABSENT = {"QueueNotFound", "QueueBeingDeleted"}
_LOST = _ABSENT | {"MessageNotFound", "PopReceiptMismatch"}
_PASSING = {408, 429}
_SERVER_ERROR = 500
_PATIENCE = 25.0
"""Seconds for which the platform's client tries again before it gives up."""
_FIRST_DELAY = 0.1
_JITTER = 0.2

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
    queue: Queue
    settings: QueueSettings
    lease: timedelta = LEASE


class QueueListener:
    """Polls one queue for one function in a thread and runs messages in others."""

    def __init__(
        self,
        trigger: QueueTrigger,
        run: Callable[[Call], Outcome],
        *,
        end_host: Callable[[str], None],
        wake: Callable[[str], None],
    ) -> None:
        """``end_host`` takes the reason why the host cannot go on, ``wake`` the name of a queue just written to."""
        self._trigger = trigger
        self._run = run
        self._end_host = end_host
        self._wake_others = wake
        settings = trigger.settings
        self._queue = trigger.queue
        self._poison = _find_poison_queue(trigger.queue)
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._pool = ThreadPoolExecutor(
            settings.batch_size + settings.new_batch_threshold, thread_name_prefix=f"queue-{self._queue.name}"
        )
        self._running: dict[Future[None], Message] = {}
        self._thread = threading.Thread(target=self._poll, name=f"poll-{self._queue.name}", daemon=True)

    @property
    def queue_name(self) -> str:
        """The queue this listener polls."""
        return self._queue.name

    def start(self) -> None:
        """Begin to poll. The queue need not exist: it is polled for until it does, and never created here."""
        self._thread.start()

    def wake(self) -> None:
        """Poll now: this host has just moved a message to this queue, which is a poison queue."""
        self._wake.set()

    def stop(self, deadline: float) -> None:
        """Receive no more, let running messages finish until ``deadline`` (``time.monotonic()``), release the rest."""
        self._stopping.set()
        self._wake.set()
        self._thread.join()
        running = dict(self._running)
        _, unfinished = wait(running, timeout=max(0.0, deadline - time.monotonic()))
        for future in unfinished:
            _LOGGER.warning("%s: a message of %s is released unfinished.", self._name, self._queue.name)
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
        lease = round(self._trigger.lease.total_seconds())
        try:
            batch = self._persist(lambda: self._queue.receive(size, lease))
        except StorageError as error:
            if error.code not in _ABSENT and error.status < _SERVER_ERROR:
                self._give_up(f"the queue {self._queue.name} cannot be read: {error}")
            return False
        for message in batch:
            future = self._pool.submit(self._process, message)
            self._running[future] = message
            future.add_done_callback(self._forget)
        return bool(batch)

    def _persist[Result](self, act: Callable[[], Result]) -> Result:
        """Call storage as patiently as the platform's client does."""
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                return act()
            except StorageError as error:
                may_pass = error.status == 0 or error.status in _PASSING or error.status >= _SERVER_ERROR
                if not may_pass or time.monotonic() > until or self._stopping.wait(_FIRST_DELAY * 5):
                    raise

    def _give_up(self, reason: str) -> None:
        if not self._stopping.is_set():
            self._end_host(f"{self._name}: {reason}")
            self._stopping.set()

    def _forget(self, future: Future[None]) -> None:
        self._running.pop(future, None)
        self._wake.set()
        if not future.cancelled() and (error := future.exception()) is not None:
            self._give_up(f"a message of {self._queue.name} could not be settled: {error}")

    def _wait_for_space(self) -> None:
        while len(self._running) > self._trigger.settings.new_batch_threshold and not self._stopping.is_set():
            self._wake.wait()
            self._wake.clear()

    def _process(self, message: Message) -> None:
        settings = self._trigger.settings
        count = message.dequeue_count
        if count > settings.max_dequeue_count:
            self._poison_message(message, f"was received {count} times")
            return
        try:
            text = decode_message(message.content, base64_encoded=settings.base64)
            metadata = make_metadata(message, text)
        except UndecodableError as error:
            self._poison_message(message, f"{error} (check messageEncoding on both sides)")
            return
        except UnreadableError as error:
            outcome = Outcome(ok=False, error=str(error))
            _LOGGER.warning("%s: a message of %s %s.", self._name, self._queue.name, error)
        else:
            reason = f"New queue message detected on '{self._queue.name}'."
            call = Call(self._trigger.function, worker.make_text(text), metadata, reason=reason)
            with _LeaseKeeper(self._queue, message, self._trigger.lease, self._name):
                outcome = self._run(call)
        if outcome.stopped:
            return  # stop() has released the message
        if outcome.ok:
            self._delete(message)
        elif self._poison is None:
            _LOGGER.warning("%s: a message of %s stays hidden until its lease ends.", self._name, self._queue.name)
        elif count >= settings.max_dequeue_count:
            self._poison_message(message, f"failed {count} times")
        else:
            self._release(message, settings.retry_delay)

    def _poison_message(self, message: Message, reason: str) -> None:
        if self._poison is None:
            return
        _LOGGER.warning("%s: a message %s and moves to %s.", self._name, reason, self._poison.name)
        poison, content = self._poison, message.content
        self._persist(lambda: poison.put(content))
        self._wake_others(poison.name)
        self._delete(message)

    def _delete(self, message: Message) -> None:
        with self._tolerate_loss():
            self._persist(lambda: self._queue.delete(message))

    def _release(self, message: Message, delay: float) -> None:
        with self._tolerate_loss():
            self._persist(lambda: self._queue.hide(message, int(delay)))
        self._wake.set()

    @contextmanager
    def _tolerate_loss(self) -> Iterator[None]:
        """Settle nothing when the message or its queue is gone, or the message was received again by someone."""
        try:
            yield
        except StorageError as error:
            if error.code not in _LOST:
                raise
            _LOGGER.debug("%s: a message of %s is gone or someone else's.", self._name, self._queue.name)


class _LeaseKeeper:
    """Renews a message's lease at half time for as long as the block runs."""

    def __init__(self, queue: Queue, message: Message, lease: timedelta, name: str) -> None:
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
                self._queue.hide(self._message, round(seconds))
            except StorageError as error:
                _LOGGER.warning("%s: the lease of a message could not be renewed: %s", self._name, error)
                return


def _find_poison_queue(queue: Queue) -> Queue | None:
    """Return the poison queue, or None when the queue is one itself or the name would be too long."""
    if queue.name.endswith(_POISON) or len(queue.name + _POISON) > _MAX_NAME:
        return None
    return Queue(queue.account, queue.name + _POISON)
