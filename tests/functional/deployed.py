"""What is deployed, unpacked for a process of its own: the package with its own packages, and the local host alone."""

import os
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from devkit.bootstrap import find_python
from devkit.clock import VARIABLES
from devkit.installing import InstallError
from devkit.packaging.building import SITE_PACKAGES, build
from tests.house.source import ROOT
from tests.house.tools import OFFLINE

ID = "11111111-1111-1111-1111-111111111111"
SETTINGS = {
    "KEY_VAULT_URL": "https://kv.vault.azure.net/",
    "GRAPH_TENANT_ID": ID,
    "GRAPH_CLIENT_ID": ID,
    "IDENTITY_CLIENT_ID": ID,
    "MAILBOX_POLL_SCHEDULE": "0 * * * * *",
    "CHANGES_SCHEDULE": "15 */5 * * * *",
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
}
_KEPT = ("PATH", "HOME", "SYSTEMROOT", "TMPDIR", *VARIABLES)


def build_or_skip(target: Path, python: str, packages: str = "requirements.txt", root: Path = ROOT) -> Path:
    """Write the package; skip the test offline."""
    try:
        build(target, python=python, packages=ROOT / packages, root=root)
    except InstallError as error:
        if OFFLINE.search(str(error)):
            pytest.skip("offline: the packages cannot be downloaded")
        raise
    return target


def find_or_skip_python(version: str) -> str:
    """Return a Python of that version on which the package runs: its wheels are for the platform's Linux."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("the package is for Linux on x86_64")
    found = find_python(version)
    if found is None:
        name = f"PYTHON{version.replace('.', '')}"
        pytest.skip(f"no Python {version} on this machine: install it, or name it in {name}; CI has it")
    return found


def unpack(folder: Path, script: Path, package: Path) -> Path:
    """Put the package into `app` and what runs it into `tools`; return the script's new place."""
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder / "app")
    # the local host alone: nothing of the checkout may be found by accident
    shutil.copytree(ROOT / "devkit/host", folder / "tools/devkit/host")
    (folder / "tools/devkit/host/__init__.py").write_text("")  # the real one brings the HTTP server
    shutil.copy(ROOT / "devkit/__init__.py", folder / "tools/devkit")
    return Path(shutil.copy(script, folder / "tools"))


def run_alone(python: str, folder: Path, command: list[str], environ: dict[str, str]) -> str:
    """Run a script on a Python without packages of its own; the app's are found as the platform's worker finds them."""
    subprocess.run([python, "-m", "venv", "--without-pip", str(folder / "empty")], check=True)
    own = {"PYTHONPATH": str(folder / "app" / SITE_PACKAGES)}
    done = subprocess.run(
        [str(folder / "empty/bin/python"), "-B", *command],
        cwd=folder, env=plain_environ() | own | environ, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def plain_environ() -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ}
