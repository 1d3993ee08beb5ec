"""One message asks for several deliveries; each is attempted, and none is lost, whatever happens to the others."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
import pytest
import time_machine

from blueprints import mail_work
from composition import mail_requests
from inbound_mail.delivery.delivery import Deliverer, DeliveryOutcome
from inbound_mail.messages import DeliveryQueue, DeliveryRequest
from inbound_mail.support_mailbox import SupportMailbox
from shared.errors import Unavailable
from shared.storage.queues import Queue
from shared.storage.tables import Table
from shared.workers import Workers
from tests.functional.kill_switch import Killed, KillSwitch
from tests.functional.mail.conftest import MailScenario, OpenScenario, RecordingSink
from tests.functional.storage import storage_in_memory

pytestmark = pytest.mark.usefixtures("rows_in_memory")

MAILS = 18  # two in each message


class KeptMessages:
    """A queue that keeps its messages as they are."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def put(self, message: Any, *, delay: float = 0, ttl: float | None = None) -> None:
        _ = delay, ttl
        self.messages.append(json.loads(json.dumps(dict(message))))

    def count(self) -> int:
        return len(self.messages)

    def take(self) -> list[dict[str, Any]]:
        taken, self.messages = self.messages, []
        return taken


@pytest.fixture
def kept() -> KeptMessages:
    return KeptMessages()


@pytest.fixture
def many(open_scenario: OpenScenario, kept: KeptMessages, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailScenario]:
    """Many mails that were read; the app's function delivers them with the scenario's sinks."""
    with storage_in_memory():
        scenario = open_scenario()
        scenario.services = replace(scenario.services, workers=Workers(1))
        scenario.deliveries = DeliveryQueue(kept)
        deliver, deliverer = Deliverer.deliver, scenario.deliverer()

        def deliver_here(_: Deliverer, mailbox: SupportMailbox, *args: Any) -> DeliveryOutcome:
            return deliver(deliverer, mailbox, *args)

        monkeypatch.setattr(Deliverer, "deliver", deliver_here)
        monkeypatch.setattr(Queue, "put", lambda _self, message, **_more: kept.put(message))
        for index in range(MAILS):
            scenario.receive(subject=f"Mail {index}", text="Hello.")
        scenario.poll()
        yield scenario


def handle(message: dict[str, Any]) -> None:
    mail_work.deliver_mail(func.QueueMessage(body=json.dumps(message).encode()))


def check(scenario: MailScenario) -> None:
    scenario.poll()
    assert [mail["state"] for mail in scenario.mails()] == ["delivered"] * MAILS
    assert len(scenario.sink.tickets) == MAILS


def test_each_delivery_of_each_message_is_made(many: MailScenario, kept: KeptMessages) -> None:
    messages = kept.take()
    assert len(messages) == MAILS / 2
    assert {len(message["others"]) for message in messages} == {1}
    for message in messages:
        handle(message)
    assert len(many.sink.received) == MAILS
    check(many)
    for message in messages:  # each may come twice
        handle(message)
    assert len(many.sink.received) == MAILS


def test_one_that_fails_does_not_hold_up_the_others(
    many: MailScenario, kept: KeptMessages, monkeypatch: pytest.MonkeyPatch
) -> None:
    [first, *rest] = kept.take()
    deliver, failing = Deliverer.deliver, [first["key"]] * 2

    def fail_twice(self: Deliverer, mailbox: SupportMailbox, key: str, *args: Any) -> DeliveryOutcome:
        if key in failing:
            failing.remove(key)
            raise Unavailable("Storage is away. Try again.")
        return deliver(self, mailbox, key, *args)

    monkeypatch.setattr(Deliverer, "deliver", fail_twice)
    handle(first)
    assert len(many.sink.received) == 1
    [alone] = kept.take()
    assert (alone["key"], alone.get("others")) == (first["key"], None), "what is done is not asked for again"
    with pytest.raises(Unavailable):  # the platform counts its tries
        handle(alone)
    for message in (alone, *rest):
        handle(message)
    check(many)


def test_those_behind_a_long_delivery_are_asked_for_again(
    many: MailScenario, kept: KeptMessages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_requests, "_SHARED_SECONDS", -1.0)
    [first, *rest] = kept.take()
    handle(first)
    assert kept.messages == [{"mailbox": many.name, **first["others"][0]}]
    for message in (*kept.take(), *rest):
        handle(message)
    for message in kept.take():
        handle(message)
    check(many)


@pytest.mark.parametrize("operations", [((RecordingSink, "deliver"),), ((Table, "transact"),)])
def test_a_worker_may_die_at_each_step(
    many: MailScenario, kept: KeptMessages, operations: tuple[tuple[type, str], ...]
) -> None:
    messages = kept.take()
    for number, message in enumerate(messages, 1):  # each at a later step
        kill_switch = KillSwitch(at=number)
        with kill_switch.watching(operations, also_after=True), suppress(Killed):
            handle(message)
    many.age_claims()
    for message in messages:
        handle(message)
    check(many)


def test_an_earlier_version_makes_the_first_delivery_and_a_poll_asks_for_the_rest(
    many: MailScenario, kept: KeptMessages
) -> None:
    for message in kept.take():
        request = DeliveryRequest.from_json(json.dumps(message).encode())
        handle(request._replace(others=()).to_json())
    assert len(many.sink.tickets) == MAILS / 2
    many.poll()
    assert kept.messages == [], "the messages may still be on their way"
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=20), tick=True):
        many.poll()
        messages = kept.take()
        assert len(messages) == MAILS / 2
        for message in messages:
            handle(message)
        check(many)


def test_a_mailbox_that_is_not_in_the_settings_any_more_is_passed_over(many: MailScenario, kept: KeptMessages) -> None:
    handle({**kept.take()[0], "mailbox": "removed"})
    assert many.sink.received == []
