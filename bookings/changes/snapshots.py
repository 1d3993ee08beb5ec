"""Snapshots of a business: the appointments that the last scan read, as lists show them."""

import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bookings.describe import plain
from shared.json_text import Json
from shared.time_zones.zones import read_graph_moment

type Records = Mapping[str, Json]


@dataclass(frozen=True)
class Snapshot:
    """Appointments by id. `doubts`: in how many scans Graph did not say whether a vanished one still exists.

    `whole`: {"stamp", "values"} with what lists leave empty, and the digest of the listed record that it belongs to.
    """

    records: Records = field(default_factory=dict)
    doubts: Mapping[str, int] = field(default_factory=dict)
    whole: Records = field(default_factory=dict)

    def pack(self) -> bytes:
        """Return the bytes for the blob."""
        values = {"records": list(self.records.values()), "doubts": dict(self.doubts), "whole": dict(self.whole)}
        text = json.dumps(values, separators=(",", ":"))
        return gzip.compress(text.encode(), compresslevel=5, mtime=0)

    @staticmethod
    def unpack(data: bytes) -> "Snapshot":
        """Return the snapshot from bytes that `pack` returned."""
        values = json.loads(gzip.decompress(data))
        records = {record["id"]: record for record in values["records"]}
        return Snapshot(records, values["doubts"], values.get("whole", {}))  # earlier versions kept no whole records


@dataclass(frozen=True)
class View:
    """All appointments that begin in [start, end)."""

    start: datetime
    end: datetime
    records: Records

    def covers(self, record: Json) -> bool:
        """Return whether an appointment with this start lies in the view."""
        return self.start <= start_of(record) < self.end


def read_records(items: Iterable[Json], start: datetime, end: datetime) -> dict[str, Json]:
    """Return the listed appointments that begin in [start, end), without Graph's annotations, by id."""
    found: dict[str, Json] = {}
    for item in items:
        record: Json = plain(item)
        if not record.get("customers"):
            record.pop("customers", None)  # lists leave it empty even if there are customers
        if start <= start_of(record) < end:
            found[str(record["id"])] = record
    return found


def start_of(record: Json) -> datetime:
    """Return when an appointment begins."""
    return read_graph_moment(record.get("startDateTime") or {})


def digest(records: Records) -> str:
    """Return a digest of the appointments that does not depend on their order."""
    hashed = hashlib.sha256()
    for name in sorted(records):
        hashed.update(json.dumps(records[name], sort_keys=True, separators=(",", ":")).encode())
    return hashed.hexdigest()
