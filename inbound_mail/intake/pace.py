"""How often a mailbox is polled: at every run of the timer while something happens in it, or else less often.

The pause grows with the time for which nothing has happened: it is a quarter of it, up to the mailbox's
`quiet_minutes`. While Graph announces new mail, it is `announced_minutes` at least and four times as many at most. So
it needs one moment to be remembered, and a mail that ends the quiet waits for a quarter of that time at most. At the
bound, up to twenty mailboxes are due at the same moment, so that they share a message and a run; the moments of more
than these are spread over the pause.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from inbound_mail.intake.announcements import is_announced
from inbound_mail.ledger.planned_polls import PlannedPoll
from inbound_mail.ledger.references import digest
from inbound_mail.messages import MOST_IN_ONE_REQUEST, PollRequest, share_requests
from shared.time_zones.zones import LONG_AGO

if TYPE_CHECKING:
    from shared.settings.mail_settings import Mailbox

_SHARE = 4
# A poll begins some seconds behind the run of the timer that asked for it; the run after the pause must not miss it.
_SLACK = timedelta(seconds=15)
# No pause is as long: a moment beyond it was written by a process with a wrong clock.
_BEYOND = timedelta(hours=3)
_UNKNOWN = PlannedPoll()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def plan_next_poll(
    began: datetime,
    active_at: datetime,
    quiet_minutes: int,
    sweeps: Iterable[datetime] = (),
    *,
    phase: float = 0.0,
    announced_minutes: int = 0,
) -> datetime:
    """Return when to poll next, after a poll that began at `began`. `sweeps`: when the sweeps of folders are due.

    `phase`: where the mailbox's moment is in a pause of full length, from 0 to 1. `announced_minutes`: the shortest
    pause while Graph announces new mail; 0 while it does not, or if the mailbox is not quiet.
    """
    shortest = timedelta(minutes=announced_minutes)
    longest = max(timedelta(minutes=quiet_minutes), shortest * _SHARE)
    pause = max(shortest, min((began - active_at) / _SHARE, longest))
    if longest and pause == longest:
        pause = _SLACK + (_EPOCH + longest * phase - began - _SLACK) % longest
    return min([began + pause, *sweeps])


def find_announced_minutes(mailbox: "Mailbox", plan: PlannedPoll, now: datetime) -> int:
    """Return the shortest pause of a quiet mailbox whose new mail Graph announces, in minutes; 0 if it does not.

    A mailbox that is to be polled at every run of the timer (`quiet_minutes` 0) is polled so all the same.
    """
    may_wait = mailbox.quiet_minutes and is_announced(plan, now)
    return max(mailbox.announced_minutes, mailbox.quiet_minutes) if may_wait else 0


def find_phase(name: str, mailboxes: int) -> float:
    """Return the phase of one of so many mailboxes: there is one for each twenty of them, chosen by the name."""
    phases = max(1, math.ceil(mailboxes / MOST_IN_ONE_REQUEST))
    return int(digest(name)[:8], 16) % phases / phases


def describe_reading(mailbox: "Mailbox") -> str:
    """Return a digest of the settings after whose change a mailbox is polled at once."""
    return digest("|".join([mailbox.connection, mailbox.address, *mailbox.folders, str(mailbox.quiet_minutes)]))[:16]


def find_due_polls(
    mailboxes: Iterable["Mailbox"], planned: Mapping[str, PlannedPoll], now: datetime
) -> list[PollRequest]:
    """Return requests for the mailboxes that are due. Quiet ones share requests; each other one has its own.

    So no mailbox waits for one in which there is much to do.
    """
    alone: list[str] = []
    quiet: list[str] = []
    for mailbox in mailboxes:
        plan = planned.get(mailbox.name, _UNKNOWN)
        is_known = plan.reads == describe_reading(mailbox) and now >= plan.awake_until
        if not is_known or not plan.is_quiet:
            alone.append(mailbox.name)
        elif not now + _SLACK < _find_moment(mailbox, plan, now) < now + _BEYOND:
            quiet.append(mailbox.name)
    return [*map(PollRequest, alone), *share_requests(quiet)]


def _find_moment(mailbox: "Mailbox", plan: PlannedPoll, now: datetime) -> datetime:
    """Return when a quiet mailbox is polled next: earlier than planned if Graph has ceased to announce new mail."""
    if plan.looked_at == LONG_AGO or is_announced(plan, now):
        return plan.next_poll
    return min(plan.next_poll, plan.looked_at + timedelta(minutes=mailbox.quiet_minutes) + 2 * _SLACK)
