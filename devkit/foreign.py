"""Separate environments with foreign tools and clients, which show that the simulator works with other code than ours.

msgraph-sdk takes some 390 MB, O365 brings a dozen packages, and each is needed by one test: so they stay out of the
development environment. Each is installed once into .devkit/foreign, into a folder named after the list of packages.
A list is a file that `python3 -m devkit lock` compiled: no other files than those with its hashes are installed.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from devkit.bootstrap import ONLY_LOCKED

_ROOT = Path(__file__).resolve().parents[1]
LOCKED = _ROOT / "devkit/locked"  # the lists of packages
MSGRAPH, O365 = LOCKED / "msgraph.txt", LOCKED / "o365.txt"
_HOME = _ROOT / ".devkit" / "foreign"
_INSTALL_SECONDS = 900
# the variables at the start: later ones may lead into a simulator, which refuses the package index
OUTSIDE = dict(os.environ)


class ForeignEnvironmentError(Exception):
    """The packages could not be installed; the text ends with pip's output."""


def find_python(packages: Path = MSGRAPH, *, home: Path = _HOME) -> Path:
    """Return the interpreter of an environment with the packages of a compiled list, which is made first if need be.

    Two processes may do this at the same time: each builds its own, the first finished one is moved into place, the
    other is deleted. Raises ForeignEnvironmentError when pip fails.
    """
    target = home / _name_environment(packages)
    if not target.exists():
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home, prefix="making-", ignore_cleanup_errors=True) as draft:
            made = Path(draft) / "environment"
            _install(made, packages)
            _move_into_place(made, target)
    return _interpreter(target)


def _name_environment(packages: Path) -> str:
    return hashlib.sha256(sys.version.split()[0].encode() + b"\n" + packages.read_bytes()).hexdigest()[:16]


def _install(folder: Path, packages: Path) -> None:
    venv.create(folder, with_pip=True)
    # not compiled beforehand: of thousands of modules a few are used; not resolved again: the list is complete
    command = [str(_interpreter(folder)), "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps"]
    command += ["--timeout", "60", "--retries", "5", *ONLY_LOCKED, str(packages)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALL_SECONDS, env=OUTSIDE)
    except subprocess.CalledProcessError as error:
        raise ForeignEnvironmentError(f"pip could not install {packages.name}: {error.stderr[-1000:]}") from error
    except subprocess.TimeoutExpired as error:
        raise ForeignEnvironmentError(f"pip was not done within {_INSTALL_SECONDS} s") from error


def _move_into_place(made: Path, target: Path) -> None:
    try:
        made.rename(target)
    except OSError:
        if not target.exists():
            raise
        shutil.rmtree(made, ignore_errors=True)


def _interpreter(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


if __name__ == "__main__":
    print(find_python())
