"""What is deployed starts by itself: the unpacked zip, in an environment with its requirements and nothing else."""

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from devkit.commands import package
from tests.house.source import ROOT
from tests.house.tools import find_or_skip
from tests.house.triggers import builders

SCRIPT = Path(__file__).with_name("empty_start.py")
ID = "00000000-0000-0000-0000-000000000000"
SETTINGS = {
    "KEY_VAULT_URL": "https://kv.vault.azure.net/",
    "GRAPH_TENANT_ID": ID,
    "GRAPH_CLIENT_ID": ID,
    "IDENTITY_CLIENT_ID": ID,
    "MAILBOX_POLL_SCHEDULE": "0 * * * * *",
    "CHANGES_SCHEDULE": "15 */5 * * * *",
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
}


def requirements() -> tuple[str, ...]:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    python = find_or_skip(requirements())
    folder = tmp_path_factory.mktemp("deployed")
    package.write_package(folder / "app.zip", package.list_files())
    with zipfile.ZipFile(folder / "app.zip") as archive:
        archive.extractall(folder / "app")
    # the local host alone: nothing of the checkout may be found by accident
    shutil.copytree(ROOT / "devkit/host", folder / "tools/devkit/host")
    (folder / "tools/devkit/host/__init__.py").write_text("")  # the real one brings the HTTP server
    shutil.copy(ROOT / "devkit/__init__.py", folder / "tools/devkit")
    script = shutil.copy(SCRIPT, folder / "tools")
    plain = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT", "TMPDIR") if name in os.environ}
    done = subprocess.run(
        [str(python), "-B", str(script), str(folder / "app")],
        cwd=folder, env=plain | SETTINGS,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found | {"folder": str(folder / "app")}


@pytest.mark.slow
def test_every_function_is_found_and_none_is_in_error(told: dict[str, Any]) -> None:
    wanted = {function.get_function_name() for function in builders()}
    assert told["functions"] == dict.fromkeys(wanted, "")


@pytest.mark.slow
def test_it_is_healthy(told: dict[str, Any]) -> None:
    assert told["health"] == {"status": 200, "body": {"status": "ok"}}


@pytest.mark.slow
def test_all_of_it_came_out_of_the_package(told: dict[str, Any]) -> None:
    assert {"blueprints.bookings", "shared.config"} <= set(told["ours"])
    assert not [path for path in told["ours"].values() if not path.startswith(told["folder"])]
    assert not {"pytest", "uvicorn", "aiohttp"} & set(told["distributions"])
