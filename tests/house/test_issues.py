"""The catalogue of issues: every alarm has its level, its sentences and its remedy there, and nothing else has."""

import ast
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.events import Event
from shared.issues import KINDS, Issue, Level, Trouble, judge, worst_of
from tests.house.source import deployed

NOW = datetime(2027, 1, 5, 9, 0, tzinfo=UTC)
# What the alarms and troubles of the code carry, and what stands in a sentence without being a detail.
ALWAYS = {"about", "age", "count"}
DETAILS: dict[str, Any] = {
    "mails": 3, "waiting": 2, "messages": 1, "paused": 4, "failures": 2, "message": "No answer.",
    "fault": "it is not set", "expiresOn": "2027-01-09T00:00:00Z", "lastError": "ConsentMissing",
}  # fmt: skip


def made(kind: str, enum: str) -> set[str]:
    """Return the members of an enumeration with which deployed code makes an Alarm or an Issue."""
    return {
        node.args[0].attr
        for module in deployed() for node in module.nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == kind and node.args
        if isinstance(node.args[0], ast.Attribute) and isinstance(node.args[0].value, ast.Name)
        if node.args[0].value.id == enum
    }  # fmt: skip


def test_every_alarm_and_every_trouble_has_its_entry() -> None:
    alarms = {Event[name] for name in made("Alarm", "Event")}
    assert len(alarms) > 10, "the search itself works"
    assert {code for code in KINDS if code in set(Event)} == alarms
    assert set(KINDS) - alarms == set(Trouble)


@pytest.mark.parametrize("code", KINDS)
def test_an_issue_has_a_level_a_sentence_and_a_remedy(code: str) -> None:
    kind = KINDS[code]
    issue = Issue(code, "support", NOW - timedelta(minutes=40), DETAILS)
    for text in (kind.one, kind.several, kind.remedy):
        assert set(re.findall(r"\{(\w+)\}", text)) <= ALWAYS | set(DETAILS), "a name that no alarm has"
    shown = issue.describe(NOW)
    assert (shown["code"], shown["level"]) == (code, issue.level.value)
    assert (shown["level"] in ("warning", "critical"), shown["sinceDateTime"]) == (True, "2027-01-05T08:20:00Z")
    for text in (shown["message"], shown["remedy"]):
        assert text[0].isupper() or text.startswith(("az ", "docs/"))
        assert text.endswith(".")
        assert "{" not in text
        assert "unknown" not in text
    for number in (1, 2):
        verdict = judge([issue] + [Issue(code, "other", NOW, DETAILS)] * (number - 1), NOW, if_well="")
        assert "  " not in verdict["sentence"]
        assert len(verdict["issues"]) == number
        assert ("support" in verdict["sentence"]) <= (number == 1)


def test_a_detail_makes_a_warning_critical() -> None:
    for code, kind in KINDS.items():
        if kind.critical_if:
            worse = Issue(code, "x", None, {kind.critical_if: 1})
            assert (Issue(code, "x", None, {kind.critical_if: 0}).level, worse.level) == (kind.level, Level.CRITICAL)
            assert kind.level is Level.WARNING


def test_the_verdict_is_the_worst_and_one_sentence() -> None:
    since = NOW - timedelta(minutes=40)
    dead = [Issue(Event.MAILBOX_SILENT, name, since + timedelta(minutes=n)) for n, name in enumerate(("b", "a"))]
    others = [Issue(Event.QUARANTINE_GREW, "a", None, {"mails": 1}), Issue(Event.CIRCUIT_OPEN, "desk", since)]
    verdict = judge([*others, *dead], NOW, if_well="All is well.")
    assert verdict["level"] == "critical"
    assert verdict["sentence"] == "2 mailboxes have had no successful poll for 40 minutes. And 2 more issues."
    assert [(one["code"], one["about"]) for one in verdict["issues"]] == [
        ("MailboxSilent", "a"), ("MailboxSilent", "b"), ("CircuitOpen", "desk"), ("QuarantineGrew", "a"),
    ]  # fmt: skip
    assert judge([], NOW, if_well="All is well.") == {"level": "ok", "sentence": "All is well.", "issues": []}
    assert worst_of([]) is Level.OK
