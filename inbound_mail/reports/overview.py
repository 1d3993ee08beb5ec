"""What is known of each mailbox at one moment: its own row, its next poll, what is open. Two requests for each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from inbound_mail.history.rows import HistoryRows, Place
from inbound_mail.ledger.mailbox_state import PollError, read_poll_error
from inbound_mail.ledger.planned_polls import PlannedPoll, PollPlan
from inbound_mail.ledger.workload import Workload
from inbound_mail.support_mailbox import SupportMailbox
from shared.storage.tables import Entity, Table
from shared.workers import Workers


@dataclass(frozen=True)
class MailboxOverview:
    """One mailbox as it was read. `state`: the columns of its own row."""

    mailbox: SupportMailbox
    planned: PlannedPoll
    state: Entity
    workload: Workload

    @property
    def name(self) -> str:
        """The mailbox's name in the settings."""
        return self.mailbox.name

    @property
    def last_success(self) -> datetime | None:
        """When it was last read without an error."""
        found: datetime | None = self.state.get("last_success")
        return found

    @property
    def error(self) -> PollError | None:
        """With what the last poll failed; None if it succeeded."""
        return read_poll_error(self.state)


def read_overviews(table: Table, mailboxes: Sequence[SupportMailbox], workers: Workers) -> list[MailboxOverview]:
    """Read all mailboxes side by side; their next polls in one request, and how far their history is in another."""
    if not mailboxes:
        return []
    planned, places = PollPlan(table).read(), HistoryRows(table).read_places()
    found = workers.map(lambda one: read_overview(one, planned.get(one.name, PlannedPoll())), mailboxes)
    return [replace(one, state=one.state | correct_counters(one.state, places.of(one.name))) for one in found]


def correct_counters(state: Entity, place: Place) -> Entity:
    """Return counters as they must be at least. Polls of earlier versions that died have left mails uncounted."""
    known = {"new": int(state.get("last_number", 0)), "delivered": place.delivered}
    return {name: least for name, least in known.items() if least > int(state.get(name, 0))}


def read_overview(mailbox: SupportMailbox, planned: PlannedPoll | None = None) -> MailboxOverview:
    """Read one mailbox. `planned`: its next poll, if it was read already."""
    planned = planned or mailbox.ledger.plan.find(mailbox.name).planned
    return MailboxOverview(mailbox, planned, mailbox.read_state(planned), mailbox.ledger.workload())
