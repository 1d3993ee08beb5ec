"""Which addresses are public, and that a guarded connection is made to none that it has not judged."""

import http.server
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from event_subscriptions.targets.https import HttpsKind
from event_subscriptions.targets.protocol import OutgoingEvent, Verdict
from shared.errors import Unavailable
from shared.public_addresses import is_ip_address, is_public
from shared.settings.target_hosts import TargetHosts, read_target_hosts
from tests.unit.test_sealing import KEY
from twin.core.certificates import make_server_context

HOST = "hooks.example.com"
RESOLVE = socket.getaddrinfo


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("10.0.0.5", False),
        ("172.16.3.4", False),
        ("192.168.1.1", False),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("168.63.129.16", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.5", False),
        ("::ffff:93.184.215.14", True),
        ("64:ff9b::a00:5", False),
        ("64:ff9b::5db8:d70e", True),
        ("2002:a00:5::1", False),
        ("2001:0:4136:e378:8000:63bf:f5ff:fffa", False),
    ],
)
def test_public_addresses(address: str, expected: bool) -> None:
    assert is_public(address) is expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("2130706433", True), ("0x7f.1", True), ("[::1]", True), ("hooks.contoso.com", False)],
)
def test_addresses_in_any_form_are_no_names(host: str, expected: bool) -> None:
    assert is_ip_address(host) is expected


class Network:
    """What names lead to, and what was connected to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[list[str]] = []
        self.connected: list[str] = []
        self.port = 0
        monkeypatch.setattr(socket, "getaddrinfo", self._resolve)
        connect = socket.socket.connect

        def note(sock: socket.socket, address: Any) -> None:
            self.connected.append(address[0])
            connect(sock, address)

        monkeypatch.setattr(socket.socket, "connect", note)

    def _resolve(self, host: Any, port: Any, *more: Any, **options: Any) -> Any:
        if host != HOST:
            return RESOLVE(host, self.port or port, *more, **options)
        found = self.answers.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return Network(monkeypatch)


EVENT = OutgoingEvent("e-1", "appointment.created", "/gateway", "a-1", datetime(2026, 5, 5, tzinfo=UTC), "o", {})


def kind(**hosts: frozenset[str]) -> HttpsKind:
    return HttpsKind(TargetHosts(allowed=frozenset({"*"}), **hosts), lambda: KEY)


@pytest.mark.parametrize("answer", [["10.0.0.5"], ["93.184.215.14", "127.0.0.1"], ["168.63.129.16"]])
def test_a_name_that_leads_to_a_private_address_is_not_connected_to(network: Network, answer: list[str]) -> None:
    made = kind()
    settings = made.read({"url": f"https://{HOST}/hook"}, "s")
    network.answers = [answer, answer]
    outcome = made.open(settings, "s").send(EVENT)
    assert outcome.verdict is Verdict.UNAVAILABLE
    assert "private address" in outcome.answer
    with pytest.raises(Unavailable, match="private address"):
        made.verify(settings, "gateway.example.com")
    assert network.connected == []


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[http.server.HTTPServer]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    context = make_server_context([HOST], tmp_path / "ca.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_private_host_is_reached_where_the_settings_allow_it_and_its_name_is_looked_up_once(
    network: Network, receiver: http.server.HTTPServer
) -> None:
    made = kind(private=frozenset({"*.example.com"}))
    settings = made.read({"url": f"https://{HOST}:{receiver.server_port}/hook"}, "s")
    network.answers = [["127.0.0.1"]]  # a second question would fail
    outcome = made.open(settings, "s").send(EVENT)
    assert (outcome.verdict, outcome.answer) == (Verdict.ACCEPTED, "HTTP 204")
    assert network.connected == ["127.0.0.1"]


def test_hosts_of_the_settings() -> None:
    faults: list[tuple[str, str]] = []
    given = {"EVENT_TARGET_HOSTS": "hooks.contoso.com, *.fabrikam.com", "EVENT_TARGET_PRIVATE_HOSTS": "x.fabrikam.com"}
    hosts = read_target_hosts(lambda name: given[name], lambda *fault: faults.append(fault))
    assert not faults
    for host, expected in (
        ("hooks.contoso.com", True), ("HOOKS.contoso.com.", True), ("a.b.fabrikam.com", True),
        ("fabrikam.com", False), ("evilfabrikam.com", False), ("contoso.com", False),
    ):  # fmt: skip
        assert hosts.allows(host) is expected, host
    assert hosts.may_be_private("x.fabrikam.com")
    assert not hosts.may_be_private("y.fabrikam.com")
    given = {"EVENT_TARGET_HOSTS": "*,a.example.com", "EVENT_TARGET_PRIVATE_HOSTS": "*, 10.0.0.5/8"}
    read_target_hosts(lambda name: given[name], lambda *fault: faults.append(fault))
    assert [name for name, _ in faults] == ["EVENT_TARGET_PRIVATE_HOSTS"] * 2 + ["EVENT_TARGET_HOSTS"]
