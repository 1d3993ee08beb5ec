"""Finds Python 3.13 or 3.14, makes `.venv`, installs the requirements, and goes on inside it.

Standard library only, and no syntax newer than Python 3.9: whatever Python a newcomer has must be able to start here.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
REQUIREMENTS = "requirements-dev.txt"  # the deployed packages are in it, too
# pip's words for: files whose hash the list has, and no code that would build a package
ONLY_LOCKED = ("--require-hashes", "--only-binary", ":all:", "--requirement")
SUPPORTED = ("3.13", "3.14")  # the first is preferred; DEVKIT_PYTHON=3.14 asks for another

HOW_TO_GET_IT = """\
The gateway runs on Python 3.13 (or 3.14) in Azure, and so does its tool kit. Get it with one of:
  uv python install 3.13            https://docs.astral.sh/uv/
  pyenv install 3.13                https://github.com/pyenv/pyenv
  winget install Python.Python.3.13 (Windows)   brew install python@3.13 (macOS)
  apt install python3.13-venv       (Debian 14, Ubuntu 25.04 and later)
or name it: PYTHON313=/path/to/python3.13 python3 -m devkit ...  (PYTHON314 in the same way)
"""


def is_inside() -> bool:
    """Say whether this process is the project's own environment, complete and up to date."""
    return Path(sys.prefix).resolve() == VENV.resolve() and _is_complete()


def run_inside(arguments: list[str]) -> int:
    """Make the environment if need be and run `python -m devkit` with these arguments inside it."""
    if not _is_complete():
        python = next((found for version in _choose_versions() if (found := find_python(version))), None)
        if python is None:
            sys.stderr.write("Python " + " or ".join(_choose_versions()) + " was not found. " + HOW_TO_GET_IT)
            return 2
        if not _make_environment(python):
            return 2
    command = [str(_inside_python()), "-m", "devkit", *arguments]
    if os.name != "nt":  # on Windows execv would detach from the console
        os.chdir(str(ROOT))
        os.execv(command[0], command)  # noqa: S606 - the same program, in its own environment
    return subprocess.call(command, cwd=str(ROOT))


def find_python(version: str = SUPPORTED[0]) -> str | None:
    """Return a command that runs this version of Python (`3.13`), or None."""
    return next((candidate for candidate in _candidates(version) if _is_wanted(candidate, version)), None)


def _choose_versions() -> Sequence[str]:
    asked = os.environ.get("DEVKIT_PYTHON")
    return [asked] if asked else SUPPORTED


def _candidates(version: str) -> Iterator[str]:
    named = "PYTHON" + version.replace(".", "")
    if named in os.environ:
        yield os.environ[named]
    yield sys.executable
    yield "python" + version
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for found in sorted(pyenv.glob("versions/" + version + "*/bin/python"), reverse=True):
        yield str(found)
    for asked in (["uv", "python", "find", version], ["py", "-" + version, "-c", "import sys; print(sys.executable)"]):
        if shutil.which(asked[0]):
            answer = subprocess.run(asked, capture_output=True, text=True, check=False)
            if answer.returncode == 0 and answer.stdout.strip():
                yield answer.stdout.strip()
    for folder in ("/opt/homebrew/bin", "/usr/local/bin", "/usr/bin"):
        yield folder + "/python" + version


def _is_wanted(candidate: str, version: str) -> bool:
    asked = [candidate, "-c", "import sys; print(*sys.version_info[:2], sep='.')"]
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    except OSError:
        return False
    return answer.returncode == 0 and answer.stdout.strip() == version


def _make_environment(python: str) -> bool:
    print("Making .venv with " + python + " and installing the requirements (once).", flush=True)
    if not _inside_python().exists() or _inside_version() not in _choose_versions():
        made = subprocess.call([python, "-m", "venv", "--clear", str(VENV)])
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
    is_stamped = _stamp().exists() and _stamp().read_text(encoding="utf-8") == _wanted_stamp()
    return is_stamped and _inside_version() in _choose_versions()


def _inside_version() -> str:
    """Return the Python of the environment as `3.13`, without starting it; empty if there is none."""
    settings = VENV / "pyvenv.cfg"
    text = settings.read_text(encoding="utf-8") if settings.exists() else ""
    found = re.search(r"^version(?:_info)? = (\d+\.\d+)", text, flags=re.MULTILINE)
    return found.group(1) if found else ""


def _inside_python() -> Path:
    return VENV / "Scripts" / "python.exe" if os.name == "nt" else VENV / "bin" / "python"


def _stamp() -> Path:
    return VENV / "requirements.sha256"


def _wanted_stamp() -> str:
    return hashlib.sha256((ROOT / REQUIREMENTS).read_bytes()).hexdigest()
