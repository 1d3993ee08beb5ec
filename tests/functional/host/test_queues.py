"""Queue triggers of a real app on a real emulator."""

import base64
import queue
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueServiceClient

from devkit.azurite import Azurite
from devkit.host.queues import LEASE
from tests.functional.host.apps.support import Running, run_app, wait_until

pytestmark = pytest.mark.slow(reason="waits for messages to become visible")

FUNCTIONS = ("read_letter", "read_slowly", "read_poison")
GRACE = 0.3


class Post:
    """Queues of one test and the sample app that serves them."""

    def __init__(self, service: QueueServiceClient, connection: str) -> None:
        self.service = service
        self.connection = connection
        self.letters = f"letters-{uuid.uuid4().hex[:12]}"

    @contextmanager
    def run(
        self, *functions: str, settings: dict[str, str] | None = None, lease: timedelta = LEASE
    ) -> Iterator[Running]:
        values = {"AzureWebJobsStorage": self.connection, "LETTERS_QUEUE": self.letters} | (settings or {})
        values |= {f"AzureWebJobs_{name}_Disabled": "true" for name in FUNCTIONS if name not in functions}
        with run_app("letters", values, listen=True, lease=lease) as running:
            yield running

    def send(self, name: str, *bodies: str, encode: bool = True) -> None:
        client = self.service.get_queue_client(name)
        if name not in {each.name for each in self.service.list_queues()}:
            client.create_queue()
        for body in bodies:
            client.send_message(base64.b64encode(body.encode()).decode() if encode else body)

    def peek(self, name: str) -> list[str]:
        """Return what is visible in a queue, as stored."""
        try:
            return [str(message.content) for message in self.service.get_queue_client(name).peek_messages(32)]
        except ResourceNotFoundError:
            return []

    def read(self, name: str) -> list[str]:
        return [base64.b64decode(stored).decode() for stored in self.peek(name)]

    def count(self, name: str) -> int:
        """Return how many messages a queue holds, hidden ones included."""
        return int(self.service.get_queue_client(name).get_queue_properties().approximate_message_count or 0)

    def empty(self) -> None:
        for each in self.service.list_queues():
            self.service.get_queue_client(each.name).clear_messages()


@pytest.fixture
def post(azurite: Azurite) -> Iterator[Post]:
    with QueueServiceClient.from_connection_string(azurite.connection_string) as service:
        post = Post(service, azurite.connection_string)
        yield post
        post.empty()


def next_seen(running: Running, seconds: float = 60.0) -> dict[str, Any]:
    seen: dict[str, Any] = running.module.SEEN.get(timeout=seconds)
    return seen


def assert_nothing_more(running: Running, seconds: float = GRACE) -> None:
    with pytest.raises(queue.Empty):
        running.module.SEEN.get(timeout=seconds)


def test_a_message_is_delivered_once_and_deleted(post: Post) -> None:
    post.send(post.letters, "hello")
    with post.run("read_letter") as running:
        seen = next_seen(running)
        assert (seen["body"], seen["count"]) == ("hello", 1)
        wait_until(lambda: post.count(post.letters) == 0, "the message to be deleted")
        assert_nothing_more(running)


def test_the_trigger_waits_for_its_queue_and_does_not_create_it(post: Post) -> None:
    with post.run("read_letter") as running:
        assert_nothing_more(running)
        assert post.letters not in {each.name for each in post.service.list_queues()}
        post.send(post.letters, "at last")
        assert next_seen(running)["body"] == "at last"


def test_a_failing_message_is_tried_as_often_as_allowed_and_then_poisoned(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    post.send(post.letters, "bad", "good")
    with post.run("read_letter") as running:
        seen = [next_seen(running) for _ in range(4)]
        assert [each["count"] for each in seen if each["body"] == "bad"] == [1, 2, 3]
        assert [each["count"] for each in seen if each["body"] == "good"] == [1]
        wait_until(lambda: post.read(f"{post.letters}-poison") == ["bad"], "the poison queue")
        wait_until(lambda: post.count(post.letters) == 0, "the queue to be empty")
        assert_nothing_more(running)
    assert "failed 3 times and moves to" in caplog.text


def test_a_failed_message_is_retried_after_the_visibility_timeout(post: Post) -> None:
    delay = {"AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:01"}
    post.send(post.letters, "bad")
    with post.run("read_letter", settings=delay) as running:
        next_seen(running)
        first = time.monotonic()
        assert next_seen(running)["count"] == 2
        assert time.monotonic() - first > 0.8


def test_a_message_received_too_often_is_poisoned_unseen(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    post.send(post.letters, "worn out")
    client = post.service.get_queue_client(post.letters)
    for _ in range(3):
        message = client.receive_message(visibility_timeout=60)
        assert message is not None
        client.update_message(message, visibility_timeout=0)
    with post.run("read_letter") as running:
        wait_until(lambda: post.read(f"{post.letters}-poison") == ["worn out"], "the poison queue")
        assert_nothing_more(running, 0)
    assert "was received 4 times" in caplog.text


def test_a_message_that_is_not_base64_is_poisoned_as_it_is(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    post.send(post.letters, "plain text!", encode=False)
    with post.run("read_letter") as running:
        wait_until(lambda: post.peek(f"{post.letters}-poison") == ["plain text!"], "the poison queue")
        wait_until(lambda: post.count(post.letters) == 0, "the queue to be empty")
        assert_nothing_more(running, 0)
    assert "is not Base64 (check messageEncoding" in caplog.text


def test_plain_text_is_read_without_decoding(post: Post) -> None:
    plain = {"AzureFunctionsJobHost__extensions__queues__messageEncoding": "none"}
    post.send(post.letters, "plain", encode=False)
    with post.run("read_letter", settings=plain) as running:
        assert next_seen(running)["body"] == "plain"


def test_a_message_that_no_function_can_be_given_fails_as_often_as_allowed(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    no_utf8, shadowing = "//4A", '{"ID": "mine", "dequeuecount": "7"}'
    post.send(post.letters, no_utf8, encode=False)
    post.send(post.letters, shadowing)
    with post.run("read_letter") as running:
        wait_until(lambda: len(post.peek(f"{post.letters}-poison")) == 2, "the poison queue")
        assert_nothing_more(running, 0)
    assert caplog.text.count("is not UTF-8") == 3
    assert caplog.text.count("has the property 'ID', which would take the place of its own") == 3


def test_a_message_in_a_poison_queue_stays_hidden_when_it_fails(post: Post) -> None:
    post.send("letters-poison", "poison")
    with post.run("read_poison") as running:
        assert next_seen(running)["count"] == 1
        assert_nothing_more(running)
    assert post.peek("letters-poison") == []
    assert post.count("letters-poison") == 1
    assert "letters-poison-poison" not in {each.name for each in post.service.list_queues()}


def test_a_message_is_leased_for_ten_minutes(post: Post) -> None:
    post.send(post.letters, "hello")
    with post.run("read_letter") as running:
        left = next_seen(running)["next"] - datetime.now(UTC)
    assert timedelta(minutes=9) < left <= timedelta(minutes=10)


def test_the_lease_is_renewed_while_the_function_runs(post: Post) -> None:
    post.send("slow-letters", "slow")
    with post.run("read_slowly", lease=timedelta(seconds=1)) as running:
        assert next_seen(running)["count"] == 1
        assert_nothing_more(running, 2.2)
        running.module.GATE.set()
        wait_until(lambda: post.count("slow-letters") == 0, "the message to be deleted under its renewed receipt")


def test_no_more_messages_run_at_once_than_batch_size_and_threshold_allow(post: Post) -> None:
    post.send("slow-letters", *map(str, range(10)))
    with post.run("read_slowly", settings={"PYTHON_THREADPOOL_THREAD_COUNT": "16"}) as running:
        first = [next_seen(running) for _ in range(4)]
        assert len(first) == 4
        assert_nothing_more(running)
        running.module.GATE.set()
        rest = [next_seen(running) for _ in range(6)]
        assert {int(each["body"]) for each in [*first, *rest]} == set(range(10))


def test_a_stop_waits_for_running_messages(post: Post) -> None:
    post.send("slow-letters", "slow")
    with post.run("read_slowly") as running:
        next_seen(running)
        threading.Timer(0.4, running.module.GATE.set).start()
        assert running.host.stop()
    assert post.count("slow-letters") == 0


def test_a_stop_releases_messages_that_do_not_end_in_time(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    post.send("slow-letters", "slow")
    with post.run("read_slowly") as running:
        next_seen(running)
        gate = running.module.GATE
        assert not running.host.stop(limit=0.2)
        assert post.read("slow-letters") == ["slow"]
        gate.set()
    assert "released unfinished" in caplog.text
    assert post.peek("slow-letters-poison") == []


def test_a_queue_function_fired_by_hand_gets_the_text_without_a_queue(post: Post) -> None:
    with post.run() as running:
        assert running.host.fire("read_letter", "by hand").result(60).ok
        seen = next_seen(running)
        assert (seen["body"], seen["id"]) == ("by hand", None)
        assert not running.host.fire("read_letter", "bad").result(60).ok
