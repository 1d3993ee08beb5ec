"""Queue messages: encodings, metadata and outputs."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.functions import QueueMessage as FunctionMessage
from azure.functions.queue import QueueMessageInConverter
from azure.storage.queue import QueueMessage
from hypothesis import given
from hypothesis import strategies as st

from devkit.host.messages import decode_message, encode_message, make_metadata, split_output
from devkit.host.worker import make_text


def receive(text: str) -> Any:
    """Return what a function sees of a message, decoded by the platform's own SDK."""
    message = QueueMessage(
        content=text,
        id="the-id",
        inserted_on=datetime(2026, 1, 1, tzinfo=UTC),
        expires_on=datetime(2026, 1, 8, 1, 2, 3, 456789, tzinfo=UTC),
        dequeue_count=3,
        pop_receipt="the-receipt",
        next_visible_on=datetime(2026, 1, 1, 0, 10, tzinfo=UTC),
    )
    seen = QueueMessageInConverter.decode(make_text(text), trigger_metadata=make_metadata(message, text))
    assert isinstance(seen, FunctionMessage)
    return seen


@given(st.text(), st.booleans())
def test_what_is_encoded_decodes_to_the_same_text(text: str, base64_encoded: bool) -> None:
    stored = encode_message(text, base64_encoded=base64_encoded)
    assert decode_message(stored, base64_encoded=base64_encoded) == text


def test_bytes_are_stored_as_they_are() -> None:
    assert encode_message(b"\xff\x00", base64_encoded=True) == base64.b64encode(b"\xff\x00").decode()
    assert encode_message(b"plain", base64_encoded=False) == "plain"


@pytest.mark.parametrize("stored", ["plain text!", "abc", '{"id": 1}', base64.b64encode(b"\xff\xfe").decode()])
def test_a_message_that_is_not_encoded_is_refused_under_base64(stored: str) -> None:
    with pytest.raises(ValueError, match="Base64"):
        decode_message(stored, base64_encoded=True)


def test_a_function_sees_the_messages_metadata() -> None:
    seen = receive("hello")
    assert seen.get_body() == b"hello"
    assert (seen.id, seen.pop_receipt, seen.dequeue_count) == ("the-id", "the-receipt", 3)
    assert seen.insertion_time == datetime(2026, 1, 1, tzinfo=UTC)
    assert seen.expiration_time == datetime(2026, 1, 8, 1, 2, 3, 456789, tzinfo=UTC)
    assert seen.time_next_visible == datetime(2026, 1, 1, 0, 10, tzinfo=UTC)


def test_properties_of_a_json_message_overwrite_its_metadata_as_on_the_platform() -> None:
    seen = receive('{"ID": "mine", "dequeueCount": 77, "POPRECEIPT": true}')
    assert (seen.id, seen.dequeue_count, seen.pop_receipt) == ("mine", 77, "True")


@pytest.mark.parametrize("text", ['{"id": null}', '{"id": ["x"]}', '[{"id": "x"}]', '{"id": "x"', '"id"'])
def test_nulls_arrays_and_what_is_no_object_overwrite_nothing(text: str) -> None:
    assert receive(text).id == "the-id"


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ("hello", ["hello"]),
        ("", [""]),
        (b"raw", [b"raw"]),
        (["a", "b"], ["a", "b"]),
        ([], []),
        (['{"a":1}'], ['{"a":1}']),
        ('["a", {"b": 1}, null, true, 2]', ["a", '{\n  "b": 1\n}', "", "True", "2"]),
        (' {"a":1} ', ['{\n  "a": 1\n}']),
        ({"a": "ä"}, ['{\n  "a": "ä"\n}']),
        ("{", ["{"]),
    ],
)
def test_outputs_become_the_messages_the_platform_would_send(value: Any, messages: list[str | bytes]) -> None:
    assert split_output(value) == messages


def test_text_in_braces_that_is_no_json_fails_the_output() -> None:
    with pytest.raises(json.JSONDecodeError):
        split_output("{no json}")
