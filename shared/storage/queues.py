"""Queues: JSON messages as the platform's triggers read them."""

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from shared.storage.account import Lazy, Storage, storage_errors

_MOST_AT_ONCE = 32  # the service's own bound
_TAKEN_AT_ONCE = 8


@dataclass(frozen=True)
class QueuedMessage:
    """A message as it lies in a queue. `text` is what is stored, `tries` says how often it was received.

    `receipt`: what deletes it, if it was taken.
    """

    id: str
    text: str
    tries: int
    inserted_at: datetime | None
    receipt: str | None = None

    @property
    def body(self) -> bytes | None:
        """What was put into the queue; None if the text is not Base64, so that no trigger can read it."""
        try:
            return base64.b64decode(self.text, validate=True)
        except ValueError:
            return None


class Queue:
    """Messages of one queue: JSON objects, in Base64 as the platform's triggers expect."""

    def __init__(self, storage: Storage, name: str) -> None:
        self._client = Lazy(lambda: storage.open_queue(name))
        self._writer = Lazy(lambda: storage.open_messages(name))
        self._name = name

    def put(self, message: Mapping[str, Any], *, delay: float = 0, ttl: float | None = None) -> None:
        """Add a message. It is visible after `delay` seconds (at most 7 days), and deleted after `ttl` or never."""
        from azure.core.exceptions import HttpResponseError, ResourceExistsError

        text = base64.b64encode(json.dumps(message, separators=(",", ":")).encode()).decode()
        times = {"delay": int(delay), "ttl": -1 if ttl is None else int(ttl)}
        with storage_errors(self._name):
            try:
                self._writer.get().put(text, **times)
            except HttpResponseError as error:
                if error.status_code != HTTPStatus.NOT_FOUND:
                    raise
                with suppress(ResourceExistsError):
                    self._client.get().create_queue()
                self._writer.get().put(text, **times)

    def count(self) -> int:
        """Return about how many messages wait; 0 where there is no queue."""
        from azure.core.exceptions import ResourceNotFoundError

        with storage_errors(self._name):
            try:
                return int(self._client.get().get_queue_properties().approximate_message_count or 0)
            except ResourceNotFoundError:
                return 0

    def peek(self) -> list[QueuedMessage]:
        """Return the first messages, 32 at most, without taking them; none where there is no queue.

        Messages that somebody works on, and those whose delay is not over, are not shown.
        """
        from azure.core.exceptions import ResourceNotFoundError

        with storage_errors(self._name):
            try:
                found = self._client.get().peek_messages(_MOST_AT_ONCE)
            except ResourceNotFoundError:
                return []
        return [_read(one) for one in found]

    def take(self, hidden: float) -> list[QueuedMessage]:
        """Take some messages, which are hidden from others for so many seconds; none where there is no queue."""
        from azure.core.exceptions import ResourceNotFoundError

        client = self._client.get()
        with storage_errors(self._name):
            try:
                some = client.receive_messages(messages_per_page=_TAKEN_AT_ONCE, visibility_timeout=int(hidden))
                return [_read(one) for one in next(some.by_page(), ())]  # one request
            except ResourceNotFoundError:
                return []

    def remove(self, message: QueuedMessage) -> None:
        """Delete a message that was taken; one that is gone, or that somebody else has taken meanwhile, is left."""
        from azure.core.exceptions import ResourceNotFoundError

        with storage_errors(self._name), suppress(ResourceNotFoundError):
            self._client.get().delete_message(message.id, message.receipt)

    def try_out(self) -> bool:
        """Put a message, read and delete it; return whether it was there. For a queue that nothing else reads."""
        from azure.core.exceptions import ResourceExistsError

        client = self._client.get()
        with storage_errors(self._name):
            with suppress(ResourceExistsError):
                client.create_queue()
            sent = client.send_message("probe", time_to_live=60)
            seen = any(one.id == sent.id for one in client.peek_messages(32))
            client.delete_message(sent)
        return seen


def _read(message: Any) -> QueuedMessage:
    return QueuedMessage(
        message.id, str(message.content or ""), message.dequeue_count or 0, message.inserted_on, message.pop_receipt
    )
