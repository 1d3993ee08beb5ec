"""Finds mailboxes for which polls are asked in vain: messages that a trigger takes and that reach no function.

Such messages (azure-functions-host#11879) are hidden, so that a look at the queue shows nothing. What shows it is the
mailbox's row, which the timer reads anyway: it does not change although polls are asked for. Since when is kept in
memory: the run of the timer after a schedule of an hour has asked for nothing in between, so the row alone proves
nothing. Another process counts anew.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from inbound_mail.ledger.planned_polls import PlannedPoll
from shared.storage.tables import Entity

UNANSWERED_AFTER = timedelta(minutes=5)  # a poll takes three at most; asked for again, it does not wait for another
_LONGEST_POLL = timedelta(minutes=3)
_UNKNOWN = PlannedPoll()


@dataclass
class UnansweredPolls:
    """The mailboxes that were asked for: when the last good poll began by then, and since when they are asked for."""

    _asked: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)

    def note(self, asked: Iterable[str], planned: Mapping[str, PlannedPoll], now: datetime) -> None:
        """Note for which mailboxes this run of the timer has asked; whoever is not among them is answered."""
        noted: dict[str, tuple[datetime, datetime]] = {}
        for name in asked:
            looked_at = planned.get(name, _UNKNOWN).looked_at
            before = self._asked.get(name)
            noted[name] = before if before and before[0] == looked_at else (looked_at, now)
        self._asked = noted

    def find(self, now: datetime, read_state: Callable[[str], Entity]) -> list[str]:
        """Return the mailboxes that were asked for at least for five minutes and not polled.

        `read_state` reads a mailbox's own row, of these only: polls that ran and failed are noted there.
        """
        late = {name: asked[0] for name, asked in self._asked.items() if now - asked[1] >= UNANSWERED_AFTER}
        return [name for name, looked_at in late.items() if not _is_explained(read_state(name), looked_at, now)]


def _is_explained(state: Entity, looked_at: datetime, now: datetime) -> bool:
    """Return whether polls ran after the last good one, and failed, or whether the mailbox pauses after a failure."""
    last: datetime | None = state.get("last_poll")
    paused_until: datetime | None = state.get("paused_until")
    has_run = last is not None and last - _LONGEST_POLL > looked_at
    return has_run or (paused_until is not None and paused_until > now)
