"""Describe changes for answers: the appointment as elsewhere, with what happened and the values before it."""

from collections.abc import Mapping, Sequence
from typing import Any

from bookings.changes.feed import Position
from bookings.changes.journal import Entry
from bookings.changes.kinds import Kind
from bookings.changes.whole_records import ONLY_WHOLE
from bookings.describe import (
    appointment_times,
    describe_appointment,
    describe_staff,
    describe_times,
    join_names,
    plain,
)
from bookings.names import Names, Table
from bookings.reading.appointments import Appointments
from shared.json_text import Json
from shared.time_zones.zones import Zone, utc_text

_OF_ITS_OWN = frozenset({Kind.CANCELLED, Kind.REGISTERED, Kind.UNREGISTERED})
"""Kinds whose record is all that is known: the appointment, or the person in it, may be gone."""


class Describer:
    """Describes changes of the businesses of one connection; it reads names, and details where they are wanted.

    `zone` None: that of the page.
    """

    def __init__(self, appointments: Appointments, names: Names) -> None:
        self._appointments = appointments
        self._names = names

    def describe_changes(
        self, business: str, entries: Sequence[Entry], position: Position, zone: Zone | None, *, wants_details: bool
    ) -> list[Json]:
        """Describe changes. Names are remembered for some minutes; details cost one call for each appointment."""
        if not entries:
            return []
        records = [entry.record for entry in entries if not _OF_ITS_OWN & set(entry.kinds)]
        details = self._appointments.details(business, records) if wants_details else {}
        staff, services = self._names.staff(business), self._names.services(business)
        zone = zone or self._names.zone(business)
        return [
            describe_change(
                entry, position, business, zone,
                staff=staff, services=services, details=details.get(entry.record["id"]), wants_details=wants_details,
            )
            for entry in entries
        ]  # fmt: skip

    def describe_records(
        self, business: str, records: Sequence[Json], zone: Zone | None, *, wants_details: bool
    ) -> list[Json]:
        """Describe appointments of a snapshot, each as `describe_flat` does."""
        if not records:
            return []
        staff, services = self._names.staff(business), self._names.services(business)
        zone = zone or self._names.zone(business)
        details = self._appointments.details(business, records) if wants_details else {}
        return [
            describe_flat(record, zone, staff=staff, services=services, details=details.get(record["id"]))
            for record in records
        ]


def describe_change(
    entry: Entry,
    position: Position,
    business: str,
    zone: Zone,
    *,
    staff: Table,
    services: Table,
    details: Json | None,
    wants_details: bool,
) -> Json:
    """Describe one change. `previous` holds times, staff and all changed properties as they were before."""
    kind, record = entry.kinds[0], entry.record
    if kind in _OF_ITS_OWN:
        details = record if wants_details and "customers" in record else None
        record = {name: value for name, value in record.items() if name not in ONLY_WHOLE}
    return {
        "eventId": f"{position.generation}-{entry.number}",
        "eventKind": kind.value,
        "changes": [each.value for each in entry.kinds],
        "changedProperties": sorted(entry.previous),
        "occurredUtc": utc_text(entry.at),
        "businessId": business,
        **describe_flat(record, zone, staff=staff, services=services, details=details),
        "previous": None if kind in (Kind.CREATED, *_OF_ITS_OWN) else _describe_previous(entry, zone, staff),
    }


def describe_flat(record: Json, zone: Zone, *, staff: Table, services: Table, details: Json | None) -> Json:
    """Describe an appointment, its id as `appointmentId`; `details` only fill in what lists leave empty."""
    whole = record | {name: value for name, value in (details or {}).items() if record.get(name) in (None, [])}
    shown = describe_appointment(whole, zone, staff=staff, services=services, has_details=details is not None)
    return {"appointmentId": shown.pop("id"), **shown}


def _describe_previous(entry: Entry, zone: Zone, staff: Table) -> Json:
    before: Mapping[str, Any] = entry.record | dict(entry.previous)
    start, end = appointment_times(before)
    members = describe_staff(before.get("staffMemberIds") or [], staff)
    described: Json = plain(dict(entry.previous))
    return described | {
        **describe_times(start, end, zone),
        "staffMembers": members,
        "staffNames": join_names(members),
    }
