"""Which Python the tool kit's environment is made with, and when it is made again."""

import errno
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from devkit import bootstrap

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


class Started:
    """A process that has ended with these words."""

    def __init__(self, words: str = "", code: int = 0) -> None:
        self.stdout = io.StringIO(words)
        self.returncode = code
        self.pid = 0

    def poll(self) -> int:
        return self.returncode

    def wait(self, _seconds: float | None = None) -> int:
        return self.returncode


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A checkout without an environment; what would be run is noted, and does what it would do to the folder."""
    called: list[list[str]] = []

    def start(command: list[str], **_: object) -> Started:
        called.append(command)
        if "venv" in command:
            make_environment(tmp_path, "3.14" if "14" in command[0] else "3.13")
        return Started("Collecting a==1\nInstalling collected packages: a\n" if "pip" in command else "")

    (tmp_path / bootstrap.REQUIREMENTS).write_text("a==1 \\\n    --hash=sha256:1")
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "STATE", tmp_path / ".devkit")
    monkeypatch.setattr(bootstrap, "LOGS", tmp_path / ".devkit/logs")
    monkeypatch.setattr(bootstrap, "find_python", lambda version: f"python{version}")
    monkeypatch.setattr(bootstrap, "start_process", start)
    monkeypatch.setattr(subprocess, "call", lambda command, **_: called.append(command))
    monkeypatch.setattr("os.execv", lambda _program, _command: None)  # the call that Windows makes is noted instead
    monkeypatch.setattr("os.chdir", lambda _folder: None)
    monkeypatch.delenv("DEVKIT_PYTHON", raising=False)
    return called


def let_it_end(monkeypatch: pytest.MonkeyPatch, tool: str, words: str) -> None:
    """Let a tool fail with these words."""

    def start(command: list[str], **_: object) -> Started:
        return Started(words, 1) if tool in command else Started()

    monkeypatch.setattr(bootstrap, "start_process", start)


def make_environment(root: Path, version: str, setting: str = "version") -> None:
    python = root / ".venv/bin/python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.touch()
    (root / ".venv/pyvenv.cfg").write_text(f"home = /usr/bin\n{setting} = {version}.7\n")


def programs(commands: list[list[str]]) -> list[str]:
    return [Path(command[0]).name for command in commands]


def test_the_first_run_makes_it_installs_by_hash_and_goes_on_inside(commands: list[list[str]]) -> None:
    bootstrap.run_inside(["test"])
    made, installed, inside = commands
    assert made[:3] == ["python3.13", "-m", "venv"]
    assert installed[-5:-1] == ["--require-hashes", "--only-binary", ":all:", "--requirement"]
    assert inside[1:] == ["-m", "devkit", "test"]
    commands.clear()
    bootstrap.run_inside(["test"])
    assert commands == [inside]


def test_other_packages_are_installed_into_the_same_environment(tmp_path: Path, commands: list[list[str]]) -> None:
    bootstrap.run_inside(["test"])
    commands.clear()
    (tmp_path / bootstrap.REQUIREMENTS).write_text("a==2 --hash=sha256:2")
    bootstrap.run_inside(["test"])
    assert [command[2] for command in commands] == ["pip", "devkit"]


@pytest.mark.parametrize("setting", ["version", "version_info"])  # as venv and uv write it
def test_another_python_makes_it_anew(
    tmp_path: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    bootstrap.run_inside(["test"])
    make_environment(tmp_path, "3.13", setting)
    commands.clear()
    monkeypatch.setenv("DEVKIT_PYTHON", "3.14")
    bootstrap.run_inside(["test"])
    assert commands[0][:4] == ["python3.14", "-m", "venv", "--clear"]
    commands.clear()
    monkeypatch.delenv("DEVKIT_PYTHON")
    bootstrap.run_inside(["test"])
    assert programs(commands) == ["python"], "either version serves whoever asks for none"


def test_the_second_version_serves_where_the_first_is_missing(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "find_python", {"3.14": "python3.14"}.get)
    bootstrap.run_inside(["test"])
    assert commands[0][0] == "python3.14"


def test_without_any_it_says_how_to_get_one(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "find_python", lambda _version: None)
    assert bootstrap.run_inside(["test"]) == 2
    assert capsys.readouterr().err.startswith("Python 3.13 or 3.14 was not found. ")
    assert commands == []


def test_a_python_is_found_by_its_version_and_by_the_name_that_somebody_gave(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bootstrap.find_python(HERE)
    monkeypatch.setenv(f"PYTHON{HERE.replace('.', '')}", sys.executable)
    assert bootstrap.find_python(HERE) == sys.executable
    assert bootstrap.find_python("2.0") is None


def test_pip_is_shown_as_one_line_for_each_phase_and_keeps_its_words(
    tmp_path: Path, commands: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert not commands
    bootstrap.run_inside(["test"])
    shown = capsys.readouterr().out.splitlines()
    assert [re.sub(r"\d+\.\d s$", "N s", line) for line in shown[1:]] == [
        "Making .venv ... N s", "Installing 1 Python packages ... N s",
    ]  # fmt: skip
    assert (tmp_path / ".devkit/logs/pip.log").read_text().startswith("Collecting a==1\n")


@pytest.mark.usefixtures("commands")
@pytest.mark.parametrize(
    ("tool", "words", "sentence"),
    [
        (
            "pip",
            "WARNING: Retrying (Retry(total=1)) after connection broken by 'NewConnectionError(...)'\n" * 3
            + "ERROR: No matching distribution found for a==1\n",
            "pip cannot reach its registry, and the first start needs it",
        ),
        ("pip", "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES\n", "install what is needed: ERROR: THESE PACKAGES"),
        ("venv", "Error: Command '[ensurepip]' returned 1.\n", "On Debian and Ubuntu install python3.13-venv."),
        ("venv", "Error: [Errno 28] No space left on device\n", "could not make .venv: Error: [Errno 28] No space"),
    ],
)
def test_what_fails_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, tool: str, words: str, sentence: str
) -> None:
    let_it_end(monkeypatch, tool, words)
    assert bootstrap.run_inside(["test"]) == 2
    reported = capsys.readouterr().err
    assert sentence in reported
    assert reported.count("\n") == 1


def test_a_folder_that_cannot_be_written_to_is_named(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path, **_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert bootstrap.run_inside(["up"]) == 2
    reported = capsys.readouterr().err
    assert reported.startswith("This folder cannot be written to (")
    assert "Read-only file system" in reported
    assert commands == []


def test_ctrl_c_while_packages_are_installed_is_one_sentence(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_command: list[str], **_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "start_process", interrupt)
    assert bootstrap.run_inside(["up"]) == 130
    assert capsys.readouterr().err == "\nStopped. The same command goes on from here.\n"
    assert commands == []
