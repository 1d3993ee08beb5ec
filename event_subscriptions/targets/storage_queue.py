"""The target storage queue: each event is one message in a queue of the app's own storage account.

A message is the event as CloudEvents JSON in Base64, as the platform's triggers read it, and stays until it is taken.
Queues of storage accounts keep no order among several readers, and take 64 KiB: an event that is larger comes without
its data, whose size is said instead; whoever needs it asks the gateway by the event's subject.
"""

import json
from collections.abc import Callable
from typing import Protocol

from event_subscriptions.targets.azure import AzureKind
from event_subscriptions.targets.protocol import OutgoingEvent, SendOutcome, Target, Verdict
from shared.errors import ConfigurationError, Rejected, Unavailable
from shared.json_text import Json
from shared.settings.event_targets import AllowedTargets, AzureTarget

_LARGEST = 47 * 1024  # 64 KiB hold 48 KiB in Base64


class EventQueue(Protocol):
    """A queue of the storage account."""

    def put(self, message: Json, *, delay: float = 0, ttl: float | None = None) -> None:
        """Add a message. Raises Unavailable, ConfigurationError or Rejected."""


class StorageQueueKind(AzureKind):
    """Queues of the storage account as targets; `open_queue` returns one by its name."""

    def __init__(self, open_queue: Callable[[str], EventQueue], allowed: AllowedTargets) -> None:
        super().__init__(AzureTarget.STORAGE_QUEUE, "queue", allowed)
        self._open_queue = open_queue

    def open(self, settings: Json, subscription: str) -> Target:
        """Return the queue. Raises NoTargetError if the settings do not allow it any more."""
        del subscription
        return _Queue(self._open_queue(self.find_address(settings)))


class _Queue:
    def __init__(self, queue: EventQueue) -> None:
        self._queue = queue

    def send(self, event: OutgoingEvent) -> SendOutcome:
        """Put one message; after a lost answer it may be there twice, with the same id."""
        message: Json = json.loads(event.body)
        if len(event.body) > _LARGEST:
            message["data"] = {"isOmitted": True, "size": len(event.body)}
        try:
            self._queue.put(message)
        except (Unavailable, ConfigurationError, Rejected) as error:
            return SendOutcome(Verdict.UNAVAILABLE, error.code)
        return SendOutcome(Verdict.ACCEPTED, "put")
