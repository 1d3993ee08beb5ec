"""Mailboxes as the routes show them."""

from datetime import datetime

from inbound_mail.content.rules import SET_ASIDE
from inbound_mail.content.thanks import THANKS_ONLY
from inbound_mail.intake.announcements import is_announced
from inbound_mail.ledger.planned_polls import PlannedPoll
from inbound_mail.reports.mails import AUTOMATIC, LOOP
from inbound_mail.reports.overview import MailboxOverview
from shared.issues import Level
from shared.json_text import Json
from shared.time_zones.zones import LONG_AGO, utc_text

# Counters of the mailbox's own row, and their names in answers.
_COUNTERS = {
    "delivered": "delivered",
    "new": "received",
    "skipped": "skipped",
    "copies": "copies",
    "gone": "gone",
    "resyncs": "resyncs",
    "swept": "foundBySweep",
}


def describe_mailbox(overview: MailboxOverview, level: Level, now: datetime) -> Json:
    """Return a mailbox with its state: last success, lag, backlog, counters; the last error while it lasts."""
    settings, state, planned = overview.mailbox.settings, overview.state, overview.planned
    workload, causes = overview.workload, overview.workload.causes
    answer: Json = {
        "name": overview.name,
        "address": settings.address,
        "folders": list(settings.folders),
        "sinks": list(settings.sinks),
        "level": level.value,
        "lastSuccessDateTime": _text(overview.last_success),
        "lagSeconds": _seconds_since(overview.last_success, now),
        "alarmMinutes": settings.alarm_minutes,
        "nextPollDateTime": _text(_find_next_poll(overview, now)),
        "backlog": workload.backlog,
        "oldestWaitingSeconds": _seconds_since(workload.oldest_waiting, now),
        "quarantined": causes.total(),
        "automatic": causes[AUTOMATIC],
        "setAsideByRule": causes[SET_ASIDE],
        "onlyThanks": causes[THANKS_ONLY],
        "loopSuspected": causes[LOOP],
        "isPaused": state.get("paused_until", LONG_AGO) > now,
    }
    answer |= {shown: int(state.get(name, 0)) for name, shown in _COUNTERS.items()}
    if planned.subscribed_until != LONG_AGO:
        answer["announcements"] = _describe_announcements(planned, now)
    if (error := overview.error) is not None:
        answer["lastError"] = {"code": error.code, "message": error.message, "dateTime": _text(error.at)}
    return answer


def _find_next_poll(overview: MailboxOverview, now: datetime) -> datetime | None:
    """Return when the timer polls a mailbox next, about; None before the first poll. A pause puts it off."""
    planned = overview.planned
    paused_until: datetime = overview.state.get("paused_until", LONG_AGO)
    if planned.next_poll == LONG_AGO:
        return None
    next_poll = planned.next_poll if planned.is_quiet and now >= planned.awake_until else now
    return max(next_poll, paused_until, now)


def _describe_announcements(planned: PlannedPoll, now: datetime) -> Json:
    """Describe whether Graph announces new mail."""
    return {
        "isProven": is_announced(planned, now),
        "subscribedUntilDateTime": _text(planned.subscribed_until),
        "lastAnnouncedDateTime": _text(planned.announced_at) if planned.announced_at != LONG_AGO else None,
        "lagSeconds": planned.announced_lag if planned.announced_lag >= 0 else None,
    }


def _seconds_since(moment: datetime | None, now: datetime) -> int | None:
    return max(0, round((now - moment).total_seconds())) if moment else None


def _text(moment: datetime | None) -> str | None:
    return utc_text(moment) if moment else None
