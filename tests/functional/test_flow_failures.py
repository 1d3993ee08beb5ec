"""Whatever fails in a sample flow, nothing is lost without a failed run and somebody who is informed.

The verdicts are the tables of power-automate/flows/README.md: `--write-tables` writes them, as that file says.
"""

import pytest

from devkit.bootstrap import ROOT
from devkit.documents.blocks import Texts
from devkit.flow_runs.failure_table import judge_case, write_table
from devkit.flows.sources import FLOWS
from tests.functional.conftest import Gateway
from tests.functional.flow_scenarios import Scenarios

pytestmark = pytest.mark.usefixtures("rows_in_memory")

README = "power-automate/flows/README.md"
NOTE = "written by test_flow_failures.py --write-tables"
NAMES = sorted(path.stem for path in FLOWS.glob("*.json"))


@pytest.mark.slow(reason="runs a flow some hundred times: with each step failing in each way, in both readings of if()")
@pytest.mark.parametrize("name", NAMES)
def test_each_step_may_fail(gateway_process: Gateway, name: str, request: pytest.FixtureRequest) -> None:
    tables, losses = {}, []
    for case in Scenarios(gateway_process).cases(name):
        rows, silent = judge_case(case)
        tables[case.name] = rows
        losses += silent
        assert judge_case(case, reads_both_branches=True) == (rows, silent), "if() decides about failures"
    texts = Texts(ROOT)
    texts.put_block(README, f"failures of {name}", write_table(tables), NOTE)
    if request.config.getoption("--write-tables"):
        for path, text in texts.changed.items():
            (ROOT / path).write_text(text, encoding="utf-8")
    assert losses == []
    assert not texts.changed or request.config.getoption("--write-tables"), f"{README} is not current: {NOTE}"
