"""Simulated people who register for group appointments and leave them: several at once, again, swapped, moved, all.

Everybody is named in each group by name and address: some share a name, families share an address, and some have no
address or no record of a customer. Of a family each has one, for else another name would be a corrected one.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from devkit.rehearsals.events import Person

SEATS = 6  # of the service for groups in the tiny world
_NAMES = ("Kim Lee", "Alex Doe", "José Núñez", "李娜", "Anna Schmidt", "Dan O'Neil")


@dataclass
class Crowd:
    """Makes people for groups, the same for the same generator."""

    generator: random.Random
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def make(self, among: tuple[Person, ...], many: int) -> tuple[Person, ...]:
        """Return people who are not in a group yet."""
        found: tuple[Person, ...] = ()
        for _ in range(many):
            found += (self._make_one((*among, *found)),)
        return found

    def call_again(self, person: Person) -> Person:
        """Return somebody who comes again, with another telephone and other notes."""
        number = next(self._numbers)
        return replace(person, phone=f"555-{number:06}", notes=f"Notes {number}")

    def choose(self, people: tuple[Person, ...], most: int) -> tuple[Person, ...]:
        """Choose one to `most` of them."""
        chosen = self.generator.sample(people, self.generator.randint(1, most))
        return tuple(one for one in people if one in chosen)

    def _make_one(self, among: tuple[Person, ...]) -> Person:
        number = next(self._numbers)
        name, address = self.generator.choice(_NAMES), f"person{number:06}@example.com"
        record = f"c0de0000-0000-4000-8000-{number:012}"
        kind = self.generator.randrange(6)
        if kind == 0:  # somebody whom the desk wrote down without an address
            name, address, record = f"{name} {number}", "", ""
        elif kind == 1 and (relatives := [one for one in among if one.address and one.id]):
            name, address = f"{name} {number}", self.generator.choice(relatives).address
        elif kind == 2:  # noqa: PLR2004 - Graph sends no record of some customers
            record = ""
        return self.call_again(Person(name, address, id=record))


def describe_customers(people: Iterable[Person]) -> list[dict[str, Any]]:
    """Return people as Graph's customers of an appointment."""
    return [
        {
            "@odata.type": "#microsoft.graph.bookingCustomerInformation",
            "name": one.name,
            "emailAddress": one.address or None,
            "phone": one.phone,
            "notes": one.notes,
            "customerId": one.id or None,
            "customQuestionAnswers": [],
        }
        for one in people
    ]
