"""The first start, before there is an environment: it ends at once with everything that it began, in whatever way.

A stand-in for Python makes the environment in no time, and its pip never comes to an end.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devkit.processes import find_start
from tests.house.source import BEFORE_THE_ENVIRONMENT, ROOT

pytestmark = [
    pytest.mark.slow(reason="starts whole processes", seconds=10),
    pytest.mark.skipif(os.name != "posix", reason="signals and a shell are POSIX's"),
]

STAND_IN = """#!/bin/sh
case "$*" in
*version_info*) echo 3.13 ;;
*"-m venv"*)
    for folder; do :; done
    mkdir -p "$folder/bin"
    cp "$0" "$folder/bin/python"
    echo "version = 3.13.7" > "$folder/pyvenv.cfg" ;;
*"-m pip"*)
    echo $$ > "$(dirname "$0")/pip.pid"
    echo "Collecting certifi==1"
    exec sleep 600 ;;
esac
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    for name in (*BEFORE_THE_ENVIRONMENT, "requirements-dev.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "devkit/commands", tmp_path / "devkit/commands")
    python = tmp_path / "python3.13"
    python.write_text(STAND_IN)
    python.chmod(0o755)
    yield tmp_path
    pip = tmp_path / ".venv/bin/pip.pid"
    if pip.exists() and find_start(int(pip.read_text())):
        os.kill(int(pip.read_text()), signal.SIGKILL)


def begin(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "devkit", "up"],
        cwd=folder,
        env=os.environ | {"PYTHON313": str(folder / "python3.13"), "DEVKIT_PYTHON": "3.13"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until(is_so: Callable[[], object], *, what: str) -> None:
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def find_pip(folder: Path) -> int:
    file = folder / ".venv/bin/pip.pid"
    wait_until(lambda: file.exists() and file.read_text().strip(), what="pip has not begun")
    return int(file.read_text())


def test_ctrl_c_while_pip_works_is_one_sentence_and_ends_pip(folder: Path) -> None:
    process = begin(folder)
    pip = find_pip(folder)
    assert find_start(pip)
    process.send_signal(signal.SIGINT)
    shown, complaint = process.communicate(timeout=60)
    assert (process.returncode, complaint) == (130, "\nStopped. The same command goes on from here.\n")
    assert "Python packages ... stopped after" in shown
    assert not find_start(pip)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_pip_ends_with_a_first_start_that_is_killed_or_loses_its_terminal(folder: Path, number: int) -> None:
    process = begin(folder)
    pip = find_pip(folder)
    process.send_signal(number)
    process.communicate(timeout=60)
    wait_until(lambda: not find_start(pip), what="pip is still there")


def test_a_second_command_waits_for_the_first_one(folder: Path) -> None:
    first = begin(folder)
    pip = find_pip(folder)
    second = begin(folder)
    assert second.stdout
    assert second.stdout.readline().endswith("waiting for it.\n")
    assert int((folder / ".venv/bin/pip.pid").read_text()) == pip, "there is one pip"
    for process in (second, first):
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[1] == "\nStopped. The same command goes on from here.\n"
