"""Why times are no slots, and slots of all staff together, on random booking pages."""

from contextlib import suppress
from dataclasses import replace

from bookings.free_time.explaining import Whose
from bookings.free_time.reasons import Reason
from bookings.free_time.slots import PageSlots
from devkit.random_worlds.making import make_world
from devkit.random_worlds.product import find_explained
from shared.errors import Invalid

WORLDS = range(1, 151)


def free_places(found: PageSlots) -> dict[int, set[str]]:
    """Return who could begin a new appointment, by place."""
    return {
        slot.start: members
        for slot in found.slots
        if (members := {offer["id"] for offer in slot.staff if offer["appointmentId"] is None})
    }


def test_a_place_is_a_slot_or_explained_and_never_both() -> None:
    seen = set()
    for number in WORLDS:
        world = make_world(number)
        found = find_explained(world)
        spans = [(one.start, one.end) for one in found.explanations]
        places = free_places(found)
        assert not [place for place in places for start, end in spans if start <= place < end], number
        step = int(found.page.services[0].policy.interval.total_seconds())
        begins = reached = int(world.start.timestamp())
        for start, end in sorted([*spans, *((slot.start, slot.start + step) for slot in found.slots)]):
            assert start <= reached or (reached == begins and start - begins < step), number
            reached = max(reached, end)
        left = world.end.timestamp() - reached
        assert left <= 0 or (reached == begins and left < step), number
        seen |= {one.reason for one in found.explanations}
    assert seen == set(Reason)


def test_all_staff_are_free_together_where_each_of_them_is() -> None:
    compared = 0
    for number in WORLDS:
        world, together = replace(make_world(number), holds=()), None
        with suppress(Invalid):
            together = find_explained(world, together=True)
        if together is None:
            continue
        compared += 1
        team = {each for each in together.page.services[0].team if not world.wanted or each in world.wanted}
        anybody = free_places(find_explained(world))
        assert free_places(together) == {place: free for place, free in anybody.items() if free == team}, number
        for one in together.explanations:
            if one.whose is Whose.STAFF:
                free = {member for place, free in anybody.items() if one.start <= place < one.end for member in free}
                assert free.isdisjoint(one.staff), number
    assert compared > 30
