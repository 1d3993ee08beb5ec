"""What every test may ask for: pytest takes plug-ins from the topmost conftest only."""

import pytest
from hypothesis import settings

settings.register_profile("any machine", deadline=None)  # a verdict must not depend on what else the machine does
settings.load_profile("any machine")

pytest_plugins = ["tests.scheduling", "tests.functional.storage", "tests.functional.registration"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options of tests that write what they hold."""
    parser.addoption("--write-tables", action="store_true", help="write the tables of documents that tests hold")
