"""Reads appointments: those of a range in pages, those of a day, and one with its customers.

A range is read with calendarView in windows. Joining, sorting, filtering and paging are done here, because Graph
filters and sorts appointments unreliably or not at all.
"""

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import cachetools

from bookings.describe import appointment_times, describe_appointment
from bookings.names import Names
from bookings.reading.agenda import describe_agenda
from bookings.windows import cut_windows
from shared import context
from shared.errors import ConfigurationError, Forbidden, GatewayError, NotFound
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.time_zones.zones import Zone
from shared.workers import Workers

_MOST_OF_A_DAY = 10_000  # Microsoft designed one calendar for 2,500 bookings a day
_DETAILS_REMEMBERED = 2_000
_DETAILS_SECONDS = 300
_SPARE_SECONDS = 10.0  # of a call, for what follows after whole records are read
_NOWHERE = datetime.min.replace(tzinfo=UTC)
_log = logging.getLogger("gateway.bookings")


@dataclass(frozen=True, order=True)
class _Position:
    """The place of an appointment in the order of all answers: start, then id."""

    start: datetime
    id: str


@dataclass(frozen=True)
class _Query:
    """What is searched for; see `Appointments.find`."""

    business: str
    start: datetime
    end: datetime
    zone: Zone | None
    limit: int
    service: str | None
    staff: str | None
    customer: str | None
    self_service: str | None
    details: bool
    after: _Position | None


@dataclass(frozen=True)
class AppointmentPage:
    """Appointments in order. `resume_after` leads to the next page, as a JSON value; None on the last page."""

    items: list[Json]
    resume_after: list[str] | None


@dataclass(frozen=True)
class _Entry:
    position: _Position
    item: Json
    is_whole: bool = False


class Appointments:
    """Appointments of one connection."""

    def __init__(self, graph: GraphBookings, names: Names, workers: Workers) -> None:
        self._graph = graph
        self._names = names
        self._workers = workers
        self._details: cachetools.TTLCache[Any, Json] = cachetools.TTLCache(_DETAILS_REMEMBERED, _DETAILS_SECONDS)
        self._details_lock = threading.Lock()

    def find(
        self,
        *,
        business: str,
        start: datetime,
        end: datetime,
        zone: Zone | None,
        limit: int,
        service: str | None = None,
        staff: str | None = None,
        customer: str | None = None,
        self_service: str | None = None,
        details: bool = False,
        after: Sequence[str] | None = None,
    ) -> AppointmentPage:
        """Return one page of the appointments that overlap [start, end).

        `customer` is a whole mail address or a part of a name; `after` is an earlier page's `resume_after`. Without a
        `zone` times are shown in that of the page. Costs a call for each 31 days until the page is full, or the one
        appointment of a self service id is found, and with details one for each appointment. Raises Invalid if nothing
        is found for a service or staff member who does not exist.
        """
        position = _Position(datetime.fromisoformat(after[0]), after[1]) if after else None
        query = _Query(business, start, end, zone, limit, service, staff, customer, self_service, details, position)
        entries: list[_Entry] = []
        for entry in self._in_order(query):
            if len(entries) == limit:
                last = entries[-1].position
                return AppointmentPage(self._describe(query, entries), [last.start.isoformat(), last.id])
            entries.append(entry)
            if _is_only_one(query.self_service):
                break
        if not entries and position is None:
            self._names.check_filters(business, service=service, staff=staff)
        return AppointmentPage(self._describe(query, entries), None)

    def read_agenda(self, *, business: str, day: date, zone: Zone, details: bool = False) -> Json:
        """Return the appointments of a local day, grouped by staff member and as text, see `agenda.describe_agenda`."""
        start = datetime.combine(day, time.min, tzinfo=zone.rules)
        end = datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone.rules)
        page = self.find(business=business, start=start, end=end, zone=zone, limit=_MOST_OF_A_DAY, details=details)
        return describe_agenda(page.items, day, zone)

    def get(self, business: str, appointment: str, zone: Zone | None) -> Json:
        """Return one appointment with its customers and their answers. Raises NotFound."""
        item = self._graph.get_appointment(business, appointment)
        staff, services = self._names.staff(business), self._names.services(business)
        zone = zone or self._names.zone(business)
        return describe_appointment(item, zone, staff=staff, services=services, has_details=True)

    def details(self, business: str, items: Sequence[Json]) -> dict[str, Json]:
        """Return the whole records of listed appointments by id; those that are gone meanwhile are left out."""
        entries = self._whole(business, [_Entry(_Position(_NOWHERE, item["id"]), item) for item in items])
        return {entry.position.id: entry.item for entry in entries}

    def find_details(self, business: str, items: Sequence[Json]) -> dict[str, Json]:
        """Return the whole records of listed appointments by id.

        Those that Graph does not send now are left out, and so are those for which the call has no time left.
        """

        def read(item: Json) -> Json | None:
            if context.remaining() < _SPARE_SECONDS:
                return None
            try:
                entry = self._read_whole(business, _Entry(_Position(_NOWHERE, item["id"]), item))
            except (ConfigurationError, Forbidden):
                raise
            except GatewayError as error:
                _log.warning("a whole record could not be read, the next scan tries again: %s", error)
                return None
            return entry.item if entry else None

        found = zip(items, self._workers.map(read, items), strict=True)
        return {item["id"]: whole for item, whole in found if whole is not None}

    def _in_order(self, query: _Query) -> Iterator[_Entry]:
        """Yield the matching appointments by position; each window is read when those before it are used up."""
        start = max(query.start, query.after.start) if query.after else query.start
        seen: set[str] = set()
        waiting: list[_Entry] = []
        for window_start, window_end in cut_windows(start, query.end):
            found = self._graph.calendar_view(query.business, window_start, window_end)
            fresh = {item["id"]: item for item in found if item["id"] not in seen}
            seen.update(fresh)
            waiting = sorted(waiting + self._matching(query, fresh.values()), key=lambda entry: entry.position)
            if window_end == query.end:
                yield from waiting
                return
            ripe = [entry for entry in waiting if entry.position.start < window_end]
            waiting = waiting[len(ripe) :]
            yield from ripe

    def _matching(self, query: _Query, items: Iterable[Json]) -> list[_Entry]:
        """Apply range, resumption and filters."""
        matching = []
        for item in items:
            start, end = appointment_times(item)
            position = _Position(start, item["id"])
            in_range = start < query.end and end > query.start
            is_new = query.after is None or position > query.after
            if in_range and is_new and _has(item, query):
                matching.append(_Entry(position, item))
        if query.customer is None:
            return matching
        unclear = [entry for entry in matching if not _shows_its_customer(entry.item)]
        known = [entry for entry in matching if _shows_its_customer(entry.item)]
        return [entry for entry in known + self._whole(query.business, unclear) if _is_for(entry.item, query.customer)]

    def _describe(self, query: _Query, entries: list[_Entry]) -> list[Json]:
        if not entries:
            return []
        if query.details:
            entries = self._whole(query.business, entries)
        staff, services = self._names.staff(query.business), self._names.services(query.business)
        zone = query.zone or self._names.zone(query.business)
        return [
            describe_appointment(entry.item, zone, staff=staff, services=services, has_details=query.details)
            for entry in entries
        ]

    def _whole(self, business: str, entries: list[_Entry]) -> list[_Entry]:
        """Return the entries with their whole records; one that is gone meanwhile is left out."""
        whole = self._workers.map(lambda entry: self._read_whole(business, entry), entries)
        return [entry for entry in whole if entry is not None]

    def _read_whole(self, business: str, entry: _Entry) -> _Entry | None:
        """Return one whole record; remembered for some minutes if Graph says when it was last changed."""
        if entry.is_whole:
            return entry
        changed = entry.item.get("lastUpdatedDateTime")
        key = (business.lower(), entry.item["id"], changed)
        with self._details_lock:
            whole = self._details.get(key)
        if whole is None:
            try:
                whole = self._graph.get_appointment(business, entry.item["id"])
            except NotFound as error:
                if error.code != "AppointmentNotFound":
                    raise
                return None
        if changed:
            with self._details_lock:
                self._details[key] = whole
        return _Entry(entry.position, whole, is_whole=True)


def _has(item: Json, query: _Query) -> bool:
    self_service = str(item.get("selfServiceAppointmentId") or "").lower()
    return (
        query.service in (None, item.get("serviceId"))
        and (query.staff is None or query.staff in (item.get("staffMemberIds") or []))
        and (query.self_service is None or query.self_service.lower() == self_service)
    )


def _is_only_one(self_service: str | None) -> bool:
    """Say whether no two appointments have this id: all that were not booked on the page share the one of zeros."""
    return bool(self_service and set(self_service) - set("0-"))


def _shows_its_customer(item: Json) -> bool:
    """Say whether a listed appointment names its customer: not in US Government clouds, and not for groups."""
    is_group = (item.get("maximumAttendeesCount") or 1) > 1
    return not is_group and bool(item.get("customerEmailAddress") or item.get("customerName"))


def _is_for(item: Json, wanted: str) -> bool:
    """Compare with the whole mail address, or with a part of the name."""
    people = [(item.get("customerName"), item.get("customerEmailAddress"))]
    people += [(customer.get("name"), customer.get("emailAddress")) for customer in item.get("customers") or []]
    text = wanted.casefold()
    return any(str(mail or "").casefold() == text or text in str(name or "").casefold() for name, mail in people)
