"""Processes end with the one that started them, and what was left behind is found."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devkit import processes
from devkit.processes import Interrupted, end_leftovers, end_process, find_start, guarded, signals_raise, start_process
from tests.house.source import ROOT

FOREVER = [sys.executable, "-c", "import time; time.sleep(600)"]
STARTER = """
import subprocess, sys, time
from pathlib import Path
from devkit.processes import guarded, start_process
with guarded(Path(sys.argv[1])):
    child = start_process([sys.executable, "-c", "import time; time.sleep(600)"], stdin=subprocess.DEVNULL)
    print(child.pid, flush=True)
    time.sleep(600)
"""


def wait_until_gone(number: int) -> None:
    deadline = time.monotonic() + 60
    while find_start(number):
        assert time.monotonic() < deadline, "it is still there"
        time.sleep(0.05)


def test_what_a_killed_process_had_started_ends_with_it(tmp_path: Path) -> None:
    record = tmp_path / "processes.json"
    command = [sys.executable, "-c", STARTER, str(record)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as starter:
        assert starter.stdout
        number = int(starter.stdout.readline())
        assert list(json.loads(record.read_text())) == [str(number)]
        assert find_start(number)
        starter.kill()
    wait_until_gone(number)
    assert end_leftovers(record) == []
    assert not record.exists()


def test_what_is_left_is_ended_once_and_a_later_process_of_the_same_number_is_not(tmp_path: Path) -> None:
    record = tmp_path / "processes.json"
    assert end_leftovers(record) == []
    left = start_process(FOREVER)
    record.write_text(json.dumps({str(left.pid): find_start(left.pid), str(os.getpid()): "another start"}))
    assert end_leftovers(record) == [left.pid]
    assert left.wait(60) == -signal.SIGTERM
    record.write_text("no JSON")
    assert end_leftovers(record) == []


def test_a_process_that_does_not_listen_is_made_to_end(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
    with guarded(tmp_path / "record"):
        child = start_process([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
        assert child.stdout
        child.stdout.readline()
        end_process(child, 0.1)
        assert child.returncode == -signal.SIGKILL
        assert json.loads((tmp_path / "record").read_text()) == {}
        child.stdout.close()
    assert not (tmp_path / "record").exists()


def be_interrupted(steps: list[str]) -> None:
    with signals_raise():
        try:
            with processes._signals_held():
                signal.raise_signal(signal.SIGTERM)
                steps.append("started")
            steps.append("never")
        finally:
            signal.raise_signal(signal.SIGINT)
            steps.append("ended in order")


def test_a_signal_interrupts_once_and_waits_while_a_process_starts() -> None:
    steps: list[str] = []
    with pytest.raises(Interrupted) as interrupted:
        be_interrupted(steps)
    assert interrupted.value.number == signal.SIGTERM
    assert steps == ["started", "ended in order"]
