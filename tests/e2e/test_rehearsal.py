"""The rehearsals in their short form; `python3 -m devkit rehearse` and `rehearse --flows` are the long ones."""

import pytest

from devkit.rehearsals import flows, mails
from devkit.rehearsals.odd_mails import KINDS
from devkit.rehearsals.plans import FlowsPlan, MailsPlan

pytestmark = pytest.mark.slow(reason="kills whole processes", seconds=50)


def test_kills_and_lost_answers_neither_lose_nor_double_a_mail() -> None:
    findings = mails.rehearse(MailsPlan(mails=42, odd_every=4, per_second=20, alive=(0.5, 3.0), kills=3, limit=240.0))
    assert findings.kills >= 2, findings.describe()
    assert findings.is_good, findings.describe()
    assert set(findings.odd) == set(KINDS)
    assert findings.tickets == 42  # two requests more twice; an answer and an automatic reply less


def test_kills_and_notifications_astray_neither_lose_nor_double_a_mail() -> None:
    plan = MailsPlan(mails=24, odd_every=6, per_second=8, alive=(1.0, 3.0), kills=2, limit=240.0, push=True)
    findings = mails.rehearse(plan)
    assert findings.kills >= 1, findings.describe()
    assert findings.is_good, findings.describe()


def test_each_event_fires_its_flows_exactly_once_though_the_app_is_killed_twice() -> None:
    plan = FlowsPlan(minutes=0.25, kills=2, per_second=4, stock=60, scale=60, waits_for_scans=False, limit=300.0)
    findings = flows.rehearse(plan)
    assert findings.is_good, findings.describe()
    assert findings.kills >= 1, findings.describe()
    assert set(findings.kinds) == {
        "created", "rescheduled", "reassigned", "edited", "cancelled", "registered", "unregistered", "upcoming",
        "arrived", "failed", "ticket",
    }  # fmt: skip
    # Chance decides whether one person has an appointment that is about to begin.
    idle = {name for name, verdict in findings.verdicts.items() if not verdict.expected}
    assert idle <= {"upcoming of Anne"}, findings.describe()
