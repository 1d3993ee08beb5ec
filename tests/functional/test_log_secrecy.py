"""No secret, token or key in any log, at DEBUG, in any mode, through any fault. Nor in a URL or an answer."""

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest

from devkit.seeds import sample, tiny
from devkit.seeds.sample import Credential
from devkit.simulator.core.faults import Answer, Drop
from shared import retry
from tests.functional.conftest import Stage

CALLBACK = "https://prod-00.example.logic.azure.com/workflows/x/triggers/y?sig=very-secret-signature"


def is_not_the_callers_own(record: logging.LogRecord) -> bool:
    """Leave out what the test itself logs as a caller on loopback, and the access lines of both servers' library."""
    own = record.name.startswith("urllib3") and "127.0.0.1" in record.getMessage()
    return not own and record.name != "uvicorn.access"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that any library logs, down to DEBUG."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.addFilter(is_not_the_callers_own)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    before = root.level
    levels = {name: logging.getLogger(name).level for name in list(logging.root.manager.loggerDict)}
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    for name in levels:
        logging.getLogger(name).setLevel(logging.NOTSET)
    try:
        yield text
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def secrets_of(desk: Stage) -> list[str]:
    """Every value that must not be seen: what the vault holds, and all that Entra has in its hands."""
    values = [
        version.value
        for vault in desk.sim.vaults.by_host.values()
        for found in vault.secrets.values()
        for version in found
    ]
    values += [
        part for value in values if value.startswith("{") for part in json.loads(value).values() if "@" not in part
    ]
    values += [secret.value for app in desk.sim.entra.apps.values() for secret in app.secrets.values()]
    return [*{value for value in values if value}, desk.key, "very-secret-signature", desk.sim.identity_header]


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
