"""A booking page with event subscriptions, a queue in memory, and a clock that tests move."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from composition import services
from composition.subscriptions import find_paused, open_deliverer, sweep_subscriptions
from event_subscriptions import clock
from event_subscriptions.messages import EventRequest
from event_subscriptions.store import SubscriptionStore
from tests.functional.changes.conftest import Page
from tests.functional.conftest import Gateway
from twin.seeds import sample, service_desks, tiny
from twin.webhook.state import Delivery

HOST = "hooks.contoso.com"
URL = service_desks.HOOK_URL


@dataclass
class MemoryQueue:
    """The queue of event deliveries: messages with the moment from which they are visible."""

    messages: list[tuple[datetime, Mapping[str, Any]]] = field(default_factory=list)

    def put(self, message: Mapping[str, Any], *, delay: float = 0, ttl: float | None = None) -> None:
        assert ttl is None
        self.messages.append((clock.now() + timedelta(seconds=int(delay)), message))

    def take(self) -> list[Mapping[str, Any]]:
        """Take what is visible."""
        now = clock.now()
        taken = [message for visible, message in self.messages if visible <= now]
        self.messages = [one for one in self.messages if one[0] > now]
        return taken


class Clock:
    """The clock of the engine, which tests move."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def pass_by(self, **span: float) -> None:
        self.ahead += timedelta(**span)


class Engine:
    """Subscriptions of a running app, and their receiver."""

    def __init__(self, gateway: Gateway, moved: Clock) -> None:
        self.gateway = gateway
        self.clock = moved
        self.queue = MemoryQueue()
        self.begin_process()

    def begin_process(self) -> None:
        """Let the services of this process use the queue in memory."""
        services.services().stores.built["event_deliveries"] = self.queue

    @property
    def store(self) -> SubscriptionStore:
        return services.services().stores.subscriptions

    def show(self, subscription: Mapping[str, Any]) -> dict[str, Any]:
        answer = self.gateway.get(f"subscriptions/{subscription['id']}")
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    def act(self, subscription: Mapping[str, Any], what: str, **body: Any) -> dict[str, Any]:
        answer = self.gateway.post(f"subscriptions/{subscription['id']}/{what}", body)
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    def list_deliveries(self, subscription: Mapping[str, Any], **query: Any) -> list[dict[str, Any]]:
        answer = self.gateway.get(f"subscriptions/{subscription['id']}/deliveries", **query)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["value"]
        return found

    def pump(self) -> None:
        """Do what the queue's function does with the messages that are visible, until there are none."""
        while taken := self.queue.take():
            for message in taken:
                open_deliverer(services.services()).deliver_all(EventRequest.from_json(json.dumps(message).encode()))

    def sweep(self) -> None:
        sweep_subscriptions(services.services())

    @property
    def sent(self) -> list[Delivery]:
        """What came to the receiver, refused deliveries too."""
        return self.gateway.sim.webhooks.deliveries

    def raise_alarms(self) -> list[tuple[str, str]]:
        """Check the alarms as the timer does; return those of subscriptions."""
        used = services.services()
        used.mail.check_alarms({}, find_paused(used))
        alarms = ((one["event"], one["about"]) for one in used.mail.watch.active())
        return [one for one in alarms if one[0].startswith("Subscription")]

    def clear(self) -> None:
        """Leave nothing in the table that all tests share."""
        for one in list(self.store.list_from("default", "")):
            self.store.delete("default", one.subscription.id)


class Hub(Engine):
    """A booking page, its subscriptions, and their receiver."""

    def __init__(self, gateway: Gateway, moved: Clock, **settings: str) -> None:
        self.page = Page(gateway, tiny.seed, **({"EVENT_TARGET_HOSTS": HOST} | settings))
        super().__init__(gateway, moved)
        self.booked: list[str] = []

    def settings(self, **changed: str) -> dict[str, str]:
        """The settings of the app."""
        own = {"BOOKINGS_BUSINESSES": self.page.name, "EVENT_TARGET_HOSTS": HOST}
        return sample.settings(self.gateway.sim) | own | changed

    def wish(self, *events: str, **more: Any) -> dict[str, Any]:
        """What a caller sends."""
        target = {"kind": "https", "url": URL}
        return {"events": list(events) or ["appointment.created"], "business": self.page.name, "target": target} | more

    def subscribe(self, *events: str, **more: Any) -> dict[str, Any]:
        answer = self.gateway.post("subscriptions", self.wish(*events, **more))
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def scan(self) -> None:
        """Let the feed look at the page, whose changes become events."""
        self.page.age()
        self.page.feed.tail(self.page.name)

    @property
    def taken(self) -> list[str]:
        """The appointments of the events that the receiver accepted, in order."""
        return [one.json["data"]["appointmentId"] for one in self.gateway.sim.webhooks.accepted]


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(clock, "now", made.now)
    return made


@pytest.fixture
def hub(gateway_process: Gateway, moved: Clock) -> Iterator[Hub]:
    made = Hub(gateway_process, moved)
    yield made
    made.clear()
