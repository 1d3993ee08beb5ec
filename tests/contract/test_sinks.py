"""Every kind of sink keeps the contract of sink_contract.py."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from devkit.azurite import Azurite
from inbound_mail.content.belonging import Thread
from inbound_mail.sinks import KINDS
from inbound_mail.sinks.protocol import PreparedMail, Sink, UnclearRefusalError
from shared import retry
from shared.errors import (
    ConfigurationError,
    GatewayError,
    OutcomeUnknown,
    Refused,
    Rejected,
    StorageRefused,
    Throttled,
    TimedOut,
    Unavailable,
)
from shared.identity import Identity
from shared.settings.choices import IdentitySource
from shared.settings.mail_settings import StorageSettings
from shared.storage.account import Storage
from shared.storage.blobs import Container
from shared.storage.queues import Queue
from shared.transport import Transport
from tests.contract.sink_contract import Harness, Killer, SinkContract
from tests.functional.prepared_mails import AUTHOR, KnownThreads, Vault, make_file, make_prepared_mail, make_sink
from twin import Answer, Drop, Simulator
from twin.client import redirected_to
from twin.easyvista.errors import PROXY_PAGE
from twin.seeds import service_desks, tiny

pytestmark = pytest.mark.slow(reason="holds every sink to the whole contract")

FILES = (make_file(1, "log.txt", b"x" * 1000), make_file(2, "log.txt", b"y" * 100_000))
EARLIER = "earlier@mail.example.com"


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    with Simulator(tiny.build(), latency=0).running() as started, redirected_to(started):
        yield started


@pytest.fixture
def sim(running: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    running.reset()
    running.faults.clear()
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.01)
    return running


class OverHttp(Harness):
    """The common part of the harnesses of sinks that use HTTP."""

    def __init__(self, sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sim = sim
        self._monkeypatch = monkeypatch

    @contextmanager
    def killed_after(self, exchange: int) -> Iterator[Killer]:
        killer, real = Killer(exchange), Transport.open

        @contextmanager
        def opened(*given: Any, **more: Any) -> Iterator[Any]:
            with real(*given, **more) as streamed:
                killer.step()
                yield streamed

        with self._monkeypatch.context() as patch:
            patch.setattr(Transport, "open", opened)
            yield killer

    def reset(self) -> None:
        self.sim.reset()

    def fault(self, action: Any, **where: Any) -> Callable[[], None]:
        def begin() -> None:
            self.sim.faults.add(action, times=None, **where)

        return begin

    def end_failures(self) -> None:
        self.sim.faults.clear()


class EasyVistaTicket(OverHttp):
    kind = "easyvista"
    secrets = (service_desks.token(),)

    def build(self) -> Sink:
        options = {
            "url": f"https://{service_desks.HOST}",
            "account": service_desks.PRODUCTION,
            "token": "token",
            "catalog_code": service_desks.PLAIN_CODE,
            "comment_action_type_id": service_desks.PUBLIC_COMMENT,
            "comment_group_mail": service_desks.GROUP,
        }
        return make_sink(self.kind, options, Vault(token=service_desks.token()))

    def prepared_mail(self) -> PreparedMail:
        return make_prepared_mail(*FILES)

    def effects(self) -> list[str]:
        found = []
        for ticket in self.sim.easyvista.tickets:
            if ticket.reference == self.prepared_mail().reference:
                found.append("ticket")
                found += [f"{one.name}: {len(one.data)}" for one in ticket.documents]
        return found

    def expected(self) -> list[str]:
        return ["ticket", "log.txt: 1000", "2-log.txt: 100000"]

    def failures(self) -> Mapping[str, tuple[type[GatewayError], Callable[[], None]]]:
        def fault(action: Any, when: Any = "before") -> Callable[[], None]:
            return self.fault(action, method="POST", path="/requests$", when=when)

        return {
            "slow down": (Throttled, fault(Answer(429, {"retry-after": "7"}))),
            "refused": (Rejected, fault(Answer(400))),
            "unknown person": (Rejected, fault(Answer(406))),
            "no right": (UnclearRefusalError, fault(Answer(403))),
            "no sign-in": (ConfigurationError, fault(Answer(401))),
            "broken gateway": (OutcomeUnknown, fault(Answer(502, body=PROXY_PAGE))),
            "late": (TimedOut, fault(Answer(504))),
            "dropped before": (OutcomeUnknown, fault(Drop())),
            "dropped after": (OutcomeUnknown, fault(Drop(), "after")),
        }


class EasyVistaReply(EasyVistaTicket):
    def prepared_mail(self) -> PreparedMail:
        threads = KnownThreads({EARLIER: Thread(service_desks.OPEN_TICKET, frozenset({AUTHOR}))})
        return make_prepared_mail(*FILES, threads=threads, headers={"In-Reply-To": f"<{EARLIER}>"})

    def effects(self) -> list[str]:
        ticket = self.sim.easyvista.ticket(service_desks.OPEN_TICKET)
        comments = ["comment" for one in ticket.tasks if self.prepared_mail().reference in one.description]
        return super().effects() + comments + [f"{one.name}: {len(one.data)}" for one in ticket.documents]

    def expected(self) -> list[str]:
        return ["comment", "log.txt: 1000", "2-log.txt: 100000"]

    def failures(self) -> Mapping[str, tuple[type[GatewayError], Callable[[], None]]]:
        def fault(action: Any, when: Any = "before") -> Callable[[], None]:
            return self.fault(action, method="POST", path="/(tasks|documents)$", when=when)

        return {
            "slow down": (Throttled, fault(Answer(429))),
            "refused": (Rejected, fault(Answer(400))),
            "no right": (UnclearRefusalError, fault(Answer(403))),
            "broken gateway": (OutcomeUnknown, fault(Answer(502, body=PROXY_PAGE))),
            "dropped after": (OutcomeUnknown, fault(Drop(), "after")),
        }


class ToWebhook(OverHttp):
    kind = "webhook"
    secrets = (service_desks.webhook_key(), service_desks.webhook_key().removeprefix("whsec_"))

    def build(self) -> Sink:
        self.sim.webhooks.check_signatures([service_desks.webhook_key()], refuse=True)
        options = {"url": service_desks.HOOK_URL, "signing_keys": ["key"], "inline_kib": 8}
        return make_sink(
            self.kind, options, Vault(key=service_desks.webhook_key()), base_url="https://gateway.example/api"
        )

    def prepared_mail(self) -> PreparedMail:
        return make_prepared_mail(*FILES)

    def effects(self) -> list[str]:
        return sorted({f"{one.id} {one.body.decode()}" for one in self.sim.webhooks.deliveries if one.verified})

    def expected(self) -> list[str]:
        first = self.sim.webhooks.deliveries[0]
        return [f"{self.prepared_mail().reference} {first.body.decode()}"]

    def failures(self) -> Mapping[str, tuple[type[GatewayError], Callable[[], None]]]:
        def fault(action: Any, when: Any = "before") -> Callable[[], None]:
            return self.fault(action, api="webhook", when=when)

        return {
            "moved": (ConfigurationError, fault(Answer(302, {"location": "https://elsewhere.example/"}))),
            "no sign-in": (ConfigurationError, fault(Answer(401))),
            "gone": (ConfigurationError, fault(Answer(410))),
            "wrong": (Refused, fault(Answer(422))),
            "busy": (Unavailable, fault(Answer(409))),
            "slow down": (Throttled, fault(Answer(429, {"retry-after": "7"}))),
            "away": (Unavailable, fault(Answer(503))),
            "failed": (OutcomeUnknown, fault(Answer(500))),
            "late": (TimedOut, fault(Answer(504))),
            "dropped after": (OutcomeUnknown, fault(Drop(), "after")),
        }


class ToFlow(ToWebhook):
    secrets = (service_desks.flow_url(), service_desks.flow_url().partition("sig=")[2])

    def build(self) -> Sink:
        options = {"url_secret": "flow", "preset": "power-automate", "inline_kib": 8}
        return make_sink(self.kind, options, Vault(flow=service_desks.flow_url()))

    def effects(self) -> list[str]:
        return sorted({f"{one.id} {one.body.decode()}" for one in self.sim.webhooks.deliveries})

    def failures(self) -> Mapping[str, tuple[type[GatewayError], Callable[[], None]]]:
        def fault(action: Any, when: Any = "before") -> Callable[[], None]:
            return self.fault(action, api="flow", when=when)

        return {
            "turned off": (ConfigurationError, fault(Answer(404))),
            "schema": (Refused, fault(Answer(400))),
            "late": (TimedOut, fault(Answer(504))),
            "dropped": (OutcomeUnknown, fault(Drop(), "after")),
        }


class ToQueue(Harness):
    kind = "storage-queue"

    def __init__(self, azurite: Azurite, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.good = azurite.connection_string
        self.connection = self.good
        self.name = name
        self._monkeypatch = monkeypatch
        self.seen: dict[str, str] = {}
        key = dict(part.split("=", 1) for part in self.good.split(";") if "=" in part)["AccountKey"]
        self.key, self.secrets = key, (key,)

    def reset(self) -> None:
        self.seen = {}
        self.name += "1"

    def storage(self, connection: str) -> Storage:
        return Storage(StorageSettings(connection, None, None, None, None), Identity(IdentitySource.MANAGED))

    def build(self) -> Sink:
        return make_sink(self.kind, {"queue": self.name}, Vault(), storage=self.storage(self.connection))

    def prepared_mail(self) -> PreparedMail:
        return make_prepared_mail(*FILES, rendering={"text": "long " * 10_000})

    def effects(self) -> list[str]:
        client = self.storage(self.good).open_queue(self.name)
        for message in client.receive_messages(max_messages=32):
            event = json.loads(base64.b64decode(message.content))
            blob = Container(self.storage(self.good), "mails").get(event["data"]["event"]["blob"])
            self.seen[event["id"]] = json.loads(blob or b"{}")["data"]["subject"]
        return list(self.seen.values())

    def expected(self) -> list[str]:
        return [self.prepared_mail().mail.subject]

    @contextmanager
    def killed_after(self, exchange: int) -> Iterator[Killer]:
        killer = Killer(exchange)
        with self._monkeypatch.context() as patch:
            killer.patching(patch, Queue, "put")
            killer.patching(patch, Container, "put")
            yield killer

    def failures(self) -> Mapping[str, tuple[type[GatewayError], Callable[[], None]]]:
        wrong_key = self.good.replace(self.key, base64.b64encode(b"another key").decode())

        def use(connection: str) -> Callable[[], None]:
            return lambda: setattr(self, "connection", connection)

        closed = ";".join(
            part if "Endpoint" not in part else part.split("=")[0] + "=http://127.0.0.1:9/devstoreaccount1"
            for part in self.good.split(";")
        )
        return {"wrong key": (StorageRefused, use(wrong_key)), "away": (Unavailable, use(closed))}

    def end_failures(self) -> None:
        self.connection = self.good


def test_every_kind_of_sink_has_a_harness() -> None:
    harnesses = [one for one in globals().values() if isinstance(one, type) and issubclass(one, Harness)]
    assert {one.kind for one in harnesses if hasattr(one, "kind")} == set(KINDS)


class TestTicketsAtEasyVista(SinkContract):
    @pytest.fixture
    def harness(self, sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> Harness:
        return EasyVistaTicket(sim, monkeypatch)


class TestRepliesAtEasyVista(SinkContract):
    @pytest.fixture
    def harness(self, sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> Harness:
        return EasyVistaReply(sim, monkeypatch)


class TestWebhook(SinkContract):
    @pytest.fixture
    def harness(self, sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> Harness:
        return ToWebhook(sim, monkeypatch)


class TestPowerAutomate(SinkContract):
    @pytest.fixture
    def harness(self, sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> Harness:
        return ToFlow(sim, monkeypatch)


class TestStorageQueue(SinkContract):
    @pytest.fixture
    def harness(self, azurite: Azurite, name: str, monkeypatch: pytest.MonkeyPatch) -> Harness:
        return ToQueue(azurite, name, monkeypatch)
