"""The doctor looks whether telemetry arrives where it is signed in by the app's identity."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from composition import services
from composition.connections import build_services
from doctor.examination import Status, Verdict
from doctor.telemetry_step import make_telemetry_step
from inbound_mail.sinks import check_sink
from shared.settings.config import load_settings
from tests.functional.doctor.conftest import Installation

NAME = ("telemetry", "")


class Ingestion(ThreadingHTTPServer):
    """Application Insights as it answers: 401 without a token, and `status` else."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.taken: list[tuple[str, str, Any]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Ingestion

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        authorization = self.headers.get("authorization", "")
        self.server.taken.append((self.path, authorization, body))
        self.send_response(self.server.status if authorization.startswith("Bearer ey") else 401)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def ingestion() -> Iterator[Ingestion]:
    server = Ingestion()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def connected(installation: Installation, ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch) -> Ingestion:
    installation.gateway.forget()
    client_id = services.services().settings.identity_client_id
    address = f"InstrumentationKey=k;IngestionEndpoint=http://127.0.0.1:{ingestion.server_port}/"
    monkeypatch.setenv("APPLICATIONINSIGHTS_CONNECTION_STRING", address)
    monkeypatch.setenv("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", f"ClientId={client_id};Authorization=AAD")
    return ingestion


def check() -> str | Verdict:
    used = build_services(load_settings(check_sink=check_sink))
    return make_telemetry_step(used.settings.telemetry, used).check()


def test_an_identity_that_may_write_telemetry(connected: Ingestion) -> None:
    assert str(check()).startswith("Application Insights takes")
    [(path, authorization, [line])] = connected.taken
    assert path == "/v2.1/track"
    assert authorization.startswith("Bearer ey")
    assert line["iKey"] == "k"


@pytest.mark.slow(reason="examines a whole installation")
@pytest.mark.parametrize("status", [401, 403])
def test_without_the_role_the_remedy_names_it(installation: Installation, connected: Ingestion, status: int) -> None:
    connected.status = status
    assert "assign the role Monitoring Metrics Publisher" in installation.find_only(NAME)


def test_an_outage_is_no_missing_role(connected: Ingestion) -> None:
    connected.status = 503
    found = check()
    assert isinstance(found, Verdict)
    assert found.status is Status.WARN


def test_where_nothing_is_signed_in_nothing_is_sent(connected: Ingestion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APPLICATIONINSIGHTS_AUTHENTICATION_STRING")
    assert "no role is needed" in str(check())
    monkeypatch.delenv("APPLICATIONINSIGHTS_CONNECTION_STRING")
    assert "No Application Insights" in str(check())
    assert connected.taken == []
