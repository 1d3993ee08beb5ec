"""The command that runs the tests: what it hands to pytest, and on which day."""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from devkit.clock import DAYS, SHIFT, read_moment
from devkit.commands import test as command


class Calls:
    """What would have been run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.environ: dict[str, Mapping[str, str] | None] = {}
        self.arguments: list[str] = []
        self.codes: dict[str, int] = {}
        self.beside: list[Sequence[str]] = []
        self.prepared: list[list[str]] = []
        monkeypatch.setattr(subprocess, "call", self._call)
        monkeypatch.setattr(subprocess, "Popen", self._start)
        monkeypatch.delenv("CI", raising=False)
        monkeypatch.delenv(SHIFT, raising=False)

    def _call(self, arguments: Sequence[str], *, cwd: object, env: Mapping[str, str] | None) -> int:
        assert cwd
        tool = arguments[2]
        self.environ[tool] = env
        if tool == "pytest":
            self.arguments = list(arguments[3:])
        return self.codes.get(tool, 0)

    @contextmanager
    def _start(self, arguments: Sequence[str], *, env: Mapping[str, str] | None = None, **_: object) -> Iterator[Any]:
        if arguments[2] == "pytest":
            assert env
            assert "PYTHONDONTWRITEBYTECODE" not in env
            self.beside.append(arguments[2:])
            yield None
            return
        self.prepared.append(list(arguments[2:]))
        yield SimpleNamespace(terminate=partial(self.prepared.append, ["ended"]))

    def run(self, *arguments: str) -> int:
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        options, more = parser.parse_known_args(arguments)
        return command.run(options, more)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    return Calls(monkeypatch)


def test_everything_runs_side_by_side_on_the_real_day(calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    assert calls.run() == 0
    assert (calls.arguments[0], int(calls.arguments[1]) > 1) == ("-n", True)
    assert list(calls.environ) == ["ruff", "mypy", "pytest"]
    assert SHIFT not in (calls.environ["pytest"] or {})
    assert "today" not in capsys.readouterr().out


def test_quick_leaves_the_slow_ones_out(calls: Calls) -> None:
    assert calls.run("--quick") == 0
    assert calls.arguments[:3] == ["-m", "not slow", "-n"]
    assert calls.prepared == [["devkit.preparing", "1"], ["ended"]], "the storage emulator is what quick tests need"


def test_what_slow_tests_need_is_installed_meanwhile_and_not_waited_for(calls: Calls) -> None:
    calls.run()
    assert calls.prepared == [["devkit.preparing"], ["ended"]]


def test_more_arguments_go_to_pytest(calls: Calls) -> None:
    calls.run("tests/unit", "-x", "--quick")
    assert calls.arguments == ["-m", "not slow", "tests/unit", "-x"]
    assert calls.beside == calls.prepared == []


def test_a_failed_check_fails_all_and_stops_none(calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    calls.codes = {"mypy": 2}
    assert calls.run() == 1
    assert "pytest" in calls.environ
    assert "types    failed (2)" in capsys.readouterr().out


def test_only_the_tests_run_on_the_given_day(calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    calls.run("--today", "2028-02-29")
    assert SHIFT in (calls.environ["pytest"] or {})
    assert calls.environ["mypy"] is None
    assert capsys.readouterr().out.splitlines()[0] == "== today: 2028-02-29T12:00"


def test_compiled_modules_are_kept_for_the_processes_that_tests_start(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(command, "_are_tests_new", lambda _: True)
    calls.run()
    assert "PYTHONDONTWRITEBYTECODE" not in (calls.environ["pytest"] or {"PYTHONDONTWRITEBYTECODE": ""})
    assert calls.beside == [["pytest", "--collect-only", "--quiet"]], "compiled once, while the types are checked"


def test_tests_that_are_compiled_already_are_not_compiled_again(tmp_path: Path) -> None:
    folder = tmp_path / "tests/unit"
    (folder / "__pycache__").mkdir(parents=True)
    for number in range(20):
        (folder / f"test_{number}.py").touch()
        assert command._are_tests_new(tmp_path)
    for number in range(18):
        (folder / f"__pycache__/test_{number}.{sys.implementation.cache_tag}-pytest-9.1.1.pyc").touch()
    assert not command._are_tests_new(tmp_path)  # two are new: each worker compiles them in no time
    for number in range(3):
        os.utime(folder / f"__pycache__/test_{number}.{sys.implementation.cache_tag}-pytest-9.1.1.pyc", (0, 0))
    assert command._are_tests_new(tmp_path)


def test_nothing_is_compiled_beside_when_it_was_before(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_are_tests_new", lambda _: False)
    calls.run()
    assert calls.beside == []


def test_ci_takes_a_day_of_the_list_and_prints_first_how_to_repeat_it(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI", "true")
    calls.run()
    first = capsys.readouterr().out.splitlines()[0]
    assert read_moment(first.rpartition(" ")[2]).date() in DAYS
    assert "Repeat it with --today" in first
    assert SHIFT in (calls.environ["pytest"] or {})


def test_what_is_not_a_day_is_refused(calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        calls.run("--today", "soon")
    assert "'soon' is not a date such as 2028-02-29" in capsys.readouterr().err
