import gc
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from twin import Simulator, SimulatorBrokenError, World
from twin.bookings.permissions import READ
from twin.bookings.state import Bookings
from twin.client import RawGraphClient, redirected_to
from twin.seeds import tiny
from twin.seeds.sample import CLIENT_ID, SERVICE_USER, TENANT_ID, VAULT
from twin.seeds.tiny import BUSINESS

ROOT = Path(__file__).resolve().parents[3]
DISCOVERY = f"https://login.microsoftonline.com/{TENANT_ID}/v2.0/.well-known/openid-configuration"


@pytest.fixture
def sim(redirected: Simulator) -> Simulator:
    return redirected


@pytest.fixture
def graph(sim: Simulator) -> Iterator[RawGraphClient]:
    with RawGraphClient(sim, READ, tenant_id=TENANT_ID, app_id=CLIENT_ID) as client:
        yield client


def ask_proxy(sim: Simulator, line: str) -> bytes:
    address = urlsplit(sim.proxy_url)
    with socket.create_connection((str(address.hostname), address.port or 0), timeout=10) as raw:
        raw.sendall(line.encode() + b"\r\nHost: x\r\n\r\n")
        return raw.recv(1000)


def shake_hands(raw: socket.socket, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, tls: ssl.SSLObject) -> None:
    """Go through the handshake, but keep the client's last message back in `outgoing`."""
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            raw.sendall(outgoing.read())
            incoming.write(raw.recv(65536))
        else:
            return


def read_some(raw: socket.socket, incoming: ssl.MemoryBIO, tls: ssl.SSLObject) -> bytes:
    while data := raw.recv(65536):
        incoming.write(data)
        try:
            return tls.read(65536)
        except ssl.SSLWantReadError:
            continue
    return b""


def test_the_environment_is_all_that_a_client_needs(sim: Simulator) -> None:
    answer = requests.get(DISCOVERY, timeout=10)

    assert answer.json()["token_endpoint"] == f"https://login.microsoftonline.com/{TENANT_ID}/oauth2/v2.0/token"
    assert sim.refused == []


def test_every_cloud_answers_under_its_own_names(sim: Simulator) -> None:
    for host in ("login.microsoftonline.us", "login.partner.microsoftonline.cn", "dod-graph.microsoft.us",
                 "graph.microsoft.us", "microsoftgraph.chinacloudapi.cn", f"{VAULT}.vault.azure.net"):  # fmt: skip
        assert requests.get(f"https://{host}/nothing", timeout=10).status_code in {400, 401, 404}, host
    assert sim.refused == []


@pytest.mark.parametrize(
    "target",
    ["example.org:443", "graph.microsoft.com:8443", "no-such-vault.vault.azure.net:443", "(loopback):443"],
)
def test_other_names_are_refused_and_said(sim: Simulator, target: str, caplog: pytest.LogCaptureFixture) -> None:
    sim.refused.clear()

    assert ask_proxy(sim, f"CONNECT {target} HTTP/1.1").startswith(b"HTTP/1.1 403")
    assert sim.refused == [target]
    assert target in caplog.text


def test_a_client_learns_of_the_refusal(sim: Simulator) -> None:
    with pytest.raises(requests.exceptions.ProxyError, match="403"):
        requests.get("https://api.example.org/", timeout=10)
    assert sim.refused[-1] == "api.example.org:443"


def test_the_proxy_does_not_forward_plain_http(sim: Simulator) -> None:
    assert ask_proxy(sim, "GET http://example.org/ HTTP/1.1").startswith(b"HTTP/1.1 403")
    assert ask_proxy(sim, "nonsense").startswith(b"HTTP/1.1 403")
    assert ask_proxy(sim, "CONNECT " + "x" * 20_000).startswith(b"HTTP/1.1 431")


def test_a_client_that_does_not_trust_the_authority_gets_nowhere(sim: Simulator) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"https": sim.proxy_url}
        with pytest.raises(requests.exceptions.SSLError):
            session.get(DISCOVERY, timeout=10)
    assert requests.get(DISCOVERY, timeout=10).ok


def test_the_ports_are_open_to_this_machine_only(sim: Simulator) -> None:
    assert {urlsplit(url).hostname for url in (sim.proxy_url, sim.control_url, sim.identity_endpoint)} == {"127.0.0.1"}
    foreign = requests.get(f"{sim.control_url}/clock", headers={"Host": "rebound.example.org"}, timeout=10)
    assert foreign.status_code == 403


def test_requests_that_overlap_are_served_side_by_side(sim: Simulator) -> None:
    sim.server.latency = 0.15
    try:
        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda _: requests.get(DISCOVERY, timeout=60).status_code, range(8)))
    finally:
        sim.server.latency = 0.001

    assert statuses == [200] * 8
    assert sim.exchanges.peaks["entra"] > 1


def test_bytes_that_come_with_the_handshake_are_not_lost(sim: Simulator) -> None:
    address = urlsplit(sim.proxy_url)
    context = ssl.create_default_context(cafile=sim.ca_file)
    for _ in range(20):
        with socket.create_connection((str(address.hostname), address.port or 0), timeout=10) as raw:
            raw.sendall(b"CONNECT login.microsoftonline.com:443 HTTP/1.1\r\n\r\n")
            assert raw.recv(1000).startswith(b"HTTP/1.1 200")
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(incoming, outgoing, server_hostname="login.microsoftonline.com")
            shake_hands(raw, incoming, outgoing, tls)
            tls.write(b"GET /common/discovery/instance HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            raw.sendall(outgoing.read())  # the end of the handshake and the request in one packet
            assert read_some(raw, incoming, tls).startswith(b"HTTP/1.1 400")


def test_idle_connections_can_be_closed_under_the_client(sim: Simulator) -> None:
    with requests.Session() as session:
        assert session.get(DISCOVERY, timeout=10).ok
        assert sim.close_connections() >= 1
        assert session.get(DISCOVERY, timeout=10).ok


@pytest.mark.parametrize("times", [0, 1, 2])
def test_connections_end_with_the_twin_however_often_they_were_closed(
    times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that stayed open would fail whichever test runs when Python finds it."""
    found: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: found.append(unraisable.exc_value))
    with requests.Session() as session:
        with Simulator(World(tiny.seed)).running() as sim:
            session.trust_env, session.proxies, session.verify = False, {"https": sim.proxy_url}, sim.ca_file
            assert session.get(DISCOVERY, timeout=10).ok
            closed = [sim.close_connections() for _ in range(times)]
            assert closed == [1, 0][:times]
            for protocol in sim._list_connections():  # as its own HTTP does when a client is gone
                for _ in range(times):
                    sim.run(protocol.transport.close)
        del sim, protocol
        gc.collect()
    assert found == []


def test_a_reset_forgets_faults_record_and_changes(sim: Simulator, graph: RawGraphClient) -> None:
    sim.bookings.remove_business(BUSINESS)
    assert graph.get("/solutions/bookingBusinesses").json()["value"] == []

    requests.post(f"{sim.control_url}/reset", timeout=10).raise_for_status()

    assert sim.exchanges.all() == []
    assert [one["id"] for one in graph.get("/solutions/bookingBusinesses").json()["value"]] == [BUSINESS]


def test_another_world_can_be_moved_in(sim: Simulator, graph: RawGraphClient) -> None:
    def seed(world: World) -> None:
        tiny.seed(world)
        world.state(Bookings).remove_business(BUSINESS)

    sim.reset(seed)
    assert graph.get("/solutions/bookingBusinesses").json()["value"] == []
    sim.reset(tiny.seed)
    assert len(graph.get("/solutions/bookingBusinesses").json()["value"]) == 1


def test_records_hold_neither_secret_nor_token(sim: Simulator, graph: RawGraphClient) -> None:
    secret = next(iter(sim.entra.app(CLIENT_ID).secrets.values())).value
    password = sim.entra.tenant(TENANT_ID).users[SERVICE_USER].password
    form = {
        "client_id": CLIENT_ID, "client_secret": secret, "grant_type": "password", "username": SERVICE_USER,
        "password": password, "scope": "openid offline_access Bookings.Read.All", "client_info": "1",
    }  # fmt: skip
    tokens = requests.post(DISCOVERY.partition("/v2.0")[0] + "/oauth2/v2.0/token", data=form, timeout=10).json()
    graph.get("/solutions/bookingBusinesses")
    identity = requests.get(
        sim.identity_endpoint,
        params={"api-version": "2019-08-01", "resource": "https://vault.azure.net",
                "client_id": "1de00000-5555-4aaa-8bbb-000000000005"},
        headers={"X-IDENTITY-HEADER": sim.identity_header},
        timeout=10,
    ).json()  # fmt: skip
    bearer = {"Authorization": f"Bearer {identity['access_token']}"}
    url = f"https://{VAULT}.vault.azure.net/secrets/graph-client-secret?api-version=7.5"
    assert requests.get(url, headers=bearer, timeout=10).json()["value"] == secret

    shown = requests.get(f"{sim.control_url}/exchanges", timeout=10).text

    assert {exchange.api for exchange in sim.exchanges.all()} == {"entra", "bookings", "identity", "vault"}
    for hidden in (secret, password, tokens["access_token"], tokens["refresh_token"], tokens["id_token"],
                   tokens["client_info"], identity["access_token"], sim.identity_header, graph.token):  # fmt: skip
        assert hidden not in shown


def test_the_control_path_explains_itself(sim: Simulator) -> None:
    routes = requests.get(sim.control_url, timeout=10).json()["routes"]

    assert all(route["summary"].endswith(".") for route in routes)
    assert {"method": "POST", "path": "/_control/faults", "summary": "Add a fault."} in routes
    assert {route["path"].split("/")[2] for route in routes if route["path"].count("/") > 1} >= {
        "bookings", "clock", "counters", "entra", "exchanges", "faults", "graph", "health", "reset", "vault",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/faults", {"action": {"kind": "explode"}}, 400),
        ("POST", "/faults", ["not an object"], 400),
        ("DELETE", "/faults/77", None, 404),
        ("POST", "/clock", {"now": "2026-05-05T09:00:00"}, 400),
        ("POST", "/clock", {"advance": 3}, 400),
        ("PATCH", f"/entra/tenants/{TENANT_ID}/principals/{CLIENT_ID}", {"exchangeRole": ["Mail.Read"]}, 400),
        ("PATCH", f"/vault/{VAULT}", {"open": False}, 400),
        ("POST", "/entra/force", {"code": 12345, "app": CLIENT_ID}, 400),
        ("POST", "/entra/force", {"code": 50126, "user": "nobody@contoso.com"}, 404),
        ("POST", "/entra/apps/unknown/secrets", {}, 404),
        ("PATCH", "/bookings/switches", {"page_sice": 3}, 400),
        ("POST", f"/bookings/businesses/{BUSINESS}/services", {"displayNam": "x"}, 400),
        ("PATCH", f"/bookings/businesses/{BUSINESS}/services", {"displayName": "x"}, 400),
        ("PUT", "/clock", {}, 405),
        ("GET", "/nothing", None, 404),
    ],
)
def test_mistakes_on_the_control_path_are_explained(
    sim: Simulator, method: str, path: str, body: object, status: int
) -> None:
    answer = requests.request(method, sim.control_url + path, json=body, timeout=10)

    assert answer.status_code == status
    assert not answer.content or answer.json()["error"]


def test_the_clock_can_be_moved(sim: Simulator) -> None:
    clock = f"{sim.control_url}/clock"
    moved = requests.post(clock, json={"now": "2030-01-01T00:00:00Z", "advanceSeconds": 3600}, timeout=10).json()
    assert moved["now"].startswith("2030-01-01T01:00:0")
    with requests.Session() as session:
        session.proxies, session.verify = {"https": sim.proxy_url}, sim.ca_file
        date = session.get("https://graph.microsoft.com/v1.0/", timeout=10).headers["date"]
    assert " Jan 2030 01:00:" in date  # the services' own clocks

    requests.post(clock, json={"follow": True}, timeout=10)

    assert not requests.get(clock, timeout=10).json()["now"].startswith("2030")


def test_exchanges_and_counters_can_be_read_and_cleared(sim: Simulator, graph: RawGraphClient) -> None:
    graph.get("/solutions/bookingBusinesses?query=de", client_request_id="a-b-c")
    first = requests.get(f"{sim.control_url}/exchanges?api=bookings", timeout=10).json()
    graph.get("/solutions/nothing")
    later = requests.get(f"{sim.control_url}/exchanges?since={first['last']}", timeout=10).json()["exchanges"]
    counters = requests.get(f"{sim.control_url}/counters", timeout=10).json()

    assert [(one["path"], one["query"], one["status"], one["outcome"]) for one in first["exchanges"]] == [
        ("/v1.0/solutions/bookingBusinesses", [["query", "de"]], 200, "answered"),
    ]
    assert first["exchanges"][0]["response_headers"]["client-request-id"] == "a-b-c"
    assert [(one["api"], one["status"]) for one in later] == [("graph", 400)]
    assert counters["counts"] == {"bookings": 1, "graph": 1}

    assert requests.patch(f"{sim.control_url}/exchanges", json={"keep": 5000}, timeout=10).json() == {"keep": 5000}
    assert requests.delete(f"{sim.control_url}/exchanges", timeout=10).status_code == 204
    assert requests.get(f"{sim.control_url}/counters", timeout=10).json() == {"counts": {}, "peaks": {}}


def test_a_handler_that_breaks_is_not_mistaken_for_the_service(caplog: pytest.LogCaptureFixture) -> None:
    def ask_broken_world() -> None:
        with Simulator(tiny.build()).running() as sim:
            sim.bookings.business(BUSINESS).values = {}
            with RawGraphClient(sim, READ, tenant_id=TENANT_ID, app_id=CLIENT_ID) as client:
                answer = client.get("/solutions/bookingBusinesses")
            assert (answer.status_code, list(answer.json())) == (500, ["simulatorFailure"])

    with pytest.raises(SimulatorBrokenError, match="KeyError: 'displayName'"):
        ask_broken_world()
    assert "the twin failed" in caplog.text


def test_changes_of_several_steps_run_between_two_requests(sim: Simulator) -> None:
    assert sim.run(lambda: threading.current_thread().name) == "simulator"
    with pytest.raises(KeyError):
        sim.run(lambda: sim.bookings.business("nobody@contoso.com"))


def test_a_port_that_is_taken_is_said_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        sim = Simulator(tiny.build(), proxy_port=taken.getsockname()[1])
        with pytest.raises(OSError, match="address already in use"):
            sim.start()


def test_the_process_prints_its_addresses_and_ends_on_sigterm(tmp_path: Path) -> None:
    port_file = tmp_path / "addresses.json"
    command = [sys.executable, "-m", "twin", "--state-dir", str(tmp_path), "--port-file", str(port_file)]
    began = time.monotonic()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        while not port_file.exists():
            assert process.poll() is None
            assert time.monotonic() - began < 30
            time.sleep(0.02)
        written = json.loads(port_file.read_text())
        environment, settings = json.loads(written["environment"]), json.loads(written["settings"])
        with requests.Session() as session:
            session.trust_env = False
            session.proxies, session.verify = {"https": environment["HTTPS_PROXY"]}, written["ca_file"]
            assert session.get(DISCOVERY, timeout=10).ok
            assert session.get(written["control_url"], timeout=10).ok
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    assert not port_file.exists()
    assert settings["GRAPH_TENANT_ID"] == TENANT_ID
    assert int(written["pid"]) != os.getpid()


def test_the_readme_lists_the_control_routes(sim: Simulator) -> None:
    text = (ROOT / "twin" / "README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `([A-Z]+ /_control[^`]*)` \|", text, re.MULTILINE))
    routes = requests.get(sim.control_url, timeout=10).json()["routes"]

    assert listed == {f"{route['method']} {route['path']}" for route in routes}


def test_entering_and_leaving_keeps_the_environment_as_it_was(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_ID", "astray")
    monkeypatch.setenv("http_proxy", "http://proxy.example.org")
    before = dict(os.environ)

    with redirected_to(sim, KEY_VAULT_URL="https://contoso-gateway.vault.azure.net"):
        assert os.environ["HTTPS_PROXY"] == sim.proxy_url
        assert not {"AZURE_CLIENT_ID", "http_proxy", "CURL_CA_BUNDLE"} & set(os.environ)

    assert dict(os.environ) == before


def test_it_can_be_started_again(tmp_path: Path) -> None:
    sim = Simulator(tiny.build(), state_dir=tmp_path)
    for _ in range(2):
        with sim.running(), redirected_to(sim):
            assert requests.get(DISCOVERY, timeout=10).ok
