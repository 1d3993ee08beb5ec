"""The groups in which tests run: a fixture of a module is made once, slow tests are spread, the longest begin first."""

import subprocess
import sys
from pathlib import Path

import pytest

from devkit.bootstrap import ROOT
from devkit.commands.test import _SIDE_BY_SIDE

_TESTS = """
import os, pathlib, time
import pytest

NOTES = pathlib.Path(__file__).with_suffix(".notes")

def note(text):
    with NOTES.open("a") as notes:
        notes.write(f"{text} {os.environ['PYTEST_XDIST_WORKER']}\\n")

@pytest.fixture(scope="module")
def costly():
    note("made")

@pytest.mark.parametrize("number", range(12))
def test_with_the_fixture(costly, number):
    time.sleep(0.01)

@pytest.mark.slow(reason="to see where it runs")
@pytest.mark.parametrize("number", range(2))
def test_alone(number):
    note("slow")
    time.sleep(0.5)

@pytest.mark.slow(reason="to see when it runs", seconds=9)
def test_longest():
    note("longest")
"""


@pytest.mark.slow(reason="starts a run of its own with two workers")
def test_module_fixtures_are_made_once_and_slow_tests_run_side_by_side_the_longest_first(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    slow: runs long\n", encoding="utf-8")
    file = tmp_path / "test_spread.py"
    file.write_text(_TESTS, encoding="utf-8")
    workers = ["-n", "2", *_SIDE_BY_SIDE[2:]]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.scheduling", *workers, str(file)]
    ended = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    notes = [line.split() for line in file.with_suffix(".notes").read_text(encoding="utf-8").splitlines()]
    assert [what for what, _ in notes].count("made") == 1, "the groups have no effect: each worker makes the fixture"
    assert len({worker for what, worker in notes if what == "slow"}) == 2
    [its_worker] = [worker for what, worker in notes if what == "longest"]
    assert next(what for what, worker in notes if worker == its_worker) == "longest"
