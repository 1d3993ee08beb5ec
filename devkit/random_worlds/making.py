"""Makes random worlds: one number, one world. Rare things are common here: clock changes, midnight, touching spans."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from random import Random
from typing import Any

from devkit.random_worlds.graph_answers import report_staff
from devkit.random_worlds.oracle import expect_slots, find_zone
from devkit.random_worlds.world import (
    DAYS,
    OTHER_SERVICE,
    SERVICE,
    Availability,
    Booking,
    Held,
    Kind,
    Mark,
    Person,
    Policy,
    Reporting,
    Week,
    Window,
    World,
)

# Most of them change their clocks: by half an hour, at midnight, or on days of their own.
_ZONES = (
    "Europe/London", "GMT Standard Time", "America/New_York", "Eastern Standard Time", "Australia/Sydney",
    "AUS Eastern Standard Time", "Asia/Kolkata", "India Standard Time", "Australia/Lord_Howe", "America/Santiago",
    "Africa/Cairo", "Pacific/Chatham", "Asia/Kathmandu", "Pacific/Kiritimati", "America/Los_Angeles", "Europe/Berlin",
    "America/St_Johns", "Etc/UTC",
)  # fmt: skip
_DAY = 24 * 60
_HOURS = (
    (("09:00", "17:00"),),
    (("08:00", "18:00"),),
    (("09:00", "12:00"), ("13:00", "17:30")),
    (("00:00", "00:00"),),
    (("00:00", "06:00"), ("18:00", "00:00")),
    (("09:00", "12:00"), ("12:00", "15:00")),
    (("01:30", "09:00"),),
    (("00:00", "01:30"), ("02:00", "05:00"), ("20:00", "00:00")),
    (("08:15", "10:40"), ("11:00", "19:00")),
    (("00:30", "04:15"),),
    (),
)
_BEFORE_START = (1, 60, 90, 3_599, 7_200, 40_000, 86_400, 90_061)
"""How many seconds before the range it is; the last moments of lead time and advance fall into the range often."""


def make_world(number: int) -> World:
    """Make the world of a number; the same number makes the same world."""
    random = Random(number)  # noqa: S311 - repeatable, not secret
    zone = random.choice(_ZONES)
    day = _choose_day(random, zone)
    start = datetime.combine(day, time(), find_zone(zone)).astimezone(UTC)
    start += timedelta(minutes=random.choice((0, 0, 0, 30, -120, random.randrange(_DAY))))
    end = start + timedelta(minutes=random.choice((_DAY, _DAY, _DAY, 2 * _DAY, random.randrange(1, _DAY))))
    if _chance(random, 0.01):
        end += timedelta(days=random.randint(29, 60))  # more than one call's worth
    people = tuple(_make_person(random, name) for name in "ABC"[: random.choice((1, 1, 2, 3))])
    team = tuple(person.id for person in people if _chance(random, 0.9)) or (people[0].id,)
    seats = random.randint(2, 6) if _chance(random, 0.4) else 1
    duration = random.choice((15, 20, 30, 30, 45, 60, 60, 90, 150, 480, _DAY if _chance(random, 0.3) else 30))
    is_named = _chance(random, 0.93)
    world = World(
        number=number,
        now=start - timedelta(seconds=random.choice(_BEFORE_START)),
        zone=zone if is_named else None,
        hours=_make_week(random),
        policy=_make_policy(random, day),
        own_policy=_make_own_policy(random, day) if _chance(random, 0.6) else None,
        duration=duration,
        before=_make_buffer(random),
        after=_make_buffer(random),
        seats=seats,
        start=start,
        end=end,
        people=people if is_named else tuple(replace(person, zone=zone) for person in people),
        team=(*team, "ghost") if _chance(random, 0.1) else team,
        wanted=tuple(random.sample(team, random.randint(1, len(team)))) if _chance(random, 0.2) else (),
        asked_zone=random.choice(_ZONES) if _chance(random, 0.3) else None,
        reporting=_make_reporting(random),
    )
    world = replace(
        world,
        bookings=tuple(_make_booking(random, world, f"appointment {index}") for index in range(_how_many(random))),
        marks=tuple(_make_mark(random, world) for _ in range(random.choice((0, 0, 1, 1, 3)))),
    )
    if _chance(random, 0.2):
        world = _ask_for_all(world)
    return _hold_slots(random, world) if _chance(random, 0.2) else world


def _chance(random: Random, part: float) -> bool:
    return random.random() < part


def _choose_day(random: Random, zone: str) -> date:
    """Choose a day of two years, most often one close to a change of the clocks."""
    changes = _find_changes(zone)
    if changes and _chance(random, 0.5):
        return random.choice(changes) + timedelta(days=random.choice((-1, 0, 0, 0, 1)))
    return date(2026, 1, 1) + timedelta(days=random.randrange(700))


@cache
def _find_changes(zone: str) -> tuple[date, ...]:
    rules = find_zone(zone)
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(700)]
    offsets = [datetime.combine(day, time(12), rules).utcoffset() for day in days]
    return tuple(day for day, before, after in zip(days[1:], offsets, offsets[1:], strict=False) if before != after)


def _make_week(random: Random) -> Week:
    usual = random.choice(_HOURS[:-2])
    return {
        day: usual if _chance(random, 0.8) else random.choice((*_HOURS, _make_spans(random)))
        for day in DAYS
        if _chance(random, 0.95)
    }


def _make_spans(random: Random) -> tuple[tuple[str, str], ...]:
    marks = sorted(random.sample(range(0, _DAY, 5), 4))
    first, second, third, fourth = (f"{minute // 60:02}:{minute % 60:02}" for minute in marks)
    return ((first, second), (third, fourth))


def _make_person(random: Random, name: str) -> Person:
    return Person(
        id=name,
        zone=random.choice(_ZONES) if _chance(random, 0.4) else None,
        hours=_make_week(random) if _chance(random, 0.3) else None,
        membership=random.choice(("active",) * 12 + ("pendingAcceptance", "rejectedByStaff")),
    )


def _make_buffer(random: Random) -> int:
    return random.choice((0, 0, 0, 0, 5, 10, 15, 30, 60, 90, random.choice((20, 20, 300, 20 * 60, _DAY))))


def _make_policy(random: Random, day: date) -> Policy:
    return Policy(
        interval=random.choice((5, 15, 15, 30, 30, 60, 25, 50, 120, None)),
        lead=random.choice((0,) * 10 + (60, 90, 240, _DAY, None)),
        advance=random.choice((_DAY, 2 * _DAY, 60 * _DAY, 365 * _DAY, 365 * _DAY, None)),
        general=_make_availability(random) if _chance(random, 0.1) else None,
        windows=_make_windows(random, day) if _chance(random, 0.1) else None,
    )


def _make_own_policy(random: Random, day: date) -> Policy:
    def perhaps(value: Any) -> Any:
        return value if _chance(random, 0.5) else None

    return Policy(
        interval=perhaps(random.choice((10, 15, 30, 30, 40, 60, 90))),
        lead=perhaps(random.choice((0, 0, 0, 30, 120, 12 * 60))),
        advance=perhaps(random.choice((_DAY, 3 * _DAY, 365 * _DAY, 365 * _DAY))),
        general=perhaps(_make_availability(random)),
        windows=perhaps(random.choice((_make_windows(random, day), _make_windows(random, day), ()))),
    )


def _make_availability(random: Random) -> Availability:
    kind = random.choice(("bookWhenStaffAreFree",) * 3 + ("customWeeklyHours",) * 4 + ("notBookable",))
    return Availability(kind, _make_week(random) if kind == "customWeeklyHours" else {})


def _make_windows(random: Random, day: date) -> tuple[Window, ...]:
    """Make dated availabilities that do not overlap: no document says what overlapping ones mean."""
    first, windows = day + timedelta(days=random.randint(-3, 2)), []
    for _ in range(random.randint(1, 2)):
        last = first + timedelta(days=random.choice((0, 0, 1, 5)))
        windows.append(Window(first, last, _make_availability(random)))
        first = last + timedelta(days=random.randint(1, 2))
    return tuple(windows)


def _make_reporting(random: Random) -> Reporting:
    return Reporting(
        is_delegated=_chance(random, 0.1),
        ignores_hours=_chance(random, 0.3),
        ignores_appointments=_chance(random, 0.3),
        starts_early=_chance(random, 0.5),
        is_capitalised=_chance(random, 0.5),
        in_page_zone=_chance(random, 0.3),
        ends_days_late=_chance(random, 0.2),
        key=random.choice(("value", "value", "staffAvailabilityItem")),
    )


def _how_many(random: Random) -> int:
    return random.choice((0, 1, 1, 2, 3, 5, 8))


def _make_booking(random: Random, world: World, name: str) -> Booking:
    """Make an appointment: often a group of the service itself, sometimes one of several days."""
    is_ours = random.random() < (0.6 if world.seats > 1 else 0.3)
    has_own_length = not is_ours or _chance(random, 0.3)
    length = random.choice((15, 30, 45, 60, 300, 20 * 60, 3 * _DAY if _chance(random, 0.3) else 90))
    start = _choose_moment(random, world.start - timedelta(days=1), world.end + timedelta(days=1))
    if world.end - world.start > timedelta(days=20) and _chance(random, 0.5):
        middle = (world.start + (world.end - world.start) / 2).replace(second=0)  # where two calls meet
        start = _choose_moment(random, middle - timedelta(days=1), middle)
    seats = random.choice((world.seats, world.seats, world.seats, 1, 4)) if is_ours else random.choice((1, 1, 1, 5))
    return Booking(
        id=name,
        service=SERVICE if is_ours else OTHER_SERVICE,
        staff=tuple(sorted({random.choice(world.people).id for _ in range(random.choice((1, 1, 1, 2)))})),
        start=start,
        end=start + timedelta(minutes=length if has_own_length else world.duration),
        before=_make_buffer(random),
        after=_make_buffer(random),
        seats=seats,
        taken=random.randint(min(1, seats - 1), seats),
    )


def _make_mark(random: Random, world: World) -> Mark:
    start = _choose_moment(random, world.start - timedelta(days=1), world.end)
    length = timedelta(minutes=random.choice((5, 30, 60, 240, _DAY, 2 * _DAY)))
    kinds: tuple[Kind, ...] = ("timeOff", "timeOff", "timeOff", "personal", "personal", "strange", "unreported")
    return Mark(random.choice(world.people).id, random.choice(kinds), start, start + length)


def _ask_for_all(world: World) -> World:
    """Ask for all of the team at the same time, if there are several."""
    team = [one.id for one in world.people if one.id in world.team and one.membership != "rejectedByStaff"]
    return replace(world, wanted=tuple(team), together=True) if len(team) > 1 else world


def _hold_slots(random: Random, world: World) -> World:
    """Hold up to three of the slots, one after the other; the caller may have made one of the holds."""
    for number in range(random.choice((1, 1, 1, 2))):
        if slots := expect_slots(world, report_staff(world)):
            slot = random.choice(slots)
            staff, seats, joins = random.choice(slot.staff)
            alone = world.wanted if world.together else (staff,)
            hosts = next((one.staff for one in world.bookings if one.id == joins), alone)
            end = slot.start + timedelta(minutes=slot.minutes)
            hold = Held(f"hold {number}", hosts, slot.start, end, random.randint(1, seats), joins)
            world = replace(world, holds=(*world.holds, hold))
    return replace(world, own_hold=world.holds[-1].id) if world.holds and _chance(random, 0.2) else world


def _choose_moment(random: Random, start: datetime, end: datetime) -> datetime:
    step = random.choice((5, 15, 30, 30, 60))
    minutes = int((end - start).total_seconds()) // 60
    chosen = start + timedelta(minutes=random.randrange(minutes))
    return chosen - timedelta(minutes=chosen.minute % step)
