"""Random booking pages through HTTP and the twin: slots are those of the oracle, and can be held and booked."""

import time as clock
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from devkit.random_worlds.comparing import explain_slots
from devkit.random_worlds.graph_answers import (
    describe_booking,
    describe_business,
    describe_person,
    describe_service,
    report_staff,
)
from devkit.random_worlds.making import make_world
from devkit.random_worlds.oracle import Offer, expect_slots
from devkit.random_worlds.product import read_offer
from devkit.random_worlds.world import SERVICE, Booking, Held, Policy, Reporting, World
from tests.functional.conftest import Gateway
from twin.bookings.state import Bookings
from twin.seeds import tiny
from twin.seeds.sample import TENANT_ID
from twin.world import World as Simulated

pytestmark = pytest.mark.usefixtures("rows_in_memory")

WEEK = timedelta(days=7)
CUSTOMER = "#microsoft.graph.bookingCustomerInformation"
GUEST = {"name": "Robin Example", "emailAddress": "robin@example.com"}
WORLDS = 24


def bring_to_now(world: World) -> World:
    """Return a world that begins tomorrow or some days later, without what the twin does not do."""
    now = datetime.now(UTC)
    by = WEEK * ((now + timedelta(days=1) - world.start) // WEEK + 1)

    def move(moment: datetime) -> datetime:
        return moment + by

    def ease(policy: Policy) -> Policy:
        moved = [replace(one, first=one.first + by, last=one.last + by) for one in policy.windows or ()]
        return replace(policy, lead=0, advance=365 * 24 * 60, windows=tuple(moved) or None)

    return replace(
        world,
        now=now,
        start=move(world.start),
        end=move(world.start) + min(world.end - world.start, timedelta(days=3)),
        policy=ease(world.policy),
        own_policy=world.own_policy and ease(world.own_policy),
        bookings=tuple(replace(one, start=move(one.start), end=move(one.end)) for one in world.bookings),
        marks=tuple(
            replace(one, start=move(one.start), end=move(one.end))
            for one in world.marks
            if one.kind in {"timeOff", "personal"}
        ),
        holds=(),
        own_hold=None,
        reporting=Reporting(ignores_hours=world.reporting.ignores_hours),
    )


class Page:
    """A world as a booking page of the twin."""

    def __init__(self, gateway: Gateway, world: World, address: str) -> None:
        self.gateway, self.world, self.address = gateway, world, address
        self.names: dict[str, str] = {}

    def seed(self, bookings: Bookings) -> None:
        business = bookings.add_business(
            self.address, TENANT_ID, {"displayName": "Page", "email": self.address} | describe_business(self.world)
        )
        for person in self.world.people:
            business.staff.add(describe_person(self.world, person), item_id=person.id)
        business.services.add({"displayName": "Service"} | describe_service(self.world), item_id=SERVICE)
        for one in self.world.bookings:
            guests = [{"displayName": f"Guest {number}"} for number in range(one.taken)]
            people = [{"@odata.type": CUSTOMER, "customerId": business.customers.add(guest)} for guest in guests]
            listed = describe_booking(one)
            del listed["filledAttendeesCount"]  # Graph counts it
            self.names[business.appointments.add(listed | {"customers": people}).id] = one.id
        for mark in self.world.marks:
            add = business.add_time_off if mark.kind == "timeOff" else business.add_personal_event
            add(mark.staff, mark.start, mark.end)

    def find_slots(self) -> list[Offer]:
        world = self.world
        query = {"service": SERVICE, "start": f"{world.start:%Y-%m-%dT%H:%MZ}", "end": f"{world.end:%Y-%m-%dT%H:%MZ}"}
        more = {
            "staff": ",".join([*world.wanted, *(["all"] if world.together else [])]),
            "timeZone": world.asked_zone,
            "hold": world.own_hold,
        }
        self.gateway.business = self.address
        answer = self.gateway.ask("/slots", **query, **{name: value for name, value in more.items() if value})
        return [read_offer(item, self.names) for item in answer["value"]]

    def check_slots(self) -> list[Offer]:
        """Slots are those of the oracle; return them."""
        expected, found = expect_slots(self.world, report_staff(self.world)), self.find_slots()
        assert found == expected, explain_slots(self.world, expected, found)
        return expected

    def send(self, path: str, **body: Any) -> Any:
        answer = self.gateway.post(f"bookings/businesses/{self.address}/{path}", {"service": SERVICE} | body)
        assert answer.status_code == 201, (answer.text, explain_slots(self.world, [], []))
        return answer.json()

    def book_one(self, number: int) -> None:
        """Hold one of the slots, look what is left, book it with the hold, and look again."""
        slots = [slot for slot in self.check_slots() if sum(bool(joins) for _, _, joins in slot.staff) < 2]
        if not slots or any(mark.kind == "timeOff" for mark in self.world.marks):
            return  # Graph does not say whether somebody is off behind closing time, so a buffer may be refused there
        groups = [slot for slot in slots if any(joins for _, _, joins in slot.staff)]
        slot = (groups or slots)[number % len(groups or slots)]
        member, _, joins = max(slot.staff, key=lambda one: bool(one[2]))
        end = slot.start + timedelta(minutes=slot.minutes)
        wish: dict[str, Any] = {"start": f"{slot.start:%Y-%m-%dT%H:%M:%SZ}", "end": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
        wanted = self.world.wanted if self.world.together else (member,)
        wish |= {"staff": list(wanted)}
        hold = self.send("slots/holds", **wish)["id"]
        hosts = next((one.staff for one in self.world.bookings if one.id == joins), wanted)
        self.world = replace(self.world, holds=(Held(hold, hosts, slot.start, end, 1, joins),))
        self.check_slots()
        self.world = replace(self.world, own_hold=hold)
        self.check_slots()
        made = self.send("appointments", hold=hold, customers=[GUEST], **wish)
        assert self.names.get(made["id"]) == joins
        self.world = replace(self.world, holds=(), own_hold=None, bookings=self._with_booking(slot, wanted, made["id"]))
        self.check_slots()

    def _with_booking(self, slot: Offer, staff: tuple[str, ...], made: str) -> tuple[Booking, ...]:
        if made in self.names:
            return tuple(
                replace(one, taken=one.taken + 1) if one.id == self.names[made] else one for one in self.world.bookings
            )
        end, self.names[made] = slot.start + timedelta(minutes=slot.minutes), "new"
        world = self.world
        new = Booking("new", SERVICE, staff, slot.start, end, world.before, world.after, world.seats)
        return (*world.bookings, new)


@pytest.mark.slow(reason="asks, holds and books on two dozen pages", seconds=10)
def test_slots_of_random_pages_can_be_held_and_booked(gateway_process: Gateway) -> None:
    run = clock.time_ns()
    worlds = [world for number in range(1, 100) if (world := bring_to_now(make_world(number))).zone][:WORLDS]
    pages = [Page(gateway_process, world, f"page{world.number}-{run}@contoso.com") for world in worlds]

    def seed(simulated: Simulated) -> None:
        tiny.seed(simulated)
        for page in pages:
            page.seed(simulated.state(Bookings))

    addresses = ",".join(page.address for page in pages)
    gateway_process.begin(seed, BOOKINGS_BUSINESSES=addresses, BOOKINGS_WRITES="on")
    for page in pages:
        gateway_process.sim.bookings.set_switches(
            {"availability_ignores_hours": page.world.reporting.ignores_hours, "availability_zone": "display"}
        )
        page.book_one(page.world.number)
