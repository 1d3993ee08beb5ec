"""What a business looked like when it was last looked at: its appointments, as lists show them."""

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
    """Appointments by id. `doubts`: how often one that had vanished could not be asked about."""

    records: Records = field(default_factory=dict)
    doubts: Mapping[str, int] = field(default_factory=dict)

    def pack(self) -> bytes:
        """Return it for a blob."""
        text = json.dumps({"records": list(self.records.values()), "doubts": dict(self.doubts)}, separators=(",", ":"))
        return gzip.compress(text.encode(), compresslevel=5, mtime=0)

    @staticmethod
    def unpack(data: bytes) -> "Snapshot":
        """Read what `pack` wrote."""
        values = json.loads(gzip.decompress(data))
        return Snapshot({record["id"]: record for record in values["records"]}, values["doubts"])


@dataclass(frozen=True)
class View:
    """All appointments that begin in [start, end)."""

    start: datetime
    end: datetime
    records: Records

    def covers(self, record: Json) -> bool:
        """Say whether the view would show an appointment with this start."""
        return self.start <= start_of(record) < self.end


def read_records(items: Iterable[Json], start: datetime, end: datetime) -> dict[str, Json]:
    """Return the listed appointments that begin in [start, end), without Graph's annotations, by id."""
    found: dict[str, Json] = {}
    for item in items:
        record: Json = plain(item)
        if not record.get("customers"):
            record.pop("customers", None)  # lists leave it empty: that says nothing
        if start <= start_of(record) < end:
            found[str(record["id"])] = record
    return found


def start_of(record: Json) -> datetime:
    """Return when it begins."""
    return read_graph_moment(record.get("startDateTime") or {})


def digest(records: Records) -> str:
    """Return a text that is the same for the same appointments, in whatever order Graph sent them."""
    hashed = hashlib.sha256()
    for name in sorted(records):
        hashed.update(json.dumps(records[name], sort_keys=True, separators=(",", ":")).encode())
    return hashed.hexdigest()
