"""Whether Graph announces the new mail of a mailbox, so that polls may be seldom. Judged by what polls find.

    subscribed_at, subscribed_until   since and until when each folder has a Graph subscription
    announced_at, announced_lag       when Graph has last announced what a poll found, and seconds since the mail came
    unannounced_at                    when a poll has found a new mail that nobody had announced

Graph may take three minutes to announce a mail that a poll has found by itself. If it has not announced any by then,
it has missed one, and the polls go by the usual schedule: until Graph announces something that a poll finds, or until
the subscription has been made anew.
"""

from datetime import datetime, timedelta

from inbound_mail.ledger.planned_polls import PlannedPoll
from shared.time_zones.zones import LONG_AGO

# "Latency" of Microsoft Graph's page about change notifications: messages, three minutes at most.
NOTICE_TIME = timedelta(minutes=3)
_LONGEST_SILENCE = timedelta(minutes=30)  # without a subscription, or after a mail that was missed


def is_announced(plan: PlannedPoll, now: datetime) -> bool:
    """Return whether Graph is proven to announce new mail: the polls by the timer may be seldom."""
    return now < plan.subscribed_until and _is_covered(plan)


def has_missed(plan: PlannedPoll, now: datetime) -> bool:
    """Return whether Graph has not announced a mail within its time although it should have."""
    is_late = not _is_covered(plan) and now - plan.unannounced_at >= NOTICE_TIME
    return is_late and now < plan.subscribed_until


def note_poll(
    plan: PlannedPoll, began: datetime, announced_at: datetime | None, latest_mail: datetime | None
) -> dict[str, datetime | int]:
    """Return what a poll that began at `began` proves. `plan`: the row with which it began.

    `announced_at`: until when changes were announced, if they were. `latest_mail`: when the last of the new mails was
    received, None if it has found none.
    """
    if announced_at is not None:
        is_proof = latest_mail is not None or not _is_covered(plan)
        lag = {"announced_lag": max(0, round((announced_at - latest_mail).total_seconds()))} if latest_mail else {}
        return {"announced_at": announced_at} | lag if is_proof else {}
    should_have = latest_mail is not None and latest_mail > plan.subscribed_at and began < plan.subscribed_until
    return {"unannounced_at": began} if should_have and _is_covered(plan) else {}


def explain_silence(plan: PlannedPoll, now: datetime) -> str | None:
    """Return why Graph has announced nothing for long although it should: a stable word; None if that is not so."""
    if plan.subscribed_until != LONG_AGO and now - plan.subscribed_until > _LONGEST_SILENCE:
        return "noSubscription"
    return "missed" if has_missed(plan, now) and now - plan.unannounced_at > _LONGEST_SILENCE else None


def _is_covered(plan: PlannedPoll) -> bool:
    """Return whether no mail is known that nobody has announced."""
    if plan.unannounced_at == LONG_AGO or plan.unannounced_at <= plan.subscribed_at:
        return True
    return plan.announced_at != LONG_AGO and plan.announced_at >= plan.unannounced_at - NOTICE_TIME
