"""How a change looks in our answers: the appointment flat, as elsewhere, and beside it what happened and how it was."""

from collections.abc import Mapping, Sequence
from typing import Any

from bookings.changes.comparing import Kind
from bookings.changes.feed import Position
from bookings.changes.journal import Entry
from bookings.describe import (
    appointment_times,
    describe_appointment,
    describe_staff,
    describe_times,
    join_names,
    plain,
)
from bookings.names import Table
from shared.json_text import Json
from shared.time_zones.zones import Zone, utc_text


def describe_change(
    entry: Entry, position: Position, business: str, zone: Zone, *, staff: Table, services: Table, details: Json | None
) -> Json:
    """Return one change. `previous` tells times, staff and all properties that changed as they were before."""
    kind = entry.kinds[0]
    return {
        "eventId": f"{position.generation}-{entry.number}",
        "eventKind": kind.value,
        "changes": [each.value for each in entry.kinds],
        "changedProperties": sorted(entry.previous),
        "occurredUtc": utc_text(entry.at),
        "businessId": business,
        **describe_flat(entry.record, zone, staff=staff, services=services, details=details),
        "previous": None if kind in (Kind.CREATED, Kind.CANCELLED) else _describe_previous(entry, zone, staff),
    }


def describe_flat(record: Json, zone: Zone, *, staff: Table, services: Table, details: Json | None) -> Json:
    """Return an appointment under `appointmentId`; `details` adds what lists leave empty and changes nothing else."""
    whole = record | {name: value for name, value in (details or {}).items() if record.get(name) in (None, [])}
    shown = describe_appointment(whole, zone, staff=staff, services=services, has_details=details is not None)
    return {"appointmentId": shown.pop("id"), **shown}


def needs_details(entries: Sequence[Entry]) -> list[Json]:
    """Return the records whose details can be asked for."""
    return [entry.record for entry in entries if Kind.CANCELLED not in entry.kinds]


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
