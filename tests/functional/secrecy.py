"""What no log, URL or answer may show: a log of everything, and the values to look for."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from tests.functional.conftest import Gateway


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


def secrets_of(gateway: Gateway) -> list[str]:
    """Every value that must not be seen: what the vault holds, and all that Entra has in its hands."""
    values = [
        version.value
        for vault in gateway.sim.vaults.by_host.values()
        for found in vault.secrets.values()
        for version in found
    ]
    values += [
        part for value in values if value.startswith("{") for part in json.loads(value).values() if "@" not in part
    ]
    values += [secret.value for app in gateway.sim.entra.apps.values() for secret in app.secrets.values()]
    return [*{value for value in values if value}, gateway.key, "very-secret-signature", gateway.sim.identity_header]
