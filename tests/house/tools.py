"""Environments with tools that are not ours: skipped where there is no network, and only there."""

import re
from pathlib import Path

import pytest

from devkit.bicep.reading import CHECKOV
from devkit.foreign import ForeignEnvironmentError, find_python

# pip's own words for a line that is down; a version that does not exist is no reason to skip
_OFFLINE = re.compile(r"after connection broken by|Failed to establish a new connection|pip was not done within")


def find_or_skip(requirements: tuple[str, ...] = CHECKOV) -> Path:
    """Return the interpreter of an environment with these packages; skip the test when offline."""
    try:
        return find_python(requirements)
    except ForeignEnvironmentError as error:
        if _OFFLINE.search(str(error)):
            pytest.skip(f"offline: {requirements[0]} and what belongs to it cannot be installed")
        raise
