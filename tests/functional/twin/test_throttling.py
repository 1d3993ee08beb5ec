import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import requests

from twin import Simulator
from twin.bookings.permissions import READ
from twin.client import RawGraphClient
from twin.seeds import tiny
from twin.seeds.sample import CLIENT_ID, PARTNER_CLIENT_ID, PARTNER_TENANT_ID, TENANT_ID

ROOT = "/solutions/bookingBusinesses"
URL = f"https://graph.microsoft.com/v1.0{ROOT}"


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(tiny.build(), latency=0).running() as sim:
        yield sim


@pytest.fixture
def graph(sim: Simulator) -> Iterator[RawGraphClient]:
    with RawGraphClient(sim, READ, tenant_id=TENANT_ID, app_id=CLIENT_ID) as client:
        yield client


def ask_at_once(count: int, *clients: RawGraphClient) -> list[requests.Response]:
    """Let each client send `count` requests at the same moment, on connections that are open already."""
    with ExitStack() as stack:
        sessions = [stack.enter_context(open_session(client)) for client in clients for _ in range(count)]
        together = threading.Barrier(len(sessions))
        clients[0].sim.server.latency = 0.4

        def ask(session: requests.Session) -> requests.Response:
            together.wait(timeout=20)
            return session.get(URL, timeout=20)

        with ThreadPoolExecutor(len(sessions)) as pool:
            answers = list(pool.map(ask, sessions))
        clients[0].sim.server.latency = 0
        return answers


def open_session(client: RawGraphClient) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.proxies, session.verify = client.session.proxies, client.session.verify
    assert session.get(URL, timeout=20).status_code == 401
    session.headers["Authorization"] = f"Bearer {client.token}"
    return session


def test_four_at_once_is_the_most_for_one_app(sim: Simulator, graph: RawGraphClient) -> None:
    answers = ask_at_once(10, graph)

    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 6
    assert {answer.json()["error"]["code"] for answer in refused} == {"ApplicationThrottled"}
    assert {answer.json()["error"]["message"] for answer in refused} == {
        "Application is over its MailboxConcurrency limit.",
    }
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert sim.graph_limits.refusals == {"concurrency": 6}
    assert graph.get(ROOT).ok


def test_apps_are_counted_apart(sim: Simulator, graph: RawGraphClient) -> None:
    with RawGraphClient(sim, READ, tenant_id=PARTNER_TENANT_ID, app_id=PARTNER_CLIENT_ID) as partner:
        answers = ask_at_once(4, graph, partner)

    assert Counter(answer.status_code for answer in answers) == {200: 8}
    assert sim.exchanges.peaks["bookings"] > 4


def test_the_limit_can_be_moved_and_the_header_left_out(sim: Simulator, graph: RawGraphClient) -> None:
    limits = f"{sim.control_url}/graph/limits"
    requests.patch(limits, json={"concurrency": 1, "retryAfter": None}, timeout=10).raise_for_status()
    answers = ask_at_once(3, graph)

    assert Counter(answer.status_code for answer in answers) == {200: 1, 429: 2}
    assert not any("retry-after" in answer.headers for answer in answers)
    assert requests.get(limits, timeout=10).json()["refusals"] == {"concurrency": 2}

    requests.patch(limits, json={"concurrency": None}, timeout=10).raise_for_status()

    assert Counter(answer.status_code for answer in ask_at_once(8, graph)) == {200: 8}


def test_everything_can_be_throttled_for_a_while(sim: Simulator, graph: RawGraphClient) -> None:
    def throttle(**wish: float | None) -> None:
        requests.post(f"{sim.control_url}/graph/throttle", json=wish, timeout=10).raise_for_status()

    throttle(seconds=60, retryAfter=7)
    refused = graph.get(ROOT)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
    assert refused.json()["error"]["code"] == "TooManyRequests"
    throttle(seconds=60, retryAfter=None)
    assert "retry-after" not in graph.get(ROOT).headers
    assert sim.graph_limits.refusals == {"throttled": 2}

    throttle(seconds=0)

    assert graph.get(ROOT).ok


def test_a_share_is_refused_and_who_comes_back_too_early_is_counted(sim: Simulator, graph: RawGraphClient) -> None:
    limits = f"{sim.control_url}/graph/limits"
    wish = {"share": 0.25, "shareLimit": "IncomingBytes", "retryAfter": 60, "crossing": 0}
    requests.patch(limits, json=wish, timeout=10).raise_for_status()
    page = f"{ROOT}/{tiny.BUSINESS}"
    assert [graph.get(page).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert requests.get(limits, timeout=10).json()["early"] == 0

    graph.get(page)
    graph.get(f"{page}/services")
    graph.request("POST", "/$batch", json={"requests": [{"id": "1", "method": "GET", "url": page}]})
    assert requests.get(limits, timeout=10).json()["early"] == 3, "a part of a batch counts like a request"
    assert graph.get(ROOT).ok, "the list of pages is no page"
    assert sim.graph_limits.pauses.early == 3

    requests.patch(limits, json={"refuseEarly": True}, timeout=10).raise_for_status()
    assert graph.get(page).status_code == 429
    assert sim.graph_limits.refusals["early"] == 1


def test_the_limit_of_open_requests_is_the_apps(sim: Simulator, graph: RawGraphClient) -> None:
    limits = sim.graph_limits
    limits.share, limits.share_limit, limits.retry_after, limits.pauses.crossing = 1.0, "MailboxConcurrency", 60, 0.0
    assert graph.get(f"{ROOT}/{tiny.BUSINESS}").status_code == 429
    limits.share = 0.0
    with RawGraphClient(sim, READ, tenant_id=PARTNER_TENANT_ID, app_id=PARTNER_CLIENT_ID) as partner:
        assert partner.get(ROOT).ok
    assert limits.pauses.early == 0
    assert graph.get(ROOT).ok
    assert limits.pauses.early == 1


def test_a_connection_that_breaks_gives_its_place_back(sim: Simulator, graph: RawGraphClient) -> None:
    sim.server.latency = 1.0
    for _ in range(6):
        with pytest.raises(requests.exceptions.Timeout):
            graph.session.get(URL, timeout=0.02)
    deadline = time.monotonic() + 60
    while sim.graph_limits.in_flight and time.monotonic() < deadline:
        time.sleep(0.05)

    assert sim.graph_limits.in_flight == 0
    assert graph.get(ROOT).ok
