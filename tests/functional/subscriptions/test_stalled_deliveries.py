"""The trigger of event deliveries sleeps: the timer sends the events, and stops when it wakes."""

import base64
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from azure.core.exceptions import ResourceNotFoundError

from composition import services, standing_in
from event_subscriptions.messages import QUEUE
from inbound_mail.reports.stalled import QueueState
from shared.storage.account import Storage
from tests.functional.conftest import ahead
from tests.functional.subscriptions.conftest import Hub

BEGIN = datetime(2026, 11, 30, 8, tzinfo=UTC)
EVERY = timedelta(minutes=5)


@dataclass
class Deliveries:
    """The queue of event deliveries on the emulator. Its timer and its trigger run only when a test says so."""

    hub: Hub
    storage: Storage
    runs: int = 0

    def tick(self) -> None:
        """Let five minutes pass; at their end the timer runs."""
        self.runs += 1
        assert self.hub.gateway.host.fire("refresh_changes").result(120).ok

    def wake(self) -> int:
        """Let the trigger take all that is there, as the platform's host does; return how many messages that was."""
        client, number = self.storage.open_queue(QUEUE), 0
        for message in client.receive_messages(visibility_timeout=600):
            body = base64.b64decode(message.content).decode()
            assert self.hub.gateway.host.fire("deliver_events", body).result(120).ok
            client.delete_message(message)
            number += 1
        return number

    def book(self) -> None:
        self.hub.booked.append(self.hub.page.book(ahead(days=2 + len(self.hub.booked))))
        self.hub.scan()

    def list_alarms(self) -> list[tuple[str, str]]:
        used = services.services().mail
        used.check_alarms({})
        return [(one["event"], one["about"]) for one in used.watch.active() if one["event"] == "QueueStalled"]

    def empty(self) -> None:
        with suppress(ResourceNotFoundError):
            self.storage.open_queue(QUEUE).clear_messages()
        services.services().mail.event_stand_in.states.put(QUEUE, QueueState())
        assert self.list_alarms() == []


@pytest.fixture
def deliveries(hub: Hub, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deliveries]:
    used = Deliveries(hub, storage)
    services.services().stores.built.pop("event_deliveries")
    services.services().stores.built.pop("subscription_waker", None)
    monkeypatch.setattr(standing_in, "read_clock", lambda: BEGIN + used.runs * EVERY)
    used.empty()
    yield used
    used.empty()


def test_events_are_sent_by_the_timer_until_the_trigger_wakes(deliveries: Deliveries) -> None:
    hub = deliveries.hub
    hub.subscribe()
    deliveries.book()
    deliveries.tick()
    assert hub.taken == []  # one look proves nothing
    deliveries.book()
    deliveries.tick()
    assert hub.taken == hub.booked
    assert deliveries.list_alarms() == [("QueueStalled", QUEUE)]

    deliveries.book()  # while the queue is stalled nothing has to be proven again
    deliveries.tick()
    assert hub.taken == hub.booked
    assert deliveries.list_alarms() == [("QueueStalled", QUEUE)]

    assert deliveries.wake() == 1  # the trigger is back, and takes what the timer has left as a proof
    deliveries.tick()
    assert deliveries.list_alarms() == []
    deliveries.book()
    deliveries.tick()
    assert hub.taken == hub.booked[:-1]  # the timer leaves it to the trigger
    assert deliveries.wake() >= 1
    assert hub.taken == hub.booked


def test_while_the_trigger_works_the_timer_takes_nothing(deliveries: Deliveries) -> None:
    deliveries.hub.subscribe()
    for _ in range(3):
        deliveries.book()
        assert deliveries.wake() == 1
        deliveries.tick()
    assert deliveries.hub.taken == deliveries.hub.booked
    assert deliveries.list_alarms() == []
    assert deliveries.wake() == 0
