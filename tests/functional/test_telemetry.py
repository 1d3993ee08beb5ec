"""One id leads from a flow's call through the log to Graph; events are found by name; what is off costs nothing."""

import itertools
import json
import logging
import os
import re
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from devkit.host.settings import HostSettings
from shared import context, retry, telemetry
from shared.errors import Invalid, Unavailable
from shared.events import Event, log_event
from shared.graph import client
from shared.graph.bookings import GraphBookings
from shared.log_text import LONGEST, Lines
from tests.functional.conftest import Gateway
from tests.house.source import ROOT
from twin.core.faults import Answer

pytestmark = pytest.mark.signs_in

TELEMETRY = (ROOT / "docs/telemetry.md").read_text()


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, logger="gateway")
    return caplog


@pytest.fixture
def flow() -> str:
    """The id of a flow's call."""
    return str(uuid.uuid4())


def lines(log: pytest.LogCaptureFixture, *loggers: str) -> list[str]:
    return [record.getMessage() for record in log.records if record.name in loggers]


def ask(gateway: Gateway, flow: str, path: str = "/staff", **query: Any) -> int:
    page = f"bookings/businesses/{gateway.business}{path}"
    answer = gateway.get(page, headers={"x-ms-client-request-id": flow}, **query)
    assert answer.headers["x-request-id"] == flow
    return answer.status_code


# -- one id ------------------------------------------------------------------------------------------------------------


def test_a_flows_id_is_in_the_log_and_goes_to_graph(gateway: Gateway, log: pytest.LogCaptureFixture, flow: str) -> None:
    assert ask(gateway, flow) == 200
    [line] = lines(log, "gateway.http")
    assert re.fullmatch(rf"list_staff answered 200 after \d+\.\d\d s \[{flow}\]", line)
    assert {call.request_headers["client-request-id"] for call in gateway.graph_calls()} == {flow}


def test_lines_of_helping_threads_carry_it_too(
    contoso: Gateway, log: pytest.LogCaptureFixture, flow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.01)
    contoso.sim.faults.add(Answer(503), api="bookings", path="/appointments/", times=2)
    today = datetime.now(UTC).date()
    asked = {"start": f"{today}", "end": f"{today + timedelta(days=14)}", "details": "true", "limit": 5}
    assert ask(contoso, flow, "/appointments", **asked) == 200
    found = lines(log, "gateway.retry", "gateway.graph")
    assert len(found) >= 4
    assert all(line.endswith(f"[{flow}]") for line in found)
    threads = {record.threadName for record in log.records if record.name == "gateway.retry"}
    assert any(str(name).startswith("gateway") for name in threads)


def test_a_refusal_is_reported_with_its_id(gateway: Gateway, log: pytest.LogCaptureFixture, flow: str) -> None:
    assert ask(gateway, flow, "/appointments", start="soon", end="later") == 400
    [line] = lines(log, "gateway.http")
    assert line.startswith("list_appointments failed after 0.")
    assert line.endswith(f"[{flow}]")
    assert line.count(flow) == 1


def test_what_nobody_foresaw_is_reported_by_kind_and_place_not_by_its_text(
    gateway: Gateway, log: pytest.LogCaptureFixture, flow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object) -> None:
        raise ValueError("Robin Example has an appointment")

    monkeypatch.setattr(GraphBookings, "list_staff", break_down)
    assert ask(gateway, flow) == 500
    [line] = lines(log, "gateway.http")
    assert re.fullmatch(rf"list_staff broke: ValueError at test_telemetry\.py:\d+ .*\[{flow}\]", line)
    assert "Robin" not in log.text


def test_outside_any_call_a_line_stays_as_it_is(log: pytest.LogCaptureFixture) -> None:
    telemetry.install()
    logging.getLogger("gateway.http").info("100 %% of %s", "it")
    assert lines(log, "gateway.http") == ["100 % of it"]


def test_other_libraries_lines_stay_as_they_are(caplog: pytest.LogCaptureFixture, flow: str) -> None:
    telemetry.install()
    with context.call(flow, seconds=1):
        logging.getLogger("another").warning("a %s", "line")
    assert [record.getMessage() for record in caplog.records] == ["a line"]


def test_installing_it_twice_adds_the_id_once(log: pytest.LogCaptureFixture, flow: str) -> None:
    telemetry.install()
    telemetry.install()
    with context.call(flow, seconds=1):
        logging.getLogger("gateway.http").info("50%% of %s", "it")
    assert lines(log, "gateway.http") == [f"50% of it [{flow}]"]
    assert log.records[0].__dict__[telemetry.REQUEST_ID] == flow


# -- foreign text ------------------------------------------------------------------------------------------------------

# What would begin a line that looks like the gateway's own, hide a part of it, or move a terminal's cursor.
FORGED = "2026-11-30 CRITICAL gateway.http: every ticket was deleted"
BREAKS = (
    "\n",
    "\r\n",
    "\r",
    "\v",
    "\f",
    "\x1c",
    "\x85",
    "\u2028",
    "\u2029",
    "\x1b[2K\x1b[1G",
    "\x00",
    "\u202e",
    "\x7f",
)


def is_one_plain_line(text: str) -> bool:
    return text.isprintable() and len(text) < 4 * LONGEST


def test_a_caller_writes_no_line_of_its_own(gateway: Gateway, log: pytest.LogCaptureFixture) -> None:
    paths = ("openapi.json", "swagger.json", "docs", "bookings/businesses", "no/such/path")
    for path, sign in itertools.product(paths, BREAKS):
        forged: dict[str, Any] = {f"{sign}{FORGED}": "x", "zone": sign}
        gateway.get(path, headers={"x-ms-client-request-id": f"x{FORGED}"}, **forged)
        if sign != "\0":  # the platform's host refuses it in a path
            gateway.get(f"{path}/{quote(sign + FORGED)}", connection=f"{sign}{FORGED}")
    found = lines(log, "gateway.http")
    assert len(found) == len(paths) * (2 * len(BREAKS) - 1)
    assert [one for one in found if not is_one_plain_line(one)] == []


def test_microsoft_graph_writes_no_line_of_its_own(gateway: Gateway, log: pytest.LogCaptureFixture) -> None:
    for sign in BREAKS:
        words = f"Error{sign}{FORGED}"
        error = {"code": words, "message": words, "innerError": {"code": words, "request-id": words}}
        gateway.sim.faults.clear()
        gateway.sim.faults.add(Answer(403, body={"error": error}), api="bookings", times=None)
        assert gateway.refused(f"bookings/businesses/{gateway.business}/staff")["status"] == 403
    found = lines(log, "gateway.http", "gateway.graph")
    assert len(found) == 2 * len(BREAKS)
    assert all("Error" in one and is_one_plain_line(one) for one in found)


def test_every_argument_of_every_line_is_kept_on_it(log: pytest.LogCaptureFixture, flow: str) -> None:
    telemetry.install()
    ours = logging.getLogger("gateway.sample")
    several = Lines(["MAILBOXES[0].name: wrong", f"SINKS.a\n{FORGED}: wrong"])
    with context.call(flow, seconds=1):
        ours.info("%s of %d, %.1f, %s, %s", FORGED + "\n", 3, 0.5, Unavailable("Away.\nTry.", detail="a\nb"), None)
        ours.info("wrong:\n%s", several)
        ours.info("%(a)s", {"a": "x\ny"})
        ours.info("%s", "x" * 9 * LONGEST)
    first, second, third, long = lines(log, "gateway.sample")
    assert first == f"{FORGED}\\n of 3, 0.5, UpstreamUnavailable | Away.\\nTry. | detail=a\\nb, None [{flow}]"
    assert second.splitlines() == [
        "wrong:", "  MAILBOXES[0].name: wrong", f"  SINKS.a\\n{FORGED}: wrong [{flow}]",
    ]  # fmt: skip
    assert third == f"x\\ny [{flow}]"
    assert long == f"{'x' * LONGEST}… ({9 * LONGEST} characters) [{flow}]"
    assert str(Unavailable("Away.\nTry.", detail="a\x1b")) == "UpstreamUnavailable | Away.\\nTry. | detail=a\\x1b"


def test_where_a_callers_text_ends_can_be_seen() -> None:
    assert str(Invalid("No.", target="start")).endswith(" | target=start")
    assert str(Invalid("No.", target="x | detail=all is well")).endswith(" | target='x | detail=all is well'")


def test_an_event_is_one_line_whatever_its_fields_hold(log: pytest.LogCaptureFixture) -> None:
    for sign in BREAKS:
        log_event(Event.POISON_MESSAGE, mailbox=f"{sign}{FORGED}", key="k" * 9 * LONGEST)
    found = lines(log, "gateway.events")
    assert len(found) == len(BREAKS)
    assert all(is_one_plain_line(one) and json.loads(one.partition(" ")[2]) for one in found)


# -- events ------------------------------------------------------------------------------------------------------------


def test_an_event_is_json_behind_its_name_and_attributes_of_its_record(
    log: pytest.LogCaptureFixture, flow: str
) -> None:
    telemetry.install()
    with context.call(flow, seconds=1):
        log_event(Event.CIRCUIT_OPEN, sink="desk", message="closed", mails=3, causes={"a": 1}, name="x", args=None)
    [record] = log.records
    name, _, reported = record.getMessage().partition(" ")
    assert name == "CircuitOpen"
    assert json.loads(reported) == {
        "event": "CircuitOpen", "sink": "desk", "message": "closed", "mails": 3, "causes": {"a": 1}, "name": "x",
        "args": None, "requestId": flow,
    }  # fmt: skip
    attributes = {key: value for key, value in vars(record).items() if key.startswith("gateway.")}
    assert attributes["gateway.event"] == "CircuitOpen"
    assert attributes["gateway.requestId"] == flow
    assert attributes["gateway.causes"] == '{"a": 1}'
    assert {type(value) for value in attributes.values()} <= {str, int, type(None)}


def test_an_event_outside_any_call_has_no_id(log: pytest.LogCaptureFixture) -> None:
    log_event(Event.ALARM_CLEARED, about="support")
    assert json.loads(log.records[0].getMessage().partition(" ")[2]) == {"event": "AlarmCleared", "about": "support"}


# -- slow calls --------------------------------------------------------------------------------------------------------


def test_a_slow_call_to_graph_is_reported_without_its_query(
    gateway: Gateway, log: pytest.LogCaptureFixture, flow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(gateway, flow) == 200
    assert not [line for line in lines(log, "gateway.graph") if line.startswith("slow")]
    monkeypatch.setattr(client, "_SLOW_SECONDS", 0.0)
    assert ask(gateway, flow, "/appointments", start="2026-05-05", end="2026-05-06") == 200
    found = [line for line in lines(log, "gateway.graph") if "calendarView" in line]
    assert len(found) == 1
    assert re.fullmatch(rf"slow: \d+\.\d s for GET /v1\.0/\S+/calendarView -> 200 \[{flow}\]", found[0])


# -- documents and OpenTelemetry ---------------------------------------------------------------------------------------


def test_the_queries_of_the_document_look_for_lines_that_are_written() -> None:
    sources = "".join(
        path.read_text()
        for package in ("shared", "blueprints", "inbound_mail")
        for path in (ROOT / package).rglob("*.py")
    )
    queries = "".join(re.findall(r"```kusto\n(.*?)```", TELEMETRY, flags=re.DOTALL))
    wanted = re.findall(r'(?:startswith|has|with \w+|with) "([^"]+)"', queries)
    assert len(wanted) >= 5
    assert [text for text in wanted if text not in sources] == []
    names = set(re.findall(r'"([A-Z]\w+)"', queries)) - {"List"}
    assert names <= {event.value for event in Event}


PROBE = """
import json, sys
import function_app
from composition import connections
from shared.settings.config import load_settings
from shared.storage.account import Storage
built = connections.build_services(load_settings())
storage = Storage(built.settings.storage, built.authenticator.identity)
built.mail, storage.open_table("mails"), storage.open_queue("polls"), built.authenticator.identity.credential(None)
for source in built.authenticator.sources():
    source._identity.credential(None)
print(json.dumps(sorted(name for name in sys.modules if name.startswith(("opentelemetry", "azure.monitor")))))
"""


def test_while_it_is_off_nothing_of_opentelemetry_is_imported_even_where_it_is_installed(tmp_path: Path) -> None:
    for package in ("opentelemetry", "opentelemetry/sdk", "opentelemetry/trace"):
        (tmp_path / package).mkdir(parents=True)
        (tmp_path / package / "__init__.py").write_text("")
    settings = {
        "KEY_VAULT_URL": "https://kv.vault.azure.net",
        "GRAPH_TENANT_ID": "contoso.com",
        "GRAPH_CLIENT_ID": str(uuid.uuid4()),
        "IDENTITY_CLIENT_ID": str(uuid.uuid4()),
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
        "APPLICATIONINSIGHTS_CONNECTION_STRING": f"InstrumentationKey={uuid.uuid4()}",
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
        "PATH": os.environ["PATH"],
    }
    probe = subprocess.run(
        [sys.executable, "-B", "-c", PROBE], cwd=ROOT, env=settings, capture_output=True, text=True, check=True
    )
    assert json.loads(probe.stdout) == []


def test_the_local_host_takes_the_setting_that_turns_opentelemetry_on() -> None:
    environ = {"AzureFunctionsJobHost__telemetryMode": "OpenTelemetry"}
    assert HostSettings.load(ROOT, None, environ).queues.batch_size == 8
