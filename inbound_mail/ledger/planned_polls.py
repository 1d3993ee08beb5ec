"""When each mailbox is polled next: one row for each, in one partition, so that the timer reads all in one request.

    $polls|{mailbox}   next_poll, is_quiet, reads: written at the end of each poll
                       looked_at: when the last poll of any kind began that ended well
                       quiet_...: what a poll knew at its end that found nothing (`QuietMailbox`); `quiet_at`: when
                       subscribed_at, subscribed_until: since and until when Graph is to announce new mail
                       announced_at, announced_lag, unannounced_at: what polls prove of that (`intake/announcements.py`)
                       awake_until: written before somebody opens work outside of a poll, or asks for a poll

The rows are hints and no record: what has no row is polled at once. Versions that know no such rows poll every mailbox
at every run of the timer, and leave the rows alone. The two kinds of writes merge, so that none undoes the other.
Versions that do not know the columns `quiet_...` leave them as they are: then `next_poll` shows that they are obsolete.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.errors import Conflict
from shared.storage.tables import Entity, Operation, Row, Table
from shared.time_zones.zones import LONG_AGO

PARTITION = "$polls"  # no mailbox can have this name
# Longer than it takes until a poll notices that a queue message was lost, so that a process may die behind a decision.
_AWAKE = timedelta(minutes=20)
# Clocks of instances differ: a poll has seen what was announced if it began so much later.
_CLOCKS = timedelta(seconds=2)
_MOST_CHARACTERS = 30_000  # a property holds 32,768


@dataclass(frozen=True)
class PlannedPoll:
    """What is known of a mailbox's next poll. `reads` says from where the last one has read. `is_quiet`: in vain.

    `quiet_at`: when the last poll ended that found nothing. `looked_at`: when the last poll began.
    """

    next_poll: datetime = LONG_AGO
    is_quiet: bool = False
    reads: str = ""
    awake_until: datetime = LONG_AGO
    quiet_at: datetime = LONG_AGO
    quiet_active_at: datetime = LONG_AGO
    quiet_next_poll: datetime = LONG_AGO
    looked_at: datetime = LONG_AGO
    subscribed_at: datetime = LONG_AGO
    subscribed_until: datetime = LONG_AGO
    announced_at: datetime = LONG_AGO
    announced_lag: int = -1
    unannounced_at: datetime = LONG_AGO

    @property
    def quiet_since(self) -> datetime | None:
        """When the last poll began that found something, None if that is uncertain: the next one finds out."""
        is_certain = self.is_quiet and self.quiet_next_poll == self.next_poll
        return self.quiet_active_at if is_certain else None


_PLANNED = tuple(PlannedPoll.__dataclass_fields__)


@dataclass(frozen=True)
class QuietFolder:
    """A folder in which nothing was new. `link`: where its changes go on; `query`: a digest of what the link asks."""

    folder: str
    link: str
    query: str
    swept_at: datetime


@dataclass(frozen=True)
class QuietMailbox:
    """What a poll knew at its end that found nothing: no work was open. `active_at`: since when it is so."""

    active_at: datetime
    folders: Sequence[QuietFolder]


class KnownPlan:
    """A mailbox's row as a poll read it at its beginning, with the version that guards changes to it."""

    def __init__(self, row: Row | None) -> None:
        self._values: Mapping[str, Any] = row.values if row else {}
        self.etag = row.etag if row else None
        self.read_at = datetime.now(UTC)

    @property
    def planned(self) -> PlannedPoll:
        """What the timer knows of it."""
        return _read_planned(self._values)

    def has_looked_since(self, announced_at: datetime) -> bool:
        """Return whether a poll began after this moment, in which Graph has announced changes, and ended."""
        looked_at: datetime = self._values.get("looked_at", LONG_AGO)
        return looked_at - announced_at > _CLOCKS

    @property
    def is_awake(self) -> bool:
        """Whether work may be opened at this moment that the poll does not see."""
        return self.read_at < self.planned.awake_until

    @property
    def quiet(self) -> QuietMailbox | None:
        """What the last poll knew, if it found nothing, and if nobody can have opened work since then.

        Whoever opens work outside of a poll has written `awake_until` before. So nobody has if it is the same as that
        poll read at its beginning, when it had passed. `next_poll` is what every version writes.
        """
        values, planned = self._values, self.planned
        same_poll = values.get("quiet_next_poll") == planned.next_poll
        same_work = values.get("quiet_awake_until", LONG_AGO) == planned.awake_until
        is_certain = planned.is_quiet and same_poll and same_work and not self.is_awake
        if not (is_certain and values.get("quiet_folders")):
            return None
        return QuietMailbox(values["quiet_active_at"], _read_folders(values["quiet_folders"]))


class PollPlan:
    """The planned polls of all mailboxes. Methods raise Unavailable when the storage account does not answer."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self) -> dict[str, PlannedPoll]:
        """Return the planned polls by mailbox, a thousand in one request."""
        rows = self._table.query(PARTITION, start="", end="~", select=["RowKey", *_PLANNED])
        return {row.row_key: _read_planned(row.values) for row in rows}

    def read_known(self) -> dict[str, KnownPlan]:
        """Return what is known of each mailbox that has a row. Whole rows are large: it is for few mailboxes."""
        return {row.row_key: KnownPlan(row) for row in self._table.query(PARTITION, start="", end="~")}

    def find_all(self, mailboxes: Sequence[str]) -> dict[str, KnownPlan]:
        """Return what is known of these mailboxes, for their polls: ten in one request."""
        found = self._table.find(PARTITION, mailboxes)
        return {name: KnownPlan(found.get(name)) for name in mailboxes}

    def find(self, mailbox: str) -> KnownPlan:
        """Return what is known of one mailbox, for its poll."""
        return KnownPlan(self._table.get(PARTITION, mailbox))

    def put(
        self,
        mailbox: str,
        next_poll: datetime,
        *,
        began: datetime,
        is_quiet: bool,
        reads: str,
        quiet: QuietMailbox | None = None,
        known: KnownPlan | None = None,
        proofs: Mapping[str, datetime | int] | None = None,
    ) -> None:
        """Plan the next poll of a mailbox, after one that began at `began`.

        `quiet`: what this one knows, if it found nothing and the next one may be a quick look. `known`: the row with
        which it began. `proofs`: what it proves of Graph's notifications.
        """
        values: Entity = dict(proofs or {})
        values |= {"next_poll": next_poll, "looked_at": began, "is_quiet": is_quiet, "reads": reads}
        values["quiet_folders"] = ""
        folders = _write_folders(quiet.folders) if quiet else ""
        if quiet and known and not known.is_awake and len(folders) <= _MOST_CHARACTERS:
            values |= {"quiet_folders": folders, "quiet_active_at": quiet.active_at, "quiet_next_poll": next_poll}
            if (awake_until := known.planned.awake_until) != LONG_AGO:
                values["quiet_awake_until"] = awake_until
        self._merge(mailbox, **values)

    def put_quiet(
        self, mailbox: str, next_poll: datetime, known: KnownPlan, began: datetime, proofs: Mapping[str, datetime | int]
    ) -> bool:
        """Plan the next poll after one that has looked at links only; False if the row has changed meanwhile."""
        values: Entity = dict(proofs)
        values |= {
            "next_poll": next_poll,
            "quiet_next_poll": next_poll,
            "quiet_at": datetime.now(UTC),
            "looked_at": began,
        }
        try:
            self._table.transact([Operation("merge", {**_identify(mailbox), **values}, known.etag)])
        except Conflict:
            return False
        return True

    def put_subscription(self, mailbox: str, since: datetime, until: datetime) -> None:
        """Keep since and until when Graph is to announce what is new in a mailbox."""
        self._merge(mailbox, subscribed_at=since, subscribed_until=until)

    def keep_awake(self, mailbox: str) -> None:
        """Have a mailbox polled at every run of the timer for a while, whatever its polls plan meanwhile."""
        self._merge(mailbox, awake_until=datetime.now(UTC) + _AWAKE)

    def _merge(self, mailbox: str, **values: datetime | bool | str) -> None:
        self._table.transact([Operation("upsert-merge", {**_identify(mailbox), **values})])


def _identify(mailbox: str) -> Entity:
    return {"PartitionKey": PARTITION, "RowKey": mailbox}


def _read_planned(values: Mapping[str, Any]) -> PlannedPoll:
    return PlannedPoll(**{name: values[name] for name in _PLANNED if values.get(name) is not None})


def _write_folders(folders: Sequence[QuietFolder]) -> str:
    return json.dumps([asdict(one) | {"swept_at": one.swept_at.isoformat()} for one in folders])


def _read_folders(text: str) -> list[QuietFolder]:
    return [
        QuietFolder(one["folder"], one["link"], one["query"], datetime.fromisoformat(one["swept_at"]))
        for one in json.loads(text)
    ]
