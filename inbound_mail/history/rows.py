"""Rows of the history: one partition for all mailboxes, so that an answer about all of them takes few requests.

    place             the number of the segment that is being filled, and until when old days were removed
    place|{mailbox}   how far the mailbox's feeds are rolled up (`Place`)
    day|{date}|{mailbox}  figures of the day (column `day`), and of each of its hours (column `hours`), in UTC
    lines|{number}    a segment of lines for searches: `segments`

All of it follows from the feeds of the mailboxes' ledgers, and can be made from them again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

from inbound_mail.history.figures import Figures, dump_hours, load_hours, sum_up
from inbound_mail.history.segments import INDEX, Segment
from shared.storage.tables import Entity, Operation, Row, Table
from shared.time_zones.zones import LONG_AGO

PARTITION = "$history"  # no mailbox can have this name
_HEAD, _PLACE, _DAY, _LINES = "place", "place|", "day|", "lines|"
_BEHIND = "}"  # the character behind "|"
_FEW = 10  # keys in one request


@dataclass(frozen=True)
class Place:
    """How far a mailbox is rolled up: the numbers of its feeds, and how many mails these say were delivered.

    `seen_at`: when a look found nothing more.
    """

    number: int = 0
    outcome: int = 0
    delivered: int = 0
    seen_at: datetime = LONG_AGO


@dataclass(frozen=True)
class Head:
    """What the roll-up goes on with. `segment`: the number of the segment that is being filled."""

    segment: int = 1
    pruned_until: str = ""
    etag: str | None = None

    def operation(self) -> Operation:
        """Return the operation that stores it, and fails if it has changed since it was read."""
        values = {"segment": self.segment, "pruned_until": self.pruned_until}
        return Operation("replace" if self.etag else "create", {**_name(_HEAD), **values}, self.etag)


@dataclass(frozen=True)
class Places:
    """How far all mailboxes are rolled up."""

    head: Head
    by_mailbox: Mapping[str, Place]

    def of(self, mailbox: str) -> Place:
        """Return the place of a mailbox."""
        return self.by_mailbox.get(mailbox, Place())


class HistoryRows:
    """Reads the rows. Methods raise Unavailable when the storage account does."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read_places(self) -> Places:
        """Return how far all mailboxes are rolled up: one request for a thousand of them."""
        head, found = Head(), dict[str, Place]()
        for row in self._query(_HEAD, _PLACE[:-1] + _BEHIND):
            if row.row_key == _HEAD:
                head = Head(int(row.values["segment"]), str(row.values["pruned_until"]), row.etag)
            else:
                found[row.row_key.removeprefix(_PLACE)] = _read_place(row)
        return Places(head, found)

    def read_hours(self, start: date, end: date) -> dict[str, dict[datetime, Figures]]:
        """Return the figures of the hours of these days (`end` included) by mailbox: a thousand days in a request."""
        found: dict[str, dict[datetime, Figures]] = {}
        for day, mailbox, row in self._read_days(start, end, "hours"):
            of_day = {day.replace(hour=hour): one for hour, one in load_hours(row.values["hours"]).items()}
            found.setdefault(mailbox, {}).update(of_day)
        return found

    def read_days(self, start: date, end: date) -> dict[str, dict[datetime, Figures]]:
        """Return the figures of these days (`end` included) by mailbox: a thousand days in a request."""
        found: dict[str, dict[datetime, Figures]] = {}
        for day, mailbox, row in self._read_days(start, end, "day"):
            found.setdefault(mailbox, {})[day] = load_hours(row.values["day"])[0]
        return found

    def read_day(self, day: date, mailbox: str) -> dict[int, Figures]:
        """Return the figures of a mailbox by the hour of a day."""
        row = self._table.get(PARTITION, f"{_DAY}{day}|{mailbox}")
        return load_hours(row.values["hours"]) if row else {}

    def find_old_days(self, before: date, limit: int) -> list[Operation]:
        """Return the operations that remove days before a date, some of them."""
        found = self._table.query(PARTITION, start=_DAY, end=f"{_DAY}{before}", select=["RowKey"], limit=limit)
        return [Operation("delete", _name(row.row_key)) for row in found]

    def read_index(self) -> list[Segment]:
        """Return all segments without their lines, the first first: a thousand in a request."""
        return [_read_segment(row) for row in self._query(_LINES, _LINES[:-1] + _BEHIND, INDEX)]

    def read_segments(self, numbers: Sequence[int]) -> Iterator[Segment]:
        """Yield segments with their lines: a few in one request, others with those between them, page by page."""
        if len(numbers) <= _FEW:
            found: Iterable[Row] = self._table.find(PARTITION, [_name_segment(one) for one in numbers]).values()
        else:
            found = self._query(_name_segment(min(numbers)), _name_segment(max(numbers) + 1))
        wanted = set(numbers)
        yield from (one for one in map(_read_segment, found) if one.number in wanted)

    def _read_days(self, start: date, end: date, column: str) -> Iterable[tuple[datetime, str, Row]]:
        for row in self._query(f"{_DAY}{start}", f"{_DAY}{end}{_BEHIND}", ["RowKey", column]):
            _, day, mailbox = row.row_key.split("|")
            yield datetime.fromisoformat(f"{day}T00:00:00+00:00"), mailbox, row

    def _query(self, start: str, end: str, select: Sequence[str] | None = None) -> Iterable[Row]:
        return self._table.query(PARTITION, start=start, end=end, select=select)


def write_place(mailbox: str, place: Place) -> Operation:
    """Return the operation that stores how far a mailbox is rolled up."""
    values = {name: value for name, value in asdict(place).items() if value != LONG_AGO}
    return Operation("upsert", {**_name(f"{_PLACE}{mailbox}"), **values})


def write_day(day: date, mailbox: str, hours: Mapping[int, Figures]) -> Operation:
    """Return the operation that stores the figures of a day."""
    whole = dump_hours({0: sum_up(hours.values())})
    return Operation("upsert", {**_name(f"{_DAY}{day}|{mailbox}"), "hours": dump_hours(hours), "day": whole})


def write_segment(number: int, columns: Entity) -> Operation:
    """Return the operation that stores a segment."""
    return Operation("upsert", {**_name(_name_segment(number)), **columns})


def _name(row_key: str) -> Entity:
    return {"PartitionKey": PARTITION, "RowKey": row_key}


def _name_segment(number: int) -> str:
    return f"{_LINES}{number:08}"


def _read_segment(row: Row) -> Segment:
    return Segment(int(row.row_key.removeprefix(_LINES)), row.values)


def _read_place(row: Row) -> Place:
    return Place(**{name: row.values[name] for name in Place.__dataclass_fields__ if name in row.values})
