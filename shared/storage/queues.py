"""Queues: JSON messages as the platform's triggers read them."""

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from shared.storage.account import Lazy, Storage, storage_errors


class Queue:
    """Messages of one queue: JSON objects, in Base64 as the platform's triggers expect."""

    def __init__(self, storage: Storage, name: str) -> None:
        self._client = Lazy(lambda: storage.open_queue(name))
        self._name = name

    def put(self, message: Mapping[str, Any], *, delay: float = 0, ttl: float | None = None) -> None:
        """Add a message. It is visible after `delay` seconds (at most 7 days), and deleted after `ttl` or never."""
        from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

        text = base64.b64encode(json.dumps(message, separators=(",", ":")).encode()).decode()
        client = self._client.get()
        more: dict[str, Any] = {"visibility_timeout": int(delay)} if delay >= 1 else {}
        more |= {"time_to_live": -1 if ttl is None else int(ttl)}
        with storage_errors(self._name):
            try:
                client.send_message(text, **more)
            except ResourceNotFoundError:
                with suppress(ResourceExistsError):
                    client.create_queue()
                client.send_message(text, **more)

    def count(self) -> int:
        """Return about how many messages wait; 0 where there is no queue."""
        from azure.core.exceptions import ResourceNotFoundError

        with storage_errors(self._name):
            try:
                return int(self._client.get().get_queue_properties().approximate_message_count or 0)
            except ResourceNotFoundError:
                return 0

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
