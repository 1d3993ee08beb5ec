"""Queue messages: their encodings and what a function sees of their metadata."""

from datetime import UTC, datetime
from typing import Any

import pytest
from azure.functions.queue import QueueMessageInConverter

from devkit.host.messages import UndecodableError, UnreadableError, decode_message, make_metadata
from devkit.host.storage import Message
from devkit.host.worker import make_json, make_text
from tests.unit.host_vectors import read_vectors

SEEN = ("id", "pop_receipt", "dequeue_count", "insertion_time", "expiration_time", "time_next_visible")
MESSAGE = Message(
    "hello",
    id="the-id",
    inserted_on=datetime(2026, 1, 1, tzinfo=UTC),
    expires_on=datetime(2026, 1, 8, 1, 2, 3, 456789, tzinfo=UTC),
    dequeue_count=3,
    pop_receipt="the-receipt",
    next_visible_on=datetime(2026, 1, 1, 0, 10, tzinfo=UTC),
)


def show(text: str, metadata: dict[str, Any]) -> list[Any]:
    """Return what a function sees of a message, decoded by the platform's own SDK."""
    seen = QueueMessageInConverter.decode(make_text(text), trigger_metadata=metadata)
    return [getattr(seen, name) for name in SEEN]


@pytest.mark.parametrize("case", read_vectors("queue")["encodings"], ids=lambda case: f"{case[0]} {case[1]!r}")
def test_messages_are_decoded_as_the_queue_extension_does(case: list[Any]) -> None:
    encoding, stored, runs, _, _, warnings = case
    base64_encoded = encoding.lower() == "base64"
    if runs:
        assert decode_message(stored, base64_encoded=base64_encoded) == runs[0][0]
        return
    at_once = "decoding has failed" in warnings[0]
    with pytest.raises(UndecodableError if at_once else UnreadableError):
        decode_message(stored, base64_encoded=base64_encoded)


def test_a_function_sees_the_messages_metadata() -> None:
    assert show("hello", make_metadata(MESSAGE, "hello")) == [
        "the-id", "the-receipt", 3, MESSAGE.inserted_on, MESSAGE.expires_on, MESSAGE.next_visible_on,
    ]  # fmt: skip


def test_of_a_json_message_a_function_sees_what_it_sees_on_the_platform_or_the_try_fails() -> None:
    """The platform adds the properties that Newtonsoft finds, which the SDK reads by name, whatever the case."""
    own = make_metadata(MESSAGE, "")
    spelling = {name.lower(): name for name in own}
    refused = []
    for text, properties in read_vectors("newtonsoft")["metadata"]:
        added = {
            spelling.get(name.lower(), name): make_json(value) if kind == "json" else make_text(str(value))
            for name, kind, value in properties
            if name != "!"
        }
        try:
            metadata = make_metadata(MESSAGE, text)
        except UnreadableError:
            refused.append(text)
            assert any(name in text.lower() for name in spelling)
        else:
            assert show(text, metadata) == show(text, own | added), text
    assert len(refused) < 12


@pytest.mark.parametrize("text", ['{"ID": "mine"}', '{"a": 1, "insertionTime": "2026-01-31T10:00:00Z"}', "{'id': 1}"])
def test_a_property_that_would_take_the_place_of_the_messages_own_fails_the_try(text: str) -> None:
    with pytest.raises(UnreadableError, match="would take the place"):
        make_metadata(MESSAGE, text)
