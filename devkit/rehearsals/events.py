"""The events of a rehearsal, as the simulated people record them, and which triggers each must fire.

Which event fires which trigger is taken from docs/api.md, never from the app's code: this checks the app independently.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

UPCOMING = "upcoming"
ARRIVED, FAILED, TICKET = "arrived", "failed", "ticket"
REGISTERED, UNREGISTERED, CANCELLED = "registered", "unregistered", "cancelled"
_UPDATES = frozenset({"rescheduled", "reassigned", "edited"})
_OF_PEOPLE = frozenset({REGISTERED, UNREGISTERED})
_FIRED_BY: Mapping[str, frozenset[str]] = {
    "appointments/created": frozenset({"created"}),
    "appointments/updated": _UPDATES,
    "appointments/rescheduled": frozenset({"rescheduled"}),
    "appointments/cancelled": frozenset({CANCELLED}),
    "appointments/registered": frozenset({REGISTERED}),
    "appointments/unregistered": frozenset({UNREGISTERED}),
    "appointments/reassigned": frozenset({"reassigned"}),
    "appointments/any": frozenset({"created", CANCELLED}) | _UPDATES | _OF_PEOPLE,
    "appointments/upcoming": frozenset({UPCOMING}),
    "mails/arrived": frozenset({ARRIVED}),
    "mails/failed": frozenset({FAILED}),
    "tickets/created": frozenset({TICKET}),
}
_MINUTES = 60

type Signature = tuple[tuple[str, ...], str, tuple[str, ...], str, str]
"""What identifies one event of an appointment or mail: kinds, start (UTC), staff ids, phone, people."""


@dataclass(frozen=True)
class Person:
    """One customer of a group, with that person's own data. Somebody may have no address, or no record (`id`)."""

    name: str
    address: str = ""
    phone: str = ""
    notes: str = ""
    id: str = ""

    @property
    def identity(self) -> str:
        """What tells this person from all others of a group: families share addresses, strangers share names."""
        return f"{self.name} <{self.address}>"


@dataclass(frozen=True)
class Event:
    """One event. `about` is the label of the appointment, with the person if it is about one; or a mail's subject.

    `kinds` are those of the change feed, or one of the constants above. `staff` and `start` hold the new values.
    `people` are those of a group; of a registration, the one whom it is about.
    """

    about: str
    kinds: tuple[str, ...]
    start: datetime | None = None
    staff: tuple[str, ...] = ()
    phone: str = ""
    service: str = ""
    staff_before: tuple[str, ...] = ()
    people: tuple[Person, ...] = ()

    def of_person(self, kind: str, person: Person) -> "Event":
        """Return what is reported of one person who joined or left this group."""
        about = f"{self.about} {person.identity}"
        return replace(self, about=about, kinds=(kind,), phone=person.phone, people=(person,), staff_before=())


@dataclass(frozen=True)
class Trigger:
    """One trigger as a flow has it: the path below the app's root, and its parameters."""

    name: str
    path: str
    query: Mapping[str, Any]
    through_gateway: bool = True
    recurrence: float = 60.0

    @property
    def kind(self) -> str:
        """Area and kind, such as appointments/created."""
        return self.path.partition("triggers/")[2]

    @property
    def minutes(self) -> int:
        """How many minutes before its start an appointment is reported."""
        return int(self.query.get("minutes", _MINUTES))

    def is_fired_by(self, one: Event, until: datetime) -> bool:
        """Say whether an event must fire it; an upcoming appointment must if it is due before `until`."""
        if not _FIRED_BY[self.kind] & set(one.kinds):
            return False
        if one.start and UPCOMING in one.kinds and one.start - timedelta(minutes=self.minutes) > until:
            return False
        people = {*one.staff, *one.staff_before}
        return self.query.get("service") in (None, one.service) and (
            self.query.get("staff") is None or self.query["staff"] in people
        )

    @property
    def has_details(self) -> bool:
        """Whether its items name all customers and what they wrote."""
        return self.query.get("details") == "true"

    def sign(self, one: Event) -> Signature:
        """Return what the run that an event starts must report."""
        start = one.start.strftime("%Y-%m-%dT%H:%M:%SZ") if one.start else ""
        return one.kinds, start, tuple(sorted(one.staff)), one.phone, self._sign_people(one)

    def _sign_people(self, one: Event) -> str:
        if _OF_PEOPLE & set(one.kinds):
            return _describe_people(one.people) if self.has_details else one.people[0].identity
        return _describe_people(one.people) if one.kinds == (CANCELLED,) and self.has_details else ""

    def read(self, item: Mapping[str, Any]) -> tuple[str, Signature]:
        """Return the subject of a trigger item and its signature."""
        area, _, kind = self.kind.partition("/")
        if area != "appointments":
            return item["subject"], ((TICKET if area == "tickets" else kind,), "", (), "", "")
        kinds = (UPCOMING,) if kind == UPCOMING else tuple(item["changes"])
        staff = tuple(sorted(item["staffMemberIds"]))
        about, people = item["additionalInformation"], ""
        if _OF_PEOPLE & set(kinds):
            people = Person(item["customerName"], item["customerEmailAddress"] or "").identity
            about = f"{about} {people}"
        if self.has_details and (_OF_PEOPLE & set(kinds) or (kinds == (CANCELLED,) and _is_group(item))):
            people = _describe_people(
                Person(each["name"], each["emailAddress"] or "", each["phone"], each["notes"])
                for each in item.get("customers", ())
            )
        return about, (kinds, item["startUtc"], staff, item["customerPhone"] or "", people)


def _describe_people(people: Iterable[Person]) -> str:
    return ", ".join(sorted(f"{one.identity} {one.phone} {one.notes}" for one in people))


def _is_group(item: Mapping[str, Any]) -> bool:
    return int(item["maximumAttendeesCount"]) > 1


@dataclass
class Verdict:
    """How the runs of a flow differ from what happened."""

    expected: int = 0
    missing: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether each event fired the flow exactly once, in order."""
        return not (self.missing or self.doubled or self.out_of_order)
