"""No rule of Microsoft's validator is forgotten: each has a check, or concerns what the connector does not use."""

import json
import re
from collections import Counter

from devkit.connector.document import build_definition, build_properties
from devkit.connector.standards import RULES as STANDARDS
from tests.contract.test_connector import LINT, NOT_OURS
from tests.contract.validator_rules import RULES

LINT_RULES = set(re.findall(r'^    "([A-Z]\d\d)": \("(?:cert|gold)"', LINT.read_text(), flags=re.MULTILINE))
DEFINITION = json.dumps([build_definition(), build_properties()])


def kind(check: str) -> str:
    if check in LINT_RULES - set(NOT_OURS.split(",")):
        return "lint"
    if check in STANDARDS:
        return "standards"
    if check.startswith("-"):
        return "unused" if f'"{check[1:]}"' not in DEFINITION else "used"
    return "unknown" if check.startswith("unknown: ") else f"no such check: {check}"


def test_every_rule_of_the_validator_has_a_check() -> None:
    counted = Counter(kind(check) for check in RULES.values())
    assert counted == {"lint": 71, "standards": 80, "unused": 21, "unknown": 3}


def test_no_check_of_the_standards_is_for_nothing() -> None:
    """What the validator does not ask comes from the other pages: coding standards, string guidance, submission."""
    others = {"order", "full stops", "triggers", "titles", "visibility", "shared schemas", "shared parameters"}
    assert set(STANDARDS) - set(RULES.values()) == others
