"""How the app says that it is well, and how wrong settings show: all of them, at once, at the first call."""

import json
import logging
import re
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import requests

from doctor import readiness
from tests.functional.conftest import Gateway
from twin.core.faults import Answer, Hang
from twin.seeds import sample, tiny

pytestmark = pytest.mark.signs_in


def test_health_is_open_to_all_and_asks_nobody(gateway: Gateway) -> None:
    answer = gateway.get("health", key="")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    head = gateway.http.head(f"{gateway.base_url}/api/health", timeout=9)
    assert (head.status_code, head.content) == (200, b"")
    assert gateway.sim.exchanges.all() == []


def test_wrong_settings_are_reported_at_once_and_named_in_health(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.configure(GRAPH_CLOUD="moon", GRAPH_CREDENTIAL="secret", GRAPH_CONCURRENCY="0", GRAPH_CLIENT_ID="my-app")
    health = gateway.get("health", key="")
    named = [
        "GRAPH_CLIENT_ID",
        "GRAPH_CLOUD",
        "GRAPH_CONCURRENCY",
        "GRAPH_CREDENTIAL_NAME",
        "GRAPH_TENANT_ID",
        "KEY_VAULT_URL",
    ]
    assert (health.status_code, health.json()) == (503, {"status": "misconfigured", "settings": named})
    for _ in range(3):
        refused = gateway.refused("bookings/businesses")
        assert (refused["status"], refused["code"]) == (500, "GatewayMisconfigured")
    reported = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert len(reported) == 1
    for name in named:
        assert name in reported[0].getMessage()
    assert "my-app" not in health.text + str(refused)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("GRAPH_CONNECTIONS", {"acme-takeover": {"client_id": "x", "tenant_id": "?", "cloud": "moon"}}),
        ("GRAPH_CONNECTIONS", {"Acme takeover": {}}),
        ("GRAPH_CONNECTIONS", {"acme-takeover": {"acme_field": "x"}}),
        ("SINKS", {"acme-takeover": {"kind": "webhook", "acme_password": "x", "preset": "acme"}}),
        ("SINKS", {"acme-takeover": {"kind": "acme"}}),
        ("SINKS", {"acme takeover": {"kind": "webhook"}}),
        (
            "MAILBOXES",
            [{"name": "acme-takeover", "address": "acme", "acme": 1, "rules": [{"acme": 1, "name": "acme"}]}],
        ),
        ("MAILBOXES", "blob:acme"),
        ("BOOKINGS_BUSINESSES", "acme"),
    ],
)
def test_of_wrong_settings_health_shows_the_names_of_the_catalogue_alone(
    gateway: Gateway, setting: str, value: Any
) -> None:
    gateway.configure(
        **sample.settings(gateway.sim) | {setting: value if isinstance(value, str) else json.dumps(value)}
    )
    health = gateway.get("health", key="")
    assert (health.status_code, health.json()) == (503, {"status": "misconfigured", "settings": [setting]})
    answers = [health, *(gateway.get(path, key="") for path in ("openapi.json", "swagger.json", "docs"))]
    answers += [gateway.get("bookings/businesses"), gateway.get("health/ready")]
    shown = "".join(f"{one.headers}{one.text}" for one in answers)
    assert "acme" not in shown.lower()


def test_settings_are_read_again_after_a_restart(gateway: Gateway) -> None:
    gateway.configure()
    assert gateway.get("health", key="").status_code == 503
    gateway.begin(gateway.sim.world._seed or (lambda _: None))
    assert gateway.get("health", key="").status_code == 200


# -- able to answer


@pytest.fixture
def alone(gateway: Gateway) -> Gateway:
    """The gateway with one connection."""
    gateway.begin(tiny.seed, BOOKINGS_BUSINESSES=tiny.BUSINESS, GRAPH_CONNECTIONS="")
    return gateway


def states(answer: requests.Response) -> dict[str, str]:
    return {one["name"]: one["state"] for one in answer.json()["checks"]}


def failed(answer: requests.Response) -> dict[str, Any]:
    """Return the only check that failed."""
    assert (answer.status_code, answer.json()["status"], answer.headers["Retry-After"]) == (503, "notReady", "30")
    [found] = [one for one in answer.json()["checks"] if one["state"] == "failed"]
    assert re.search(r"\. .*\.$", found["message"]), "it says what happened and what to do"
    return dict(found)


def test_readiness_is_what_calls_have_shown_and_asks_nobody(alone: Gateway) -> None:
    fresh = alone.get("health/ready", scope="instance")
    assert (fresh.status_code, fresh.json()["status"]) == (200, "unknown")
    assert states(fresh) == dict.fromkeys(("sign-in", "graph", "vault", "storage"), "unknown")
    alone.ask("/staff")
    seen = len(alone.sim.exchanges.all())
    known = alone.get("health/ready", scope="instance")
    assert (known.json()["status"], states(known)["sign-in"], states(known)["graph"]) == ("unknown", "ok", "ok")
    assert len(alone.sim.exchanges.all()) == seen
    assert alone.get("health/ready", key="").status_code == 401


def test_a_check_calls_every_service_once_and_not_again_for_a_while(alone: Gateway) -> None:
    ready = alone.get("health/ready", scope="instance", check="now")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert set(states(ready).values()) == {"ok"}
    assert {"sinceDateTime", "seenDateTime"} <= set(ready.json()["checks"][1])
    asked = Counter(seen.api for seen in alone.sim.exchanges.all())
    assert (asked["graph"] + asked["bookings"], asked["vault"]) == (1, 1 + 1), "the credential, and the state key"
    again = alone.get("health/ready", scope="instance", check="now")
    assert (again.json(), Counter(seen.api for seen in alone.sim.exchanges.all())) == (ready.json(), asked)


@pytest.mark.parametrize(
    ("api", "status", "name", "code"),
    [
        ("entra", 503, "sign-in", "UpstreamUnavailable"),
        ("graph", 503, "graph", "UpstreamUnavailable"),
        ("graph", 401, "graph", "TokenRejected"),
    ],
)
def test_a_service_that_is_away_is_named_with_what_to_do(
    alone: Gateway, api: str, status: int, name: str, code: str
) -> None:
    fault = alone.sim.faults.add(Answer(status), api=api, times=None)
    answer = alone.get("health/ready", scope="instance", check="now")
    assert (failed(answer)["name"], failed(answer)["code"]) == (name, code)
    others = {"sign-in": "ok", "graph": "unknown" if name == "sign-in" else "ok", "vault": "ok", "storage": "ok"}
    assert states(answer) == others | {name: "failed"}
    assert alone.get("health", key="").json() == {"status": "ok"}, "it is alive all the same"
    alone.sim.faults.remove(fault.id)
    alone.ask("/staff")
    back = alone.get("health/ready", scope="instance")
    assert (back.status_code, states(back)[name]) == (200, "ok"), "the next good call ends it"


def test_a_wrong_secret_is_named_as_entra_names_it(alone: Gateway) -> None:
    alone.sim.vaults.vault(sample.VAULT).set_secret(sample.CLIENT_SECRET_NAME, "wrong-secret-value")
    assert alone.refused("bookings/businesses")["code"] == "SignInFailed"
    answer = alone.get("health/ready", scope="instance")
    found = failed(answer)
    assert (found["name"], found["about"], found["code"]) == ("sign-in", "default", "SignInFailed")
    assert found["entraError"] == "AADSTS7000215"
    assert "wrong-secret-value" not in answer.text


def test_a_vault_that_refuses_is_named(alone: Gateway) -> None:
    alone.ask("/staff")
    alone.sim.faults.add(Answer(403), api="vault")
    found = failed(alone.get("health/ready", scope="instance", check="now"))
    assert (found["name"], found["code"]) == ("vault", "GatewayMisconfigured")


def test_storage_that_is_away_is_named(alone: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = "".join(f"{kind}Endpoint=http://127.0.0.1:1/a;" for kind in ("Blob", "Queue", "Table"))
    monkeypatch.setenv("AzureWebJobsStorage", f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;{parts}")
    alone.ask("/staff")
    found = failed(alone.get("health/ready", scope="instance", check="now"))
    assert (found["name"], found["code"]) == ("storage", "UpstreamUnavailable")


def test_a_service_that_hangs_has_failed_after_seconds(alone: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "CHECK_SECONDS", 0.3)
    alone.ask("/staff")
    alone.sim.faults.add(Hang(), api="graph")
    began = time.monotonic()
    found = failed(alone.get("health/ready", scope="instance", check="now"))
    assert (found["name"], found["code"]) == ("graph", "UpstreamTimeout")
    assert time.monotonic() - began < 4


def test_old_knowledge_is_none(alone: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    alone.ask("/staff")
    monkeypatch.setattr(readiness, "_KNOWN_FOR", timedelta(0))
    answer = alone.get("health/ready", scope="instance")
    assert (states(answer)["graph"], states(answer)["sign-in"]) == ("unknown", "ok"), "a token lasts longer"


def test_wrong_settings_are_not_ready_and_parameters_are_checked(alone: Gateway) -> None:
    assert alone.refused("health/ready", check="often")["code"] == "InvalidChoice"
    alone.configure()
    assert failed(alone.get("health/ready", scope="instance"))["code"] == "GatewayMisconfigured"
