"""Which slots a world has, by the documents: `docs/api.md` of this repository, and Graph's own pages.

Written to be read beside them, not to be fast: times are sets of minutes, and every minute is asked by itself whether a
slot may begin there. It uses no code of the product, and the product uses none of it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as wall_time
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from devkit.random_worlds.world import DAYS, SERVICE, Availability, Person, Policy, Status, Week, Window, World

type Minutes = set[int]
"""Minutes since 1970."""

_OF_A_NEW_BUSINESS = Policy(interval=30, lead=24 * 60, advance=365 * 24 * 60)

# The names that Windows and the random worlds use (Unicode CLDR, windowsZones.xml).
_WINDOWS = {
    "GMT Standard Time": "Europe/London",
    "Eastern Standard Time": "America/New_York",
    "AUS Eastern Standard Time": "Australia/Sydney",
    "India Standard Time": "Asia/Kolkata",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """A slot as the oracle expects it: `staff` are (id, seats, appointment to join or None)."""

    start: datetime
    minutes: int
    seats: int
    start_local: str
    end_local: str
    staff: tuple[tuple[str, int, str | None], ...]


def expect_slots(world: World, reported: dict[str, list[Status]]) -> list[Offer]:
    """Return the slots of a world, by their start; `reported` is what Graph says of each staff member."""
    page = _Page(world, reported)
    return [
        page.describe(start, end, offers)
        for start in range(_minute(world.start), _minute(world.end))
        if page.earliest <= start * 60 <= page.latest
        for end, offers in sorted(page.offers_at(start).items())
        if offers
    ]


class _Page:
    """What is known of a page, as sets of minutes."""

    def __init__(self, world: World, reported: dict[str, list[Status]]) -> None:
        self._world = world
        self._zone = page_zone(world)
        around = timedelta(days=1, minutes=world.duration + world.before + world.after)  # no slot reaches farther
        first, last = (moment.astimezone(self._zone).date() for moment in (world.start - around, world.end + around))
        self.earliest = world.now.timestamp() + self._rule("lead") * 60
        self.latest = world.now.timestamp() + self._rule("advance") * 60
        self._days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        self._business = _together(self._spans(world.hours, self._days, self._zone))
        spans = [span for day in self._days for span in _join(self._open_spans(day))]
        self._open = _together(spans)
        self._grid = {start for span in spans for start in range(span.start, span.stop, self._rule("interval"))}
        self._team = [person for person in world.people if person.id in world.team]
        if world.wanted:
            self._team = [person for person in self._team if person.id in world.wanted]
        self._team = [person for person in self._team if person.membership != "rejectedByStaff"]
        self._holds = [hold for hold in world.holds if hold.id != world.own_hold]
        self._groups = [
            one
            for one in world.bookings
            if world.seats > 1 and one.service == SERVICE and one.taken < one.seats  # with free seats
        ]
        self._works = {person.id: self._working_minutes(person) for person in self._team}
        self._available: dict[str, Minutes] = {}
        self._obstacles: dict[str, Minutes] = {}
        for person in self._team:
            works, booked = self._works[person.id], _together(self._booked_spans(person.id))
            if world.reporting.is_delegated:  # what a signed-in user may read: hours and appointments
                self._available[person.id], self._obstacles[person.id] = works, booked
                continue
            available, busy, out_of_office = _minutes_by_status(reported[person.id])
            days_off = out_of_office & works  # the closed night is nothing
            self._available[person.id] = available
            self._obstacles[person.id] = busy | days_off | booked

    def offers_at(self, start: int) -> dict[int, list[tuple[str, int, str | None]]]:
        """Return by their end (staff, seats, appointment to join or None) of the slots that begin in this minute."""
        offers: dict[int, list[tuple[str, int, str | None]]] = {}
        end = start + self._world.duration
        for person in self._team:
            if self._is_free(person, start):
                seats = self._world.seats - self._count_held(person.id, start, end)
                offers.setdefault(end, []).extend([(person.id, seats, None)] if seats > 0 else [])
        if self._world.together and len(offers.get(end, [])) < len(self._team):
            offers.pop(end, None)
        for one in self._groups:
            seats = one.seats - one.taken - sum(hold.seats for hold in self._holds if hold.joins == one.id)
            hosts = [person.id for person in self._team if person.id in one.staff]
            if (
                _minute(one.start) == start
                and seats > 0
                and not (self._world.together and len(hosts) < len(self._team))
            ):
                offers.setdefault(_minute(one.end), []).extend((host, seats, one.id) for host in hosts)
        return offers

    def describe(self, start: int, end: int, offers: list[tuple[str, int, str | None]]) -> Offer:
        """Return a slot as it is answered. `seats` is what one booking can take: as many as somebody has."""
        zone = find_zone(self._world.asked_zone) if self._world.asked_zone else self._zone
        begins, ends = (datetime.fromtimestamp(minute * 60, UTC) for minute in (start, end))
        return Offer(
            begins,
            end - start,
            max(seats for _, seats, _ in offers),
            begins.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S"),
            ends.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S"),
            tuple(sorted(offers, key=str)),
        )

    def _count_held(self, staff: str, start: int, end: int) -> int:
        """Return how many seats of a new appointment are held."""
        return sum(
            hold.seats
            for hold in self._holds
            if not hold.joins and staff in hold.staff and (_minute(hold.start), _minute(hold.end)) == (start, end)
        )

    def _is_held(self, staff: str, start: int, wanted: range) -> bool:
        """Say whether a hold takes the time of a staff member, other than seats of the very appointment to be made."""
        world, team = self._world, {person.id for person in self._team}
        return any(
            staff in hold.staff
            and not hold.joins
            and (world.seats == 1 or _minute(hold.start) != start or (world.together and not team <= set(hold.staff)))
            and not set(wanted).isdisjoint(range(_minute(hold.start) - world.before, _minute(hold.end) + world.after))
            for hold in self._holds
        )

    def _is_free(self, person: Person, start: int) -> bool:
        world = self._world
        slot = range(start, start + world.duration)
        with_buffers = range(start - world.before, start + world.duration + world.after)
        return (
            start in self._grid
            and self._open.issuperset(slot)
            and self._works[person.id].issuperset(slot)
            and self._available[person.id].issuperset(slot)
            and self._obstacles[person.id].isdisjoint(with_buffers)
            and not self._is_held(person.id, start, with_buffers)
        )

    def _open_spans(self, day: date) -> list[range]:
        """Return the spans of opening hours of a day: those of the business that the service's policy allows."""
        rule, business = self._availability_on(day), self._spans(self._world.hours, [day], self._zone)
        if rule.kind == "notBookable":
            return []
        if rule.kind != "customWeeklyHours":
            return business
        own = self._spans(rule.hours, [day], self._zone)
        both = [range(max(one.start, other.start), min(one.stop, other.stop)) for one in own for other in business]
        return [span for span in both if span]

    def _availability_on(self, day: date) -> Availability:
        """Dated availabilities replace the general one on their days, the last day included."""
        windows: tuple[Window, ...] = self._rule("windows") or ()
        for window in windows:
            if window.first <= day <= window.last:
                return window.availability
        general: Availability | None = self._rule("general")
        return general or Availability("bookWhenStaffAreFree")

    def _rule(self, name: str) -> Any:
        """Return a value of the service's policy; what is not set there is that of the business, or of a new one."""
        own: Policy = self._world.own_policy or Policy()
        for policy in (own, self._world.policy, _OF_A_NEW_BUSINESS):
            if (value := getattr(policy, name)) is not None:
                return value
        return None

    def _working_minutes(self, person: Person) -> Minutes:
        if person.hours is None:
            return self._business
        zone = find_zone(person.zone) if person.zone else self._zone
        days = [self._days[0] - timedelta(days=1), *self._days, self._days[-1] + timedelta(days=1)]
        return _together(self._spans(person.hours, days, zone))

    def _booked_spans(self, staff: str) -> list[range]:
        return [
            range(_minute(one.start) - one.before, _minute(one.end) + one.after)
            for one in self._world.bookings
            if staff in one.staff
        ]

    @staticmethod
    def _spans(hours: Week, days: Iterable[date], zone: ZoneInfo) -> list[range]:
        return [
            range(
                _minute(_at(day, opens, zone)),
                _minute(_at(day + timedelta(days=1) if closes == "00:00" else day, closes, zone)),
            )
            for day in days
            for opens, closes in hours.get(DAYS[day.weekday()], ())
        ]


def page_zone(world: World) -> ZoneInfo:
    """Return the page's own zone, or where Graph does not say it, that of most of the staff."""
    if world.zone:
        return find_zone(world.zone)
    [(name, _)] = Counter(person.zone for person in world.people if person.zone).most_common(1)
    return find_zone(name)


def _minutes_by_status(statuses: list[Status]) -> tuple[Minutes, Minutes, Minutes]:
    """Return available, busy and outOfOffice minutes. Statuses that nobody knows are busy; busy wins."""
    available, busy, out_of_office = set[int](), set[int](), set[int]()
    for one in statuses:
        into = {"available": available, "outOfOffice": out_of_office}.get(one.name, busy)
        into.update(range(_minute(one.start), _minute(one.end)))
    return available - busy - out_of_office, busy, out_of_office


@cache
def find_zone(name: str) -> ZoneInfo:
    """Find a zone by its IANA name, or by one of the few Windows names that are used here."""
    return ZoneInfo(_WINDOWS.get(name, name))


def _at(day: date, clock: str, zone: ZoneInfo) -> datetime:
    """Return a wall time: the first of two, and one that is skipped by the offset before the change (RFC 5545)."""
    return datetime.combine(day, wall_time.fromisoformat(clock), zone)


def _minute(moment: datetime) -> int:
    return int(moment.timestamp()) // 60


def _join(spans: list[range]) -> list[range]:
    """Join spans of one day that touch: 09:00 to 12:00 and 12:00 to 15:00 are one span."""
    joined: list[range] = []
    for span in sorted(spans, key=lambda one: one.start):
        if joined and span.start <= joined[-1].stop:
            joined[-1] = range(joined[-1].start, max(joined[-1].stop, span.stop))
        else:
            joined.append(span)
    return joined


def _together(spans: Iterable[range]) -> Minutes:
    return {minute for span in spans for minute in span}
