"""Compares the product with the oracle, world by world; what differs is made as small as it can be."""

from collections.abc import Callable
from dataclasses import dataclass, field

from devkit.random_worlds.describing import describe_offer, describe_world
from devkit.random_worlds.graph_answers import report_staff
from devkit.random_worlds.making import make_world
from devkit.random_worlds.oracle import Offer, expect_slots
from devkit.random_worlds.plan import Plan
from devkit.random_worlds.product import find_slots
from devkit.random_worlds.shrinking import shrink
from devkit.random_worlds.world import World

_SHOWN = 3
"""How many differences are made small and shown."""
_STEP = 1_000


@dataclass
class Findings:
    """What a comparison found; `texts` are the first differences, in words."""

    worlds: int = 0
    slots: int = 0
    with_slots: int = 0
    with_groups: int = 0
    different: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Say whether product and oracle agree about every world."""
        return not self.different

    def describe(self) -> str:
        """Return the result in words."""
        counts = (
            f"{self.worlds} worlds, {self.with_slots} with free slots ({self.with_groups} with groups to join), "
            f"{self.slots} slots compared, {len(self.different)} worlds differ"
        )
        more = len(self.different) - len(self.texts)
        further = [f"Further worlds that differ: {self.different[len(self.texts) :][:20]}"] if more > 0 else []
        return "\n\n".join([*self.texts, *further, counts])


def compare(plan: Plan, report: Callable[[str], None] = lambda _: None) -> Findings:
    """Compare all worlds of a plan."""
    found = Findings()
    for number in range(plan.first, plan.first + plan.worlds):
        world = make_world(number)
        expected = expect_slots(world, report_staff(world))
        found.worlds += 1
        found.slots += len(expected)
        found.with_slots += bool(expected)
        found.with_groups += any(joins for slot in expected for _, _, joins in slot.staff)
        if _ask(world) != expected:
            found.different.append(number)
            if len(found.texts) < _SHOWN:
                found.texts.append(explain_difference(shrink(world, differs)))
        if found.worlds % _STEP == 0:
            report(f"{found.worlds} worlds")
    return found


def differs(world: World) -> bool:
    """Say whether product and oracle disagree about a world."""
    return _ask(world) != expect_slots(world, report_staff(world))


def explain_difference(world: World) -> str:
    """Describe a world about which they disagree, and the slots that differ."""
    answered = _ask(world)
    if isinstance(answered, str):
        return f"{describe_world(world)}\n  the product failed: {answered}"
    return explain_slots(world, expect_slots(world, report_staff(world)), answered)


def explain_slots(world: World, expected: list[Offer], answered: list[Offer]) -> str:
    """Describe a world and the slots that differ."""
    lines = [describe_world(world)]
    for slot in sorted({*expected, *answered}, key=lambda one: one.start):
        if slot not in answered:
            lines.append(f"  missing:      {describe_offer(slot)}")
        if slot not in expected:
            lines.append(f"  not expected: {describe_offer(slot)}")
    return "\n".join(lines)


def _ask(world: World) -> list[Offer] | str:
    """Return the product's slots, or how it failed."""
    try:
        return find_slots(world)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a difference to show
        return repr(error)
