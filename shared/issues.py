"""What can be wrong with the gateway: one catalogue, by whose rules status, health, alarms and the doctor judge.

An issue has a stable code (for an alarm: the name of its event), the thing that it is about, and since when it lasts.
Its level, its sentence and its remedy follow from the catalogue. The verdict on all issues is the worst level and one
sentence.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.events import Event
from shared.json_text import Json
from shared.time_zones.zones import utc_text
from shared.wording import count_of

EXPIRES_SOON = timedelta(days=14)
LASTING = timedelta(minutes=5)
"""A service that has failed for so long is no passing trouble."""


class Level(StrEnum):
    """How bad it is, the least first. A warning can wait until somebody has time; critical cannot."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"


class Trouble(StrEnum):
    """The codes of issues that are no alarms: they end by themselves, or nothing runs that could raise an alarm."""

    SETTINGS_WRONG = "SettingsWrong"
    STORAGE_FAILS = "StorageFails"
    VAULT_FAILS = "VaultFails"
    SIGN_IN_FAILS = "SignInFails"
    GRAPH_FAILS = "GraphFails"
    POLLS_FAIL = "PollsFail"
    MAILS_WAIT = "MailsWait"


@dataclass(frozen=True)
class Kind:
    """The level and the words of a code. In `one`, `several` and `remedy` details are named in braces, such as {mails}.

    `several` is for more than one thing: {count} of them, {age} that of the oldest. `critical_if`: the detail that
    makes a warning critical if it is there and not zero.
    """

    level: Level
    one: str
    several: str
    remedy: str
    critical_if: str = ""


_SERVICE_REMEDY = "Run the doctor: GET doctor, or `python3 -m devkit doctor`. It names what mends it."

KINDS: Mapping[str, Kind] = {
    Trouble.SETTINGS_WRONG: Kind(
        Level.CRITICAL,
        "The setting {about} is wrong, so the gateway answers nothing.",
        "{count} settings are wrong, so the gateway answers nothing.",
        "Correct {about}: the log and the doctor say what is wrong with it, docs/settings.md what it means.",
    ),
    Trouble.STORAGE_FAILS: Kind(
        Level.WARNING, "The storage account fails: {message}", "", _SERVICE_REMEDY, critical_if="lasts"
    ),
    Event.SCHEDULE_REFUSED: Kind(
        Level.WARNING,
        "The schedule {about} is wrong: {fault}.",
        "{count} schedules are wrong, so their timers do not run.",
        'az functionapp config appsettings set -g <group> -n <app> --settings "{about}=0 * * * * *"; six fields: '
        "second, minute, hour, day, month, day of the week (docs/settings.md).",
        critical_if="isRefused",
    ),
    Event.TIMER_SILENT: Kind(
        Level.CRITICAL,
        "The timer {about} has not run for {age}.",
        "{count} timers have not run for {age}.",
        "Restart the function app. If it does not run then, read the log for \"The '{about}' function is in error\", "
        "and see whether AzureWebJobs.{about}.Disabled is set.",
    ),
    Event.MAILBOX_SILENT: Kind(
        Level.CRITICAL,
        "The mailbox {about} has had no successful poll for {age}.",
        "{count} mailboxes have had no successful poll for {age}.",
        "GET mailboxes/{about} shows the last error and docs/errors.md what mends it; without an error no poll runs. "
        "Then POST mailboxes/{about}/poll polls at once.",
    ),
    Event.CIRCUIT_OPEN: Kind(
        Level.WARNING,
        "The sink {about} refuses the gateway, with {waiting} waiting for it.",
        "{count} sinks refuse the gateway, and all their mails wait.",
        "Mend what GET status says under sinks, {about}, why: docs/errors.md explains its cause. The gateway tries "
        "again every five minutes and then delivers what waits.",
        critical_if="waiting",
    ),
    Trouble.SIGN_IN_FAILS: Kind(
        Level.WARNING,
        "The connection {about} cannot sign in: {message}",
        "{count} connections cannot sign in.",
        _SERVICE_REMEDY,
        critical_if="lasts",
    ),
    Trouble.VAULT_FAILS: Kind(
        Level.WARNING, "The key vault fails: {message}", "", _SERVICE_REMEDY, critical_if="lasts"
    ),
    Trouble.GRAPH_FAILS: Kind(
        Level.WARNING,
        "Microsoft Graph fails for the connection {about}: {message}",
        "Microsoft Graph fails for {count} connections.",
        _SERVICE_REMEDY,
        critical_if="lasts",
    ),
    Event.SETTINGS_REFUSED: Kind(
        Level.CRITICAL,
        "The blob of {about} is wrong or cannot be read: {message}",
        "{count} blobs of settings are wrong or cannot be read.",
        "GET status lists every fault under mailSettings. Correct the blob; it is read again within a minute.",
    ),
    Event.SECRET_EXPIRES_SOON: Kind(
        Level.WARNING,
        "A secret of {about} expires on {expiresOn}.",
        "{count} secrets expire soon, or have expired.",
        "For a connection: `python3 -m setup register rotate`. For a sink: put the new value into Key Vault.",
        critical_if="isExpired",
    ),
    Trouble.POLLS_FAIL: Kind(
        Level.WARNING,
        "The last {failures} of the mailbox {about} failed: {lastError}.",
        "{count} mailboxes cannot be read: their last polls failed.",
        "GET mailboxes/{about} shows the error, docs/errors.md what mends it. Then POST mailboxes/{about}/poll.",
    ),
    Event.QUEUE_STALLED: Kind(
        Level.WARNING,
        "Nobody takes the messages of the queue {about} for {age}; the timer does the work.",
        "Nobody takes the messages of {count} queues for {age}; the timer does the work.",
        "Restart the function app, which wakes the triggers: docs/operations.md, A queue is stalled.",
    ),
    Trouble.MAILS_WAIT: Kind(
        Level.WARNING,
        "The mailbox {about} has {mails} waiting, the oldest for {age}.",
        "In {count} mailboxes mails wait, the oldest for {age}.",
        "GET mailboxes/{about}/mails shows the last error of each delivery. The gateway goes on trying by itself.",
    ),
    Event.QUARANTINE_GREW: Kind(
        Level.WARNING,
        "The mailbox {about} has {mails} that could not be delivered, for a person to look at.",
        "In {count} mailboxes mails could not be delivered and wait for a person.",
        "GET mailboxes/{about}/mails?state=quarantined lists them with the cause; mend it, then redeliver them.",
    ),
    Event.LOOP_SUSPECTED: Kind(
        Level.WARNING,
        "The mailbox {about} has {mails} beyond the limits for one correspondent.",
        "In {count} mailboxes mails are beyond the limits for one correspondent.",
        "GET mailboxes/{about}/mails?state=loop lists them: docs/operations.md, Loops.",
    ),
    Event.SET_ASIDE_GREW: Kind(
        Level.WARNING,
        "In the mailbox {about} many more mails than usual were set aside within a day: {mails}.",
        "In {count} mailboxes many more mails than usual were set aside within a day.",
        "Look whether requests are among GET mailboxes/{about}/mails?state=automatic, state=rule and state=copy.",
    ),
    Event.MAILBOX_REMOVED: Kind(
        Level.WARNING,
        "The settings no longer have the mailbox {about}, which has {mails} waiting.",
        "The settings no longer have {count} mailboxes whose mails wait.",
        "Put the mailbox {about} back into MAILBOXES until its mails are delivered.",
    ),
    Event.POISON_LEFT: Kind(
        Level.WARNING,
        "The queue {about} has {messages} that nobody takes.",
        "Messages lie in {count} poison queues, and nobody takes them.",
        "docs/operations.md, Poison messages, says how to read and remove them.",
    ),
    Event.SUBSCRIPTION_PAUSED: Kind(
        Level.WARNING,
        "The connection {about} has {paused} in pause.",
        "Event subscriptions of {count} connections are paused.",
        "GET subscriptions?connection={about} shows why; mend the target, then POST subscriptions/<id>/resume.",
    ),
    Event.NOTIFICATIONS_SILENT: Kind(
        Level.WARNING,
        "Microsoft Graph does not announce new mail of the mailbox {about}; it is polled as usual.",
        "Microsoft Graph does not announce new mail of {count} mailboxes; they are polled as usual.",
        "GET status shows under graphSubscriptions why: docs/operations.md, New mail within seconds.",
    ),
}
"""Every code, the one that is looked at first in front: where two are equally bad, the first one is in the sentence."""

_ORDER = {code: number for number, code in enumerate(KINDS)}
_WORST_FIRST = (Level.CRITICAL, Level.WARNING)
# How numbers among the details are said.
_NOUNS = {
    "mails": "mail",
    "waiting": "mail",
    "messages": "message",
    "failures": "poll",
    "paused": "event subscription",
}


@dataclass(frozen=True)
class Issue:
    """Something that is wrong now. `about`: a mailbox, a sink, a connection, a setting, a timer or a queue."""

    code: str
    about: str = ""
    since: datetime | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """What the catalogue says of its code."""
        return KINDS[self.code]

    @property
    def level(self) -> Level:
        """How bad it is."""
        is_worse = self.kind.critical_if and self.details.get(self.kind.critical_if)
        return Level.CRITICAL if is_worse else self.kind.level

    def describe(self, now: datetime) -> Json:
        """Return the issue as answers show it."""
        words = _Words(self, now)
        return {
            "code": str(self.code),
            "level": self.level.value,
            "about": self.about,
            "message": self.kind.one.format_map(words),
            "remedy": self.kind.remedy.format_map(words),
            "sinceDateTime": utc_text(self.since) if self.since else None,
        }


def judge(issues: Iterable[Issue], now: datetime, *, if_well: str) -> Json:
    """Return the verdict: the worst level, one sentence (`if_well` without any issue), and the issues, worst first."""
    ordered = sort_issues(issues)
    if not ordered:
        return {"level": Level.OK.value, "sentence": if_well, "issues": []}
    return {
        "level": ordered[0].level.value,
        "sentence": _write_sentence(ordered, now),
        "issues": [one.describe(now) for one in ordered],
    }


def sort_issues(issues: Iterable[Issue]) -> list[Issue]:
    """Return the issues, the worst first, in the order of the catalogue."""
    return sorted(issues, key=lambda one: (_WORST_FIRST.index(one.level), _ORDER[one.code], one.about))


def worst_of(issues: Iterable[Issue]) -> Level:
    """Return the worst level of some issues; ok if there are none."""
    levels = {one.level for one in issues}
    return next((level for level in _WORST_FIRST if level in levels), Level.OK)


def say_age(age: timedelta) -> str:
    """Return how long something lasts, such as "40 minutes".

    >>> say_age(timedelta(seconds=59)), say_age(timedelta(minutes=40)), say_age(timedelta(hours=50))
    ('less than a minute', '40 minutes', '2 days')
    """
    minutes = int(age.total_seconds() // 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 2 * 60:
        return count_of(minutes, "minute")
    hours = minutes // 60
    return count_of(hours, "hour") if hours < 2 * 24 else count_of(hours // 24, "day")


def _write_sentence(ordered: Sequence[Issue], now: datetime) -> str:
    """Say the worst issues of one code in one sentence, and how many others there are."""
    first = ordered[0]
    alike = [one for one in ordered if (one.code, one.level) == (first.code, first.level)]
    oldest = min(alike, key=lambda one: one.since or now)
    words = _Words(oldest, now, count=len(alike))
    said = (first.kind.one if len(alike) == 1 else first.kind.several or first.kind.one).format_map(words)
    others = len(ordered) - len(alike)
    return f"{said} And {count_of(others, 'more issue')}." if others else said


class _Words(dict[str, Any]):
    """What stands for the names in a sentence: details, numbers with their nouns. What is missing is unknown."""

    def __init__(self, issue: Issue, now: datetime, *, count: int = 1) -> None:
        details = {
            name: count_of(value, _NOUNS[name]) if name in _NOUNS and isinstance(value, int) else value
            for name, value in issue.details.items()
        }
        age = say_age(now - issue.since) if issue.since else "an unknown time"
        super().__init__(details | {"about": issue.about, "age": age, "count": count})

    def __missing__(self, name: str) -> str:
        return "(unknown)"
