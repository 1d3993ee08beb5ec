"""Makes a world smaller as long as the product and the oracle still disagree about it."""

from collections.abc import Callable, Iterator
from dataclasses import fields
from dataclasses import replace as replace_checked
from datetime import timedelta
from itertools import chain
from typing import Any, cast

from devkit.random_worlds.world import Booking, Person, Policy, Reporting, World

_PLAIN: dict[str, Any] = {
    "own_policy": None,
    "before": 0,
    "after": 0,
    "together": False,
    "asked_zone": None,
    "bookings": (),
    "marks": (),
    "holds": (),
    "own_hold": None,
    "reporting": Reporting(),
    "zone": "Etc/UTC",
    "seats": 1,
    "duration": 30,
    "policy": Policy(interval=30, lead=0, advance=365 * 24 * 60),
}
_LENGTHS = (timedelta(hours=1), timedelta(hours=12), timedelta(days=1))


def shrink(world: World, fails: Callable[[World], bool]) -> World:
    """Return a world for which `fails` still holds and in which nothing more can be left out."""
    while (smaller := next((one for one in _smaller(world) if one != world and fails(one)), None)) is not None:
        world = smaller
    return world


def _smaller(world: World) -> Iterator[World]:
    """Yield worlds that are a little simpler, the greatest steps first."""
    plain = (_replace(world, **{name: value}) for name, value in _PLAIN.items())
    return chain(plain, _with_fewer(world), _with_shorter_range(world), _with_simpler_parts(world))


def _with_fewer(world: World) -> Iterator[World]:
    if not world.together:
        yield _replace(world, wanted=())
    for name in ("bookings", "marks", "holds", *(() if world.together else ("people", "team", "wanted"))):
        for kept in _without_one(getattr(world, name)):
            if kept or name not in {"people", "team"}:
                yield _replace(world, **{name: kept})
    for day in world.hours:
        yield _replace(world, hours={other: spans for other, spans in world.hours.items() if other != day})


def _with_shorter_range(world: World) -> Iterator[World]:
    for length in _LENGTHS:
        for start in (world.start, world.start + _LENGTHS[1], world.end - length):
            if world.start <= start and start + length <= world.end and length < world.end - world.start:
                yield _replace(world, start=start, end=start + length)


def _with_simpler_parts(world: World) -> Iterator[World]:
    for name in ("policy", "own_policy"):
        yield from (_replace(world, **{name: policy}) for policy in _simpler_policies(getattr(world, name)))
    for name, simplify in (("people", _simpler_people), ("bookings", _simpler_bookings)):
        items = getattr(world, name)
        for index, item in enumerate(items):
            for simpler in simplify(item):
                yield _replace(world, **{name: (*items[:index], simpler, *items[index + 1 :])})
    for entry in fields(Reporting):
        yield _replace(world, reporting=_replace(world.reporting, **{entry.name: entry.default}))


def _simpler_policies(policy: Policy | None) -> Iterator[Policy]:
    if policy is not None:
        yield _replace(policy, general=None)
        yield _replace(policy, windows=None)
        yield from (_replace(policy, windows=kept) for kept in _without_one(policy.windows or ()))


def _simpler_people(person: Any) -> Iterator[Person]:
    yield Person(person.id)
    yield _replace(person, hours=None)
    yield _replace(person, zone=None)


def _simpler_bookings(one: Any) -> Iterator[Booking]:
    yield _replace(one, before=0)
    yield _replace(one, after=0)
    yield _replace(one, staff=one.staff[:1])
    yield _replace(one, seats=1, taken=1)
    yield _replace(one, end=one.start + timedelta(minutes=30))


def _without_one[T](items: tuple[T, ...]) -> Iterator[tuple[T, ...]]:
    for index, _ in enumerate(items):
        yield (*items[:index], *items[index + 1 :])


def _replace[T](whole: T, **values: Any) -> T:
    return cast("T", replace_checked(cast("Any", whole), **values))
