"""The sample flows and what is built from them, once for all tests of them."""

from typing import Any

import pytest

from devkit.flows.build import Sources, build_all, load_sources
from devkit.flows.check import load_format


@pytest.fixture(scope="session")
def sources() -> Sources:
    return load_sources()


@pytest.fixture(scope="session")
def built(sources: Sources) -> dict[str, bytes]:
    return dict(build_all(sources))


@pytest.fixture(scope="session")
def flow_format() -> dict[str, Any]:
    """The schema of the workflow definition language."""
    return load_format()
