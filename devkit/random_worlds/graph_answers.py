"""What Graph answers about a random world, as JSON."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from devkit.random_worlds.oracle import find_zone, page_zone
from devkit.random_worlds.world import (
    DAYS,
    Availability,
    Booking,
    Person,
    Policy,
    Status,
    Week,
    World,
)

type Json = dict[str, Any]

_DISPLAY = {
    "GMT Standard Time": "(UTC+00:00) Dublin, Edinburgh, Lisbon, London",
    "Eastern Standard Time": "(UTC-05:00) Eastern Time (US & Canada)",
    "India Standard Time": "(UTC+05:30) Chennai, Kolkata, Mumbai, New Delhi",
}
_AROUND = timedelta(days=6)
_ONE_DAY = timedelta(days=1)
_NOTHING = ""
_STATUS = {"personal": "busy", "strange": "tentative", "timeOff": "outOfOffice", "unreported": _NOTHING}


def report_staff(world: World) -> dict[str, list[Status]]:
    """Return what Graph reports of each staff member, some days around the question."""
    return {person.id: list(_report(world, person)) for person in world.people}


class _Days:
    """One person's time, minute by minute; what is painted later covers what was there."""

    def __init__(self, first: datetime, minutes: int) -> None:
        self._first = first
        self._minutes: list[tuple[str, str | None]] = [("outOfOffice", None)] * minutes

    def paint(self, name: str, start: datetime, end: datetime, service: str | None = None) -> None:
        begin, stop = (int((moment - self._first).total_seconds()) // 60 for moment in (start, end))
        begin, stop = max(begin, 0), min(max(stop, 0), len(self._minutes))
        if begin < stop:
            self._minutes[begin:stop] = [(name, service)] * (stop - begin)

    def read(self) -> Iterator[Status]:
        """Yield the time in pieces of one status each, but for what is not reported."""
        start = self._first
        for (name, service), group in groupby(self._minutes):
            end = start + timedelta(minutes=len(list(group)))
            if name != _NOTHING:
                yield Status(name, start, end, service)
            start = end


def _report(world: World, person: Person) -> Iterator[Status]:
    first = (world.start - _AROUND).replace(hour=0, minute=0)
    last = world.end + _AROUND
    days = _Days(first, int((last - first).total_seconds()) // 60)
    if world.reporting.ignores_hours:
        days.paint("available", first, last)
    zone = find_zone(person.zone) if person.hours is not None and person.zone else page_zone(world)
    for start, end in _hours(world.hours if person.hours is None else person.hours, first, last, zone):
        days.paint("available", start, end)
    _paint_marks(days, world, person, ("personal", "strange"))
    bookings = [one for one in world.bookings if person.id in one.staff and not world.reporting.ignores_appointments]
    for one in bookings:
        before, after = timedelta(minutes=one.before), timedelta(minutes=one.after)
        days.paint("busy", one.start - before, one.end + after, one.service)
    for one in bookings:
        days.paint("slotsAvailable" if one.taken < one.seats else "busy", one.start, one.end, one.service)
    _paint_marks(days, world, person, ("timeOff", "unreported"))
    return days.read()


def _paint_marks(days: _Days, world: World, person: Person, kinds: tuple[str, ...]) -> None:
    for mark in world.marks:
        if mark.staff == person.id and mark.kind in kinds:
            days.paint(_STATUS[mark.kind], mark.start, mark.end)


def _hours(week: Week, first: datetime, last: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    day = first.date() - _ONE_DAY
    while day <= last.date() + _ONE_DAY:
        for opens, closes in week.get(DAYS[day.weekday()], ()):
            closing = day + _ONE_DAY if closes == "00:00" else day
            yield (
                datetime.fromisoformat(f"{day}T{opens}").replace(tzinfo=zone).astimezone(UTC),
                datetime.fromisoformat(f"{closing}T{closes}").replace(tzinfo=zone).astimezone(UTC),
            )
        day += _ONE_DAY


def describe_business(world: World) -> Json:
    """Return the business as Graph shows it."""
    settings = {"bookingPageSettings": {"businessTimeZone": world.zone}} if world.zone else {}
    return {"businessHours": _week(world, world.hours), "schedulingPolicy": _policy(world, world.policy), **settings}


def describe_service(world: World) -> Json:
    """Return the service that the question is about."""
    return {
        "defaultDuration": _duration(world.duration),
        "preBuffer": _duration(world.before),
        "postBuffer": _duration(world.after),
        "maximumAttendeesCount": world.seats,
        "staffMemberIds": list(world.team),
        "schedulingPolicy": None if world.own_policy is None else _policy(world, world.own_policy),
    }


def describe_person(world: World, person: Person) -> Json:
    """Return a staff member without its id."""
    return {
        "@odata.type": "#microsoft.graph.bookingStaffMember",
        "displayName": f"Person {person.id}",
        "emailAddress": f"{person.id.lower()}@contoso.com",
        "role": "teamMember",
        "membershipStatus": person.membership,
        "useBusinessHours": person.hours is None,
        "workingHours": _week(world, person.hours or {}),
        "timeZone": person.zone,
        "availabilityIsAffectedByPersonalCalendar": True,
    }


def describe_booking(one: Booking) -> Json:
    """Return an appointment as lists show it, without its id."""
    return {
        "serviceId": one.service,
        "serviceName": f"Service {one.service}",
        "startDateTime": _utc(one.start),
        "endDateTime": _utc(one.end),
        "preBuffer": _duration(one.before),
        "postBuffer": _duration(one.after),
        "staffMemberIds": list(one.staff),
        "maximumAttendeesCount": one.seats,
        "filledAttendeesCount": one.taken,
        "customers": [],
    }


def describe_availability(world: World, staff: list[str], start: datetime, end: datetime) -> Json:
    """Return the answer of getStaffAvailability, in one of the ways in which it was seen."""
    style, reported = world.reporting, report_staff(world)
    begin = start - _ONE_DAY if style.starts_early else start
    value = [
        {
            "staffId": member,
            "availabilityItems": [
                {
                    "status": one.name[0].upper() + one.name[1:] if style.is_capitalised else one.name,
                    "serviceId": one.service or "",
                    "startDateTime": _moment(world, max(one.start, begin)),
                    "endDateTime": _moment(world, min(one.end, end)),
                }
                for one in reported[member]
                if one.start < end and begin < one.end
            ],
        }
        for member in staff
    ]
    return {style.key: value}


def find_appointments(world: World, start: datetime, end: datetime) -> list[Json]:
    """Return what calendarView answers: the appointments that overlap the range."""
    return [{"id": one.id} | describe_booking(one) for one in world.bookings if one.start < end and start < one.end]


def _moment(world: World, moment: datetime) -> Json:
    name = world.zone if world.reporting.in_page_zone and _is_plain(world, moment) else None
    return {
        "dateTime": moment.astimezone(find_zone(name) if name else UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "timeZone": _DISPLAY.get(name, name) if name else "UTC",
    }


def _is_plain(world: World, moment: datetime) -> bool:
    """Say whether a wall time in the page's zone names one moment only; Graph's zone without offset cannot else."""
    local = moment.astimezone(page_zone(world))
    return local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset()


def _policy(world: World, policy: Policy) -> Json:
    whole = {
        "timeSlotInterval": _duration(policy.interval),
        "minimumLeadTime": _duration(policy.lead),
        "maximumAdvance": _duration(policy.advance),
        "generalAvailability": policy.general and _availability(world, policy.general),
        "customAvailabilities": policy.windows
        and [
            _availability(world, window.availability)
            | {
                "@odata.type": "#microsoft.graph.bookingsAvailabilityWindow",
                "startDate": str(window.first),
                "endDate": str(window.last),
            }
            for window in policy.windows
        ],
        "allowStaffSelection": True,
        "sendConfirmationsToOwner": True,
    }
    return {name: value for name, value in whole.items() if value is not None}


def _availability(world: World, rule: Availability) -> Json:
    return {
        "@odata.type": "#microsoft.graph.bookingsAvailability",
        "availabilityType": rule.kind,
        "businessHours": _week(world, rule.hours),
    }


def _week(world: World, week: Week) -> list[Json]:
    midnight = "23:59:59.9999999" if world.reporting.ends_days_late else "00:00:00.0000000"
    return [
        {
            "day": day,
            "timeSlots": [
                {
                    "startTime": f"{start}:00.0000000",
                    "endTime": midnight if end == "00:00" else f"{end}:00.0000000",
                }
                for start, end in spans
            ],
        }
        for day, spans in week.items()
    ]


def _duration(minutes: int | None) -> str | None:
    """Write a length in one of the ways of ISO 8601, depending on the length."""
    if minutes is None:
        return None
    if minutes and minutes % 1440 == 0:
        return f"P{minutes // 1440}D"
    hours, rest = divmod(minutes, 60)
    if minutes % 3 == 0 or not hours:
        return f"PT{minutes}M" if minutes else "PT0S"
    return f"PT{hours}H{rest}M"


def _utc(moment: datetime) -> Json:
    return {"dateTime": moment.strftime("%Y-%m-%dT%H:%M:%S.0000000Z"), "timeZone": "UTC"}
