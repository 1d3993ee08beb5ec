"""What is installed beside the checks: everything that a test would install by itself."""

import signal
from pathlib import Path
from typing import Any

import pytest

from devkit import npm_packages, preparing
from devkit.bootstrap import ROOT, SUPPORTED
from devkit.foreign import LOCKED
from devkit.installing import InstallError, make_once


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What would have been installed, in this order."""
    done: list[object] = []
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(preparing, "install_azurite", lambda: done.append("azurite"))
    monkeypatch.setattr(preparing, "find_python", done.append)
    monkeypatch.setattr(preparing, "install_tool", done.append)
    monkeypatch.setattr(preparing, "download_wheels", lambda _, version: done.append(version))
    return done


def test_everything_is_installed_that_tests_need_and_the_emulator_first(installed: list[object]) -> None:
    preparing.main([])
    lists = {path for path in LOCKED.glob("*.txt") if path.name != "uv.txt"}
    assert set(installed) == {"azurite", *lists, *npm_packages.TOOLS, *SUPPORTED}
    assert installed[0] == "azurite"
    folders = {path.name.removesuffix("_npm") for path in (ROOT / "devkit").glob("*_npm")}
    assert folders == {"azurite", *npm_packages.TOOLS}


def test_quick_tests_need_the_emulator_alone(installed: list[object]) -> None:
    preparing.main(["1"])
    assert installed == ["azurite"]


def test_what_cannot_be_installed_is_left_to_the_test_that_needs_it(
    installed: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> Path:
        raise InstallError("npm is missing")

    monkeypatch.setattr(preparing, "install_azurite", fail)
    preparing.main([])
    assert len(installed) == len(set(installed)) > len(SUPPORTED)


def test_what_is_ended_leaves_nothing_half_made(
    installed: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    handlers: dict[int, Any] = {}
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)

    def make(folder: Path) -> None:
        folder.mkdir()
        handlers[signal.SIGTERM](signal.SIGTERM, None)

    monkeypatch.setattr(preparing, "install_azurite", lambda: make_once(tmp_path / "home/emulator", make))
    with pytest.raises(SystemExit):
        preparing.main([])
    assert installed == [path for path in (tmp_path / "home").iterdir() if path.is_dir()] == []
