"""No secret, token or key in any log, at DEBUG, in any mode, through any fault. Nor in a URL or an answer."""

import io
import re

import pytest

from shared import retry
from tests.functional.conftest import Stage
from tests.functional.secrecy import log, secrets_of
from twin.core.faults import Answer, Drop
from twin.seeds import sample, tiny
from twin.seeds.sample import Credential

__all__ = ["log"]

CALLBACK = "https://prod-00.example.logic.azure.com/workflows/x/triggers/y?sig=very-secret-signature"


@pytest.mark.parametrize("mode", ["federated", "certificate", "secret", "password"])
def test_nothing_secret_is_logged(
    desk: Stage, log: io.StringIO, mode: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.01)
    settings = sample.settings(desk.sim, credential=mode) | {"BOOKINGS_BUSINESSES": tiny.BUSINESS}
    desk.configure(**settings)
    page = f"bookings/businesses/{tiny.BUSINESS}"
    headers = {"x-ms-trigger-callback-url": CALLBACK, "X-MS-APIM-Referrer": CALLBACK}
    texts = [desk.get(f"{page}/staff", headers=headers).text]
    texts.append(desk.get(f"{page}/staff", key="", code=desk.key).text)
    desk.sim.faults.add(Answer(401, body={"error": {"code": "InvalidAuthenticationToken"}}), room="bookings")
    desk.sim.faults.add(Drop(), room="bookings", when="after")
    texts.append(desk.get(f"{page}/services").text)
    desk.configure(**settings)
    desk.sim.entra.app(sample.CLIENT_ID).force(7000215)
    texts.append(desk.get(f"{page}/services").text)
    texts.append(desk.get(f"{page}/appointments", start="soon").text)
    seen = log.getvalue() + "".join(texts)
    assert "gateway.auth" in seen
    assert "urllib3" in seen
    for secret in secrets_of(desk):
        assert secret not in seen
    assert not re.search(r"eyJ[\w-]+\.eyJ[\w-]+", seen), "a token"
    assert not re.search(r"(?i)bearer [\w.-]{30,}", seen)
    asked = " ".join(f"{seen.path}?{seen.query}" for seen in desk.sim.exchanges.all())
    for secret in secrets_of(desk):
        assert secret not in asked
