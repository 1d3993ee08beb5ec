"""What is deployed starts by itself: the unpacked zip, in an environment with its requirements and nothing else."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.functional.deployed import SETTINGS, plain_environ, unpack
from tests.house.source import ROOT
from tests.house.tools import find_or_skip
from tests.house.triggers import builders

SCRIPT = Path(__file__).with_name("empty_start.py")


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    python = find_or_skip(ROOT / "requirements.txt")
    folder = tmp_path_factory.mktemp("deployed")
    script = unpack(folder, SCRIPT)
    done = subprocess.run(
        [str(python), "-B", str(script), str(folder / "app")],
        cwd=folder, env=plain_environ() | SETTINGS,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found | {"folder": str(folder / "app")}


@pytest.mark.slow(reason="starts whole processes")
def test_every_function_is_found_and_none_is_in_error(reported: dict[str, Any]) -> None:
    wanted = {function.get_function_name() for function in builders()}
    assert reported["functions"] == dict.fromkeys(wanted, "")


@pytest.mark.slow(reason="starts whole processes")
def test_it_is_healthy(reported: dict[str, Any]) -> None:
    assert reported["health"] == {"status": 200, "body": {"status": "ok"}}


@pytest.mark.slow(reason="starts whole processes")
def test_all_of_it_came_out_of_the_package(reported: dict[str, Any]) -> None:
    assert {"blueprints.bookings", "shared.settings.config"} <= set(reported["ours"])
    assert not [path for path in reported["ours"].values() if not path.startswith(reported["folder"])]
    assert not {"pytest", "uvicorn", "aiohttp"} & set(reported["distributions"])
