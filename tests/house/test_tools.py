"""A missing network skips a test; anything else that keeps a tool away fails it."""

import pytest

from devkit.foreign import ForeignEnvironmentError
from tests.house import tools


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    words: list[str] = []

    def fail(_requirements: tuple[str, ...]) -> None:
        raise ForeignEnvironmentError(words[0])

    monkeypatch.setattr(tools, "find_python", fail)
    return words


def test_offline_skips(said: list[str]) -> None:
    said.append("WARNING: Retrying after connection broken by 'NewConnectionError(...)': /simple/checkov/")
    with pytest.raises(pytest.skip.Exception, match="offline"):
        tools.find_or_skip()


def test_a_version_that_does_not_exist_fails(said: list[str]) -> None:
    said.append("ERROR: No matching distribution found for checkov==0.0.0")
    with pytest.raises(ForeignEnvironmentError):
        tools.find_or_skip()
