"""The product's answer about a random world: its own code, reading what Graph would answer."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import time_machine

from bookings.free_time.group_limit import GroupLimit
from bookings.free_time.held_time import Hold
from bookings.free_time.slots import PageSlots, SlotFinder, SlotRequest
from bookings.names import Names
from devkit.random_worlds import graph_answers
from devkit.random_worlds.oracle import Offer
from devkit.random_worlds.world import SERVICE, World
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.time_zones.zones import find_zone
from shared.workers import Workers

if TYPE_CHECKING:
    from shared.graph.client import GraphClient

_BUSINESS = "desk@contoso.com"
_WORKERS = Workers(2)


def find_slots(world: World) -> list[Offer]:
    """Ask the product for the slots of a world."""
    with time_machine.travel(world.now, tick=False):
        finder = _make_finder(world)
        page = finder.read_page(_BUSINESS, [SERVICE])
        asked = SlotRequest(world.start, world.end, world.wanted, together=world.together, hold=world.own_hold)
        found = finder.find_on(page, asked)
    zone = find_zone(world.asked_zone) if world.asked_zone else page.zone
    return [read_offer(slot.describe(zone)) for slot in found.slots]


def find_explained(world: World, *, together: bool = False) -> PageSlots:
    """Ask the product for the slots of a world, and why others are none. Raises Invalid."""
    asked = SlotRequest(world.start, world.end, world.wanted, together=together, hold=world.own_hold, explains=True)
    with time_machine.travel(world.now, tick=False):
        finder = _make_finder(world)
        return finder.find_on(finder.read_page(_BUSINESS, [SERVICE]), asked)


def _make_finder(world: World) -> SlotFinder:
    graph = GraphBookings(cast("GraphClient", _Graph(world)), is_delegated=world.reporting.is_delegated)
    return SlotFinder(graph, Names(graph), _WORKERS, GroupLimit(), lambda _, own: _list_holds(world, own))


def read_offer(item: Json, names: Mapping[str, str] | None = None) -> Offer:
    """Read one slot of an answer; `names` are those of appointments by their ids."""
    known = names or {}
    staff = [
        (one["id"], one["seatsAvailable"], known.get(one["appointmentId"], one["appointmentId"]))
        for one in item["staffMembers"]
    ]
    return Offer(
        datetime.fromisoformat(item["startUtc"]),
        item["durationMinutes"],
        item["seatsAvailable"],
        item["startLocal"],
        item["endLocal"],
        tuple(sorted(staff, key=str)),
    )


def _list_holds(world: World, own: str | None) -> list[Hold]:
    return [
        Hold(
            id=one.id,
            service=SERVICE,
            start=int(one.start.timestamp()),
            end=int(one.end.timestamp()),
            before=0 if one.joins else world.before * 60,
            after=0 if one.joins else world.after * 60,
            seats=one.seats,
            capacity=world.seats,
            mark=one.id,
            staff=one.staff,
            made=int(world.now.timestamp()),
            expires=int(world.now.timestamp()) + 300,
        )
        for one in world.holds
        if one.id != own
    ]


class _Graph:
    """Answers the few requests that a question for slots makes, in the place of a client of Graph."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get(self, path: str, **_: Any) -> Json:
        if "/services/" in path:
            return {"id": SERVICE} | graph_answers.describe_service(self._world)
        return graph_answers.describe_business(self._world)

    def pages(self, path: str, *, query: dict[str, str] | None = None, **_: Any) -> Iterator[list[Json]]:
        if path.endswith("/staffMembers"):
            yield [{"id": one.id} | graph_answers.describe_person(self._world, one) for one in self._world.people]
            return
        if not path.endswith("/calendarView") or query is None:
            raise AssertionError(path)
        start, end = (datetime.fromisoformat(query[name]) for name in ("start", "end"))
        found = graph_answers.find_appointments(self._world, start, end)
        yield found[:3]
        yield found[3:]

    def post(self, path: str, *, body: Json, **_: Any) -> Json:
        if not path.endswith("/getStaffAvailability") or self._world.reporting.is_delegated:
            raise AssertionError(path)
        start, end = (
            datetime.fromisoformat(body[name]["dateTime"].removesuffix("Z")[:19] + "+00:00")
            for name in ("startDateTime", "endDateTime")
        )
        return graph_answers.describe_availability(self._world, body["staffIds"], start, end)
