"""How often a mailbox is polled: at every run of the timer while something happens in it, or else less often.

The pause grows with the time for which nothing has happened: it is a quarter of it, up to the mailbox's
`quiet_minutes`. So it needs one moment to be remembered, and a mail that ends the quiet waits for a quarter of that
time at most.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from inbound_mail.ledger.planned_polls import PlannedPoll
from inbound_mail.ledger.references import digest
from inbound_mail.messages import PollRequest

if TYPE_CHECKING:
    from shared.settings.mail_settings import Mailbox

_SHARE = 4
# A poll begins some seconds behind the run of the timer that asked for it; the run after the pause must not miss it.
_SLACK = timedelta(seconds=15)
# No pause is as long: a moment beyond it was written by a process with a wrong clock.
_BEYOND = timedelta(hours=2)
# Polls of quiet mailboxes are short: so many share a message.
MOST_IN_ONE_REQUEST = 20
_UNKNOWN = PlannedPoll()


def plan_next_poll(
    began: datetime, active_at: datetime, quiet_minutes: int, sweeps: Iterable[datetime] = ()
) -> datetime:
    """Return when to poll next, after a poll that began at `began`. `sweeps`: when the sweeps of folders are due."""
    pause = min((began - active_at) / _SHARE, timedelta(minutes=quiet_minutes))
    return min([began + max(pause, timedelta()), *sweeps])


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
        elif not now + _SLACK < plan.next_poll < now + _BEYOND:
            quiet.append(mailbox.name)
    return [*map(PollRequest, alone), *share_requests(quiet)]


def share_requests(mailboxes: Sequence[str]) -> list[PollRequest]:
    """Return requests that ask for the polls of these mailboxes, several in each."""
    parts = [mailboxes[start : start + MOST_IN_ONE_REQUEST] for start in range(0, len(mailboxes), MOST_IN_ONE_REQUEST)]
    return [PollRequest(first, others=tuple(others)) for first, *others in parts]
