"""The business rules, checked before anything is written: Graph answers a broken rule with a bare 500.

Microsoft's page on business rules for appointments says that applications must keep to them, while administrators need
not: opening hours, the service's length, lead time and advance, the choice of staff, seats, and no staff member in two
places at once.
"""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from bookings.free_time.held_time import Hold, Place, count_seats, find_obstacles, list_group, refuse_held
from bookings.free_time.intervals import covers, merge, touches
from bookings.free_time.service_context import ServiceContext
from bookings.free_time.staff_spans import StaffSpan
from bookings.free_time.staff_time import SlotQuestion, find_staff_time, find_team
from shared.errors import Conflict, Invalid
from shared.json_text import Json
from shared.time_zones.zones import utc_text
from shared.wording import count_of

FIND_SLOTS = "Find a free one with GET .../slots."

type Span = tuple[datetime, datetime]


def check_choice(context: ServiceContext, wanted: Sequence[str]) -> None:
    """Check that a booking may choose these staff members. Raises Invalid."""
    check_team(context, wanted)
    if wanted and not context.policy.allows_staff_selection:
        raise Invalid(
            "This service does not let customers choose their staff. Leave staff out: the gateway names who is free.",
            code="StaffChoiceNotAllowed",
            target="staff",
        )


def check_team(context: ServiceContext, wanted: Sequence[str]) -> None:
    """Check that these staff members provide the service. Raises Invalid.

    Whether staff may be chosen is a rule for customers who book. Who moves or assigns an appointment is not bound by
    it (microsoft-graph-explorer-v4 issue 4029).
    """
    if not wanted:
        return
    team = find_team(context.service, context.staff, wanted)
    if strangers := [member for member in wanted if member not in team]:
        raise Invalid(
            f"The staff member {strangers[0]} does not provide this service. Choose one of the service's staff.",
            code="StaffNotOnService",
            target="staff",
        )


def check_times(context: ServiceContext, span: Span) -> None:
    """Check length, lead time, advance and opening hours. Raises Invalid."""
    (start, end), policy = span, context.policy
    if end - start != policy.duration:
        minutes = count_of(round(policy.duration.total_seconds() / 60), "minute")
        raise Invalid(f"This service takes {minutes}. Leave end out.", code="WrongDuration", target="end")
    check_notice(context, start)
    days = _question(context, span).days(context.zone)
    if not covers(merge(policy.open_spans(days, context.zone)), *_seconds(span)):
        raise Invalid(
            f"The service is closed at this time. {FIND_SLOTS}",
            code="OutsideHours",
            target="start",
        )


def check_notice(context: ServiceContext, start: datetime) -> None:
    """Check lead time and advance. Raises Invalid."""
    policy = context.policy
    now = datetime.fromtimestamp(time.time(), UTC)
    if start < now + policy.minimum_lead:
        earliest = utc_text(now + policy.minimum_lead)
        raise Invalid(f"The start is too soon. Send {earliest} or later.", code="TooShortNotice", target="start")
    if start > now + policy.maximum_advance:
        latest = utc_text(now + policy.maximum_advance)
        raise Invalid(f"The start is too far ahead. Send {latest} or earlier.", code="TooFarAhead", target="start")


def check_seats(count: int, seats: int, target: str = "customers") -> None:
    """Check that an appointment has seats for so many customers. Raises Invalid."""
    if count > seats:
        most = count_of(seats, "customer")
        raise Invalid(
            f"An appointment of this service takes {most} at most. Name fewer {target}.",
            code="TooManyCustomers",
            target=target,
        )


def check_members(staying: int, new: int, seats: int) -> None:
    """Check that a change leaves somebody in an appointment, and no more than its seats. Raises Invalid."""
    if staying + new == 0:
        raise Invalid(
            "Nobody would be left in the appointment. Cancel it instead.", code="NobodyLeft", target="customers"
        )
    if new and staying + new > seats:
        most = count_of(seats, "customer")
        raise Invalid(
            f"This appointment takes {most} at most. Send those who leave it with remove: true.",
            code="TooManyCustomers",
            target="customers",
        )


def check_free(
    context: ServiceContext,
    span: Span,
    wanted: Sequence[str],
    spans: Iterable[StaffSpan],
    appointments: Iterable[Json],
    *,
    moving: Json | None = None,
) -> set[str]:
    """Check that all of `wanted` are free, or anybody of the team if nobody is named; return all who are free.

    Raises Conflict.

    `moving` is the appointment that will be changed: it does not count as busy time.
    """
    policy = context.policy
    times = find_staff_time(_question(context, span).spans(context.business), spans, appointments, moving=moving)
    before, after = int(policy.pre_buffer.total_seconds()), int(policy.post_buffer.total_seconds())
    start, end = _seconds(span)
    free = {
        member
        for member, own in times.items()
        if covers(own.open, start, end) and not touches(own.blocked, start - before, end + after)
    }
    if not wanted and not free:
        raise Conflict(f"No staff member is free at this time. {FIND_SLOTS}", code="SlotTaken", target="start")
    if busy := [member for member in wanted if member not in free]:
        name = context.staff.get(busy[0], {}).get("displayName") or busy[0]
        raise Conflict(f"{name} is not free at this time. {FIND_SLOTS}", code="StaffNotFree", target="staff")
    return free


def check_held(holds: Sequence[Hold], place: Place, wanted: Iterable[str], free: Iterable[str]) -> set[str]:
    """Check that no hold is in the way of `wanted`, or of anybody who is free if nobody is named.

    Return those of `free` who are not held. Raises Conflict.
    """
    named = list(wanted)
    obstacles = {member: find_obstacles(holds, member, place) for member in named or free}
    held = [each for each in obstacles.values() if each]
    if held and (named or len(held) == len(obstacles)):
        raise refuse_held(max(held, key=_last_expiry) if named else min(held, key=_last_expiry))
    return {member for member in free if not obstacles.get(member)}


def check_seats_held(holds: Iterable[Hold], place: Place, staff: Iterable[str], *, filled: int) -> None:
    """Check that a group of which so many seats are filled has the place's seats beside those held. Raises Conflict."""
    group = list_group(holds, place.service, (place.start, place.end), staff)
    if group and filled + count_seats(group) + place.seats > place.capacity:
        raise refuse_held(group)


def check_new_group(holds: Iterable[Hold], place: Place, staff: Iterable[str]) -> None:
    """Check that nobody makes the same group appointment at this moment: two would be made. Raises Overtaken."""
    group = list_group(holds, place.service, (place.start, place.end), staff)
    if writes := [hold for hold in group if hold.is_write]:
        raise refuse_held(writes)


def _last_expiry(holds: Sequence[Hold]) -> int:
    return max(hold.expires for hold in holds)


def _question(context: ServiceContext, span: Span) -> SlotQuestion:
    return SlotQuestion(context.team, context.policy, context.zone, *span)


def _seconds(span: Span) -> tuple[int, int]:
    return int(span[0].timestamp()), int(span[1].timestamp())
