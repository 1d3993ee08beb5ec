"""Reads when staff are free or busy from getStaffAvailability: clipped to the range, in UTC, in one spelling."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from bookings.describe import describe_times
from bookings.names import Names
from bookings.windows import cut_windows
from shared.errors import Invalid
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.time_zones.zones import Zone, read_graph_moment

_STATUSES = {name.lower(): name for name in ("available", "busy", "slotsAvailable", "outOfOffice")}
_STATUSES["slotavailable"] = "slotsAvailable"  # how the reference page spells it in one place


class StaffSpan(NamedTuple):
    """The status of one staff member from start to end (UTC). `service` is set for a group with free seats."""

    staff: str
    status: str
    service: str | None
    start: datetime
    end: datetime


def read_spans(
    graph: GraphBookings, business: str, staff: Sequence[str], start: datetime, end: datetime
) -> list[StaffSpan]:
    """Read the availability in windows; return it clipped to the range, because Graph was seen to begin a day early."""
    spans = []
    for window_start, window_end in cut_windows(start, end):
        answer = graph.get_staff_availability(business, staff, window_start, window_end)
        spans += list(_clip(answer, window_start, window_end))
    return spans


def _clip(answer: list[Json], start: datetime, end: datetime) -> Iterator[StaffSpan]:
    for member in answer:
        staff = str(member.get("staffId"))
        for item in member.get("availabilityItems") or []:
            begins = max(start, read_graph_moment(item.get("startDateTime") or {}))
            ends = min(end, read_graph_moment(item.get("endDateTime") or {}))
            if begins < ends:
                status = str(item.get("status") or "")
                known = _STATUSES.get(status.lower(), status)
                yield StaffSpan(staff, known, item.get("serviceId") or None, begins, ends)


class Availability:
    """Availability of the staff of one connection's businesses."""

    def __init__(self, graph: GraphBookings, names: Names) -> None:
        self._graph = graph
        self._names = names

    def find(
        self, business: str, wanted: Sequence[str], start: datetime, end: datetime, zone: Zone | None
    ) -> list[Json]:
        """Return {"staffId", "displayName", "availabilityItems"} of each wanted staff member, or of all.

        Without a `zone` times are shown in that of the page. Raises Invalid for an id that is not on the calendar:
        Graph answers those with a bare 500.
        """
        staff = self._names.staff(business)
        if not staff.keys() >= set(wanted):
            staff = self._names.learn_staff(business, self._graph.list_staff(business))  # a new staff member, perhaps
        if unknown := [member for member in wanted if member not in staff]:
            raise Invalid(
                f"There is no staff member {unknown[0]} on this calendar. List the staff to see their ids.",
                code="StaffNotFound",
                target="staffIds",
            )
        members = list(dict.fromkeys(wanted)) or list(staff)
        if not members:
            return []
        services = self._names.services(business)
        zone = zone or self._names.zone(business)
        spans = read_spans(self._graph, business, members, start, end)
        items: dict[str, list[Json]] = {member: [] for member in members}
        for span in sorted(spans, key=lambda span: span.start):
            items.setdefault(span.staff, []).append(
                {
                    "status": span.status,
                    "serviceId": span.service,
                    "serviceName": services.get(span.service or "", {}).get("displayName"),
                    **describe_times(span.start, span.end, zone),
                }
            )
        return [
            {
                "staffId": member,
                "displayName": staff.get(member, {}).get("displayName"),
                "availabilityItems": found,
            }
            for member, found in items.items()
        ]
