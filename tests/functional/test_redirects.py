"""No redirect is followed, whatever is sent: credentials, tokens, mails. Each client refuses it with the same error."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from composition.services import services
from shared import retry
from shared.errors import ConfigurationError, GatewayError
from shared.graph.client import GraphClient, SubRequest
from shared.graph.limits import CallLimits
from shared.identity import Identity
from shared.retry import ONCE
from shared.settings.choices import IdentitySource
from shared.settings.mail_settings import StorageSettings
from shared.storage.account import Storage
from shared.storage.blobs import Container
from shared.storage.queues import Queue
from shared.storage.tables import Table
from shared.transport import Transport
from tests.functional.conftest import Gateway
from twin.core.faults import Answer
from twin.seeds import sample, tiny
from twin.seeds.sample import Credential

pytestmark = pytest.mark.signs_in

STOLEN = "/stolen"
ELSEWHERE = f"https://hooks.contoso.com{STOLEN}"  # the twin answers for this host, so a visit would be seen
STATUSES = (301, 302, 303, 307, 308)


@pytest.fixture(autouse=True)
def quick_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.01)


def hold_refused(ask: Callable[[], object], who: str) -> None:
    """Hold that it ends with the error for redirects, which names who answered so."""
    with pytest.raises(ConfigurationError) as caught:
        ask()
    assert (caught.value.code, caught.value.message.startswith(f"{who} ")) == ("RedirectRefused", True), caught.value


@pytest.mark.parametrize(
    ("mode", "api", "method", "who"),
    [
        ("secret", "entra", "POST", "Entra ID"),
        ("password", "entra", "POST", "Entra ID"),
        ("certificate", "entra", "POST", "Entra ID"),
        ("federated", "entra", "POST", "Entra ID"),
        ("secret", "entra", "GET", "Entra ID"),
        ("federated", "identity", None, "The managed identity's endpoint"),
        ("secret", "identity", None, "The managed identity's endpoint"),
        ("secret", "vault", None, "The Key Vault secret"),
    ],
)
def test_a_sign_in_refuses_redirects(
    gateway: Gateway, mode: Credential, api: str, method: str | None, who: str
) -> None:
    chosen = sample.settings(gateway.sim, credential=mode) | {"BOOKINGS_BUSINESSES": tiny.BUSINESS}
    for status in STATUSES:
        gateway.configure(**chosen)
        away = Answer(status, {"Location": ELSEWHERE}, "" if status == STATUSES[0] else None)
        fault = gateway.sim.faults.add(away, api=api, method=method, times=None)
        hold_refused(services().authenticator.tokens("default").token, who)
        assert fault.fired
        gateway.sim.faults.clear()
    assert not [seen for seen in gateway.sim.exchanges.all() if seen.path == STOLEN]


def test_a_caller_reads_what_is_wrong(gateway: Gateway) -> None:
    gateway.sim.faults.add(Answer(307, {"Location": ELSEWHERE}), api="entra", method="POST", times=None)
    refused = gateway.refused(f"bookings/businesses/{tiny.BUSINESS}/staff")
    assert (refused["status"], refused["code"]) == (500, "RedirectRefused")
    gateway.sim.faults.clear()
    assert gateway.ask("/staff")["value"], "nothing has to be restarted"


def test_graph_is_not_followed(gateway: Gateway) -> None:
    client = GraphClient(services().authenticator.tokens("default"), Transport(), CallLimits(1))
    path = f"/solutions/bookingBusinesses/{tiny.BUSINESS}"

    def batch() -> None:
        [answer] = client.batch([SubRequest("1", "GET", path)], retry=ONCE).values()
        assert isinstance(answer, GatewayError)
        raise answer

    def stream() -> None:
        with client.stream(path):
            pass

    asks: list[Callable[[], object]] = [
        lambda: client.get(path, retry=ONCE),
        lambda: client.post(path, body={"text": "of a customer"}, retry=ONCE),
        lambda: client.patch(path, body={"text": "of a customer"}, retry=ONCE),
        batch,
        stream,
    ]
    for status in STATUSES:
        for api in ("graph", "bookings"):
            gateway.sim.faults.add(Answer(status, {"Location": ELSEWHERE}), api=api, times=None)
        for ask in asks:
            hold_refused(ask, "Microsoft Graph")
        gateway.sim.faults.clear()
    assert not [seen for seen in gateway.sim.exchanges.all() if seen.path == STOLEN]
    ready = gateway.get("health/ready").json()["checks"]
    assert [one["code"] for one in ready if one["name"] == "graph" and "code" in one] == ["RedirectRefused"]


@contextmanager
def redirecting_storage() -> Iterator[tuple[str, list[int], list[str]]]:
    """A storage account that redirects all calls to a server beside it: its connection string, the status, asked."""
    status = [307]
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.server is servers[1]:
                asked.append(f"{self.command} {self.path}")
            self.send_response(status[0] if self.server is servers[0] else 200)
            self.send_header("Location", f"http://127.0.0.1:{servers[1].server_port}{STOLEN}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_PUT = do_POST = do_MERGE = do_DELETE = do_HEAD = do_GET  # noqa: N815 - names that the server looks for

        def log_message(self, *_: object) -> None:
            pass

    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
    for server in servers:
        Thread(target=server.serve_forever, daemon=True).start()
    own = f"http://127.0.0.1:{servers[0].server_port}/account"
    parts = [f"{kind}Endpoint={own}" for kind in ("Blob", "Queue", "Table")]
    try:
        yield ";".join(["AccountName=account", "AccountKey=AAAA", *parts]), status, asked
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def test_storage_is_not_followed() -> None:
    """A redirected write would carry a mail to wherever the answer says."""
    with redirecting_storage() as (connection_string, status, asked):
        settings = StorageSettings(connection_string, None, None, None, None)
        storage = Storage(settings, Identity(IdentitySource.MANAGED))
        table, container, queue = Table(storage, "mails"), Container(storage, "mails"), Queue(storage, "polls")
        asks: list[Callable[[], object]] = [
            lambda: table.get("p", "r"),
            lambda: table.create({"PartitionKey": "p", "RowKey": "r"}),
            lambda: list(table.query("p", start="", end="~")),
            lambda: container.put("mail.json", b"the text of a mail"),
            lambda: container.get("mail.json"),
            lambda: queue.put({"mailbox": "support"}),
            queue.count,
        ]
        for status[0] in STATUSES:
            for ask in asks:
                hold_refused(ask, "The storage account")
        assert asked == []
