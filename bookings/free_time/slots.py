"""Finds free slots: the times that a customer can book, and the staff who can take them.

Graph has no call for this. The answer is put together from the service's policy and opening hours, the staff's working
hours and availability, and the appointments that exist. Availability alone is not enough: it was seen to ignore
business hours and to show busy time as free.

What a page's staff do is read once for all services of a question. The work has two steps for each page, and each step
first starts what it reads: so the reads of several pages run beside each other.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bookings.describe import describe_times, join_names
from bookings.free_time.explaining import Explanation, explain_service
from bookings.free_time.group_limit import GroupLimit
from bookings.free_time.held_time import ReadHolds, no_holds
from bookings.free_time.offers import PageTime, find_offers
from bookings.free_time.policy import Policy
from bookings.free_time.service_context import (
    PageContext,
    ServiceContext,
    read_page_context,
    read_service_context,
    start_page_context,
)
from bookings.free_time.staff_spans import Basis, SpanQuestion, basis_of, read_calendar, read_spans
from bookings.free_time.staff_time import SlotQuestion, find_staff_time, find_team
from bookings.names import Names, Table
from shared.errors import Invalid
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.time_zones.zones import Zone, utc_text
from shared.workers import Workers

_INSTANT = timedelta(microseconds=1)
_NEAR = timedelta(days=3)


@dataclass(frozen=True)
class SlotRequest:
    """What a caller asks of a page: slots that begin in [start, end).

    No `staff` means everybody who provides the service; `together`: all of them at the same time. `hold` is the
    caller's own. `explains`: say also why a place of the grid is no slot.
    """

    start: datetime
    end: datetime
    staff: tuple[str, ...] = ()
    together: bool = False
    hold: str | None = None
    explains: bool = False


@dataclass(frozen=True)
class Slot:
    """A free slot (seconds since 1970) of a service, with the staff who can take it as the answer shows them."""

    start: int
    end: int
    service: ServiceContext
    staff: list[Json]

    def describe(self, zone: Zone) -> Json:
        """Return the slot for the answer."""
        start, end = datetime.fromtimestamp(self.start, UTC), datetime.fromtimestamp(self.end, UTC)
        return {
            "serviceId": self.service.service["id"],
            "serviceName": self.service.service.get("displayName"),
            **describe_times(start, end, zone),
            "durationMinutes": (self.end - self.start) // 60,
            "seatsAvailable": max(offer["seatsAvailable"] for offer in self.staff),
            "staffNames": join_names(self.staff),
            "staffMembers": self.staff,
        }


@dataclass(frozen=True)
class PageSlots:
    """The free slots of a page, by start, end and the order of its services; and why others are none."""

    page: PageContext
    request: SlotRequest
    slots: list[Slot]
    explanations: list[Explanation]

    def describe_services(self) -> list[Json]:
        """Return the services with what decides when they can be booked."""
        return [_describe_service(self.page, each) for each in self.page.services]


@dataclass(frozen=True)
class Slots:
    """Free slots of one service in order, with the zone, the policy and the basis by which they were found."""

    items: list[Json]
    business_zone: Zone
    policy: Policy
    basis: Basis


class SlotFinder:
    """Finds free slots on the businesses of one connection."""

    def __init__(
        self,
        graph: GraphBookings,
        names: Names,
        workers: Workers,
        limit: GroupLimit,
        read_holds: ReadHolds = no_holds,
    ) -> None:
        self._graph = graph
        self._names = names
        self._workers = workers
        self._limit = limit
        self._read_holds = read_holds
        self.basis = basis_of(graph)

    def find(
        self,
        *,
        business: str,
        service: str,
        start: datetime,
        end: datetime,
        zone: Zone | None = None,
        staff: Sequence[str] = (),
        hold: str | None = None,
    ) -> Slots:
        """Return the free slots of one service that begin in [start, end).

        No `staff` means everybody who provides the service, no `zone` that of the business. Raises NotFound for an
        unknown service, Invalid for unknown staff. Costs five calls to Graph for a month: business, service and staff,
        then availability and calendar at the same time (for a signed-in user the calendar alone).
        """
        page = self.read_page(business, [service])
        found = self.find_on(page, SlotRequest(start, end, tuple(staff), hold=hold))
        items = [slot.describe(zone or page.zone) for slot in found.slots]
        return Slots(items, page.zone, page.services[0].policy, self.basis)

    def read_context(self, business: str, service: str) -> ServiceContext:
        """Read the business, the service and the staff: three calls to Graph. Raises NotFound."""
        return read_service_context(self._graph, self._names, self._workers, business, service)

    def read_page(self, business: str, services: Sequence[str]) -> PageContext:
        """Read the business, these services and the staff: three calls to Graph. Raises NotFound, Invalid."""
        return read_page_context(self._graph, self._names, self._workers, business, services)

    def start_page(self, business: str, services: Sequence[str] | None) -> Callable[[], PageContext]:
        """Begin to read a page with those of these services that it has, or with all; the result waits for the end."""
        return start_page_context(self._graph, self._names, self._workers, business, services)

    def find_on(self, page: PageContext, request: SlotRequest) -> PageSlots:
        """Return the free slots of all services of a page that was read. Raises Invalid for wrong staff."""
        return self.start_finding(page, request)()

    def start_finding(self, page: PageContext, request: SlotRequest) -> Callable[[], PageSlots]:
        """Begin to read what the staff of a page do; what is returned waits for the end and finds the slots.

        One read serves all services: one availability and one calendar for each month. Raises Invalid for wrong staff.
        """
        now = datetime.fromtimestamp(time.time(), UTC)
        questions = [_make_question(context, request, now) for context in page.services]
        wait_for_time = self._start_reading(page, [each for each in questions if _is_open(each)], request.hold)

        def finish() -> PageSlots:
            page_time, slots, explanations = wait_for_time(), list[Slot](), list[Explanation]()
            for context, question in zip(page.services, questions, strict=True):
                is_open = _is_open(question)
                offers = find_offers(context, question, page_time, self._limit) if is_open else {}
                slots += [Slot(*place, context, staff) for place, staff in offers.items() if staff]
                if request.explains:
                    whole = (request.start, request.end)
                    explanations += explain_service(context, question, page_time, offers, whole)
            slots.sort(key=lambda slot: (slot.start, slot.end))
            return PageSlots(page, request, slots, explanations)

        return finish

    def find_first(
        self, context: ServiceContext, page_time: PageTime, start: datetime, end: datetime
    ) -> datetime | None:
        """Return when the first free slot of a service in [start, end) begins; None if there is none.

        `page_time` must reach beyond both by the margin of the service. What is near is looked at first.
        """
        now = datetime.fromtimestamp(time.time(), UTC)
        near = min(end, start + _NEAR)
        for first, last in ((start, near), (near, end)):
            question = _make_question(context, SlotRequest(first, last), now)
            if _is_open(question):
                offers = find_offers(context, question, page_time, self._limit)
                if places := [place for place, staff in offers.items() if staff]:
                    return datetime.fromtimestamp(min(places)[0], UTC)
        return None

    def _start_reading(
        self, page: PageContext, questions: Sequence[SlotQuestion], hold: str | None
    ) -> Callable[[], PageTime]:
        """Begin to read the time of everybody whom one of these questions is about, as far as one of them reaches."""
        if not questions:
            return lambda: PageTime({}, (), (), ())
        reaches = [question.reach for question in questions]
        first, last = min(reach[0] for reach in reaches), max(reach[1] for reach in reaches)
        people: Table = {}
        for question in questions:
            people |= question.staff
        return self.start_time(page, people, (first, last), hold)

    def start_time(
        self, page: PageContext, people: Table, span: tuple[datetime, datetime], hold: str | None = None
    ) -> Callable[[], PageTime]:
        """Begin to read what these staff members do, and all appointments of the page, within a span."""
        business, first, last = page.business, *span
        asked = SpanQuestion(business, people, page.hours, page.zone, first, last)
        holds = self._read_holds(business, hold)  # first: a hold that ends meanwhile is in the calendar
        calendar = self._workers.start(lambda: read_calendar(self._graph, business, first, last))
        # started behind the calendar, so that a thread which waits for it never keeps it from a thread
        spans = self._workers.start(lambda: read_spans(self._graph, asked, calendar.result))

        def finish() -> PageTime:
            found, appointments = spans.result(), calendar.result()
            return PageTime(find_staff_time(asked, found, appointments), found, appointments, holds)

        return finish


def _make_question(context: ServiceContext, request: SlotRequest, now: datetime) -> SlotQuestion:
    """Return the question for one service, with its range narrowed to what lead time and advance allow now.

    The last moment of the advance is one of them.
    """
    team, policy = find_team(context.service, context.staff, request.staff), context.policy
    if request.together:
        _check_together(context, team, request.staff)
    start, end = (
        max(request.start, now + policy.minimum_lead),
        min(request.end, now + policy.maximum_advance + _INSTANT),
    )
    return SlotQuestion(team, policy, context.zone, start, end, together=request.together)


def _is_open(question: SlotQuestion) -> bool:
    return bool(question.staff) and question.start < question.end


def _describe_service(page: PageContext, context: ServiceContext) -> Json:
    policy, now = context.policy, datetime.fromtimestamp(time.time(), UTC)
    return {
        "businessId": page.business,
        "businessName": page.name,
        "serviceId": context.service["id"],
        "serviceName": context.service.get("displayName"),
        "durationMinutes": _minutes(policy.duration),
        "intervalMinutes": _minutes(policy.interval),
        "preBufferMinutes": _minutes(policy.pre_buffer),
        "postBufferMinutes": _minutes(policy.post_buffer),
        "maximumAttendeesCount": policy.seats,
        "staffSelectionAllowed": policy.allows_staff_selection,
        "earliestStartUtc": utc_text(now + policy.minimum_lead),
        "latestStartUtc": utc_text(now + policy.maximum_advance),
    }


def _minutes(duration: timedelta) -> int:
    return round(duration.total_seconds() / 60)


def _check_together(context: ServiceContext, team: Table, wanted: Sequence[str]) -> None:
    name = context.service.get("displayName") or context.service["id"]
    if strangers := [member for member in wanted if member not in team]:
        raise Invalid(
            f"The staff member {strangers[0]} does not provide {name}. Name only staff of the service beside all.",
            code="StaffNotOnService",
            target="staff",
        )
    if len(team) < 2:  # noqa: PLR2004 - "together" needs two
        count = "one staff member" if team else "no staff"
        raise Invalid(
            f"all means several staff members at the same time, and of those asked for {count} can take {name}. Leave "
            "all out.",
            code="TooFewStaff",
            target="staff",
        )
