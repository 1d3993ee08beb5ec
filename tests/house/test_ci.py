"""CI runs the test command; before it, it installs a browser if that is possible."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house.source import ROOT
from tests.house.tools import BROWSERS

RUN = ROOT / ".ci/run"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A PATH with the programs that the script needs, a root user, and a Python that only prints its arguments."""
    for name in ("bash", "env", "dirname"):
        found = shutil.which(name)
        assert found
        (tmp_path / name).symlink_to(found)
    add(tmp_path, "id", "echo 0")
    add(tmp_path, "python3", 'echo "python3 $*"')
    return tmp_path


def add(programs: Path, name: str, line: str) -> None:
    (programs / name).write_text(f"#!/usr/bin/env bash\n{line}\n")
    (programs / name).chmod(0o755)


def run(programs: Path) -> list[str]:
    environ = {"PATH": str(programs), "LOG": str(programs / "apt.log")}
    done = subprocess.run([RUN], env=environ, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "python3 -m devkit test"
    log = programs / "apt.log"
    return log.read_text().splitlines() if log.exists() else []


def test_root_installs_a_browser_if_there_is_none(programs: Path) -> None:
    add(programs, "apt-get", 'echo "$*" >> "$LOG"')
    assert run(programs) == ["-qq update", "-qq install --no-install-recommends chromium"]


@pytest.mark.parametrize("name", BROWSERS)
def test_nothing_is_installed_if_there_is_a_browser(programs: Path, name: str) -> None:
    add(programs, "apt-get", 'echo "$*" >> "$LOG"')
    add(programs, name, "true")
    assert run(programs) == []


def test_users_other_than_root_install_nothing(programs: Path) -> None:
    add(programs, "apt-get", 'echo "$*" >> "$LOG"')
    add(programs, "id", "echo 1000")
    assert run(programs) == []


def test_the_tests_run_if_no_browser_can_be_installed(programs: Path) -> None:
    assert run(programs) == []
    add(programs, "apt-get", 'echo "$*" >> "$LOG"; exit 100')
    assert run(programs) == ["-qq update"]
