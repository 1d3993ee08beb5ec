"""Sixteen threads that call at once use at most sixteen connections to each service, and give none of them up."""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import urllib3.connection
import urllib3.util.connection

from composition import services
from shared.key_vault import KeyVault
from shared.storage.account import Storage
from shared.storage.blobs import Container
from shared.storage.queues import Queue
from shared.storage.tables import Table
from shared.transport import Transport
from tests.functional.conftest import Gateway
from twin.seeds import sample

pytestmark = pytest.mark.signs_in

THREADS, ROUNDS = 16, 3


class Connections:
    """Counts the connections that are opened, and lets every answer wait until all threads have sent their request."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened: Counter[Any] = Counter()
        self._together = threading.Barrier(THREADS)
        self._is_together = threading.Event()
        connect = urllib3.util.connection.create_connection
        read = urllib3.connection.HTTPConnection.getresponse

        def count(address: tuple[str, int], *args: Any, **options: Any) -> Any:
            self.opened[address] += 1
            return connect(address, *args, **options)

        def wait(connection: urllib3.connection.HTTPConnection) -> Any:
            if self._is_together.is_set():
                self._together.wait(60)
            return read(connection)

        monkeypatch.setattr(urllib3.util.connection, "create_connection", count)
        monkeypatch.setattr(urllib3.connection.HTTPConnection, "getresponse", wait)

    def call(self, function: Callable[[], object]) -> int:
        """Call it once, which may sign in, and then on all threads at once, some times; return the connections."""
        function()
        self.opened.clear()
        self._is_together.set()
        try:
            with ThreadPoolExecutor(THREADS) as pool:
                for _ in range(ROUNDS):
                    list(pool.map(lambda _: function(), range(THREADS)))
        finally:
            self._is_together.clear()
        return sum(self.opened.values())


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Connections:
    return Connections(monkeypatch)


def test_storage_vault_and_graph_have_a_connection_for_each_thread(
    gateway: Gateway, storage: Storage, name: str, connections: Connections, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="urllib3")
    used = services.services()
    table, container, queue = Table(storage, name), Container(storage, name), Queue(storage, name)
    vault = KeyVault(str(used.settings.key_vault_url), used.authenticator.identity, used.settings.identity_client_id)
    secret, graph = gateway.sim.vaults.by_host, Transport()
    calls: dict[str, Callable[[], object]] = {
        "table": lambda: table.get("p", "a"),
        "blob": lambda: container.get("a"),
        "queue": queue.count,
        "vault": lambda: vault.get(next(iter(next(iter(secret.values())).secrets))),
        "graph": lambda: graph.send("GET", "https://graph.microsoft.com/v1.0/"),
    }
    opened = {name: connections.call(call) for name, call in calls.items()}
    assert {name: count for name, count in opened.items() if count > THREADS} == {}
    assert opened["table"] >= THREADS - 1, "they did call at once"
    assert "Connection pool is full" not in caplog.text


def test_mail_shares_the_connections_to_storage_with_all_else(gateway: Gateway, connections: Connections) -> None:
    gateway.configure(**sample.settings(gateway.sim))
    used = services.services()
    connections.call(lambda: used.changes.get("p", "a"))
    connections.opened.clear()
    used.mail.table.get("p", "a")
    assert connections.opened == Counter()


def test_clients_of_one_account_share_their_connections(storage: Storage, name: str, connections: Connections) -> None:
    first, second = Table(storage, name), Table(storage, f"{name}x")
    connections.call(lambda: first.get("p", "a"))
    connections.opened.clear()
    second.get("p", "a")
    assert connections.opened == Counter()
