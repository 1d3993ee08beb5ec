"""What `up` shows of the logs: warnings and errors with what follows them, mails in few words, no functions."""

from types import SimpleNamespace
from typing import Any

import pytest

from devkit.local_run import showing
from devkit.local_run.showing import Shower

HOST = [
    "",
    "Functions:",
    "",
    "  poll_mailbox: queueTrigger",
    "  broken: in error: no such route",
    "  Mind: requests for a go to b, which comes first in the alphabet.",
    "",
    "This is a developer's host, not Azure: no scale.",
    "Listening on http://127.0.0.1:7071",
    "",
    "2026-11-30 08:35:40,318 INFO    [-] devkit.host.access: GET /api/health -> health 200 in 9 ms",
    "2026-11-30 08:35:41,000 WARNING [7c85] gateway.retry: attempt 1 failed, next in 1.0 s: Throttled",
    "more of an attempt that is repeated",
    "2026-11-30 08:35:41,000 WARNING [7c85] gateway.retry: attempt 3 failed, the last",
    "2026-11-30 08:35:42,000 ERROR   [7c85] devkit.host: Executed 'Functions.x' (Failed)",
    "Traceback (most recent call last):",
    "ValueError: no",
    "2026-11-30 08:35:43,000 INFO    [-] devkit.host.access: GET /api/health -> health 200 in 9 ms",
    "more of that",
    "Changed: local.settings.json. Restarting.",
]
MAILS = [
    "2026-11-30 08:35:40,318 INFO    [a] gateway.mail: support: mail 12ab delivered to desk, ticket I1 [533b]",
    "2026-11-30 08:35:40,318 INFO    [a] gateway.mail: support: mail 13ab delivered to desk, ticket none [533b]",
    "2026-11-30 08:35:40,318 INFO    [a] gateway.mail: facilities: mail 14ab delivered to hook, ticket none [533b]",
    "2026-11-30 08:35:40,318 WARNING [a] gateway.mail: support: mail 15ab to desk, attempt 1: AutomaticMail | Auto-S",
    "2026-11-30 08:35:40,318 WARNING [a] gateway.events: MailQuarantined "  # noqa: ISC004 - one line of the log
    '{"cause": "AutomaticMail", "event": "MailQuarantined", "mailbox": "support", "sink": "desk"}',
]
OTHER = (
    "2026-11-30 08:35:40,318 WARNING [a] gateway.events: MailQuarantined "
    '{"cause": "SinkRefused", "event": "MailQuarantined", "mailbox": "support", "sink": "desk"}'
)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was said; nothing is said by itself while a test looks."""
    monkeypatch.setattr(showing, "_TOGETHER_SECONDS", 3600.0)
    return []


def make_shower(said: list[str], *, is_verbose: bool = False) -> Shower:
    progress: Any = SimpleNamespace(say=lambda line, **_: said.append(line))
    return Shower(progress, is_verbose=is_verbose)


def test_warnings_errors_and_what_follows_them_are_shown(said: list[str]) -> None:
    shower = make_shower(said)
    for line in HOST:
        shower.show("app", line)
    shower.show("cloud", "INFO twin: ready")
    shower.show("cloud", "ERROR twin.core: a handler failed")
    shower.show("app", "[2026-11-30T08:00:00.000Z] Host lock lease acquired")
    assert said == [
        "[app]   broken: in error: no such route",
        "[app]   Mind: requests for a go to b, which comes first in the alphabet.",
        "[app] 08:35:41 WARNING gateway.retry: attempt 3 failed, the last",
        "[app] 08:35:42 ERROR devkit.host: Executed 'Functions.x' (Failed)",
        "[app] Traceback (most recent call last):",
        "[app] ValueError: no",
        "[app] Changed: local.settings.json. Restarting.",
        "[cloud] ERROR twin.core: a handler failed",
    ]


def test_mails_of_the_same_moment_are_one_line_for_each_sink(said: list[str]) -> None:
    shower = make_shower(said)
    for line in [*MAILS, OTHER]:
        shower.show("app", line)
    assert [line.partition("{")[0] for line in said] == ["[app] 08:35:40 WARNING gateway.events: MailQuarantined "]
    shower.flush()
    assert said[1:] == [
        "[app] facilities: one mail is delivered to hook",
        "[app] support: one mail is automatic and no ticket in desk",
        "[app] support: 2 mails are delivered to desk",
    ]
    shower.flush()
    assert len(said) == 4


def test_everything_is_shown_to_whoever_asks(said: list[str]) -> None:
    shower = make_shower(said, is_verbose=True)
    for line in HOST + MAILS:
        shower.show("app", line)
    assert said == [f"[app] {line}" for line in HOST + MAILS]
