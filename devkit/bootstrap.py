"""Finds Python 3.13, makes `.venv`, installs the requirements, and goes on inside it.

Standard library only, and no syntax newer than Python 3.9: whatever Python a newcomer has must be able to start here.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
REQUIREMENTS = "requirements-dev.txt"  # the deployed packages are in it, too
# pip's words for: files whose hash the list has, and no code that would build a package
ONLY_LOCKED = ("--require-hashes", "--only-binary", ":all:", "--requirement")
WANTED = (3, 13)

_HOW_TO_GET_IT = """\
Python 3.13 was not found. The gateway runs on 3.13 in Azure, and so does its tool kit. Get it with one of:
  uv python install 3.13            https://docs.astral.sh/uv/
  pyenv install 3.13                https://github.com/pyenv/pyenv
  winget install Python.Python.3.13 (Windows)   brew install python@3.13 (macOS)
  apt install python3.13-venv       (Debian 14, Ubuntu 25.04 and later)
or name it: PYTHON313=/path/to/python3.13 python3 -m devkit ...
"""


def is_inside() -> bool:
    """Say whether this process is the project's own environment, complete and up to date."""
    return Path(sys.prefix).resolve() == VENV.resolve() and _is_complete()


def run_inside(arguments: list[str]) -> int:
    """Make the environment if need be and run `python -m devkit` with these arguments inside it."""
    if not _is_complete():
        python = find_python()
        if python is None:
            sys.stderr.write(_HOW_TO_GET_IT)
            return 2
        if not _make_environment(python):
            return 2
    command = [str(_inside_python()), "-m", "devkit", *arguments]
    if os.name != "nt":  # on Windows execv would detach from the console
        os.chdir(str(ROOT))
        os.execv(command[0], command)  # noqa: S606 - the same program, in its own environment
    return subprocess.call(command, cwd=str(ROOT))


def find_python() -> str | None:
    """Return a command that runs Python 3.13, or None."""
    return next((candidate for candidate in _candidates() if _is_wanted(candidate)), None)


def _candidates() -> Iterator[str]:
    if "PYTHON313" in os.environ:
        yield os.environ["PYTHON313"]
    yield sys.executable
    yield "python3.13"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for found in sorted(pyenv.glob("versions/3.13*/bin/python"), reverse=True):
        yield str(found)
    for asked in (["uv", "python", "find", "3.13"], ["py", "-3.13", "-c", "import sys; print(sys.executable)"]):
        if shutil.which(asked[0]):
            answer = subprocess.run(asked, capture_output=True, text=True, check=False)
            if answer.returncode == 0 and answer.stdout.strip():
                yield answer.stdout.strip()
    for folder in ("/opt/homebrew/bin", "/usr/local/bin", "/usr/bin"):
        yield folder + "/python3.13"


def _is_wanted(candidate: str) -> bool:
    asked = [candidate, "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    except OSError:
        return False
    return answer.returncode == 0 and answer.stdout.split() == [str(part) for part in WANTED]


def _make_environment(python: str) -> bool:
    print("Making .venv with " + python + " and installing the requirements (once).", flush=True)
    if not _inside_python().exists():
        made = subprocess.call([python, "-m", "venv", str(VENV)])
        if made != 0:
            sys.stderr.write("Python could not make .venv. On Debian and Ubuntu install python3.13-venv.\n")
            return False
    install = [str(_inside_python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.call([*install, *ONLY_LOCKED, str(ROOT / REQUIREMENTS)]) != 0:
        sys.stderr.write("The requirements could not be installed; pip's own words are above.\n")
        return False
    _stamp().write_text(_wanted_stamp(), encoding="utf-8")
    return True


def _is_complete() -> bool:
    return _stamp().exists() and _stamp().read_text(encoding="utf-8") == _wanted_stamp()


def _inside_python() -> Path:
    return VENV / "Scripts" / "python.exe" if os.name == "nt" else VENV / "bin" / "python"


def _stamp() -> Path:
    return VENV / "requirements.sha256"


def _wanted_stamp() -> str:
    return hashlib.sha256((ROOT / REQUIREMENTS).read_bytes()).hexdigest()
