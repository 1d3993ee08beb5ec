"""Without a network a test is skipped; if a tool is missing for any other reason, the test fails."""

import pytest

from devkit.foreign import ForeignEnvironmentError
from tests.house import tools


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []

    def fail(_requirements: tuple[str, ...]) -> None:
        raise ForeignEnvironmentError(lines[0])

    monkeypatch.setattr(tools, "find_python", fail)
    return lines


def test_offline_skips(output: list[str]) -> None:
    output.append("WARNING: Retrying after connection broken by 'NewConnectionError(...)': /simple/checkov/")
    with pytest.raises(pytest.skip.Exception, match="offline"):
        tools.find_or_skip()


def test_a_version_that_does_not_exist_fails(output: list[str]) -> None:
    output.append("ERROR: No matching distribution found for checkov==0.0.0")
    with pytest.raises(ForeignEnvironmentError):
        tools.find_or_skip()
