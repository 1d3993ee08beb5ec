"""No secret, token or key in any log, at DEBUG, in any mode, through any fault. Nor in a URL or an answer."""

import io
import re

import pytest

from shared import retry
from tests.functional.conftest import Gateway
from tests.functional.secrecy import log, secrets_of
from twin.core.faults import Answer, Drop
from twin.seeds import sample, tiny
from twin.seeds.sample import Credential

pytestmark = pytest.mark.signs_in

__all__ = ["log"]

CALLBACK = "https://prod-00.example.logic.azure.com/workflows/x/triggers/y?sig=very-secret-signature"
HALF_A_TOKEN = '{"token_type": "Bearer", "access_token": "eyJ0eXAiOiJKV1QifQ.eyJhdWQiOiJodHRwczov'


@pytest.mark.parametrize("mode", ["federated", "certificate", "secret", "password"])
def test_nothing_secret_is_logged(
    gateway: Gateway, log: io.StringIO, mode: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.01)
    settings = sample.settings(gateway.sim, credential=mode) | {"BOOKINGS_BUSINESSES": tiny.BUSINESS}
    gateway.configure(**settings)
    page = f"bookings/businesses/{tiny.BUSINESS}"
    headers = {"x-ms-trigger-callback-url": CALLBACK, "X-MS-APIM-Referrer": CALLBACK}
    texts = [gateway.get(f"{page}/staff", headers=headers).text]
    texts.append(gateway.get(f"{page}/staff", key="", code=gateway.key).text)
    gateway.sim.faults.add(Answer(401, body={"error": {"code": "InvalidAuthenticationToken"}}), api="bookings")
    gateway.sim.faults.add(Drop(), api="bookings", when="after")
    texts.append(gateway.get(f"{page}/services").text)
    gateway.configure(**settings)
    gateway.sim.faults.add(Answer(200, body=HALF_A_TOKEN), api="entra", method="POST", times=None)
    texts.append(gateway.get(f"{page}/services").text)
    gateway.sim.faults.clear()
    gateway.configure(**settings)
    gateway.sim.entra.app(sample.CLIENT_ID).force(7000215)
    texts.append(gateway.get(f"{page}/services").text)
    texts.append(gateway.get(f"{page}/appointments", start="soon").text)
    seen = log.getvalue() + "".join(texts)
    assert "gateway.auth" in seen
    assert "urllib3" in seen
    for secret in secrets_of(gateway):
        assert secret not in seen
    assert not re.search(r"eyJ[\w-]+\.eyJ[\w-]+", seen), "a token"
    assert not re.search(r"(?i)bearer [\w.-]{30,}", seen)
    asked = " ".join(f"{seen.path}?{seen.query}" for seen in gateway.sim.exchanges.all())
    for secret in secrets_of(gateway):
        assert secret not in asked
