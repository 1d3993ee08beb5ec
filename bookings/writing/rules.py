"""The business rules, checked before anything is written: Graph answers a broken one with a bare 500.

An application is held to them, other than an administrator: opening hours, the service's length, lead time and advance,
the choice of staff, seats, and nobody in two places at once. Source: Graph's page on booking business rules.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bookings.free_time.availability import StaffSpan
from bookings.free_time.intervals import covers, merge, touches
from bookings.free_time.members import Ground, business_zone, eligible, read_members
from bookings.free_time.policy import Policy, read_policy
from bookings.names import Table
from shared.errors import Conflict, Invalid
from shared.json_text import Json
from shared.time_zones.zones import Zone, utc_text


@dataclass(frozen=True)
class House:
    """A business and one of its services, as read for a write."""

    id: str
    business: Json
    service: Json
    staff: Table

    @property
    def policy(self) -> Policy:
        """The rules by which the service is booked."""
        return read_policy(self.business, self.service)

    @property
    def zone(self) -> Zone:
        """The zone of the opening hours."""
        return business_zone(self.business, self.staff)

    @property
    def services(self) -> Table:
        """The service by its id."""
        return {str(self.service["id"]): self.service}


def check_choice(house: House, wanted: Sequence[str]) -> None:
    """Check that these staff members may be chosen. Raises Invalid."""
    if not wanted:
        return
    team = eligible(house.service, house.staff, wanted)
    if strangers := [member for member in wanted if member not in team]:
        raise Invalid(
            f"The staff member {strangers[0]} does not provide this service.", code="StaffNotOnService", target="staff"
        )
    if not house.policy.allows_staff_selection:
        raise Invalid(
            "This service does not let staff be chosen. Leave staff out.", code="StaffChoiceNotAllowed", target="staff"
        )


def check_times(house: House, span: tuple[datetime, datetime]) -> None:
    """Check length, lead time, advance and opening hours. Raises Invalid."""
    (start, end), policy = span, house.policy
    if end - start != policy.duration:
        minutes = round(policy.duration.total_seconds() / 60)
        raise Invalid(f"This service takes {minutes} minutes. Leave end out.", code="WrongDuration", target="end")
    now = datetime.fromtimestamp(time.time(), UTC)
    if start < now + policy.minimum_lead:
        earliest = utc_text(now + policy.minimum_lead)
        raise Invalid(f"That is too soon: the earliest is {earliest}.", code="TooShortNotice", target="start")
    if start > now + policy.maximum_advance:
        latest = utc_text(now + policy.maximum_advance)
        raise Invalid(f"That is too far ahead: the latest is {latest}.", code="TooFarAhead", target="start")
    opening = merge(policy.open_spans(_ground(house, span).days(house.zone), house.zone))
    if not covers(opening, *_seconds(span)):
        raise Invalid(
            "The service cannot be booked then: it is outside its opening hours. Ask for slots.",
            code="OutsideHours",
            target="start",
        )


def check_seats(count: int, seats: int) -> None:
    """Check that a service has seats for so many customers. Raises Invalid."""
    if count > seats:
        raise Invalid(
            f"This service takes {seats} customers at most at one time.", code="TooManyCustomers", target="customers"
        )


def check_free(
    house: House,
    span: tuple[datetime, datetime],
    wanted: Sequence[str],
    spans: Iterable[StaffSpan],
    appointments: Iterable[Json],
    *,
    moving: Json | None = None,
) -> None:
    """Check that all of `wanted` are free, or anybody where it is empty. Raises Conflict.

    `moving` is the appointment that is about to be changed: it is not in its own way.
    """
    ground = _ground(house, span)
    members = read_members(ground, spans, appointments, moving=moving)
    policy = house.policy
    before, after = int(policy.pre_buffer.total_seconds()), int(policy.post_buffer.total_seconds())
    start, end = _seconds(span)
    free = {
        name
        for name, member in members.items()
        if covers(member.open, start, end) and not touches(member.blocked, start - before, end + after)
    }
    if not wanted and not free:
        raise Conflict("Nobody is free then. Ask for slots.", code="SlotTaken", target="start")
    if busy := [member for member in wanted if member not in free]:
        name = house.staff.get(busy[0], {}).get("displayName") or busy[0]
        raise Conflict(f"{name} is not free then. Ask for slots.", code="StaffNotFree", target="staff")


def margin_of(house: House) -> timedelta:
    """Return how far around a time something may be in its way."""
    return _ground(house, (datetime.now(UTC), datetime.now(UTC))).margin


def team_of(house: House) -> Table:
    """Return everybody who may take the service."""
    return eligible(house.service, house.staff, ())


def _ground(house: House, span: tuple[datetime, datetime]) -> Ground:
    return Ground(team_of(house), house.policy, house.zone, *span)


def _seconds(span: tuple[datetime, datetime]) -> tuple[int, int]:
    return int(span[0].timestamp()), int(span[1].timestamp())
