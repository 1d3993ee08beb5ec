"""The fuzzer in its short form; `python3 -m devkit fuzz` is the long one."""

import pytest

from devkit.commands import main
from devkit.connector.answers import load_definition
from devkit.fuzzing.fuzz import SCHEMATHESIS, fuzz
from devkit.fuzzing.plan import Plan
from tests.house.tools import find_or_skip

OPERATIONS = load_definition().operations()
pytestmark = pytest.mark.slow(reason="sends hundreds of requests to a whole process", seconds=35)


def test_requests_made_from_the_definition_are_answered_as_it_says() -> None:
    find_or_skip(SCHEMATHESIS)
    wanted = 5 * len(OPERATIONS) + 3
    findings = fuzz(Plan(requests=wanted, seed=5))

    assert findings.is_good, findings.describe()
    assert findings.requests == wanted
    assert set(findings.by_operation) == set(OPERATIONS)
    assert findings.against_definition > 0
    succeeded = [name for name, statuses in findings.by_operation.items() if statuses.keys() & {200, 201, 202}]
    assert len(succeeded) >= 0.8 * len(OPERATIONS), findings.describe()


def test_a_number_of_requests_is_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in ("0", "-1", "many"):
        with pytest.raises(SystemExit):
            main(["fuzz", f"--requests={wrong}"])
        assert "no number of requests" in capsys.readouterr().err
