"""Fixtures of the functional tests: our app in the real worker library, and the simulated Microsoft cloud.

Both run in this process and start once; every test begins with a new world and with new services.
"""

import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from composition import services
from composition.connections import Services
from devkit.azurite import Azurite
from devkit.commands.test import QUICK
from devkit.connector.answers import load_definition
from devkit.connector.client_answers import load_description
from devkit.host import Keys, LocalHost, serve_in_thread
from inbound_mail.reports.watched import TimerRuns
from shared.settings.catalogue import SETTINGS
from shared.settings.timers import TIMERS
from shared.storage.tables import Table
from tests.functional.sign_in_at_hand import SignInAtHand
from twin.core.record import Exchange
from twin.seeds import sample, tiny
from twin.simulator import Simulator
from twin.world import World

ROOT = Path(__file__).resolve().parents[2]

type Seed = Callable[[World], None]

SCHEDULES = {"MAILBOX_POLL_SCHEDULE": "0 * * * * *", "CHANGES_SCHEDULE": "15 */5 * * * *"}


def note_timers(used: Services) -> None:
    """Note that all timers have run just now, as they do where an app runs by itself."""
    note_timers_in(used.mail.table)


def note_timers_in(table: Table) -> None:
    """Note it in a ledger's table."""
    for timer in TIMERS:
        TimerRuns(table).note(timer, datetime.now(UTC))


class Gateway:
    """The simulator, and the app as a caller sees it."""

    def __init__(self, sim: Simulator, host: LocalHost, base_url: str, key: str) -> None:
        self.sim = sim
        self.host = host
        self.base_url = base_url
        self.key = key
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.hooks["response"].append(hold_to_the_definition)
        self.sign_in = SignInAtHand(sim)
        self.business = tiny.BUSINESS

    def begin(self, seed: Seed, **settings: str) -> None:
        """Seed a new world and start the app with its settings, changed as given ("" removes one)."""
        self.sim.run(lambda: self._seed(seed))
        self.configure(**(SCHEDULES | sample.settings(self.sim) | settings))

    def configure(self, **settings: str) -> None:
        """Start the app anew with these settings and no others."""
        for setting in SETTINGS:
            os.environ.pop(setting.name, None)
        os.environ.update({name: value for name, value in settings.items() if value})
        services.replace_services(None)

    def _seed(self, seed: Seed) -> None:
        self.sim.world._seed = seed
        self.sim.world.reset()
        self.sim.faults.clear()
        self.sim.exchanges.clear()

    def get(
        self, path: str, /, key: str | None = None, headers: dict[str, str] | None = None, **query: Any
    ) -> requests.Response:
        """GET a route below /api with the host key."""
        shown = {"x-functions-key": self.key if key is None else key} if key != "" else {}
        sent = shown | (headers or {})
        return self.http.get(f"{self.base_url}/api/{path}", params=query, headers=sent, timeout=60)

    def ask(self, path: str, /, **query: Any) -> Any:
        """GET a route about the business at hand, which must answer 200; return its JSON."""
        answer = self.get(f"bookings/businesses/{self.business}{path}", **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, /, body: Any = None, raw: bytes | None = None, **query: Any) -> requests.Response:
        """POST JSON to a route below /api."""
        return self.http.post(
            f"{self.base_url}/api/{path}",
            params=query, json=body, data=raw, headers={"x-functions-key": self.key}, timeout=60,
        )  # fmt: skip

    def refused(self, path: str, /, **query: Any) -> dict[str, Any]:
        """GET a route that must not answer 200; return status and error."""
        return read_error(self.get(path, **query))

    def graph_calls(self) -> list[Exchange]:
        """Return the calls to Graph, in order."""
        return [seen for seen in self.sim.exchanges.all() if seen.api in ("graph", "bookings")]

    def forget(self) -> None:
        """Forget the calls that were recorded so far."""
        self.sim.exchanges.clear()


def hold_to_the_definition(answer: requests.Response, *_: object, **__: object) -> None:
    """Check every answer of the app in every test against the connector's definition and the OpenAPI 3.1 text."""
    method, path = str(answer.request.method), urlsplit(str(answer.request.url)).path
    if path.startswith("/api/"):
        media_type = answer.headers.get("content-type", "")
        described = path.removeprefix("/api")
        assert not load_definition().complaints(method, described, answer.status_code, media_type, answer.content)
        assert not load_description().complaints(method, described, answer.status_code, answer.headers, answer.content)


def read_error(answer: requests.Response) -> dict[str, Any]:
    """Return an error answer as {"status", "code", "message", "target"?, "retryAfter"?}, checked for its shape."""
    assert answer.headers["content-type"] == "application/json"
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) <= {"code", "message", "target", "requestId", "entraError", "entraCorrelationId"}
    assert error["requestId"] == answer.headers["x-request-id"]
    assert re.search(r"[.?] .*[.?]$", error["message"]), "a sentence says what happened, another one what to do"
    waits = {"retryAfter": int(answer.headers["Retry-After"])} if "Retry-After" in answer.headers else {}
    return {"status": answer.status_code} | error | waits


@pytest.fixture(scope="session")
def gateway_process(azurite: Azurite) -> Iterator[Gateway]:
    """The simulator and the host, once for all tests; timers and queues do not run by themselves."""
    before = dict(os.environ)
    with Simulator(World(tiny.seed)).running() as sim:
        os.environ.update(sim.environment())
        os.environ["AzureWebJobsStorage"] = azurite.connection_string  # noqa: SIM112 - the platform spells it so
        os.environ.update(SCHEDULES)
        keys = Keys.generate()
        host = LocalHost.load(ROOT, settings_file=None, environ=os.environ, keys=keys)
        server = serve_in_thread(host)
        gateway = Gateway(sim, host, server.base_url, keys.host["default"])
        try:
            with gateway.sign_in.installed():
                yield gateway
        finally:
            server.stop()
            host.stop()
            os.environ.clear()
            os.environ.update(before)


@pytest.fixture
def gateway(gateway_process: Gateway) -> Gateway:
    """A world of one small business that never closes, without appointments."""
    gateway_process.begin(tiny.seed, BOOKINGS_BUSINESSES=tiny.BUSINESS)
    gateway_process.business = tiny.BUSINESS
    return gateway_process


@pytest.fixture
def contoso(gateway_process: Gateway) -> Gateway:
    """The sample world: three businesses in three time zones, 400 appointments around today."""
    gateway_process.begin(sample.seed)
    gateway_process.business = "ithelpdesk@contoso.com"
    return gateway_process


@pytest.fixture(autouse=True)
def sign_in(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have tokens and secrets at hand with --quick, except in tests that are marked `signs_in`.

    The whole suite signs in by requests, as the deployed app does.
    """
    is_quick = request.config.option.markexpr == QUICK
    if not is_quick or "gateway_process" not in request.fixturenames or request.node.get_closest_marker("signs_in"):
        yield
        return
    hand = request.getfixturevalue("gateway_process").sign_in
    hand.is_on = True
    yield
    hand.is_on = False


_minute: list[datetime] = []


@pytest.fixture(autouse=True)
def one_minute() -> None:
    """Let `ahead` mean the same moment throughout a test, also when a minute ends meanwhile."""
    _minute[:] = [datetime.now(UTC).replace(second=0, microsecond=0)]


def ahead(**span: float) -> datetime:
    """A whole minute in the future, counted from the minute in which the test began."""
    return _minute[0] + timedelta(**span)
