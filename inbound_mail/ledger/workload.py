"""What is open in a mailbox, and what is in quarantine: for reports, read in one request for each thousand rows.

The rows of open work, of its deliveries and of the list of quarantined deliveries are neighbours. Only the columns that
are counted are read.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inbound_mail.ledger import rows
from inbound_mail.ledger.records import DeliveryState, Phase, QuarantinedDelivery
from shared.storage.tables import Table

_SELECT = ("RowKey", "phase", "state", "created_at", "since", "cause")


@dataclass(frozen=True)
class WaitingMail:
    """A mail that the gateway has still to deliver. `sinks`: where to; none while its attachments are fetched.

    `since`: when the work on it began; None for mails that an earlier version entered.
    """

    key: str
    sinks: frozenset[str]
    since: datetime | None


@dataclass(frozen=True)
class Workload:
    """What lies in a mailbox's ledger. `backlog`: mails that are not closed, also those that are delivered."""

    backlog: int = 0
    waiting: tuple[WaitingMail, ...] = ()
    quarantined: tuple[QuarantinedDelivery, ...] = ()

    @property
    def causes(self) -> Counter[str]:
        """How many deliveries are in quarantine, by cause."""
        return Counter(one.cause for one in self.quarantined)

    @property
    def oldest_waiting(self) -> datetime | None:
        """Since when the oldest of the waiting mails waits; None if nothing waits."""
        return min((one.since for one in self.waiting if one.since is not None), default=None)

    def waiting_for(self, sink: str) -> int:
        """Return how many mails wait for a sink."""
        return sum(1 for one in self.waiting if sink in one.sinks)


def read_workload(table: Table, mailbox: str) -> Workload:
    """Read what is open in a mailbox and what is in quarantine."""
    works: dict[str, Mapping[str, Any]] = {}
    deliveries: defaultdict[str, list[tuple[str, Mapping[str, Any]]]] = defaultdict(list)
    quarantined: list[QuarantinedDelivery] = []
    for row in table.query(mailbox, start=rows.ALL_OPEN.start, end=rows.ALL_QUARANTINED.end, select=_SELECT):
        key, *sinks = rows.parts_of(row.row_key)
        if rows.is_open_work(row.row_key):
            works[key] = row.values
        elif rows.is_pending(row.row_key):
            deliveries[key].append((sinks[0], row.values))
        else:
            found = QuarantinedDelivery(key, sinks[0], str(row.values["cause"]), row.values["since"])
            quarantined.append(found)
    waiting = (_find_waiting(key, work, deliveries[key]) for key, work in works.items())
    return Workload(len(works), tuple(one for one in waiting if one), tuple(quarantined))


def _find_waiting(
    key: str, work: Mapping[str, Any], deliveries: list[tuple[str, Mapping[str, Any]]]
) -> WaitingMail | None:
    """Return the mail if something of it is still to be delivered; also one whose deliveries an older version keeps."""
    unfinished = [(sink, values) for sink, values in deliveries if not DeliveryState(values["state"]).is_final]
    if deliveries and not unfinished:
        return None
    since = work.get("since") or min((values["created_at"] for _, values in unfinished), default=None)
    is_fetched = Phase(work["phase"]) is Phase.DELIVER
    return WaitingMail(key, frozenset(sink for sink, _ in unfinished) if is_fetched else frozenset(), since)
