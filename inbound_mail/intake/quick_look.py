"""A quick look at a quiet mailbox: its folders' links are asked for changes, and nothing else is read or changed.

All that it needs is in the row of the next poll, where the last poll has left it (`ledger/planned_polls.py`). It holds
no lease: two at a time do no harm, and a link that is older than the folder's own shows more, never less. So if no
link shows anything, nothing is new. Whatever else it meets is left to a whole poll, which gets the pages that were
read: a change, an error, a lost link, a sweep that is due, a pause that Graph wants.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from inbound_mail.intake.announcements import note_poll
from inbound_mail.intake.folder_reader import (
    SWEEP_EVERY,
    SWEEP_EVERY_IF_ANNOUNCED,
    find_page_size,
    is_slim_query,
    is_sweep_due,
)
from inbound_mail.intake.pace import describe_reading, find_announced_minutes, find_phase, plan_next_poll
from inbound_mail.ledger.planned_polls import KnownPlan, QuietFolder
from inbound_mail.support_mailbox import SupportMailbox
from shared.errors import place_of
from shared.retry import ONCE

if TYPE_CHECKING:
    from shared.graph.mail import DeltaPage

_log = logging.getLogger("gateway.mail")


# When a look found nothing although a change was announced, the next run of the timer looks again.
_LOOK_AGAIN_AFTER = timedelta(seconds=30)


class QuickLook:
    """One look at a mailbox. `pages`: what Graph has answered, by link. `announced_at`: if changes were announced."""

    def __init__(self, mailbox: SupportMailbox, known: KnownPlan, announced_at: datetime | None = None) -> None:
        self._mailbox = mailbox
        self._settings = mailbox.settings
        self._known = known
        self.announced_at = announced_at
        self._began = datetime.now(UTC)
        self._announced_minutes = find_announced_minutes(mailbox.settings, known.planned, self._began)
        self.sweep_every = SWEEP_EVERY_IF_ANNOUNCED if self._announced_minutes else SWEEP_EVERY
        self.pages: dict[str, DeltaPage] = {}

    def finds_nothing(self) -> bool:
        """Look, and plan the next poll; return False if a whole poll has to follow. Raises Unavailable."""
        quiet = self._known.quiet
        if quiet is None or not self._is_enough(quiet.folders) or not self._are_empty(quiet.folders):
            return False
        sweeps = [one.swept_at + self.sweep_every for one in quiet.folders]
        next_poll = self.plan_next(self._began, quiet.active_at, sweeps, is_quiet=True)
        proofs = note_poll(self._known.planned, self._began, self.announced_at, None)
        if not self._mailbox.ledger.plan.put_quiet(self._settings.name, next_poll, self._known, self._began, proofs):
            _log.info("%s: another worker has polled it, or opened work, meanwhile", self._settings.name)
        return True

    def plan_next(
        self, began: datetime, active_at: datetime, sweeps: Iterable[datetime], *, is_quiet: bool
    ) -> datetime:
        """Return when to poll next, after this look or the whole poll that follows it.

        `sweeps`: when they are due. While Graph announces new mail, a sweep waits for the next poll.
        """
        announced_minutes = self._announced_minutes if is_quiet else 0
        phase = find_phase(self._settings.name, len(self._mailbox.own_addresses))
        next_poll = plan_next_poll(
            began,
            active_at,
            self._settings.quiet_minutes if is_quiet else 0,
            () if announced_minutes else sweeps,
            phase=phase,
            announced_minutes=announced_minutes,
        )
        return min(next_poll, began + _LOOK_AGAIN_AFTER) if self.announced_at else next_poll

    def _is_enough(self, folders: Sequence[QuietFolder]) -> bool:
        """Return whether a look at the links is all that is due."""
        minutes, settings = self._settings.quiet_minutes, self._settings
        return (
            self._known.planned.reads == describe_reading(settings)
            and {one.folder for one in folders} == set(settings.folders)
            and all(is_slim_query(one.query) is not None for one in folders)
            and not any(is_sweep_due(one.swept_at, minutes, self._began, self.sweep_every) for one in folders)
            and self._mailbox.graph.paused_until is None
        )

    def _are_empty(self, folders: Sequence[QuietFolder]) -> bool:
        for one in folders:
            is_slim = bool(is_slim_query(one.query))
            size = find_page_size(self._settings.page_size, is_slim=is_slim)
            try:
                page = self._mailbox.graph.read_delta(one.folder, one.link, size, with_bodies=not is_slim, retry=ONCE)
            except Exception as error:  # noqa: BLE001 - the whole poll meets it again, and records it
                _log.info("%s: no quick look: %s", self._settings.name, place_of(error))
                return False
            self.pages[one.link] = page
            if page.items or page.next_link:
                return False
        return self._mailbox.graph.paused_until is None
