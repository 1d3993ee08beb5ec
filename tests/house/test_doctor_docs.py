"""docs/operations.md explains each step of the doctor."""

import re

from doctor.step_names import StepName
from tests.house.source import ROOT


def test_every_step_is_documented_and_every_documented_step_exists() -> None:
    section = (ROOT / "docs/operations.md").read_text().partition("## Doctor\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.+?) \|", section, flags=re.MULTILINE)
    assert {name for cell in cells for name in re.findall(r"`([a-z-]+)`", cell)} == set(StepName)
