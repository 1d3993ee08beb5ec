"""Queue messages between storage and functions: text in both encodings, trigger metadata, and output values.

Sources: https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue; QueueTriggerBinding.cs in
azure-sdk-for-net; Utility.ApplyBindingData and FunctionBinding.ReadAsEnumerable in azure-functions-host.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from azure.storage.queue import QueueMessage

from devkit.host import worker


def encode_message(content: str | bytes, *, base64_encoded: bool) -> str:
    """Return the text to store for ``content``. Raises UnicodeDecodeError for bytes that plain text cannot hold."""
    if base64_encoded:
        return base64.b64encode(content if isinstance(content, bytes) else content.encode()).decode("ascii")
    return content.decode() if isinstance(content, bytes) else content


def decode_message(stored: str, *, base64_encoded: bool) -> str:
    """Return the text of a stored message. Raises ValueError when it is not Base64 of UTF-8 and ought to be."""
    if not base64_encoded:
        return stored
    try:
        return base64.b64decode("".join(stored.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError("the message is not Base64-encoded UTF-8 text") from None


def make_metadata(message: QueueMessage, text: str) -> dict[str, Any]:
    """Return the trigger metadata of a received message.

    When the text is a JSON object, its top-level properties overwrite metadata of the same name, whatever the case:
    a body with ``"id"`` changes ``msg.id``. That is what the platform does, so it must show here too. Arrays and
    nulls do not; everything but objects becomes text.
    """
    metadata: dict[str, Any] = {
        "QueueTrigger": worker.make_text(text),
        "Id": worker.make_text(str(message.id)),
        "PopReceipt": worker.make_text(str(message.pop_receipt)),
        "DequeueCount": worker.make_json(message.dequeue_count),
    }
    for name, moment in (
        ("InsertionTime", message.inserted_on),
        ("ExpirationTime", message.expires_on),
        ("NextVisibleTime", message.next_visible_on),
    ):
        if moment is not None:
            metadata[name] = worker.make_json(moment.isoformat())
    spelling = {name.casefold(): name for name in metadata}
    for name, value in _read_properties(text).items():
        if isinstance(value, list) or value is None:
            continue
        plain = worker.make_json(value) if isinstance(value, dict) else worker.make_text(_to_text(value))
        metadata[spelling.setdefault(name.casefold(), name)] = plain
    return metadata


def split_output(value: Any) -> list[str | bytes]:
    """Return the messages that a queue output's value becomes.

    Lists give one message per element. A string that looks like JSON is parsed, as by the platform: an array is
    split, an object comes out re-indented, and text in braces that is no JSON raises ValueError. Elements of a
    ``func.Out[typing.List[str]]`` are left alone, which makes it the safe way to send JSON.
    """
    if isinstance(value, bytes):
        return [value]
    if isinstance(value, str):
        stripped = value.strip()
        if not (stripped[:1] + stripped[-1:] in {"{}", "[]"} and len(stripped) > 1):
            return [value]
        value = json.loads(stripped)
    return [_to_text(element) for element in (value if isinstance(value, list) else [value])]


def _read_properties(text: str) -> Mapping[str, Any]:
    if text.strip()[:1] != "{":
        return {}
    try:
        return dict(json.loads(text))
    except ValueError:
        return {}


def _to_text(value: Any) -> str:
    """Return text as Newtonsoft's JToken.ToString() does: strings bare, ``True``, objects indented, null empty."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    return json.dumps(value, indent=2, ensure_ascii=False)
