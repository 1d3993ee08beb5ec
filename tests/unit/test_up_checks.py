"""What `up` looks at before anything starts, and what it does last."""

import errno
import os
import signal
import socket
import sys
import webbrowser
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from devkit import installing
from devkit.installing import InstallError, run_installer
from devkit.local_run import checks, start
from devkit.local_run.checks import UpError, check_folder, check_programs, find_port, hold_alone
from devkit.processes import Interrupted, find_start, signals_raise
from devkit.progress import Progress
from devkit.running import Running


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(checks, "STATE", tmp_path)
    monkeypatch.setattr(checks, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(checks, "_HOLDER", tmp_path / "up.pid")
    return tmp_path


@pytest.mark.usefixtures("state")
def test_a_folder_that_cannot_be_written_to_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    check_folder()

    def refuse(dir: Path) -> None:  # noqa: A002 - its name in the standard library
        raise OSError(errno.EROFS, "Read-only file system", str(dir))

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(UpError, match=r"^This folder cannot be written to \(.*: Read-only file system\), .* own\.$"):
        check_folder()


def test_of_two_the_second_is_refused_while_the_first_starts_and_not_afterwards(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devkit.running.UP_FILE", state / "up.json")
    with (
        hold_alone(),
        pytest.raises(UpError, match=r"^Another `up` is starting in this checkout .*process \d+\)"),
        hold_alone(),
    ):
        raise AssertionError
    with hold_alone():
        assert (state / "up.pid").exists()
    assert not (state / "up.pid").exists()


def test_programs_are_looked_for_only_if_they_are_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    check_programs(needs_storage=False, needs_core_tools=False)
    with pytest.raises(UpError, match=r"^node is missing\."):
        check_programs(needs_storage=True, needs_core_tools=False)
    with pytest.raises(UpError, match="Core Tools are not installed"):
        check_programs(needs_storage=False, needs_core_tools=True)


def test_a_taken_port_gives_way_to_the_next_one_and_the_last_one_to_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert find_port(port) > port
    with pytest.raises(UpError, match="No free port"):
        find_port(checks.LAST_PORT + 1)


def test_a_registry_that_cannot_be_reached_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installing, "OUTSIDE", {})
    npm = tmp_path / "npm"
    words = "npm error code ENOTFOUND\\nnpm error network request failed"
    npm.write_text(f"#!{sys.executable}\nprint('{words}')\nraise SystemExit(1)\n")
    npm.chmod(0o755)
    with pytest.raises(InstallError, match=r"^npm cannot reach its registry, .* run the same command again\.$"):
        run_installer([str(npm), "ci"], "install it", seconds=60)
    npm.write_text(f"#!{sys.executable}\nprint('npm error code EINTEGRITY')\nraise SystemExit(1)\n")
    with pytest.raises(InstallError, match="npm could not install it:\nnpm error code EINTEGRITY"):
        run_installer([str(npm), "ci"], "install it", seconds=60)


def test_an_interrupted_installation_ends_its_process(tmp_path: Path) -> None:
    npm, note = tmp_path / "npm", tmp_path / "pid"
    npm.write_text(
        f"#!{sys.executable}\nimport os, pathlib, signal, time\n"
        f"pathlib.Path({str(note)!r}).write_text(str(os.getpid()))\n"
        f"os.kill({os.getpid()}, signal.SIGINT)\ntime.sleep(600)\n"
    )
    npm.chmod(0o755)
    with pytest.raises(Interrupted) as interrupted, signals_raise():
        run_installer([str(npm), "ci"], "install it", seconds=600)
    assert interrupted.value.number == signal.SIGINT
    assert not find_start(int(note.read_text()))


@pytest.mark.parametrize("is_wanted", [True, False])
def test_the_console_is_opened_only_if_somebody_asks_for_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, is_wanted: bool
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    plan: Any = start._Plan(7071, None, {}, None, False, False, is_wanted)  # noqa: FBT003 - as they come
    running = Running(1, "http://127.0.0.1:7071", "the-key", "", None, business="a@b.example")
    start._Start(plan, Progress(), ExitStack(), [])._describe(running)
    assert opened == (["http://127.0.0.1:7071/api/console"] if is_wanted else [])
    shown = capsys.readouterr().out
    assert "the-key" not in "".join(line for line in shown.splitlines() if "/api/console" in line), "not in an address"
    assert shown.index("/api/console") < shown.index("/api/docs") < shown.index("curl ")
