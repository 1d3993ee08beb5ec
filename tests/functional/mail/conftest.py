"""A support mailbox for tests: a mailbox of the twin, the app's use cases, and a sink that records."""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import unquote

import pytest

from composition import services
from composition.mail import MailServices
from inbound_mail.delivery import threads
from inbound_mail.delivery.by_hand import HandDelivery
from inbound_mail.delivery.circuit_breaker import CircuitBreaker
from inbound_mail.delivery.delivery import Deliverer, DeliveryOutcome
from inbound_mail.intake.polling import Polled, Poller
from inbound_mail.ledger import mail_store
from inbound_mail.ledger.records import DeliveryState
from inbound_mail.messages import DeliveryQueue
from inbound_mail.reports.mails import describe_mail, list_mails
from inbound_mail.sinks.protocol import Look, PreparedMail, Progress, Receipt
from inbound_mail.support_mailbox import SupportMailbox
from shared import retry
from shared.errors import NotFound
from shared.json_text import Json
from shared.key_vault import RememberedSecret
from shared.storage.account import Storage
from shared.storage.blobs import Container
from shared.storage.tables import Table
from tests.functional.conftest import Gateway, note_timers
from twin.core.record import Exchange
from twin.mail.mailbox import Mailbox
from twin.seeds import tiny
from twin.seeds.mails import SECOND, SUPPORT

EASYVISTA = {
    "kind": "easyvista",
    "url": "https://contoso.easyvista.com",
    "account": "50004",
    "token": "easyvista-token",
    "catalog_code": "MAIL_INCIDENT",
}


# Most tests let one author write all mails.
_NO_LOOPS = {"tickets_per_hour": 1000, "comments_per_hour": 1000}


class MemoryQueue:
    """A queue in memory. Delays do not pass: a test reads the messages, one for each delivery, and takes them."""

    def __init__(self) -> None:
        self.messages: list[tuple[Mapping[str, Any], float]] = []

    def put(self, message: Mapping[str, Any], *, delay: float = 0, ttl: float | None = None) -> None:
        assert ttl is None
        single = {name: value for name, value in message.items() if name != "others"}
        self.messages += [(single | one, delay) for one in ({}, *message.get("others", ()))]

    def count(self) -> int:
        return len(self.messages)

    def take(self) -> list[tuple[Mapping[str, Any], float]]:
        taken, self.messages = self.messages, []
        return taken


@dataclass
class RecordingSink:
    """Makes tickets as a service desk with a search does; `before` and `after` may raise around the write."""

    time_limit: float = 20.0
    probe_is_proof: bool = True
    tickets: dict[str, str] = field(default_factory=dict)
    received: list[PreparedMail] = field(default_factory=list)
    comments: dict[str, list[str]] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    looks: int = 0
    searches: int = 0
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None
    probes: Callable[[], None] = lambda: None

    def deliver(self, prepared: PreparedMail, progress: Progress) -> Receipt:
        self.received.append(prepared)
        self.before()
        if progress.interrupted:
            self.looks += 1
        if prepared.join and prepared.reference not in self.tickets:
            progress.save(reply=prepared.join)
            written = self.comments.setdefault(prepared.join, [])
            if not (progress.interrupted and prepared.reference in written):
                assert prepared.reference not in written, "a second comment"
                written.append(prepared.reference)
            self.after()
            return Receipt(prepared.join, is_reply=True)
        if not (progress.interrupted and prepared.reference in self.tickets):
            assert prepared.reference not in self.tickets, "a second ticket"
            self.tickets[prepared.reference] = f"T-{len(self.tickets) + 1}"
        self.after()
        files = tuple(one.sha256 for one in prepared.mail.attachments if one.sha256)
        return Receipt(self.tickets[prepared.reference], files=files)

    def find_mail(self, reference: str, begun: Mapping[str, Any], *, interrupted: bool) -> Look:
        if not (begun or interrupted):
            return Look(is_there=False)
        self.searches += 1
        joined = next((ticket for ticket, references in self.comments.items() if reference in references), None)
        found = self.tickets.get(reference) or joined
        return Look(is_there=found is not None, ticket=found)

    def check_ticket(self, ticket: str) -> str:
        if ticket not in self.known:
            raise NotFound("No such ticket.", code="TicketNotFound", target="ticket")
        return ticket

    def probe(self) -> None:
        self.probes()

    def secrets(self) -> list[RememberedSecret]:
        return []


class MailScenario:
    """One support mailbox with everything around it: the twin's mailbox, the app's use cases, and recording sinks."""

    def __init__(
        self, gateway: Gateway, mail: MailServices, storage: Storage, name: str, sinks: tuple[str, ...]
    ) -> None:
        self.gateway = gateway
        self.services = mail
        self.name = name
        self.queue = MemoryQueue()
        self.deliveries = DeliveryQueue(self.queue)
        self.sinks = {sink: RecordingSink() for sink in sinks}
        self.storage = storage
        self._blobs = Container(storage, mail_store.CONTAINER)
        self._threads = Table(storage, threads.TABLE)
        self.addresses = [SUPPORT]
        self.others: list[MailScenario] = []

    @property
    def sink(self) -> RecordingSink:
        return next(iter(self.sinks.values()))

    @property
    def mailbox(self) -> SupportMailbox:
        return self.services.mailboxes[self.name]

    @property
    def twin_mailbox(self) -> Mailbox:
        return self.gateway.sim.mail.mailbox(self.mailbox.settings.address)

    def receive(self, **mail: Any) -> Any:
        """Receive a mail in the twin's mailbox; return the twin's message."""
        return self.gateway.sim.run(lambda: self.twin_mailbox.receive(**mail))

    def poll(self, *, at_once: bool = True, announced_at: datetime | None = None) -> Polled:
        poller = Poller(self._blobs, self.deliveries, self.services.workers)
        return poller.poll(self.mailbox, at_once=at_once, announced_at=announced_at)

    def deliver(self) -> list[DeliveryOutcome]:
        """Handle every message in the queue, as if its delay had passed."""
        deliverer = self.deliverer()
        messages = [message for message, _ in self.make_due(self.queue.take())]
        return self.services.workers.map(
            lambda message: deliverer.deliver(self.mailbox, message["key"], message["sink"]), messages
        )

    def deliver_nowhere(self) -> None:
        """Mark every waiting delivery as done. Graph sees no difference: deliveries send it no request."""
        done = [(message["key"], message["sink"]) for message, _ in self.queue.take()]
        self.mailbox.ledger.delivery_rows.pretend_delivered(done, "T")

    @property
    def circuit_breakers(self) -> dict[str, CircuitBreaker]:
        return {name: CircuitBreaker(self.services.table, name) for name in self.sinks}

    def deliverer(self) -> Deliverer:
        return Deliverer(
            self.sinks,
            circuit_breakers=self.circuit_breakers,
            threads=self._threads,
            queue=self.deliveries,
            own_addresses=self.addresses,
            shared_sinks=self.sinks if self.others else (),
        )

    @property
    def by_hand(self) -> HandDelivery:
        return HandDelivery(self.sinks, self.deliveries)

    def run(self) -> None:
        """Poll and deliver until nothing is left to do."""
        for _ in range(8):
            self.poll()
            if not self.queue.messages:
                return
            self.deliver()
        raise AssertionError("there is still work after eight polls")

    def mails(self) -> list[Json]:
        """Return the feed."""
        return list_mails(self.mailbox, 0, 100, self.services.workers)[0]

    def describe(self, graph_id: str) -> Json:
        return describe_mail(self.mailbox, self.mailbox.key(graph_id))

    def calls(self) -> list[Exchange]:
        """Return the calls to Graph; a batch is one call."""
        return [seen for seen in self.gateway.sim.exchanges.all() if seen.api in ("graph", "mail")]

    def requests(self) -> list[str]:
        """Return "METHOD path" of all calls to Graph, with the parts of batches."""
        found: list[str] = []
        for seen in self.calls():
            found.append(f"{seen.method} {seen.path}")
            if seen.path.endswith("/$batch"):
                parts = seen.request_json["requests"]
                found += [f"{part['method']} {unquote(part['url']).partition('?')[0]}" for part in parts]
        return found

    def make_due(self, messages: list[tuple[Mapping[str, Any], float]]) -> list[tuple[Mapping[str, Any], float]]:
        """Let the deliveries of these messages be due now; return the messages."""
        now = datetime.now(UTC)
        ledger = self.mailbox.ledger
        for message, _ in messages:
            delivery = ledger.delivery(message["key"], message["sink"])
            if delivery is not None and delivery.state is DeliveryState.WAITING and delivery.due > now:
                ledger.delivery_rows.change(delivery, {"due": now})
        return messages

    def age_claims(self) -> None:
        """Let every claim expire, as if time had passed."""
        past = datetime(2020, 1, 1, tzinfo=UTC)
        ledger = self.mailbox.ledger
        for mail in ledger.open_mails():
            for delivery in ledger.deliveries(mail.key):
                if delivery.state is DeliveryState.CLAIMED:
                    ledger.delivery_rows.change(delivery, {"due": past})
                    ledger.postpone(mail.key, delivery.sink, past)


type OpenScenario = Callable[..., MailScenario]


def open_mail_scenario(
    gateway: Gateway,
    *,
    sinks: tuple[str, ...] = ("tickets",),
    rule_sinks: tuple[str, ...] = (),
    rules: tuple[Mapping[str, Any], ...] = (),
    has_second: bool = False,
    settings: Mapping[str, str] | None = None,
    **mailbox: Any,
) -> MailScenario:
    """Open a scenario with sinks and mailbox settings of its own; `has_second`: with a second mailbox.

    `settings`: further settings. `rule_sinks`: further sinks, to which only rules and people send mails. The names of
    all sinks get an ending, in rules as well.
    """
    suffix = uuid.uuid4().hex[:10]
    named = tuple(f"{sink}-{suffix}" for sink in (*sinks, *rule_sinks))
    name = f"m{suffix}"
    given: list[dict[str, Any]] = [
        {"name": name, "address": SUPPORT, "sinks": list(named[: len(sinks)]), "brakes": _NO_LOOPS} | mailbox
    ]
    given[0] |= {"rules": [{**rule, "sink": f"{rule['sink']}-{suffix}"} if "sink" in rule else rule for rule in rules]}
    if has_second:
        given.append(given[0] | {"name": f"n{suffix}", "address": SECOND})
    gateway.begin(
        tiny.seed,
        BOOKINGS_BUSINESSES=tiny.BUSINESS,
        MAILBOXES=json.dumps(given),
        SINKS=json.dumps(dict.fromkeys(named, EASYVISTA)),
        **(settings or {}),
    )
    built = services.services()
    note_timers(built)
    storage = Storage(built.settings.storage, built.authenticator.identity)
    scenario = MailScenario(gateway, built.mail, storage, name, named)
    if has_second:
        other = MailScenario(gateway, built.mail, storage, f"n{suffix}", named)
        other.sinks, other.others, scenario.others = scenario.sinks, [scenario], [other]
    return scenario


@pytest.fixture
def open_scenario(gateway_process: Gateway) -> OpenScenario:
    """A function that opens a scenario: `open_mail_scenario` without its first parameter."""
    return partial(open_mail_scenario, gateway_process)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits between retries take no time, unless the other side asked for them."""
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(retry, "_LONGEST_WAIT", 0.02)


@pytest.fixture
def scenario(open_scenario: OpenScenario) -> MailScenario:
    """A scenario with the usual settings."""
    return open_scenario()
