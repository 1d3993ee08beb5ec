"""The storage-queue sink against the storage emulator: events in messages, and large events in blobs."""

import base64
import hashlib
import json
from typing import Any

import pytest
from cloudevents.core.formats.json import JSONFormat

from inbound_mail.content.belonging import Thread
from inbound_mail.content.rules import MatchedRule
from inbound_mail.sinks import check_sink
from inbound_mail.sinks.protocol import Receipt
from shared.settings.mail_settings import SinkSettings
from shared.storage.account import Storage
from shared.storage.blobs import Container
from tests.functional.prepared_mails import (
    AUTHOR,
    BODY,
    KnownThreads,
    MemoryProgress,
    Vault,
    make_file,
    make_prepared_mail,
    make_sink,
)

LARGEST = 48 * 1024


class Consumer:
    """Builds the sink, and reads its queue as a consumer does."""

    def __init__(self, storage: Storage, name: str) -> None:
        self.storage = storage
        self.name = name

    def deliver(self, *files: Any, progress: MemoryProgress | None = None, **more: Any) -> Receipt:
        options = {"queue": self.name} | more.pop("options", {})
        assert list(check_sink(SinkSettings("desk", "storage-queue", options))) == []
        sink = make_sink("storage-queue", options, Vault(), storage=self.storage)
        sink.probe()
        return sink.deliver(make_prepared_mail(*files, **more), progress or MemoryProgress())

    def receive(self) -> list[Any]:
        """Return the messages as the service returns them."""
        return list(self.storage.open_queue(self.name).receive_messages(max_messages=32))

    def events(self) -> list[dict[str, Any]]:
        events = []
        for message in self.receive():
            raw = base64.b64decode(message.content, validate=True)
            assert len(raw) <= LARGEST
            JSONFormat().read(None, raw)
            events.append(json.loads(raw))
        return events


@pytest.fixture
def consumer(storage: Storage, name: str) -> Consumer:
    return Consumer(storage, name)


def test_an_event_has_the_rule_of_its_mail(consumer: Consumer) -> None:
    consumer.deliver(rule=MatchedRule("vpn", urgency=2))
    assert consumer.events()[0]["data"]["rule"] == {"name": "vpn", "urgency": 2}


def test_a_small_event_is_the_message_and_does_not_expire(consumer: Consumer) -> None:
    progress = MemoryProgress()
    assert consumer.deliver(progress=progress) == Receipt()
    assert consumer.deliver(progress=progress) == Receipt()
    [message] = consumer.receive()
    assert message.expires_on.year == 9999
    event = json.loads(base64.b64decode(message.content))
    assert (event["id"], event["type"], event["source"]) == (
        make_prepared_mail().reference, "mail.received.v1", "/gateway/support",
    )  # fmt: skip
    assert event["data"]["bodyText"] == BODY


def test_a_message_can_expire_after_some_days(consumer: Consumer) -> None:
    consumer.deliver(options={"ttl_days": 3})
    [message] = consumer.receive()
    assert (message.expires_on - message.inserted_on).days == 3


def test_attachments_are_named_by_the_blobs_of_the_mail(consumer: Consumer) -> None:
    consumer.deliver(make_file(1, "log.txt", b"hello"))
    [event] = consumer.events()
    assert event["data"]["attachments"] == [
        {
            "name": "log.txt",
            "safeName": "log.txt",
            "contentType": "application/octet-stream",
            "size": 5,
            "sha256": hashlib.sha256(b"hello").hexdigest(),
            "container": "mails",
            "blob": "support/0a1b/1",
        }
    ]


@pytest.mark.parametrize("text", ["word " * 10_000, "☕" * 8_000])
def test_a_large_event_is_stored_in_a_blob_that_the_message_names(consumer: Consumer, text: str) -> None:
    consumer.deliver(make_file(1, "log.txt", b"hello"), rendering={"text": text})
    [event] = consumer.events()
    claim = event["data"]["event"]
    assert claim["container"] == "mails"
    assert claim["blob"] == "support/0a1b2c3d/event-desk.json"
    raw = Container(consumer.storage, "mails").get(claim["blob"]) or b""
    assert (claim["size"], claim["sha256"]) == (len(raw), hashlib.sha256(raw).hexdigest())
    whole = json.loads(raw)
    assert whole["data"]["bodyText"] == text
    assert {name: whole[name] for name in whole if name != "data"} == {n: event[n] for n in event if n != "data"}


def test_a_message_close_to_the_limit_fits(consumer: Consumer) -> None:
    for number, size in enumerate((39_000, 40_000, 40_500, 41_000)):
        consumer.deliver(rendering={"text": "x" * size}, reference=f"mail-{number:040}")
    assert len(consumer.events()) == 4


def test_a_reply_names_its_ticket(consumer: Consumer) -> None:
    threads = KnownThreads({"a@x": Thread("T-17", frozenset({AUTHOR}))})
    consumer.deliver(threads=threads, headers={"In-Reply-To": "<a@x>"})
    [event] = consumer.events()
    assert (event["type"], event["subject"]) == ("mail.reply.v1", "T-17")


def test_html_is_sent_if_the_option_says_so(consumer: Consumer) -> None:
    consumer.deliver(rendering={"html": "<p>x</p>"}, options={"body": "html"})
    assert consumer.events()[0]["data"]["bodyHtml"] == "<p>x</p>"


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({}, "queue"),
        ({"queue": "Upper"}, "queue"),
        ({"queue": "a--b"}, "queue"),
        ({"queue": "ab"}, "queue"),
        ({"queue": "mails", "ttl_days": 0}, "ttl_days"),
        ({"queue": "mails", "body": "rtf"}, "body"),
        ({"queue": "mails", "account": "x"}, "account"),
    ],
)
def test_every_wrong_option_has_a_message(options: dict[str, Any], fault: str) -> None:
    found = dict(check_sink(SinkSettings("desk", "storage-queue", options)))
    assert list(found) == [fault]
    assert found[fault].endswith(".")
