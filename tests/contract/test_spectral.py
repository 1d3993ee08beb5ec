"""Spectral's rules for OpenAPI (spectral:oas) on both descriptions of the API."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from devkit.connector.document import build_definition
from devkit.connector.files import CLIENT_DESCRIPTION, DEFINITION
from devkit.installing import OUTSIDE
from tests.house.tools import install_npm_or_skip

pytestmark = pytest.mark.slow(reason="installs a foreign tool", seconds=7)


@pytest.fixture(scope="module")
def script() -> Path:
    return install_npm_or_skip("spectral")


def lint(script: Path, described: Path, folder: Path) -> list[str]:
    """The rules that are broken, each as often as it is, whatever their severity."""
    (folder / "rules.json").write_text(json.dumps({"extends": [["spectral:oas", "recommended"]]}))
    results = folder / "results.json"
    command = ["node", script, "lint", described, "--ruleset", folder / "rules.json", "--output", results]
    command += ["--format", "json", "--fail-severity", "hint"]
    done = subprocess.run(
        [str(part) for part in command], env=OUTSIDE, capture_output=True, text=True, timeout=180, check=False
    )
    found: list[Any] = json.loads(results.read_text())
    assert done.returncode == (1 if found else 0), f"{done.stdout}\n{done.stderr}"
    return [str(each["code"]) for each in found]


@pytest.mark.parametrize("described", [DEFINITION, CLIENT_DESCRIPTION], ids=["connector", "clients"])
def test_spectral_has_nothing_to_say(script: Path, described: Path, tmp_path: Path) -> None:
    assert lint(script, described, tmp_path) == []


def test_spectral_does_find_faults(script: Path, tmp_path: Path) -> None:
    broken = build_definition()
    del broken["tags"]
    del broken["info"]["contact"]
    (tmp_path / "broken.json").write_text(json.dumps(broken))
    assert set(lint(script, tmp_path / "broken.json", tmp_path)) == {"operation-tag-defined", "info-contact"}
