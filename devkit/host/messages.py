"""Queue messages as functions see them: their text and their metadata.

Sources: https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue; QueueTriggerBinding.cs in
azure-sdk-for-net; Utility.ApplyBindingData in azure-functions-host.
"""

import base64
import binascii
import json
from typing import Any

from devkit.host import worker
from devkit.host.storage import Message

_METADATA = ("QueueTrigger", "Id", "PopReceipt", "DequeueCount", "InsertionTime", "ExpirationTime", "NextVisibleTime")
_SHADOWING = frozenset(name.lower() for name in _METADATA)


class UndecodableError(ValueError):
    """A message is not Base64: the platform moves it to the poison queue at once."""


class UnreadableError(ValueError):
    """A message cannot be handed to a function: the try counts as failed."""


def decode_message(stored: str, *, base64_encoded: bool) -> str:
    """Return the text of a stored message. Raises UndecodableError or UnreadableError."""
    if not base64_encoded:
        return stored
    try:
        return base64.b64decode("".join(stored.split()), validate=True).decode()
    except binascii.Error:
        raise UndecodableError("is not Base64") from None
    except UnicodeDecodeError:
        raise UnreadableError("is not UTF-8") from None


def make_metadata(message: Message, text: str) -> dict[str, Any]:
    """Return the trigger metadata of a received message.

    On the platform the top-level properties of a JSON object become metadata too, and those of the same name take the
    place of the message's own: a body with ``"id"`` changes ``msg.id``. A Python function sees no others. Raises
    UnreadableError for a text with such a property, also for one that only Newtonsoft's reader would find there.
    """
    if found := _find_shadowing(text):
        raise UnreadableError(f"has the property '{found}', which would take the place of its own")
    metadata: dict[str, Any] = {
        "QueueTrigger": worker.make_text(text),
        "Id": worker.make_text(message.id),
        "PopReceipt": worker.make_text(message.pop_receipt),
        "DequeueCount": worker.make_json(message.dequeue_count),
    }
    moments = (message.inserted_on, message.expires_on, message.next_visible_on)
    for name, moment in zip(_METADATA[4:], moments, strict=True):
        if moment is not None:
            metadata[name] = worker.make_json(moment.isoformat())
    return metadata


def _find_shadowing(text: str) -> str | None:
    if text.strip()[:1] != "{":
        return None
    try:
        return next((str(name) for name in json.loads(text) if name.lower() in _SHADOWING), None)
    except ValueError:  # comments, single quotes and the like: names that merely occur are reason enough
        return next((name for name in _METADATA if name.lower() in text.lower()), None)
