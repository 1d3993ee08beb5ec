"""Steps for what runs by itself: timers and polls, by the rules of alarms and status."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from composition.connections import Services
from doctor.examination import Name, Status, Step, Verdict
from doctor.step_names import StepName
from inbound_mail.reports.mailbox_rules import find_silence
from inbound_mail.reports.overview import read_overview
from inbound_mail.reports.watched import Watched
from inbound_mail.support_mailbox import SupportMailbox
from shared.issues import Issue, Level
from shared.settings.timers import TIMERS
from shared.wording import count_of

_TABLES: Name = (StepName.STORAGE, "tables")
_SCHEDULE: Name = (StepName.SCHEDULE, "MAILBOX_POLL_SCHEDULE")


def list_timer_steps(services: Services) -> Iterator[Step]:
    """Yield a step for each timer and for each mailbox."""
    for timer, setting in TIMERS.items():
        needs = (_TABLES,) if setting is None else (_TABLES, (StepName.SCHEDULE, setting))
        yield Step(StepName.TIMER, timer, partial(_check_timer, services, timer), "", needs=needs)
    for mailbox in services.mail.mailboxes.values():
        yield Step(
            StepName.POLL,
            mailbox.name,
            partial(_check_poll, services, mailbox),
            "Check that the functions schedule_mailbox_polls and poll_mailbox run: docs/telemetry.md, A poll.",
            needs=(_SCHEDULE, _TABLES),
        )


def _check_timer(services: Services, timer: str) -> str | Verdict:
    now, watched = datetime.now(UTC), Watched(services.mail.table, may_write=False)
    for alarm in watched.find_silent_timers(services.settings.schedules, now):
        if alarm.about == timer:
            return _judge(alarm.as_issue(), now)
    return "No run is missing."


def _check_poll(services: Services, mailbox: SupportMailbox) -> str | Verdict:
    now, overview = datetime.now(UTC), read_overview(mailbox)
    state, error = overview.state, overview.error
    watched_since = now
    if overview.last_success is None:
        watched_since = Watched(services.mail.table, may_write=False).since(mailbox.name, now)
    for alarm in find_silence(overview, watched_since, now):
        return _judge(alarm.as_issue(), now)
    last: datetime | None = state.get("last_poll")
    if last is None:
        return Verdict(Status.WARN, "The mailbox was never polled yet.")
    minutes = (now - last).total_seconds() / 60
    ago = f"{count_of(round(minutes), 'minute')} ago"
    if minutes > mailbox.settings.alarm_minutes:
        return Verdict(Status.FAIL, f"The last poll was {ago}, longer than its alarm_minutes.")
    if error is not None:
        again: datetime = state.get("paused_until", last)
        return Verdict(
            Status.WARN,
            f"The last poll was {ago} and failed: {error.code}. The next one is due at {again:%H:%M} UTC.",
            f"Repair the cause (docs/errors.md); then POST mailboxes/{mailbox.name}/poll polls at once",
        )
    return f"The last poll was {ago}."


def _judge(issue: Issue, now: datetime) -> Verdict:
    """Return what the catalogue says of an issue."""
    shown = issue.describe(now)
    status = Status.FAIL if issue.level is Level.CRITICAL else Status.WARN
    return Verdict(status, shown["message"], shown["remedy"])
