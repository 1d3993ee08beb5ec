"""Answers when staff are free or busy."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from bookings.describe import describe_times
from bookings.free_time.held_time import Hold, ReadHolds, no_holds
from bookings.free_time.hours import WeeklyHours
from bookings.free_time.intervals import intersect, merge, subtract
from bookings.free_time.staff_spans import FREE, Basis, SpanQuestion, StaffSpan, basis_of, read_calendar, read_spans
from bookings.names import Names
from shared.errors import Invalid
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.time_zones.zones import Zone

_HELD = "held"


def _mark_held(spans: list[StaffSpan], holds: Sequence[Hold]) -> Iterator[StaffSpan]:
    """Cut what is held, buffers included, out of the time when its staff are available."""
    for span in spans:
        own = [hold for hold in holds if span.staff in hold.staff]
        if span.status != FREE or not own:
            yield span
            continue
        whole = [(int(span.start.timestamp()), int(span.end.timestamp()))]
        free = subtract(whole, merge(hold.taken for hold in own))
        yield from (_part(span, each, FREE, None) for each in free)
        for taken, service in dict.fromkeys((hold.taken, hold.service) for hold in own):
            yield from (_part(span, each, _HELD, service) for each in intersect(whole, [taken]))


def _part(span: StaffSpan, part: tuple[int, int], status: str, service: str | None) -> StaffSpan:
    start, end = (datetime.fromtimestamp(moment, UTC) for moment in part)
    return StaffSpan(span.staff, status, service, start, end)


class Availability:
    """Availability of the staff of one connection's businesses."""

    def __init__(self, graph: GraphBookings, names: Names, read_holds: ReadHolds = no_holds) -> None:
        self._graph = graph
        self._names = names
        self.basis = basis_of(graph)
        self._read_holds = read_holds

    def find(
        self,
        business: str,
        wanted: Sequence[str],
        start: datetime,
        end: datetime,
        zone: Zone | None,
        *,
        hold: str | None = None,
    ) -> list[Json]:
        """Return {"staffId", "displayName", "availabilityItems"} of each wanted staff member, or of all.

        Free time that is held is marked as "held"; `hold` is the caller's own. Without a `zone` times are shown in that
        of the page. Raises Invalid for an id that is not on the calendar:
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
        hours, page_zone = self._read_hours(business, zone)
        zone = zone or page_zone
        people = {member: staff[member] for member in members}
        asked = SpanQuestion(business, people, hours, page_zone, start, end)
        holds = self._read_holds(business, hold)  # first: a hold that ends meanwhile is in the calendar
        spans = read_spans(self._graph, asked, lambda: read_calendar(self._graph, business, start, end))
        items: dict[str, list[Json]] = {member: [] for member in members}
        for span in sorted(_mark_held(spans, holds), key=lambda span: span.start):
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

    def _read_hours(self, business: str, zone: Zone | None) -> tuple[WeeklyHours, Zone]:
        """Return opening hours and zone of a business, as far as they are needed: Graph's availability needs none."""
        if self.basis is Basis.AVAILABILITY:
            return (), zone or self._names.zone(business)
        whole = self._graph.get_business(business)
        return whole.get("businessHours") or (), self._names.learn_zone(business, whole)
