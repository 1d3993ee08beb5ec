"""What polling triggers answer about the appointments of a business, and the kinds of these triggers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bookings.changes.describing import Describer
from bookings.changes.feed import ChangeFeed, Page, Position, RecordedChanges
from bookings.changes.journal import Entry
from bookings.changes.kinds import UPCOMING, Kind, list_kinds
from bookings.changes.upcoming import Horizon, Place, begin, find_due, place_of
from shared.json_text import Json
from shared.time_zones.zones import Zone

_OF_PEOPLE = ("registered", "unregistered")
_PREVIEW_PAST, _PREVIEW_FUTURE = timedelta(days=7), timedelta(days=60)
_MOST_PREVIEW_READ = 100


@dataclass(frozen=True)
class Subscription:
    """Which appointments a trigger is about, and how its items are described. `zone` None: that of the page."""

    business: str
    service: str | None
    staff: str | None
    zone: Zone | None
    wants_details: bool

    def covers(self, record: Json, previous: Mapping[str, Any] | None = None) -> bool:
        """Return whether an appointment has the wanted service, and the wanted staff member now or before."""
        staff = [*(record.get("staffMemberIds") or []), *((previous or {}).get("staffMemberIds") or [])]
        return self.service in (None, record.get("serviceId")) and (self.staff is None or self.staff in staff)


@dataclass(frozen=True)
class Found:
    """Trigger items, the state to go on from (JSON), and whether more are waiting."""

    items: list[Json]
    state: list[Any]
    has_more: bool


@dataclass(frozen=True)
class RecordedItems:
    """Changes with their trigger items, where to go on from, and whether more are waiting."""

    items: list[tuple[Entry, Json]]
    position: Position
    has_more: bool


class AppointmentTriggers:
    """The polling triggers of the businesses of one connection.

    `kind` is one of TRIGGER_KINDS. `ahead`: how long before their start `upcoming` reports appointments. Methods that
    take a state raise InvalidPositionError for one that is not valid any more.
    """

    def __init__(self, feed: ChangeFeed, describer: Describer) -> None:
        self._feed = feed
        self._describer = describer

    def begin(self, kind: str, wanted: Subscription, ahead: timedelta) -> list[Any]:
        """Return the state of a trigger that begins now."""
        if kind == UPCOMING:
            return begin(self._feed, wanted.business, ahead).to_json()
        self._want_details(kind, wanted)
        return self._feed.tail(wanted.business).to_json()

    def find(self, kind: str, wanted: Subscription, state: Any, ahead: timedelta, limit: int) -> Found:
        """Return the items since a state."""
        if kind == UPCOMING:
            return self._find_due(wanted, Horizon.from_json(state), ahead, limit)
        self._want_details(kind, wanted)
        return self._find_changes(kind, wanted, Position.from_json(state), limit)

    def read_recorded(
        self, recorded: RecordedChanges, kinds: Collection[Kind], wanted: Subscription, position: Position, limit: int
    ) -> RecordedItems:
        """Return the items of the recorded changes of these kinds behind a position, without a scan."""

        def is_wanted(entry: Entry) -> bool:
            return not set(kinds).isdisjoint(entry.kinds) and wanted.covers(entry.record, entry.previous)

        page = recorded.page(position, limit, is_wanted)
        items = self._describe_changes(wanted, page.entries, page.position)
        return RecordedItems(list(zip(page.entries, items, strict=True)), page.position, page.has_more)

    def want_details(self, kinds: Collection[str], wanted: Subscription) -> None:
        """Let scans keep what the items of these kinds need from now on, for a month."""
        for kind in kinds:
            self._want_details(kind, wanted)

    def _want_details(self, kind: str, wanted: Subscription) -> None:
        if wanted.wants_details or kind in _OF_PEOPLE:
            self._feed.want_details(wanted.business, only_people=not wanted.wants_details)

    def preview(self, kind: str, wanted: Subscription, limit: int) -> list[Json]:
        """Return some items for a designer: changes of the last days, or else appointments of the next weeks."""
        if kind != UPCOMING:
            start = self._feed.start(wanted.business, datetime.now(UTC) - _PREVIEW_PAST)
            page = self._read_page(kind, wanted, start, _MOST_PREVIEW_READ)
            if page.entries:
                return self._describe_changes(wanted, page.entries[-limit:], page.position)
        now = Horizon(Place(datetime.now(UTC)), self._feed.tail(wanted.business))
        return self._find_due(wanted, now, _PREVIEW_FUTURE, limit).items

    def _find_changes(self, kind: str, wanted: Subscription, position: Position, limit: int) -> Found:
        page = self._read_page(kind, wanted, position, limit)
        return Found(
            self._describe_changes(wanted, page.entries, page.position), page.position.to_json(), page.has_more
        )

    def _read_page(self, kind: str, wanted: Subscription, position: Position, limit: int) -> Page:
        kinds = set(list_kinds(kind))

        def is_wanted(entry: Entry) -> bool:
            return not kinds.isdisjoint(entry.kinds) and wanted.covers(entry.record, entry.previous)

        return self._feed.page(wanted.business, position, limit, is_wanted)

    def _describe_changes(self, wanted: Subscription, entries: Sequence[Entry], position: Position) -> list[Json]:
        return self._describer.describe_changes(
            wanted.business, entries, position, wanted.zone, wants_details=wanted.wants_details
        )

    def _find_due(self, wanted: Subscription, horizon: Horizon, ahead: timedelta, limit: int) -> Found:
        due = find_due(self._feed, wanted.business, horizon, ahead, limit=limit, wanted=wanted.covers)
        described = self._describer.describe_records(
            wanted.business, due.records, wanted.zone, wants_details=wanted.wants_details
        )
        generation = due.horizon.position.generation
        items = [
            {
                "eventId": f"{generation}-{place_of(record).name}-{int(place_of(record).start.timestamp())}",
                "eventKind": UPCOMING,
                "businessId": wanted.business,
                **appointment,
            }
            for record, appointment in zip(due.records, described, strict=True)
        ]
        return Found(items, due.horizon.to_json(), due.has_more)
