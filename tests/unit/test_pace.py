"""When a mailbox is polled next, and which mailboxes share a request."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from inbound_mail.intake.pace import describe_reading, find_due_polls, find_phase, plan_next_poll
from inbound_mail.ledger.planned_polls import PlannedPoll
from inbound_mail.messages import MOST_IN_ONE_REQUEST, PollRequest
from shared.settings.mail_settings import Mailbox
from tests.unit.test_mail_settings import SUPPORT, load

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MAILBOX = load([SUPPORT]).mailboxes["support"]
QUIET = PlannedPoll(NOW + MINUTE, is_quiet=True, reads=describe_reading(MAILBOX))


@pytest.mark.parametrize(
    ("quiet_for", "quiet_minutes", "pause"),
    [(0, 5, 0), (4, 5, 1), (12, 5, 3), (20, 5, 5), (5000, 5, 5), (5000, 0, 0), (5000, 60, 60), (-9, 5, 0)],
)
def test_the_pause_is_a_quarter_of_the_quiet_up_to_its_bound(quiet_for: int, quiet_minutes: int, pause: int) -> None:
    assert plan_next_poll(NOW, NOW - quiet_for * MINUTE, quiet_minutes) == NOW + pause * MINUTE


@pytest.mark.parametrize("quiet_minutes", [1, 5, 7, 60])
@pytest.mark.parametrize("phase", [0.0, 0.1, 0.5, 0.99])
def test_at_the_bound_polls_keep_to_their_moments_however_late_they_begin(quiet_minutes: int, phase: float) -> None:
    due, polled = NOW, []
    for minute in range(600):
        if due <= NOW + minute * MINUTE + timedelta(seconds=15):
            polled.append(minute)
            began = NOW + minute * MINUTE + timedelta(seconds=minute * 7 % 13)  # behind the run of the timer
            due = plan_next_poll(began, NOW - timedelta(days=1), quiet_minutes, phase=phase)
    pauses = [later - earlier for earlier, later in pairwise(polled)]
    assert 1 <= pauses[0] <= quiet_minutes
    assert set(pauses[1:]) == {quiet_minutes}


def test_twenty_mailboxes_have_one_moment_and_more_are_spread() -> None:
    names = [f"mailbox-{number}" for number in range(1000)]
    assert {find_phase(name, 20) for name in names} == {0.0}
    assert {find_phase(name, 0) for name in names} == {0.0}
    assert {find_phase(name, 100) for name in names} == {0.0, 0.2, 0.4, 0.6, 0.8}
    assert max(Counter(find_phase(name, 1000) for name in names).values()) < 45


def test_no_pause_is_longer_than_until_the_next_sweep() -> None:
    sweeps = [NOW + 50 * MINUTE, NOW + 7 * MINUTE]
    assert plan_next_poll(NOW, NOW - timedelta(days=1), 60, sweeps) == NOW + 7 * MINUTE


@pytest.mark.parametrize(
    ("mailbox", "plan", "is_due"),
    [
        (MAILBOX, QUIET, False),
        (MAILBOX, None, True),  # was never polled, or an older version did
        (MAILBOX, replace(QUIET, next_poll=NOW), True),
        (MAILBOX, replace(QUIET, next_poll=NOW + timedelta(seconds=10)), True),  # the next run would be too late
        (MAILBOX, replace(QUIET, next_poll=NOW + timedelta(days=1)), True),  # written with a wrong clock
        (MAILBOX, replace(QUIET, is_quiet=False), True),
        (MAILBOX, replace(QUIET, awake_until=NOW + MINUTE), True),
        (MAILBOX, replace(QUIET, awake_until=NOW - MINUTE), False),
        (replace(MAILBOX, folders=("inbox", "junkemail")), QUIET, True),
        (replace(MAILBOX, address="other@contoso.example"), QUIET, True),
        (replace(MAILBOX, quiet_minutes=1), QUIET, True),
        (replace(MAILBOX, alarm_minutes=40), QUIET, False),
    ],
)
def test_a_mailbox_is_due(mailbox: Mailbox, plan: PlannedPoll | None, is_due: bool) -> None:
    assert find_due_polls([mailbox], {"support": plan} if plan else {}, NOW) == [PollRequest("support")] * is_due


def test_quiet_mailboxes_share_requests_and_nobody_waits_for_one_with_work() -> None:
    mailboxes = [replace(MAILBOX, name=f"m{number}") for number in range(46)]
    due = replace(QUIET, next_poll=NOW)
    planned = {mailbox.name: due for mailbox in mailboxes} | {"m7": replace(due, is_quiet=False)}
    requests = find_due_polls(mailboxes, planned, NOW)
    assert requests[0] == PollRequest("m7")
    assert [len(one.mailboxes) for one in requests] == [1, MOST_IN_ONE_REQUEST, MOST_IN_ONE_REQUEST, 5]
    assert sorted(name for one in requests for name in one.mailboxes) == sorted(planned)
