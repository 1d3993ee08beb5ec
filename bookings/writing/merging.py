"""Merges changes into the customers of an appointment: who is meant, what stays, who joins and who leaves.

Graph replaces `customers` as a whole, so a change that names one property of one customer would erase everything else
(microsoft-graph-docs-contrib pull request 9854). Here a change states only what shall be different.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bookings.describe import answer_text
from bookings.writing.graph_bodies import Person, kept_customer, read_person
from shared.errors import Invalid
from shared.json_text import Json

_TEXTS = ("name", "emailAddress", "phone", "notes")
_OWN_NAMES = {"answers": "customQuestionAnswers"}
_KEPT = ("customerId", "customQuestionAnswers")


@dataclass(frozen=True)
class CustomerChange:
    """What shall be different about one customer. `cleared` are of phone, notes and answers."""

    person: Person
    is_removal: bool = False
    cleared: frozenset[str] = frozenset()


def read_change(values: Mapping[str, Any]) -> CustomerChange:
    """Return the change that a request names: a customer's fields, with `remove` and `clear`."""
    return CustomerChange(read_person(values), bool(values.get("remove")), frozenset(values.get("clear") or ()))


def find_places(old: Json, changes: Sequence[CustomerChange], *, is_repeat: bool) -> list[int | None]:
    """Return for each change the place of its customer in the appointment, None for somebody new.

    `is_repeat` says that an earlier try may have taken people out already. Raises Invalid for somebody who is to be
    taken out and is not in it, for a customer who is named twice, and for one who cannot be told from another.
    """
    there = old.get("customers") or []
    has_one_seat = int(old.get("maximumAttendeesCount") or 1) == 1
    places: list[int | None] = []
    for number, change in enumerate(changes):
        target = f"customers[{number}]"
        place = _find_place(there, change.person, target, has_one_seat=has_one_seat)
        if place is not None and place in places:
            raise Invalid(
                "Two entries name the same customer. Send one entry for each.", code="Contradiction", target=target
            )
        if place is None and change.is_removal and not is_repeat:
            raise Invalid(
                "This customer is not in the appointment. Read the appointment, and name somebody who is.",
                code="CustomerNotFound",
                target=target,
            )
        places.append(place)
    return places


def merge_customers(
    old: Json, changes: Sequence[CustomerChange], places: Sequence[int | None], typed: Sequence[Json]
) -> list[Json]:
    """Return everybody who was in the appointment and stays; `typed` is Graph's form of each change's customer."""
    by_place = {place: number for number, place in enumerate(places) if place is not None}
    merged = []
    for place, customer in enumerate(old.get("customers") or []):
        kept, number = kept_customer(customer), by_place.get(place)
        if number is None:
            merged.append(kept)
        elif not changes[number].is_removal:
            merged.append(_merge(kept, typed[number], changes[number].cleared))
    return merged


def has_customers(item: Json, wanted: Sequence[Json]) -> bool:
    """Say whether an appointment holds these customers with these values, and nobody else."""
    there = item.get("customers") or []
    return len(there) == len(wanted) and all(any(_agrees(one, each) for one in there) for each in wanted)


def _find_place(there: Sequence[Json], person: Person, target: str, *, has_one_seat: bool) -> int | None:
    if person.id:
        return next((place for place, one in enumerate(there) if one.get("customerId") == person.id), None)
    if person.mail:
        name, value, fault = "emailAddress", person.mail, f"{target}.emailAddress"
    elif has_one_seat and len(there) == 1:
        return 0
    elif person.name:
        name, value, fault = "name", person.name, f"{target}.name"
    else:
        raise Invalid(
            "It is not said which customer is meant. Send customerId, emailAddress or name.",
            code="MissingParameter",
            target=f"{target}.emailAddress",
        )
    found = [place for place, one in enumerate(there) if str(one.get(name) or "").casefold() == value.casefold()]
    if len(found) > 1:
        raise Invalid(
            f"Several customers of the appointment have this {name}. Name the one that is meant by customerId.",
            code="AmbiguousCustomer",
            target=fault,
        )
    return found[0] if found else None


def _merge(kept: Json, typed: Json, cleared: Iterable[str]) -> Json:
    merged = kept | {name: value for name, value in typed.items() if name not in _KEPT}
    given = typed.get("customQuestionAnswers") or []
    if given:
        answered = {answer.get("questionId") for answer in given}
        others = [one for one in kept.get("customQuestionAnswers") or [] if one.get("questionId") not in answered]
        merged["customQuestionAnswers"] = [*others, *given]
    for name in cleared:
        merged[_OWN_NAMES.get(name, name)] = [] if name in _OWN_NAMES else None
    return merged


def _agrees(customer: Json, wanted: Json) -> bool:
    """Say whether a customer has the values of another; what that one leaves out may be anything."""
    texts = all(_plain(customer.get(name), name) == _plain(wanted[name], name) for name in _TEXTS if name in wanted)
    return texts and ("customQuestionAnswers" not in wanted or _answers(customer) == _answers(wanted))


def _plain(value: object, name: str) -> str:
    text = str(value or "")
    return text.casefold() if name == "emailAddress" else text


def _answers(customer: Json) -> dict[str, str]:
    return {str(one.get("questionId")): answer_text(one) for one in customer.get("customQuestionAnswers") or []}
