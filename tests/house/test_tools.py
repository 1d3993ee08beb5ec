"""Without a network a test is skipped; if a tool is missing for any other reason, the test fails."""

import json
from pathlib import Path

import pytest

from devkit.installing import InstallError
from tests.house import tools
from tests.house.source import ROOT


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []

    def fail(_packages: Path) -> None:
        raise InstallError(lines[0])

    monkeypatch.setattr(tools, "find_python", fail)
    return lines


def test_offline_skips(output: list[str]) -> None:
    output.append("WARNING: Retrying after connection broken by 'NewConnectionError(...)': /simple/checkov/")
    with pytest.raises(pytest.skip.Exception, match="offline"):
        tools.find_or_skip()


def test_a_version_that_does_not_exist_fails(output: list[str]) -> None:
    output.append("ERROR: No matching distribution found for checkov==0.0.0")
    with pytest.raises(InstallError):
        tools.find_or_skip()


def test_lock_files_name_no_registry_and_pin_what_is_wanted() -> None:
    folders = sorted(ROOT.glob("devkit/*_npm"))
    assert len(folders) == 5
    for folder in folders:
        packages = json.loads((folder / "package-lock.json").read_text())["packages"]
        wanted = json.loads((folder / "package.json").read_text())["dependencies"]
        assert not [name for name, package in packages.items() if "resolved" in package]
        assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted
        assert all(package["integrity"].startswith("sha512-") for name, package in packages.items() if name)
