"""Separate environments with foreign tools and clients, which show that the simulator works with other code than ours.

msgraph-sdk takes some 390 MB, O365 brings a dozen packages, and each is needed by one test: so they stay out of the
development environment. Each is installed once into .devkit/foreign, into a folder named after the list of packages.
A list is a file that `python3 -m devkit lock` compiled: no other files than those with its hashes are installed.
"""

import hashlib
import os
import sys
import venv
from functools import partial
from pathlib import Path

from devkit.bootstrap import ONLY_LOCKED
from devkit.installing import make_once, run_installer

_ROOT = Path(__file__).resolve().parents[1]
LOCKED = _ROOT / "devkit/locked"  # the lists of packages
MSGRAPH, O365 = LOCKED / "msgraph.txt", LOCKED / "o365.txt"
_HOME = _ROOT / ".devkit" / "foreign"
_INSTALL_SECONDS = 900


def find_python(packages: Path = MSGRAPH, *, home: Path = _HOME) -> Path:
    """Return the interpreter of an environment with the packages of a compiled list, which is made first if need be.

    Raises InstallError when pip fails.
    """
    target = home / _name_environment(packages)
    return _interpreter(make_once(target, partial(_install, packages=packages)))


def _name_environment(packages: Path) -> str:
    return hashlib.sha256(sys.version.split()[0].encode() + b"\n" + packages.read_bytes()).hexdigest()[:16]


def _install(folder: Path, packages: Path) -> None:
    venv.create(folder)  # without a pip of its own, which takes longer to install than most lists
    command = [sys.executable, "-m", "pip", "--python", str(_interpreter(folder)), "install", "--quiet"]
    # not compiled beforehand: of thousands of modules a few are used; not resolved again: the list is complete
    command += ["--no-compile", "--no-deps", "--timeout", "60", "--retries", "5", *ONLY_LOCKED, str(packages)]
    run_installer(command, f"install {packages.name}", seconds=_INSTALL_SECONDS)


def _interpreter(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


if __name__ == "__main__":
    print(find_python())
