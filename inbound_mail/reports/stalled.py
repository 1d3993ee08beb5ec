"""Stalled queues: messages that lie in a queue of the gateway and that no trigger takes.

A trigger of the platform may sleep for hours while messages wait (azure-functions-host#9706, #10508, #11186). So the
timer looks at both queues once a minute. A message that is seen for five minutes, unchanged, is one that nobody takes:
one in work is hidden, and one that failed shows another number of tries. One row for each queue, beside the alarms:

    watch|queue|{name}   seen: since when each message is seen; stalled_since

The row is read and written only while messages are seen. From then on the queue is stalled until messages that were
seen are gone although the timer has not taken them.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from inbound_mail.reports.alarm import Alarm
from inbound_mail.reports.watched import WATCH
from shared.events import Event
from shared.storage.queues import QueuedMessage
from shared.storage.tables import Entity, Table
from shared.time_zones.zones import utc_text

STALLED_AFTER = timedelta(minutes=5)


@dataclass(frozen=True)
class QueueState:
    """What is known of a queue: since when each visible message is seen, and since when the queue is stalled."""

    seen: Mapping[str, datetime] = field(default_factory=dict)
    stalled_since: datetime | None = None

    def after_look(self, messages: Collection[QueuedMessage], now: datetime) -> "QueueState":
        """Return what is known after a look that showed these messages."""
        seen = {key: self.seen.get(key, now) for key in map(_identify, messages)}
        if self.stalled_since is not None:
            has_moved = bool(self.seen) and not self.seen.keys() & seen.keys()
            return QueueState(seen, None if has_moved else self.stalled_since)
        oldest = min(seen.values(), default=now)
        return QueueState(seen, oldest if now - oldest >= STALLED_AFTER else None)

    def after_taking(self, messages: Collection[QueuedMessage], now: datetime) -> "QueueState":
        """Return what is known when the timer has taken what it saw, and these messages are left or new."""
        return QueueState({_identify(one): now for one in messages}, self.stalled_since)


class QueueStates:
    """The rows of the queues."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, queue: str) -> QueueState:
        """Return what is known of a queue."""
        row = self._table.get(WATCH, _row_key(queue))
        if row is None:
            return QueueState()
        seen = {key: datetime.fromisoformat(since) for key, since in json.loads(row.values["seen"]).items()}
        return QueueState(seen, row.values.get("stalled_since"))

    def put(self, queue: str, state: QueueState) -> None:
        """Keep what is known of a queue."""
        seen = json.dumps({key: since.isoformat() for key, since in state.seen.items()})
        entity = {"PartitionKey": WATCH, "RowKey": _row_key(queue), "seen": seen}
        self._table.upsert(entity | ({"stalled_since": state.stalled_since} if state.stalled_since else {}))


def find_stalled(rows: Mapping[str, Entity], queues: Collection[str]) -> Iterator[Alarm]:
    """Yield an alarm for each queue that is stalled. `rows`: those of the partition `watch`, by row key."""
    for queue in queues:
        if (since := rows.get(_row_key(queue), {}).get("stalled_since")) is not None:
            yield describe_stalled(queue, since)


def describe_stalled(queue: str, since: datetime) -> Alarm:
    """Return the alarm for a stalled queue."""
    return Alarm(Event.QUEUE_STALLED, queue, 1, {"since": utc_text(since)}, since)


def _identify(message: QueuedMessage) -> str:
    return f"{message.id}/{message.tries}"


def _row_key(queue: str) -> str:
    return f"queue|{queue}"
