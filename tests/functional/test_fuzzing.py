"""The fuzzer finds faults: it asks an app that is wrong in every way it reads for."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from devkit.fuzzing.findings import Findings
from devkit.fuzzing.fuzz import SCHEMATHESIS, run_driver
from devkit.fuzzing.plan import Plan
from devkit.fuzzing.world import Running
from tests.house.tools import find_or_skip

pytestmark = pytest.mark.slow(reason="installs a foreign tool")

KEY = "a-key-that-nobody-may-see"
THING = {"type": "object", "properties": {"name": {"type": "string"}}}


def describe(path: str, name: str, schema: dict[str, Any]) -> dict[str, Any]:
    parameter = {"name": "word", "in": "query", "type": "string"}
    responses = {"200": {"description": "It.", "schema": schema}, "400": {"description": "Wrong."}}
    operation = {"operationId": name, "parameters": [parameter], "responses": responses, "tags": ["All"]}
    return {path: {"get": operation}}


DEFINITION = {
    "swagger": "2.0",
    "info": {"title": "Wrong", "version": "1"},
    "basePath": "/api",
    "produces": ["application/json"],
    "paths": describe("/good", "Good", THING)
    | describe("/broken", "Broken", THING)
    | describe("/more", "More", THING)
    | describe("/other", "Other", THING)
    | describe("/unlisted", "Unlisted", THING)
    | describe("/curt", "Curt", THING)
    | describe("/torn", "Torn", THING),
    "securityDefinitions": {"api_key": {"type": "apiKey", "in": "header", "name": "x-functions-key"}},
    "security": [{"api_key": []}],
}
ERROR = {"error": {"code": "Wrong", "message": "It is wrong.", "requestId": "1"}}
ANSWERS: dict[str, tuple[int, Any]] = {
    "/api/swagger.json": (200, DEFINITION),
    "/api/bookings/businesses": (200, {"value": []}),
    "/api/mailboxes": (200, {"value": []}),
    "/api/good": (200, {"name": "x"}),
    "/api/broken": (500, ERROR),
    "/api/more": (200, {"name": "x", "secret": "y"}),
    "/api/other": (200, {"name": 7}),
    "/api/unlisted": (403, ERROR),
    "/api/curt": (400, {"error": "no"}),
}


class WrongApp(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/api/torn":
            self.close_connection = True
            return
        status, body = ANSWERS[path]
        raw = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(raw)))):
            self.send_header(name, value)
        self.send_header("x-request-id", "1")
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def findings() -> Iterator[Findings]:
    python = find_or_skip(SCHEMATHESIS)
    server = ThreadingHTTPServer(("127.0.0.1", 0), WrongApp)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    app = Running(f"http://127.0.0.1:{server.server_port}", KEY)
    try:
        yield run_driver(python, app, Plan(requests=70, seed=1))
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("operation", "check"),
    [
        ("Broken", "not_a_server_error"),
        ("Broken", "status_code_conformance"),
        ("More", "is_described"),
        ("Other", "response_schema_conformance"),
        ("Other", "is_described"),
        ("Unlisted", "status_code_conformance"),
        ("Curt", "has_error_shape"),
    ],
)
def test_what_is_wrong_is_found(findings: Findings, operation: str, check: str) -> None:
    [found] = [each for each in findings.failures.values() if (each.operation, each.check) == (operation, check)]
    assert found.count >= 2
    assert found.curl.startswith("curl ")
    assert operation.lower() in found.curl


def test_what_is_right_is_left_alone(findings: Findings) -> None:
    assert "Good" not in {each.operation for each in findings.failures.values()}
    assert set(findings.by_operation["Good"]) == {200}


def test_an_answer_that_never_came_is_counted_and_reported(findings: Findings) -> None:
    assert set(findings.by_operation["Torn"]) == {0}
    assert any("/torn" in text for text in findings.troubles)


def test_exactly_so_many_requests_are_sent(findings: Findings) -> None:
    assert findings.requests == 70


def test_the_summary_shows_everything_but_the_key(findings: Findings) -> None:
    reported = findings.describe()
    assert not findings.is_good
    for word in ("70 requests", "500 x", "403 x", "Broken, not_a_server_error", "secret", "trouble: "):
        assert word in reported
    assert KEY not in reported
    assert "x-functions-key: [Filtered]" in reported
