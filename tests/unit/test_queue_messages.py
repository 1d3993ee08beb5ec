"""Messages of the mail queues: what is written is read again, and malformed ones are refused."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from inbound_mail.messages import (
    DELIVERY_QUEUE,
    POLL_QUEUE,
    DeliveryQueue,
    DeliveryRequest,
    MalformedMessageError,
    OneDelivery,
    PollQueue,
    PollRequest,
    known_fields,
    share_deliveries,
)


class RecordingQueue:
    """Remembers what is put into it."""

    def __init__(self) -> None:
        self.put_calls: list[tuple[dict[str, Any], float, float | None]] = []

    def put(self, message: Any, *, delay: float = 0, ttl: float | None = None) -> None:
        self.put_calls.append((dict(message), delay, ttl))

    def count(self) -> int:
        return len(self.put_calls)


def body(message: object) -> bytes:
    return json.dumps(message).encode()


CORRELATION_ID = str(uuid.UUID(int=7))


def test_the_queues_of_deployed_apps_keep_their_names() -> None:
    assert (POLL_QUEUE, DELIVERY_QUEUE) == ("mailbox-polls", "mail-deliveries")


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (PollRequest("support"), {"mailbox": "support"}),
        (
            PollRequest("support", at_once=True, correlation_id=CORRELATION_ID),
            {"mailbox": "support", "atOnce": True, "correlationId": CORRELATION_ID},
        ),
        (PollRequest("support", others=("sales", "hr")), {"mailbox": "support", "others": ["sales", "hr"]}),
        (
            PollRequest("support", announced_at=datetime(2026, 12, 1, 8, tzinfo=UTC), lifecycle=("missed",)),
            {"mailbox": "support", "announcedAt": "2026-12-01T08:00:00+00:00", "lifecycle": ["missed"]},
        ),
        (DeliveryRequest("support", "k", "tickets"), {"mailbox": "support", "key": "k", "sink": "tickets"}),
        (
            DeliveryRequest("support", "k", "tickets", (OneDelivery("l", "hook"),)),
            {"mailbox": "support", "key": "k", "sink": "tickets", "others": [{"key": "l", "sink": "hook"}]},
        ),
    ],
)
def test_a_message_has_the_form_that_deployed_apps_read(
    request_: PollRequest | DeliveryRequest, message: dict[str, Any]
) -> None:
    assert request_.to_json() == message
    assert type(request_).from_json(body(message)) == request_


@pytest.mark.parametrize("correlation_id", [None, "x [forged]\n", 7])
def test_a_correlation_id_that_is_no_uuid_is_ignored(correlation_id: object) -> None:
    message = {"mailbox": "support", "correlationId": correlation_id}
    assert PollRequest.from_json(body(message)) == PollRequest("support")


@pytest.mark.parametrize("announced_at", [None, "soon", 7, "2026-12-01T08:00:00"])
def test_a_moment_of_no_form_is_ignored(announced_at: object) -> None:
    assert PollRequest.from_json(body({"mailbox": "support", "announcedAt": announced_at})) == PollRequest("support")


@pytest.mark.parametrize("malformed", [b"", b"no JSON", b"\xff", b"[]", b"7", b"{}", b'{"mailbox": 7}', b"[" * 30_000])
def test_a_malformed_message_is_refused(malformed: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        PollRequest.from_json(malformed)
    with pytest.raises(MalformedMessageError):
        DeliveryRequest.from_json(malformed)
    assert "body" not in known_fields(malformed)


@pytest.mark.parametrize("others", ["sales", 7, [7], {"sales": 1}, None])
def test_other_mailboxes_of_a_poll_request_are_a_list_of_names(others: object) -> None:
    with pytest.raises(MalformedMessageError, match="others"):
        PollRequest.from_json(body({"mailbox": "support", "others": others}))


@pytest.mark.parametrize("others", ["k", 7, [7], ["k"], {"key": 1}, None, [{"key": "k"}], [{"key": 1, "sink": "s"}]])
def test_other_deliveries_of_a_request_are_a_list_of_keys_and_sinks(others: object) -> None:
    with pytest.raises(MalformedMessageError):
        DeliveryRequest.from_json(body({"mailbox": "support", "key": "k", "sink": "tickets", "others": others}))


@pytest.mark.parametrize(
    ("number", "requests", "most"),
    [(0, 0, 0), (1, 1, 1), (16, 16, 1), (17, 9, 2), (50, 13, 4), (160, 16, 10), (999, 100, 10)],
)
def test_deliveries_share_requests_only_if_there_are_many(number: int, requests: int, most: int) -> None:
    deliveries = [OneDelivery(f"k{index}", "tickets") for index in range(number)]
    shared = share_deliveries("support", deliveries)
    assert len(shared) == requests
    assert max((len(one.deliveries) for one in shared), default=0) == most
    assert [one for request in shared for one in request.deliveries] == deliveries
    assert {request.mailbox for request in shared} <= {"support"}


@pytest.mark.parametrize("missing", ["mailbox", "key", "sink"])
def test_a_delivery_request_needs_all_of_its_fields(missing: str) -> None:
    message = {"mailbox": "support", "key": "k", "sink": "tickets"}
    del message[missing]
    with pytest.raises(MalformedMessageError, match=missing):
        DeliveryRequest.from_json(body(message))


def test_only_names_of_a_malformed_message_are_logged() -> None:
    message = {"mailbox": 7, "key": "k" * 200, "subject": "private"}
    assert known_fields(body(message)) == {"mailbox": "7", "key": "k" * 100}
    assert known_fields(b"no JSON") == {}


def test_a_poll_request_expires_and_a_delivery_request_does_not() -> None:
    queue = RecordingQueue()
    PollQueue(queue).put(PollRequest("support"))
    DeliveryQueue(queue).put(DeliveryRequest("support", "k", "tickets"), delay=5)
    assert [(delay, ttl) for _, delay, ttl in queue.put_calls] == [(0, 600.0), (5, None)]
    assert PollQueue(queue).count() == DeliveryQueue(queue).count() == 2
