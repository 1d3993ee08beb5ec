"""OpenTelemetry as it is turned on: the deployed package, one more requirement, and the settings of the Bicep file.

Lines and events reach the ingestion address with the app's own identity, and carry the id of their call as an
attribute. The address is a server of this test, reached by TLS as the real one is.
"""

import gzip
import json
import re
import ssl
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme

from tests.functional.deployed import SETTINGS, build_or_skip, find_or_skip_python, run_alone, unpack
from tests.house.source import ROOT

pytestmark = pytest.mark.slow(reason="starts whole processes")

SCRIPT = Path(__file__).with_name("telemetry_start.py")
IDENTITY, TOKEN = "1de00000-5555-4aaa-8bbb-000000000005", "a token for telemetry"
SECRET = "the-secret-of-an-address"
# what the exporter tells its makers about itself goes to addresses that are not ours
QUIET = {
    f"APPLICATIONINSIGHTS_{what}": "true"
    for what in ("STATSBEAT_DISABLED_ALL", "SDKSTATS_DISABLED", "CONTROLPLANE_DISABLED")
}


class Ingestion:
    """Takes telemetry, and hands out the identity's tokens."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.ca_file = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        self.envelopes: list[dict[str, Any]] = []
        self.authorizations: set[str | None] = set()
        self.identities: set[str] = set()
        self.posts: list[str] = []
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self.servers = [self._serve(None), self._serve(context)]
        self.identity_url, self.url = (
            f"{scheme}://127.0.0.1:{server.server_port}"
            for scheme, server in zip(("http", "https"), self.servers, strict=True)
        )

    def _serve(self, context: ssl.SSLContext | None) -> ThreadingHTTPServer:
        ours = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                ours.identities |= set(parse_qs(urlsplit(self.path).query)["client_id"])
                reported = {"access_token": TOKEN, "expires_on": "4102444800", "resource": "x", "token_type": "Bearer"}
                self._answer(reported)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                body = gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
                taken = json.loads(body) if "/track" in self.path else []
                ours.posts.append(self.path)
                if "/track" in self.path:
                    ours.authorizations.add(self.headers.get("authorization"))
                ours.envelopes += taken
                self._answer({"itemsReceived": len(taken), "itemsAccepted": len(taken), "errors": []})

            def _answer(self, reported: Any) -> None:
                body = json.dumps(reported).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def stop(self) -> None:
        for server in self.servers:
            server.shutdown()
            server.server_close()


def bicep_settings() -> set[str]:
    """The app settings that the deployment sets when it is on."""
    text = (ROOT / "infra/modules/gateway.bicep").read_text()
    found = re.search(r"^var telemetrySettings = \{\n(.*?)\n\}", text, re.DOTALL | re.MULTILINE)
    assert found
    assert "openTelemetry == 'on' ? telemetrySettings : {}" in text
    return {f"{name}={value}" for name, value in re.findall(r"^\s+(\w+): '(.*?)'", found[1], re.MULTILINE)}


@pytest.fixture(scope="module")
def ingestion(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingestion]:
    made = Ingestion(tmp_path_factory.mktemp("ingestion"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory, ingestion: Ingestion) -> str:
    """The id of a flow's call to an app that runs with OpenTelemetry, all of whose telemetry has come in."""
    version = "3.13"
    python = find_or_skip_python(version)
    folder = tmp_path_factory.mktemp("deployed")
    script = unpack(folder, SCRIPT, build_or_skip(folder / "app.zip", version, "requirements-telemetry.txt"))
    environ = SETTINGS | QUIET | dict(line.split("=", 1) for line in bicep_settings())
    environ |= {
        "APPLICATIONINSIGHTS_CONNECTION_STRING": f"InstrumentationKey={uuid.uuid4()};IngestionEndpoint={ingestion.url}/"
        f";LiveEndpoint={ingestion.url}/",
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": f"ClientId={IDENTITY};Authorization=AAD",
        "IDENTITY_ENDPOINT": f"{ingestion.identity_url}/msi",
        "IDENTITY_HEADER": "x",
        "REQUESTS_CA_BUNDLE": str(ingestion.ca_file),
    }
    made = str(uuid.uuid4())
    said = run_alone(python, folder, [str(script), str(folder / "app"), made, ingestion.url, SECRET], environ)
    assert json.loads(said.splitlines()[-1])["status"] == 400
    return made


def test_nothing_but_our_own_lines_is_sent(ingestion: Ingestion, flow: str) -> None:
    """The libraries' lines would be many, and those of the exporter about each sending would never end."""
    reported = messages(ingestion, "")
    assert reported
    assert not [one for one in reported if flow not in json.dumps(one["data"]["baseData"])]


def messages(ingestion: Ingestion, beginning: str) -> list[dict[str, Any]]:
    found = [one for one in ingestion.envelopes if one["data"]["baseType"] == "MessageData"]
    return [one for one in found if one["data"]["baseData"]["message"].startswith(beginning)]


def test_no_address_that_is_called_is_sent(ingestion: Ingestion, flow: str) -> None:
    """That of a webhook is its credential. The clients' instrumentations would send all of it, as dependencies."""
    assert flow
    called = [path for path in ingestion.posts if SECRET in path]
    assert {path.split("/")[1].partition("?")[0] for path in called} == {"hooks", "search", "plain", SECRET}
    assert ingestion.envelopes
    assert SECRET not in json.dumps(ingestion.envelopes)
    assert "RemoteDependencyData" not in {one["data"]["baseType"] for one in ingestion.envelopes}


def test_it_is_the_deployments_switch_that_turns_it_on() -> None:
    assert bicep_settings() == {
        "AzureFunctionsJobHost__telemetryMode=OpenTelemetry",
        "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY=true",
        "PYTHON_APPLICATIONINSIGHTS_LOGGER_NAME=gateway",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=azure_sdk,requests,urllib,urllib3",
    }


def test_telemetry_is_sent_with_the_apps_own_identity(ingestion: Ingestion, flow: str) -> None:
    assert flow
    assert ingestion.authorizations == {f"Bearer {TOKEN}"}
    assert ingestion.identities == {IDENTITY}


def test_an_event_comes_with_its_fields_as_attributes(ingestion: Ingestion, flow: str) -> None:
    [event] = messages(ingestion, "CircuitOpen ")
    reported = event["data"]["baseData"]["properties"]
    assert reported["gateway.event"] == "CircuitOpen"
    assert (reported["gateway.sink"], reported["gateway.mails"], reported["gateway.requestId"]) == ("desk", "3", flow)


def test_the_line_of_a_call_has_its_id_in_its_text_and_as_an_attribute(ingestion: Ingestion, flow: str) -> None:
    [line] = messages(ingestion, "list_businesses failed after ")
    assert line["data"]["baseData"]["message"].endswith(f"[{flow}]")
    assert line["data"]["baseData"]["properties"]["gateway.requestId"] == flow
