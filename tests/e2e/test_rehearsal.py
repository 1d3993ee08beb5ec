"""The crash rehearsal in its short form; `python3 -m devkit rehearse` is the long one."""

from devkit.rehearsal import Plan, rehearse


def test_kills_and_lost_answers_neither_lose_nor_double_a_mail() -> None:
    findings = rehearse(Plan(mails=40, per_second=20, alive=(0.5, 3.0), kills=4, limit=240.0))
    assert findings.kills >= 2, findings.describe()
    assert findings.is_good, findings.describe()
    assert findings.tickets == 40
