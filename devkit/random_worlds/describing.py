"""Random worlds and slots as text."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime

from devkit.random_worlds.oracle import Offer
from devkit.random_worlds.world import Availability, Policy, Reporting, Week, World


def describe_world(world: World) -> str:
    """Describe everything of a world that is not as usual, over several lines."""
    return "\n".join(
        [
            f"World {world.number} (again: python3 -m devkit slots --first {world.number} --worlds 1), made smaller",
            *(f"  {line}" for line in _lines(world)),
        ]
    )


def describe_offer(slot: Offer) -> str:
    """Describe a slot in one line."""
    staff = ", ".join(f"{name} {seats}" + (f" ({joins})" if joins else "") for name, seats, joins in slot.staff)
    return f"{_time(slot.start)}, local {slot.start_local} to {slot.end_local}, seats {slot.seats}: {staff}"


def _lines(world: World) -> Iterator[str]:
    yield f"asked at {_time(world.now, seconds=True)}: {_time(world.start)} to {_time(world.end)}"
    yield f"page: {world.zone or 'no zone'}, {_hours(world.hours)}; {_policy(world.policy)}"
    yield (
        f"service: {world.duration} minutes, buffers {world.before} and {world.after}, seats {world.seats}, "
        f"staff {' '.join(world.team)}"
    )
    if world.own_policy:
        yield f"  its policy: {_policy(world.own_policy)}"
    if world.wanted or world.asked_zone:
        whom = " ".join([*world.wanted, *(["together"] if world.together else [])]) or "anybody"
        yield f"  asked for {whom}, in {world.asked_zone or 'the zone of the page'}"
    for person in world.people:
        hours = "business hours" if person.hours is None else _hours(person.hours)
        yield f"{person.id}: {hours}, {person.zone or 'no zone'}, {person.membership}"
    for one in world.bookings:
        yield (
            f"{one.id} of service {one.service} with {' '.join(one.staff)}: {_time(one.start)} to {_time(one.end)}, "
            f"buffers {one.before} and {one.after}, {one.taken} of {one.seats} seats"
        )
    for held in world.holds:
        of_whom = " (the caller's own)" if held.id == world.own_hold else ""
        yield (
            f"{held.id}{of_whom} of {' '.join(held.staff)}: {_time(held.start)} to {_time(held.end)}, "
            f"seats {held.seats} of {held.joins or 'a new appointment'}"
        )
    for mark in world.marks:
        yield f"{mark.kind} of {mark.staff}: {_time(mark.start)} to {_time(mark.end)}"
    usual = Reporting()
    for entry in fields(Reporting):
        if (value := getattr(world.reporting, entry.name)) != getattr(usual, entry.name):
            yield f"Graph: {entry.name} = {value}"


def _policy(policy: Policy) -> str:
    parts = [
        f"{name} {value}"
        for name, value in (("every", policy.interval), ("lead", policy.lead), ("advance", policy.advance))
        if value is not None
    ]
    if policy.general:
        parts.append(f"general: {_availability(policy.general)}")
    if policy.windows is not None:
        windows = [f"{one.first} to {one.last}: {_availability(one.availability)}" for one in policy.windows]
        parts.append(f"dated: {'; '.join(windows) or 'none'}")
    return ", ".join(parts) or "nothing set"


def _availability(rule: Availability) -> str:
    return f"{rule.kind} {_hours(rule.hours)}" if rule.hours else rule.kind


def _hours(week: Week) -> str:
    days = [f"{day} {' '.join(f'{start}-{end}' for start, end in spans)}" for day, spans in week.items() if spans]
    return ", ".join(days) or "closed"


def _time(moment: datetime, *, seconds: bool = False) -> str:
    return moment.strftime("%a %Y-%m-%d %H:%M:%SZ" if seconds else "%a %Y-%m-%d %H:%MZ")
