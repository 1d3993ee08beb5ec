"""Big worlds for benchmarks: very many businesses, or one very busy one. Same tenant and credentials as the sample."""

import uuid
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from random import Random

from twin.bookings.state import Bookings, Business, make_item_id
from twin.bookings.times import render_zoned
from twin.seeds.booking_pages import policy, week
from twin.seeds.people import make_people
from twin.seeds.sample import TENANT_ID, add_access
from twin.world import World

BUSY_BUSINESS = "busydesk@contoso.com"
_ZONES = ("GMT Standard Time", "Pacific Standard Time", "W. Europe Standard Time", "India Standard Time")
_OPENING, _HALF_HOUR = 8, timedelta(minutes=30)
_SLOTS_PER_DAY = 18
_SLASH_SHARE = 0.25


def build_many_businesses(count: int = 1200) -> World:
    """Make a world with so many businesses, more than a list shows (500). Their names are Desk 0001 and so on."""
    return World(partial(_seed_many, count=count))


def build_busy_business(today: date | None = None, *, staff: int = 20, appointments: int = 2000) -> World:
    """Make a world with one business, open seven days, whose appointments fill the month that begins today."""
    return World(partial(_seed_busy, today=today, staff=staff, appointments=appointments))


def _seed_many(world: World, count: int) -> None:
    add_access(world)
    bookings = world.state(Bookings)
    for number in range(1, count + 1):
        zone = _ZONES[number % len(_ZONES)]
        _add_business(bookings, f"desk{number:04}@contoso.com", f"Desk {number:04}", zone)


def _seed_busy(world: World, today: date | None, staff: int, appointments: int) -> None:
    add_access(world)
    if today is not None and world.clock.now().date() != today:
        world.clock.set(datetime.combine(today, time(9), UTC))
    day = world.clock.now().date()
    source = Random(f"busy {day}")  # noqa: S311 - a benchmark, not a secret
    business = _add_business(world.state(Bookings), BUSY_BUSINESS, "Busy desk", "UTC")
    people = make_people(source, 200, "+44 20 7946 0")
    staff_ids = [
        business.staff.add(
            {
                "displayName": f"Agent {number:02}",
                "emailAddress": f"agent{number:02}@contoso.com",
                "role": "teamMember",
            },
            item_id=_make_guid(source),
        )
        for number in range(1, staff + 1)
    ]
    service_id = business.services.add(
        {
            "displayName": "Desk visit",
            "defaultDuration": "PT30M",
            "staffMemberIds": staff_ids,
            "schedulingPolicy": policy("PT30M", "PT1H", "P60D"),
        },
        item_id=_make_guid(source),
    )
    places = [(slot, staff_id) for slot in range(30 * _SLOTS_PER_DAY) for staff_id in staff_ids]
    for slot, staff_id in sorted(source.sample(places, appointments)):
        first = datetime.combine(day + timedelta(days=slot // _SLOTS_PER_DAY), time(_OPENING), UTC)
        start = first + slot % _SLOTS_PER_DAY * _HALF_HOUR
        person = source.choice(people)
        customer = {
            "name": person.name,
            "emailAddress": person.email,
            "phone": person.phone,
            "timeZone": "Europe/London",
        }
        business.appointments.add(
            {
                "serviceId": service_id,
                "serviceName": "Desk visit",
                "startDateTime": render_zoned(start),
                "endDateTime": render_zoned(start + _HALF_HOUR),
                "staffMemberIds": [staff_id],
                "customers": [{"@odata.type": "#microsoft.graph.bookingCustomerInformation"} | customer],
            },
            appointment_id=make_item_id(source, slashes=source.random() < _SLASH_SHARE),
        )


def _add_business(bookings: Bookings, business_id: str, name: str, zone: str) -> Business:
    hours = week(
        ("08:00", "17:00"), days=("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    )
    values = {
        "displayName": name,
        "email": business_id,
        "businessHours": hours,
        "bookingPageSettings": {"businessTimeZone": zone},
    }
    return bookings.add_business(business_id, TENANT_ID, values)


def _make_guid(source: Random) -> str:
    return str(uuid.UUID(int=source.getrandbits(128), version=4))
