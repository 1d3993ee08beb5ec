"""Storage of the change feed of one business: one partition of one table, and a blob.

    s|state       the last number, the snapshot, and the claim of the scan that runs; its etag guards every write
    s|details     when a caller last asked for details; absent if nobody did
    s|people      when a caller last asked who joined and left groups; absent if nobody did
    f|{number}    one change; numbers follow one another without a gap

    feeds, {connection}|{business}    which feeds exist, and when a caller last asked for each

The snapshot is a blob that is written once. A scan publishes in one transaction: its changes, and the state that points
to the new snapshot. Changes that do not fit are written before, in transactions of their own, under numbers above the
state's last number, which readers ignore; if the scan dies, the next scan overwrites these rows. Each transaction
replaces the state with its etag, so a scan that another one has overtaken cannot write any more.
"""

import gzip
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bookings.changes.comparing import Change
from bookings.changes.kinds import Kind
from bookings.changes.snapshots import Snapshot
from shared.errors import Conflict, Unavailable
from shared.json_text import Json
from shared.storage.blobs import Container
from shared.storage.tables import TRANSACTION_SIZE, Entity, Operation, Row, Table
from shared.time_zones.zones import LONG_AGO

TABLE, CONTAINER = "changes", "changes"
REGISTRY = "feeds"
_STATE = "s|state"
_DETAILS, _PEOPLE, _BEHIND_BOTH = "s|details", "s|people", "s|q"
_LONGEST_BODY = 60_000  # a property holds 64 KiB
_MOST_BYTES = 2_000_000  # a transaction holds 4 MiB, in Base64 and with its frame
_SHORTENED = 1_000
_KNOWN_KINDS = frozenset(Kind)  # while a deployment runs, or after a roll-back, newer versions may have written others


@dataclass(frozen=True)
class Entry:
    """One change, as published. Without `kinds`: a newer version wrote it, of kinds that this one does not know."""

    number: int
    at: datetime
    kinds: tuple[Kind, ...]
    record: Json
    previous: Mapping[str, Any]


@dataclass(frozen=True)
class State:
    """The state row of a feed. `generation`: numbers of another generation of the feed are not valid in this one."""

    row: Row | None = None

    def __getitem__(self, name: str) -> Any:
        return self.row.values.get(name) if self.row else None

    @property
    def is_seeded(self) -> bool:
        """Whether there is a snapshot to compare with."""
        return bool(self["blob"])

    @property
    def generation(self) -> str:
        """Id of the generation of the feed."""
        return str(self["generation"] or "")

    @property
    def last(self) -> int:
        """Number of the last change; 0 before the first."""
        return int(self["last"] or 0)

    @property
    def first(self) -> int:
        """Number of the oldest change that is kept; without changes, the number of the next one."""
        return int(self["first"] or 1)

    def moment(self, name: str) -> datetime:
        """Return a moment of the state; the earliest possible one if it is not set."""
        found: datetime = self[name] or LONG_AGO
        return found


@dataclass(frozen=True)
class Wishes:
    """What scans have to keep: whole records of all appointments (`details`), or of groups at least (`people`)."""

    details: bool
    people: bool


class Journal:
    """The stored change feed of one business. Methods raise Unavailable if the storage account fails."""

    def __init__(self, table: Table, blobs: Container, connection: str, business: str) -> None:
        self._table = table
        self._blobs = blobs
        self.connection = connection
        self.business = business
        self.partition = f"{connection}|{business.lower()}"

    def state(self) -> State:
        """Read the state of the feed."""
        return State(self._table.get(self.partition, _STATE))

    def read(self, after: int, last: int, limit: int) -> list[Entry]:
        """Return changes after a number, up to `last`, which comes from a state."""
        rows = self._table.query(
            self.partition, start=f"f|{after + 1:012}", end=f"f|{last + 1:012}", limit=max(1, limit)
        )
        return [_read_entry(row) for row in rows] if last > after else []

    def find_last_before(self, moment: datetime, state: State) -> int:
        """Return the number of the last change that was published before a moment."""
        low, high = state.first - 1, state.last
        while low < high:
            middle = (low + high + 1) // 2
            entry = self.read(middle - 1, middle, 1)
            if entry and entry[0].at >= moment:
                high = middle - 1
            else:
                low = middle
        return low

    def snapshot(self, state: State) -> Snapshot | None:
        """Return the snapshot of a state; None when a newer state has replaced it."""
        data = self._blobs.get(str(state["blob"])) if state.is_seeded else None
        return Snapshot.unpack(data) if data is not None else None

    def register_interest(self, moment: datetime) -> None:
        """Store that a caller asked for this feed, so that the timer scans the business."""
        self._table.upsert(
            {
                "PartitionKey": REGISTRY,
                "RowKey": self.partition,
                "connection": self.connection,
                "business": self.business,
                "asked_at": moment,
            }
        )

    def read_interest(self) -> datetime:
        """Return when a caller's interest was last stored; the earliest possible moment if it never was."""
        row = self._table.get(REGISTRY, self.partition)
        asked_at: datetime = row.values["asked_at"] if row else LONG_AGO
        return asked_at

    def register_details(self, moment: datetime, *, only_people: bool = False) -> None:
        """Store that a caller asked for details, or for the people of groups, so that scans keep whole records."""
        row = {"PartitionKey": self.partition, "RowKey": _PEOPLE if only_people else _DETAILS}
        self._table.upsert(row | {"asked_at": moment})

    def read_wishes(self, since: datetime) -> Wishes:
        """Return what callers asked for since a moment."""
        rows = self._table.query(self.partition, start=_DETAILS, end=_BEHIND_BOTH, limit=2)
        names = {row.row_key for row in rows if row.values["asked_at"] >= since}
        return Wishes(details=_DETAILS in names, people=bool(names))

    def claim(self, state: State, now: datetime, seconds: float) -> "Scan | None":
        """Claim the next scan for some seconds; None if another caller was faster."""
        values: Entity = dict(state.row.values) if state.row else self._first_values(now)
        blob = f"{self.partition}/{uuid.uuid4().hex}"
        obsolete = [*json.loads(values["obsolete_blobs"]), *([values["next_blob"]] if values["next_blob"] else [])]
        values |= {
            "held_until": now + timedelta(seconds=seconds),
            "next_blob": blob,
            "obsolete_blobs": json.dumps([name for name in obsolete if name != values["blob"]][-20:]),
        }
        step = Operation("replace", values, state.row.etag) if state.row else Operation("create", values)
        try:
            etag = self._table.transact([step])[0]
        except Conflict:
            return None
        return Scan(self._table, self._blobs, Row(values, etag))

    def _first_values(self, now: datetime) -> Entity:
        return {
            "PartitionKey": self.partition,
            "RowKey": _STATE,
            "generation": uuid.uuid4().hex[:12],
            "first": 1,
            "last": 0,
            "blob": "",
            "next_blob": "",
            "obsolete_blobs": "[]",
            "digest": "",
            "seeded_at": now,
            "asked_at": now,
        }

    def forget(self, state: State, cutoff: datetime) -> int:
        """Remove changes published before a moment; return how many. Raises Conflict while a scan runs."""
        forgotten = 0
        oldest = self.read(state.first - 1, state.last, 1)
        while oldest and oldest[0].at < cutoff and state.row and state.first <= state.last:
            entries = self.read(state.first - 1, state.last, TRANSACTION_SIZE - 1)
            old = [entry.number for entry in entries if entry.at < cutoff]
            if not old:
                break
            values = state.row.values | {"first": old[-1] + 1}
            deletions = [Operation("delete", self._row(number)) for number in old]
            etags = self._table.transact([Operation("replace", values, state.row.etag), *deletions])
            state = State(replace(state.row, values=values, etag=etags[0]))
            forgotten += len(old)
        return forgotten

    def drop(self) -> None:
        """Remove the whole feed. Raises Conflict while a scan runs."""
        state = self.state()
        if state.row:
            self.forget(state, datetime.max.replace(tzinfo=UTC))
            state = self.state()
        if state.row:
            for name in {*json.loads(state["obsolete_blobs"]), state["blob"], state["next_blob"]} - {""}:
                self._blobs.delete(name)
            rows = list(self._table.query(self.partition, start="f|", end="f}", limit=TRANSACTION_SIZE - 3))
            leftovers = [Operation("delete", self._row(int(row.row_key[2:]))) for row in rows]
            for row in list(self._table.query(self.partition, start=_DETAILS, end=_BEHIND_BOTH, limit=2)):
                name = {"PartitionKey": self.partition, "RowKey": row.row_key}
                leftovers.append(Operation("delete", name))
            self._table.transact([*leftovers, Operation("delete", self._state_row(), state.row.etag)])
        self._table.transact([Operation("delete", {"PartitionKey": REGISTRY, "RowKey": self.partition})])

    def _state_row(self) -> Entity:
        return {"PartitionKey": self.partition, "RowKey": _STATE}

    def _row(self, number: int) -> Entity:
        return {"PartitionKey": self.partition, "RowKey": f"f|{number:012}"}


class Scan:
    """The claim of one scan of a business. Methods raise Conflict if another scan has taken over."""

    def __init__(self, table: Table, blobs: Container, row: Row) -> None:
        self._table = table
        self._blobs = blobs
        self._row = row

    @property
    def state(self) -> State:
        """The state that the scan began with."""
        return State(self._row)

    def publish(self, changes: Sequence[Change], snapshot: Snapshot, **values: Any) -> State:
        """Publish changes, snapshot and state, all or none."""
        old = self._row.values
        self._delete_blobs(json.loads(old["obsolete_blobs"]))
        self._blobs.put(str(old["next_blob"]), snapshot.pack())
        now = max(datetime.now(UTC), self.state.moment("published_at"))  # in order, even if clocks of instances differ
        entities = [
            _entity(str(old["PartitionKey"]), number, now, change)
            for number, change in enumerate(changes, start=self.state.last + 1)
        ]
        *ahead, rest = _cut(entities)
        for part in ahead:
            self._transact(part, old)
        obsolete = [old["blob"]] if old["blob"] else []
        final = old | {"last": self.state.last + len(changes), "published_at": now} | values
        final |= {
            "blob": old["next_blob"],
            "whole_blob": old["next_blob"],
            "next_blob": "",
            "obsolete_blobs": json.dumps(obsolete),
        }
        self._transact(rest, self._without_claim(final))
        with suppress(Unavailable):  # the next scan deletes them
            self._delete_blobs(obsolete)
        return self.state

    def finish(self, **values: Any) -> State:
        """End a scan that found no changes."""
        self._delete_blobs(json.loads(self._row.values["obsolete_blobs"]))
        self._transact([], self._without_claim(self._row.values | values | {"next_blob": "", "obsolete_blobs": "[]"}))
        return self.state

    def give_up(self, **values: Any) -> None:
        """Release the claim without a result."""
        self._transact([], self._without_claim(self._row.values | values))

    @staticmethod
    def _without_claim(values: Entity) -> Entity:
        return {name: value for name, value in values.items() if name != "held_until"}

    def _transact(self, entities: Sequence[Entity], state: Entity) -> None:
        steps = [Operation("replace", state, self._row.etag), *(Operation("upsert", each) for each in entities)]
        self._row = Row(state, self._table.transact(steps)[0])

    def _delete_blobs(self, names: Sequence[str]) -> None:
        for name in names:
            self._blobs.delete(name)


def list_feeds(table: Table) -> Iterator[tuple[str, str, datetime]]:
    """Yield (connection, business, time of the last registered interest) of all feeds."""
    for row in table.query(REGISTRY, start="!", end="~"):
        yield str(row.values["connection"]), str(row.values["business"]), row.values["asked_at"]


def _entity(partition: str, number: int, now: datetime, change: Change) -> Entity:
    return {
        "PartitionKey": partition,
        "RowKey": f"f|{number:012}",
        "at": now,
        "kinds": ",".join(change.kinds),
        "body": _pack(change.record, change.previous),
    }


def _pack(record: Json, previous: Mapping[str, Any]) -> bytes:
    def pack(record: Json, previous: Mapping[str, Any]) -> bytes:
        text = json.dumps([record, dict(previous)], separators=(",", ":"))
        return gzip.compress(text.encode(), compresslevel=5, mtime=0)

    packed = pack(record, previous)
    return packed if len(packed) <= _LONGEST_BODY else pack(_shorten(record), _shorten(previous))


def _shorten(values: Mapping[str, Any]) -> Json:
    """Cut texts that are too long for a row; no person writes notes of that size."""
    return {
        name: value[:_SHORTENED] if isinstance(value, str) else value
        for name, value in values.items()
        if isinstance(value, str) or len(json.dumps(value)) <= _SHORTENED * 4
    }


def _cut(entities: Sequence[Entity]) -> list[list[Entity]]:
    """Split into parts that fit into a transaction together with the state; at least one part."""
    parts: list[list[Entity]] = [[]]
    size = 0
    for entity in entities:
        size += len(entity["body"])
        if len(parts[-1]) == TRANSACTION_SIZE - 1 or size > _MOST_BYTES:
            parts.append([])
            size = len(entity["body"])
        parts[-1].append(entity)
    return parts


def _read_entry(row: Row) -> Entry:
    record, previous = json.loads(gzip.decompress(row.values["body"]))
    kinds = tuple(Kind(kind) for kind in str(row.values["kinds"]).split(",") if kind in _KNOWN_KINDS)
    return Entry(int(row.row_key[2:]), row.values["at"], kinds, record, previous)
