"""The brake of a mailbox: how many tickets and comments the mails of one correspondent made within one hour.

    b|{digest}|{hour}   one correspondent at one sink -> the hour: [reserved, tickets, comments, key of the notice]

The hour is the one in which Exchange received the mails, so mails that come late, after an outage, are no loop. A mail
takes a place in the transaction that claims its delivery, and the place becomes a ticket or a comment, or is free
again, in the transaction that ends the delivery. So no death of a worker counts a mail twice or not at all, and two
workers cannot take the last place both. When no place is left, one mail becomes the notice, which is a ticket that
tells of the loop, and all others are set aside. People's own decisions are not counted.

Few people write two mails within an hour, so a row is taken to be new, or to be as this process has written it last,
and read only if the guarded write shows that it is not, or if a mail is not simply to be delivered.

Versions before 2026-12 count all hours of a correspondent in one row, b|{digest}. While instances of both run, each
counts its own mails; a place that the one has taken, the other ends in the row where it is.
"""

import json
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from inbound_mail.ledger import rows
from inbound_mail.ledger.records import DeliveryRecord, MailFacts
from inbound_mail.ledger.references import digest
from shared.errors import Conflict
from shared.storage.tables import Entity, Operation, Row, Table

PLACE = "place"  # a delivery's column: where it is counted while its attempts go on
NOTICE = "loop_notice"  # a delivery's column: the mail is the notice, with the counts at that time
BEYOND = "beyond_limit"  # a delivery's column: the claim was taken only to set the mail aside
_HOURS_KEPT = 30  # in a row of all hours
_MOST_KNOWN = 1000  # rows


class CountChanged(Conflict):
    """Another mail of the correspondent was counted at the same time: read the count again."""


class Verdict(StrEnum):
    """What the brake says about a mail: deliver it, wait for others, make it the notice, or set it aside."""

    GO = "go"
    WAIT = "wait"
    NOTICE = "notice"
    STOP = "stop"


class Becomes(StrEnum):
    """What a mail will probably become."""

    TICKET = "ticket"
    COMMENT = "comment"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Limits:
    """How many tickets and comments of one correspondent within one hour."""

    tickets: int
    comments: int


@dataclass(frozen=True)
class Counts:
    """The mails of one correspondent within one hour: under way, tickets, comments, and the key of the notice."""

    reserved: int = 0
    tickets: int = 0
    comments: int = 0
    notice: str = ""


@dataclass
class Count:
    """A change of what is counted, written with the change of a delivery; `etag` is the version that it makes."""

    operation: Operation
    etag: str = ""

    @property
    def row(self) -> Row:
        """The row as it was written."""
        return Row(self.operation.entity, self.etag)


@dataclass(frozen=True)
class Place:
    """Where a delivery is counted: a row and an hour in it, as they were read."""

    row_key: str
    hour: str
    row: Row | None

    @property
    def counts(self) -> Counts:
        """What was counted so far."""
        return Counts(*_read(self.row).get(self.hour, ()))

    @property
    def name(self) -> str:
        """How the delivery's row refers to it."""
        return f"{self.row_key}|{self.hour}"

    def write(self, partition: str, counts: Counts) -> Count:
        """Return the change to other counts; it fails if somebody else has changed them."""
        hours = _read(self.row) | {self.hour: [counts.reserved, counts.tickets, counts.comments, counts.notice]}
        kept = dict(sorted(hours.items())[-_HOURS_KEPT:])
        entity: Entity = {"PartitionKey": partition, "RowKey": self.row_key, "hours": json.dumps(kept)}
        return Count(Operation("replace", entity, self.row.etag) if self.row else Operation("create", entity))


@dataclass(frozen=True)
class Judgement:
    """A verdict, the columns that the delivery gets with it, and the count that goes with the claim."""

    verdict: Verdict
    columns: Entity
    count: Count | None = None


class Brake:
    """Counts the mails of one mailbox."""

    def __init__(self, table: Table, mailbox: str, known: MutableMapping[str, Row] | None = None) -> None:
        """`known`: rows as they were read or written last, by their keys."""
        self._table = table
        self._mailbox = mailbox
        self._known = {} if known is None else known

    def note(self, count: Count | None) -> None:
        """Take note of what was written."""
        if count:
            self._keep(count.row.row_key, count.row)

    def read_again(self, count: Count | None) -> None:
        """Read a row that is not as it was taken to be."""
        if count:
            self._read_row(count.row.row_key)

    def judge(
        self,
        delivery: DeliveryRecord,
        facts: MailFacts,
        limits: Limits,
        foresee: Callable[[], Becomes],
    ) -> Judgement:
        """Say whether a mail may be delivered that has no place yet. `foresee` is asked only when places run short."""
        hour = _hour_of(facts.received)
        name = rows.brake_row(digest(delivery.sink, facts.sender), hour)
        place = Place(name, hour, self._known.get(name))
        if _has_places(place.counts, limits):
            return self._take(place)
        place = self._find(name, hour)
        counts = place.counts
        go = self._take(place)
        if _has_places(counts, limits):
            return go
        becomes = foresee()
        used, most = (
            (counts.tickets, limits.tickets) if becomes is Becomes.TICKET else (counts.comments, limits.comments)
        )
        if becomes is Becomes.NOTHING or used + counts.reserved < most:
            return go
        if used < most:
            return Judgement(Verdict.WAIT, {})
        if counts.notice:
            return Judgement(Verdict.STOP, {BEYOND: True})
        notice = {"place": place.name, "hour": hour, "tickets": counts.tickets, "comments": counts.comments}
        columns: Entity = {NOTICE: json.dumps(notice)}
        return self._change(place, Verdict.NOTICE, columns, replace(counts, notice=delivery.key))

    def settle(self, delivery: DeliveryRecord, becomes: Becomes) -> Count | None:
        """Return the change that ends a delivery's place; None if it has none."""
        values = delivery.values
        if values.get(PLACE):
            row_key, hour = _split(str(values[PLACE]))
            known = self._known.get(row_key)
            place = Place(row_key, hour, known) if known else self._find(row_key, hour)
            counts = place.counts
            counts = replace(
                counts,
                reserved=max(0, counts.reserved - 1),
                tickets=counts.tickets + (becomes is Becomes.TICKET),
                comments=counts.comments + (becomes is Becomes.COMMENT),
            )
            return place.write(self._mailbox, counts)
        return None

    def withdraw_notice(self, delivery: DeliveryRecord) -> Count | None:
        """Return the change after which another mail may become the notice, None if this one is not the notice."""
        if not delivery.values.get(NOTICE):
            return None
        place = self._find(*_split(json.loads(delivery.values[NOTICE])["place"]))
        if place.counts.notice != delivery.key:
            return None
        return place.write(self._mailbox, replace(place.counts, notice=""))

    def _find(self, row_key: str, hour: str) -> Place:
        return Place(row_key, hour, self._read_row(row_key))

    def _read_row(self, row_key: str) -> Row | None:
        row = self._table.get(self._mailbox, row_key)
        self._keep(row_key, row)
        return row

    def _keep(self, row_key: str, row: Row | None) -> None:
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        if row is None:
            self._known.pop(row_key, None)
        else:
            self._known[row_key] = row

    def _take(self, place: Place) -> Judgement:
        reserved = replace(place.counts, reserved=place.counts.reserved + 1)
        return self._change(place, Verdict.GO, {PLACE: place.name}, reserved)

    def _change(self, place: Place, verdict: Verdict, columns: Entity, counts: Counts) -> Judgement:
        return Judgement(verdict, columns, place.write(self._mailbox, counts))


def _has_places(counts: Counts, limits: Limits) -> bool:
    """Return whether there is a place whatever the mails become that are under way."""
    return counts.reserved + max(counts.tickets - limits.tickets, counts.comments - limits.comments) < 0


def _split(name: str) -> tuple[str, str]:
    row_key, _, hour = name.rpartition("|")
    return row_key, hour


def _read(row: Row | None) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = json.loads(row.values["hours"]) if row else {}
    return found


def _hour_of(received: str) -> str:
    """Return the hour, such as 2026-11-23T09; a mail without a time counts as received now."""
    try:
        moment = datetime.fromisoformat(received).astimezone(UTC)
    except ValueError:
        moment = datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H")
