"""What a question about bookable time stands on: who may be asked, by which rules, and when each of them is free.

Availability alone will not do: it was seen to ignore business hours and to show busy time as free.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from bookings.describe import appointment_times
from bookings.free_time.availability import StaffSpan
from bookings.free_time.hours import local_days, spans_of_days
from bookings.free_time.intervals import Interval, Intervals, intersect, merge, subtract
from bookings.free_time.policy import Policy
from bookings.names import Table
from shared.errors import Invalid
from shared.json_text import Json
from shared.time_zones.zones import UnknownZoneError, Zone, find_zone, read_duration

_FREE = "available"
_NONE = timedelta(0)


@dataclass(frozen=True)
class Member:
    """One staff member's time: where a slot may lie, and what it must not touch."""

    open: Intervals
    blocked: Intervals


@dataclass(frozen=True)
class Ground:
    """What one question stands on: who may be asked, by which rules, between which moments."""

    staff: Table
    policy: Policy
    zone: Zone
    start: datetime
    end: datetime

    @property
    def margin(self) -> timedelta:
        """How far outside the range something may lie and still be in the way of a slot."""
        return self.policy.pre_buffer + self.policy.duration + self.policy.post_buffer

    def days(self, zone: Zone) -> Iterator[date]:
        """Yield the local days to look at."""
        return local_days(self.start - self.margin, self.end + self.margin, zone)


def business_zone(business: Json, staff: Table) -> Zone:
    """Return the zone of the page's settings; where Graph has none (US Government), that of most of the staff."""
    set_zone = (business.get("bookingPageSettings") or {}).get("businessTimeZone")
    staff_zones = Counter(str(member["timeZone"]) for member in staff.values() if member.get("timeZone"))
    for name in (set_zone, *(name for name, _ in staff_zones.most_common())):
        try:
            if name:
                return find_zone(name)
        except UnknownZoneError:
            continue
    return find_zone("UTC")


def eligible(service: Json, staff: Table, wanted: Sequence[str]) -> Table:
    """Return those who provide the service, have not declined to join, and are asked for."""
    if unknown := [member for member in wanted if member not in staff]:
        raise Invalid(
            f"There is no staff member {unknown[0]} on this calendar. List the staff to see their ids.",
            code="StaffNotFound",
            target="staff",
        )
    return {
        member: staff[member]
        for member in service.get("staffMemberIds") or []
        if member in staff
        and str(staff[member].get("membershipStatus")).lower() != "rejectedbystaff"
        and (not wanted or member in wanted)
    }


def read_members(
    ground: Ground, spans: Iterable[StaffSpan], appointments: Iterable[Json], *, moving: Json | None = None
) -> dict[str, Member]:
    """Return the time of everybody on the ground.

    `moving` is an appointment that is about to leave its place: what it takes of its own staff's time counts as free.
    """
    available: dict[str, list[Interval]] = defaultdict(list)
    blocked: dict[str, list[Interval]] = defaultdict(list)
    for span in spans:
        place = int(span.start.timestamp()), int(span.end.timestamp())
        if span.status == _FREE:
            available[span.staff].append(place)
        elif moving is not None and span.staff in (moving.get("staffMemberIds") or []):
            blocked[span.staff] += subtract([place], [_taken_by(moving)])
        else:
            blocked[span.staff].append(place)
    for item in appointments:
        if moving is not None and item["id"] == moving["id"]:
            continue
        for member in item.get("staffMemberIds") or []:
            blocked[member].append(_taken_by(item))
    if moving is not None:
        for member in moving.get("staffMemberIds") or []:
            available[member].append(_taken_by(moving))
    house = merge(spans_of_days(ground.policy.business_hours, ground.days(ground.zone), ground.zone))
    return {
        member: Member(
            open=intersect(
                house if person.get("useBusinessHours") else _own_time(person, ground), merge(available[member])
            ),
            blocked=merge(blocked[member]),
        )
        for member, person in ground.staff.items()
    }


def _taken_by(item: Json) -> Interval:
    """Return the time that an appointment takes, buffers included."""
    begins, ends = appointment_times(item)
    begins -= read_duration(item.get("preBuffer"), _NONE)
    ends += read_duration(item.get("postBuffer"), _NONE)
    return int(begins.timestamp()), int(ends.timestamp())


def _own_time(person: Json, ground: Ground) -> Intervals:
    """Return the hours of a staff member who keeps hours of their own, in their own zone."""
    zone = ground.zone
    with suppress(UnknownZoneError):
        zone = find_zone(person.get("timeZone") or zone.iana)
    return merge(spans_of_days(person.get("workingHours") or (), ground.days(zone), zone))
