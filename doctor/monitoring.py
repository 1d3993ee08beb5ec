"""What a program that watches the gateway gets: whether it is well, in one sentence, with checks and issues as lists.

The instance that answers is one thing, the gateway as a whole another: a new instance mends no dead mailbox. So who
replaces instances asks for the former alone (`health`, or `scope=instance`).
"""

from collections.abc import Iterator
from datetime import datetime

from composition.connections import Services
from doctor.overall import Overall, examine_state
from doctor.readiness import ALL_SECONDS, State, describe_readiness, describe_wrong_settings, find_troubles
from shared import context
from shared.errors import GatewayError
from shared.events import Event
from shared.issues import Issue, Level, Trouble, judge
from shared.json_text import Json
from shared.settings.faults import SettingsError
from shared.settings.timers import TIMERS
from shared.time_zones.zones import utc_text


def describe_health(services: Services, now: datetime, *, check: bool, is_whole: bool) -> tuple[Json, bool]:
    """Return the answer, and whether it is well. `check`: call the services before.

    `is_whole`: read mailboxes and timers, too, which takes seconds at most; what cannot be read is critical.
    """
    readiness, is_ready = describe_readiness(services, check=check)
    overall, unread = _read_whole(services, now) if is_whole else (None, [])
    if is_whole:  # the reading has shown what it has met
        readiness, is_ready = describe_readiness(services, check=False)
    troubles = list(find_troubles(services, now, is_urgent=True))
    troubles += [one for one in unread if one.code not in {each.code for each in troubles}]
    if overall is None:
        return _answer(readiness, judge(troubles, now, if_well="Nothing is known to fail."), is_ready=is_ready)
    issues = [*(one for one in overall.issues if one.code not in {each.code for each in troubles}), *troubles]
    checks = [*readiness["checks"], *_check_state(services, overall)]
    is_ready = is_ready and not any(one["state"] == State.FAILED for one in checks)
    return _answer(readiness | {"checks": checks}, overall.judge(issues), is_ready=is_ready)


def _read_whole(services: Services, now: datetime) -> tuple[Overall | None, list[Issue]]:
    """Read everything within seconds; if that fails, return why."""
    try:
        with context.within(ALL_SECONDS):
            return examine_state(services, now), []
    except GatewayError as error:
        return None, [Issue(Trouble.STORAGE_FAILS, "", None, {"message": error.message, "lasts": True})]


def describe_wrong(error: SettingsError, now: datetime) -> Json:
    """Return what `describe_health` would, while the settings are wrong. They are named, and nothing in them."""
    names = dict.fromkeys(fault.app_setting for fault in error.faults)
    verdict = judge([Issue(Trouble.SETTINGS_WRONG, name) for name in names], now, if_well="")
    return _answer(describe_wrong_settings(error), verdict, is_ready=False)[0]


def _answer(readiness: Json, verdict: Json, *, is_ready: bool) -> tuple[Json, bool]:
    is_well = is_ready and verdict["level"] != Level.CRITICAL
    status = readiness["status"] if is_well else "notReady"
    return {
        "status": status,
        "healthy": is_well,
        "level": verdict["level"],
        "message": verdict["sentence"],
        "issues": verdict["issues"],
        "checks": readiness["checks"],
    }, is_well


def _check_state(services: Services, overall: Overall) -> Iterator[Json]:
    """Yield a check for each schedule, for each timer, and for each mailbox: whether it is within its alarm time."""
    found = {(one.code, one.about): one for one in overall.issues}
    for setting in services.settings.schedules:
        yield _describe(found.get((Event.SCHEDULE_REFUSED, setting)), "schedule", setting, overall.now)
    for timer in TIMERS:
        yield _describe(found.get((Event.TIMER_SILENT, timer)), "timer", timer, overall.now)
    for one in overall.survey.overviews:
        shown = _describe(found.get((Event.MAILBOX_SILENT, one.name)), "mailbox", one.name, overall.now)
        if one.last_success is not None:
            shown["seenDateTime"] = utc_text(one.last_success)
        elif shown["state"] == State.OK:
            shown["state"] = State.UNKNOWN.value
        yield shown


def _describe(issue: Issue | None, name: str, about: str, now: datetime) -> Json:
    if issue is None or issue.level is not Level.CRITICAL:
        return {"name": name, "about": about, "state": State.OK.value}
    shown = issue.describe(now)
    since = {"sinceDateTime": shown["sinceDateTime"]} if shown["sinceDateTime"] else {}
    failure = {"code": shown["code"], "message": f"{shown['message']} {shown['remedy']}"}
    return {"name": name, "about": about, "state": State.FAILED.value} | since | failure
