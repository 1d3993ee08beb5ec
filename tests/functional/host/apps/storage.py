"""A pytest plugin: the storage emulator, one for all tests of a run."""

from collections.abc import Iterator

import pytest

from devkit.azurite import Azurite, start_azurite


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    with start_azurite() as running:
        yield running
