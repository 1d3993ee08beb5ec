"""How the app says that it is well, and how wrong settings show: all of them, at once, at the first call."""

import logging

import pytest

from tests.functional.conftest import Gateway


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


def test_settings_are_read_again_after_a_restart(gateway: Gateway) -> None:
    gateway.configure()
    assert gateway.get("health", key="").status_code == 503
    gateway.begin(gateway.sim.world._seed or (lambda _: None))
    assert gateway.get("health", key="").status_code == 200
