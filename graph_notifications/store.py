"""What is known of our Graph subscriptions: one row for each watched resource, and one for each connection.

    graph|{resource id}         what is watched, the address that is wished or made, Graph's id of the subscription
    graph|step|{connection}     claimed_until: who makes and removes them now; listed_at: when Graph listed them last

Graph's list is the truth and the rows say what of it is ours. A row is written before its subscription is made, so
that one whose making was not recorded is found in the list by its address.
"""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from graph_notifications.resources import WatchedResource
from shared.errors import Conflict
from shared.storage.tables import Entity, Operation, Table
from shared.time_zones.zones import LONG_AGO

TABLE = "graphsubscriptions"
_PARTITION = "graph"
_STEP = "step|"
_CLAIM = timedelta(minutes=3)


@dataclass(frozen=True)
class Record:
    """One row. `subscription`: Graph's id, "" while it is not known whether there is one; `former`: ids to remove.

    `is_suspect`: Graph has not announced what it should have, so that it is to be made anew. After a failure it is not
    tried again before `retry_at`.
    """

    id: str
    kind: str
    connection: str
    owner: str
    folder: str
    url: str
    subscription: str = ""
    former: tuple[str, ...] = ()
    made_at: datetime = LONG_AGO
    renewed_at: datetime = LONG_AGO
    ends_at: datetime = LONG_AGO
    is_suspect: bool = False
    failures: int = 0
    retry_at: datetime = LONG_AGO
    error: str = ""
    message: str = ""

    def is_alive(self, url: str) -> bool:
        """Return whether there is a subscription that posts to this address."""
        return bool(self.subscription) and self.url == url and not self.is_suspect


@dataclass(frozen=True)
class Known:
    """All rows: those of the resources, and by connection when Graph listed its subscriptions last."""

    records: list[Record] = field(default_factory=list)
    listed_at: dict[str, datetime] = field(default_factory=dict)

    def of(self, connection: str) -> dict[str, Record]:
        """Return the records of a connection by the ids of their resources."""
        return {one.id: one for one in self.records if one.connection == connection}


class GraphSubscriptionStore:
    """The rows. Methods raise Unavailable when the storage account does not answer."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self) -> Known:
        """Return all rows, a thousand in one request."""
        known = Known()
        for row in self._table.query(_PARTITION, start="", end="~"):
            if row.row_key.startswith(_STEP):
                known.listed_at[row.row_key.removeprefix(_STEP)] = row.values.get("listed_at", LONG_AGO)
            else:
                known.records.append(_read(row.values))
        return known

    def put(self, record: Record) -> None:
        """Write a row."""
        values: Entity = asdict(record) | {"former": ",".join(record.former)}
        del values["id"]
        kept = {name: value for name, value in values.items() if value != LONG_AGO}
        self._table.upsert({"PartitionKey": _PARTITION, "RowKey": record.id, **kept})

    def remove(self, record: Record) -> None:
        """Delete a row."""
        try:
            self._table.transact([Operation("delete", {"PartitionKey": _PARTITION, "RowKey": record.id})])
        except Conflict:
            return

    def claim(self, connection: str) -> bool:
        """Claim the work on a connection's subscriptions for some minutes; False if another worker has it."""
        row = self._table.get(_PARTITION, _STEP + connection)
        now = datetime.now(UTC)
        claimed: Entity = self._name(connection) | {"claimed_until": now + _CLAIM}
        if row is None:
            return self._table.create(claimed)
        if row.values.get("claimed_until", LONG_AGO) > now:
            return False
        listed = {"listed_at": row.values["listed_at"]} if "listed_at" in row.values else {}
        return self._table.update(claimed | listed, row.etag)

    def release(self, connection: str, listed_at: datetime) -> None:
        """End the claim, and keep when Graph listed the subscriptions."""
        values: dict[str, Any] = {"listed_at": listed_at} if listed_at != LONG_AGO else {}
        self._table.upsert(self._name(connection) | values)

    def _name(self, connection: str) -> Entity:
        return {"PartitionKey": _PARTITION, "RowKey": _STEP + connection}


def begin_record(resource: WatchedResource, url: str) -> Record:
    """Return the record of a resource that has none."""
    return Record(resource.id, resource.kind, resource.connection, resource.owner, resource.folder, url)


def _read(values: Entity) -> Record:
    known = {name: values[name] for name in Record.__dataclass_fields__ if name in values}
    known["former"] = tuple(one for one in str(values.get("former", "")).split(",") if one)
    return Record(**known | {"id": values["RowKey"]})
