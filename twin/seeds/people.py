"""Made-up people. Addresses are in domains reserved for examples, numbers in ranges reserved for fiction."""

from random import Random
from typing import NamedTuple

_FIRST = (
    "Alex", "Amina", "Bela", "Carmen", "Chidi", "Dana", "Elif", "Emre", "Farah", "Gita", "Hanna", "Ines", "Jonas",
    "Kofi", "Lena", "Mira", "Nadia", "Omar", "Petra", "Quinn", "Rosa", "Sami", "Tariq", "Uma", "Vera", "Wanda", "Xenia",
    "Yusuf", "Zoe", "Ådne",
)  # fmt: skip
_LAST = (
    "Abara", "Berg", "Castillo", "Dumont", "Eriksen", "Fontaine", "Grünwald", "Haddad", "Ito", "Jansen", "Kaya",
    "Lindqvist", "Moreau", "Nowak", "O'Neill", "Petrov", "Quispe", "Rossi", "Sørensen", "Tanaka", "Ueda", "Vargas",
    "Weiss", "Xu", "Yilmaz", "Zielinski",
)  # fmt: skip
_DOMAINS = ("example.com", "example.net", "example.org")
_PLAIN = str.maketrans({"ü": "u", "ø": "o", "Å": "A", "'": None})


class Person(NamedTuple):
    """An invented person."""

    name: str
    email: str
    phone: str


def make_people(source: Random, count: int, phone_prefix: str) -> list[Person]:
    """Make people with different names; `phone_prefix` lacks the last three digits. At most 780."""
    pairs = [(first, last) for first in _FIRST for last in _LAST]
    people = []
    for number, (first, last) in enumerate(source.sample(pairs, count)):
        address = f"{first}.{last}".translate(_PLAIN).lower()
        phone = f"{phone_prefix}{100 + number % 900}"
        people.append(Person(f"{first} {last}", f"{address}@{source.choice(_DOMAINS)}", phone))
    return people
