"""Separate environments with foreign tools and clients, which show that the simulator works with other code than ours.

msgraph-sdk takes some 390 MB, O365 brings a dozen packages, and each is needed by one test: so they stay out of the
development environment. Each is installed once into .devkit/foreign, into a folder named after the list of packages.
A list is a file that `python3 -m devkit lock` compiled: no other files than those with its hashes are installed.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from filelock import FileLock

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

    Two processes may do this at the same time: the second waits and finds the work done. Raises
    ForeignEnvironmentError when pip fails.
    """
    target = home / _name_environment(packages)
    if target.exists():
        return _interpreter(target)
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(target.with_name(f"{target.name}.lock")):
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=home, prefix="making-", ignore_cleanup_errors=True) as draft:
                made = Path(draft) / "environment"
                _install(made, packages)
                made.rename(target)
    return _interpreter(target)


def _name_environment(packages: Path) -> str:
    return hashlib.sha256(sys.version.split()[0].encode() + b"\n" + packages.read_bytes()).hexdigest()[:16]


def _install(folder: Path, packages: Path) -> None:
    venv.create(folder)  # without a pip of its own, which takes longer to install than most lists
    command = [sys.executable, "-m", "pip", "--python", str(_interpreter(folder)), "install", "--quiet"]
    # not compiled beforehand: of thousands of modules a few are used; not resolved again: the list is complete
    command += ["--no-compile", "--no-deps", "--timeout", "60", "--retries", "5", *ONLY_LOCKED, str(packages)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALL_SECONDS, env=OUTSIDE)
    except subprocess.CalledProcessError as error:
        raise ForeignEnvironmentError(f"pip could not install {packages.name}: {error.stderr[-1000:]}") from error
    except subprocess.TimeoutExpired as error:
        raise ForeignEnvironmentError(f"pip was not done within {_INSTALL_SECONDS} s") from error


def _interpreter(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


if __name__ == "__main__":
    print(find_python())
