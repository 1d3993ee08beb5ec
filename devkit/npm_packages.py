"""Programs from npm, installed once per checkout: a folder with `package.json` and its lock file says which."""

import hashlib
import json
import shutil
from pathlib import Path

from filelock import FileLock

from devkit.bootstrap import ROOT
from devkit.installing import InstallError, run_installer
from devkit.progress import Done

TOOLS = {
    "axe": "node_modules/axe-core/axe.min.js",
    "client": "node_modules/typescript/bin/tsc",
    "spectral": "node_modules/@stoplight/spectral-cli/dist/index.js",
    "verifier": "node_modules/standardwebhooks/package.json",
}
"""What tests use: `devkit/{name}_npm` says which packages, and this is the file of theirs that is run or read."""

_MARKER = "installed"
_BRIEFLY = ("--fetch-retries", "1", "--fetch-retry-mintimeout", "1000")
INSTALL_SECONDS = 600  # npm alone tries a registry that it cannot reach without end


def install_locked(manifest: Path, cache: Path, *, proof: str, what: str, seconds: float = INSTALL_SECONDS) -> Path:
    """Install the locked versions into ``cache`` unless they are there; return the file ``proof`` in it.

    Two processes may do this at once: the second waits and finds the work done. ``what`` names it in messages. Raises
    InstallError.
    """
    target = cache / proof
    cache.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(cache.with_name(f"{cache.name}.lock")):
        if is_installed(manifest, cache, proof=proof):
            return target
        (cache / _MARKER).unlink(missing_ok=True)
        cache.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(manifest / name, cache / name)
        command = [find_program("npm", what), "ci", "--ignore-scripts", "--no-audit", "--no-fund", *_BRIEFLY]
        run_installer(command, f"install {what}", seconds=seconds, folder=cache)
        (cache / _MARKER).write_text(_make_stamp(manifest))
    return target


def is_installed(manifest: Path, cache: Path, *, proof: str) -> bool:
    """Say whether the locked versions are there."""
    marker = cache / _MARKER
    return marker.is_file() and marker.read_text() == _make_stamp(manifest) and (cache / proof).is_file()


def count_packages(manifest: Path, cache: Path) -> Done:
    """Say how many of the locked packages are unpacked."""
    folders = [name for name in json.loads((manifest / "package-lock.json").read_text())["packages"] if name]
    return Done(sum((cache / name / "package.json").exists() for name in folders), len(folders))


def _make_stamp(manifest: Path) -> str:
    return hashlib.sha256((manifest / "package-lock.json").read_bytes()).hexdigest()


def install_tool(name: str) -> Path:
    """Install one of `TOOLS` unless it is there; return its file. Raises InstallError."""
    return install_locked(ROOT / "devkit" / f"{name}_npm", ROOT / ".devkit" / name, proof=TOOLS[name], what=name)


def find_program(name: str, what: str) -> str:
    """Return the path of npm or node. Raises InstallError."""
    found = shutil.which(name)
    if found is None:
        raise InstallError(
            f"{name} is missing. Install Node.js 20 or later with npm (https://nodejs.org) to run {what}."
        )
    return found
