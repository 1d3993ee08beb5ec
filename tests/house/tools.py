"""Foreign tools: tests that need them are skipped only if they cannot be installed."""

import re
import shutil
from pathlib import Path

import pytest

from devkit.bicep.reading import TOOLS
from devkit.foreign import find_python
from devkit.installing import InstallError
from devkit.npm_packages import install_tool

# what pip, npm and we say if there is no network; a version that does not exist is no reason to skip
OFFLINE = re.compile(
    r"cannot reach its registry|after connection broken by"
    r"|Failed to establish a new connection|ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT"
    r"|(?:pip|npm) did not .+ within"
)

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser_or_skip() -> str:
    """Return the program of a Chromium or Chrome on the PATH; skip the test where there is none."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser on this machine: install one of {', '.join(BROWSERS)}")
    return found


def find_or_skip(packages: Path = TOOLS) -> Path:
    """Return the interpreter of an environment with these packages; skip the test when offline."""
    try:
        return find_python(packages)
    except InstallError as error:
        if OFFLINE.search(str(error)):
            pytest.skip(f"offline: what {packages.name} names cannot be installed")
        raise


def install_npm_or_skip(name: str) -> Path:
    """Install packages from npm and return the file that the test needs; skip the test when offline."""
    try:
        return install_tool(name)
    except InstallError as error:
        if OFFLINE.search(str(error)):
            pytest.skip(f"offline: what devkit/{name}_npm names cannot be installed")
        raise
