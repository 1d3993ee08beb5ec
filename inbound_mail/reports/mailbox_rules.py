"""The rules by which a mailbox is well or not. The timer's alarms, the status and the doctor judge by these alone."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from inbound_mail.content.rules import SET_ASIDE
from inbound_mail.content.thanks import THANKS_ONLY
from inbound_mail.intake.announcements import explain_silence
from inbound_mail.intake.pace import find_announced_minutes
from inbound_mail.ledger.planned_polls import PlannedPoll
from inbound_mail.ledger.records import SkippedMail
from inbound_mail.reports.alarm import Alarm
from inbound_mail.reports.mails import AUTOMATIC, LOOP
from inbound_mail.reports.overview import MailboxOverview
from shared.events import Event
from shared.issues import Issue, Trouble
from shared.time_zones.zones import LONG_AGO, utc_text

# Quarantined deliveries with these causes raise no alarm.
_EXPECTED_CAUSES = frozenset({AUTOMATIC, SET_ASIDE, THANKS_ONLY})
# More mails set aside within a day than this many, and than this many times the average day of the week before.
_MOST_SET_ASIDE, _BEYOND_USUAL = 20, 3
_DAY, _USUAL_DAYS = timedelta(days=1), 7
# One poll may meet a passing failure; the next one, half a minute later, has met the same.
_MOST_FAILURES = 1
_SHORTEST_WAIT = timedelta(minutes=15)  # a delivery is tried again a few times before that is worth a word


def find_mailbox_alarms(
    overview: MailboxOverview, watched_since: datetime, now: datetime, *, is_announced: bool
) -> Iterator[Alarm]:
    """Yield the alarms of a mailbox that its rows show.

    `watched_since`: since when one is watched that never had a successful poll. `is_announced`: whether Graph is to
    announce its new mail.
    """
    yield from find_silence(overview, watched_since, now)
    if is_announced:
        yield from _find_silent_notifications(overview.name, overview.planned, now)
    yield from _find_quarantine(overview)


def find_silence(overview: MailboxOverview, watched_since: datetime, now: datetime) -> Iterator[Alarm]:
    """Yield an alarm for a mailbox whose last successful poll is longer ago than its alarm time."""
    planned, settings = overview.planned, overview.mailbox.settings
    last = overview.last_success or watched_since
    due = last
    if find_announced_minutes(settings, planned, now) and planned.is_quiet:
        due = max(last, min(planned.next_poll, now))  # it is late from then on
    if now - due > timedelta(minutes=settings.alarm_minutes):
        error = overview.error
        details = {"lastSuccess": utc_text(last), "lastError": error.code if error else None}
        yield Alarm(Event.MAILBOX_SILENT, overview.name, 1, details, last)


def find_mailbox_issues(
    overview: MailboxOverview, alarms: Iterable[Alarm], open_sinks: Collection[str], now: datetime
) -> Iterator[Issue]:
    """Yield what is wrong with a mailbox beside its alarms.

    `alarms`: those of the mailbox. `open_sinks`: sinks whose circuit is open, so that nothing can be delivered to them.
    """
    error, is_silent = overview.error, any(alarm.event is Event.MAILBOX_SILENT for alarm in alarms)
    if error is not None and error.failures > _MOST_FAILURES and not is_silent:
        details = {"failures": error.failures, "lastError": error.code}
        yield Issue(Trouble.POLLS_FAIL, overview.name, overview.last_success, details)
    waiting = [one for one in overview.workload.waiting if not one.sinks or not one.sinks <= set(open_sinks)]
    oldest = min((one.since for one in waiting if one.since is not None), default=None)
    longest = max(_SHORTEST_WAIT, timedelta(minutes=overview.mailbox.settings.alarm_minutes))
    if oldest is not None and now - oldest > longest:
        yield Issue(Trouble.MAILS_WAIT, overview.name, oldest, {"mails": len(waiting)})


def find_set_aside(overview: MailboxOverview, copies: Iterable[SkippedMail], now: datetime) -> Iterator[Alarm]:
    """Compare what was set aside within the last day, copies too, with the average day of the week before."""
    found = [(one.cause, one.since) for one in overview.workload.quarantined if one.cause in _EXPECTED_CAUSES]
    found += [("copy", one.since) for one in copies]
    reasons = Counter(reason for reason, since in found if now - since < _DAY)
    before = sum(1 for _, since in found if _DAY <= now - since < _DAY * (1 + _USUAL_DAYS))
    number, usual = reasons.total(), before / _USUAL_DAYS
    if number > max(_MOST_SET_ASIDE, _BEYOND_USUAL * usual):
        details = {"mails": number, "usual": round(usual), "causes": dict(reasons)}
        yield Alarm(Event.SET_ASIDE_GREW, overview.name, number.bit_length(), details)


def find_open_circuits(
    circuits: Mapping[str, Mapping[str, str] | None], overviews: Sequence[MailboxOverview]
) -> Iterator[Alarm]:
    """Yield an alarm for each sink whose circuit is open; it says how many mails wait."""
    for sink, why in circuits.items():
        if why is not None:
            waiting = sum(one.workload.waiting_for(sink) for one in overviews)
            since = datetime.fromisoformat(why["since"])
            yield Alarm(Event.CIRCUIT_OPEN, sink, 1, {**why, "waiting": waiting}, since)


def _find_quarantine(overview: MailboxOverview) -> Iterator[Alarm]:
    counts = overview.workload.causes
    level = sum(number for cause, number in counts.items() if cause not in {*_EXPECTED_CAUSES, LOOP})
    if level:
        yield Alarm(Event.QUARANTINE_GREW, overview.name, level, {"mails": level, "causes": dict(counts)})
    if beyond := counts[LOOP]:
        yield Alarm(Event.LOOP_SUSPECTED, overview.name, beyond.bit_length(), {"mails": beyond})


def _find_silent_notifications(mailbox: str, plan: PlannedPoll, now: datetime) -> Iterator[Alarm]:
    if cause := explain_silence(plan, now):
        known = {"subscribedUntil": plan.subscribed_until, "lastAnnounced": plan.announced_at}
        details = {name: utc_text(moment) for name, moment in known.items() if moment != LONG_AGO}
        yield Alarm(Event.NOTIFICATIONS_SILENT, mailbox, 1, {"cause": cause} | details)
