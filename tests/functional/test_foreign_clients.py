"""What foreign tools make of the app's description: a validator, and generators of clients in two languages."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devkit.foreign import LOCKED
from devkit.installing import OUTSIDE
from tests.functional.conftest import Gateway
from tests.house.tools import find_or_skip, install_npm_or_skip
from twin.seeds import sample

PYTHON_TOOLS = LOCKED / "openapi.txt"
HERE = Path(__file__).parent
LOOPBACK = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
pytestmark = pytest.mark.slow(reason="installs foreign tools", seconds=10)


def run(command: Sequence[object], folder: Path, **environ: str) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, env=OUTSIDE | LOOPBACK | environ,
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def gateway(gateway_process: Gateway) -> Gateway:
    gateway_process.begin(sample.seed)
    return gateway_process


@pytest.fixture(scope="module")
def python() -> Path:
    return find_or_skip(PYTHON_TOOLS)


@pytest.fixture(scope="module")
def client(gateway: Gateway, python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the Python client, made by the command of docs/api.md."""
    folder = tmp_path_factory.mktemp("client")
    command = [python, "-m", "openapi_python_client", "generate", "--url", f"{gateway.base_url}/api/openapi.json"]
    said = run(command, folder, PATH=f"{python.parent}{os.pathsep}{OUTSIDE.get('PATH', '')}")
    assert "WARNING" not in said, "the generator left something out"
    return folder / "graph-gateway-client"


def test_a_validator_finds_it_sound(gateway: Gateway, python: Path, tmp_path: Path) -> None:
    served = tmp_path / "openapi.json"
    served.write_bytes(gateway.get("openapi.json", key="").content)
    assert "OK" in run([python, "-m", "openapi_spec_validator", "--schema", "3.1", served], tmp_path)


def test_the_python_client_keeps_its_types(client: Path, python: Path) -> None:
    script = (HERE / "foreign_api_client.py").read_text()
    (client / "foreign_api_client.py").write_text(script.replace("# mypy: ignore-errors\n", ""))
    said = run([python, "-m", "mypy", "graph_gateway_client", "foreign_api_client.py"], client)
    assert said.startswith("Success")


def test_the_python_client_reads_answers_failures_and_pages(gateway: Gateway, client: Path, python: Path) -> None:
    business = "ithelpdesk@contoso.com"
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start, end = (f"{today + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for days in (-7, 7))
    command = [python, HERE / "foreign_api_client.py", gateway.base_url, business, start, end]
    seen: dict[str, Any] = json.loads(run(command, client, PYTHONPATH=str(client), GATEWAY_KEY=gateway.key))

    gateway.business = business
    listed = gateway.ask("/appointments", start=start, end=end, limit=500)["value"]
    assert seen["businesses"] == [each["id"] for each in gateway.get("bookings/businesses").json()["value"]]
    assert [len(page) for page in seen["pages"][:-1]] == [4] * (len(seen["pages"]) - 1)
    assert len(seen["pages"]) > 2
    assert [each for page in seen["pages"] for each in page] == [each["id"] for each in listed]
    assert datetime.fromisoformat(seen["startUtc"]) == datetime.fromisoformat(listed[0]["startUtc"])
    status, error, headers = seen["refused"]
    assert (status, error["code"], error["target"]) == (400, "UnknownTimeZone", "timeZone")
    assert error["requestId"] == headers["x-request-id"]
    assert seen["unwritten"]["code"] == "WritesOff"
    assert seen["stranger"] == [401, None]


def test_types_for_typescript_are_made_and_checked(gateway: Gateway, tmp_path: Path) -> None:
    tsc = install_npm_or_skip("client")
    generate = tsc.parents[2] / "openapi-typescript" / "bin" / "cli.js"
    shutil.copy(HERE / "foreign_types.ts", tmp_path)
    run(["node", generate, f"{gateway.base_url}/api/openapi.json", "--output", "gateway.d.ts"], tmp_path)
    run(["node", tsc, "--noEmit", "--strict", "--lib", "es2022", "foreign_types.ts"], tmp_path)
