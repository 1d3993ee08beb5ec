"""Programs from npm, installed once per checkout: a folder with `package.json` and its lock file says which."""

import hashlib
import shutil
from pathlib import Path

from filelock import FileLock

from devkit.bootstrap import ROOT
from devkit.installing import InstallError, run_installer

TOOLS = {
    "client": "node_modules/typescript/bin/tsc",
    "spectral": "node_modules/@stoplight/spectral-cli/dist/index.js",
    "verifier": "node_modules/standardwebhooks/package.json",
}
"""What tests use: `devkit/{name}_npm` says which packages, and this is the file of theirs that is run or read."""

INSTALL_SECONDS = 600  # npm alone tries a registry that it cannot reach without end


def install_locked(manifest: Path, cache: Path, *, proof: str, what: str, seconds: float = INSTALL_SECONDS) -> Path:
    """Install the locked versions into ``cache`` unless they are there; return the file ``proof`` in it.

    Two processes may do this at once: the second waits and finds the work done. ``what`` names it in messages. Raises
    InstallError.
    """
    target = cache / proof
    marker = cache / "installed"
    wanted = hashlib.sha256((manifest / "package-lock.json").read_bytes()).hexdigest()
    cache.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(cache.with_name(f"{cache.name}.lock")):
        if marker.is_file() and marker.read_text() == wanted and target.is_file():
            return target
        marker.unlink(missing_ok=True)
        cache.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(manifest / name, cache / name)
        command = [find_program("npm", what), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        run_installer(command, f"install {what}", seconds=seconds, folder=cache)
        marker.write_text(wanted)
    return target


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
