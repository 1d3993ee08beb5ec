"""A random world: one booking page with its calendar, and one question for slots.

Times are whole minutes: moments are UTC, hours are wall times ("09:00"; an end of "00:00" is midnight), lengths are
minutes. What is None is not given in Graph's answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SERVICE = "S"
"""The service that the question is about."""
OTHER_SERVICE = "T"

type Kind = Literal["timeOff", "personal", "strange", "unreported"]
"""Out of office; busy in Outlook; of a status that nobody knows yet; not reported at all."""
type Week = Mapping[str, tuple[tuple[str, str], ...]]
"""Days with the spans of wall time in which something is open."""


@dataclass(frozen=True, slots=True)
class Availability:
    """When a service can be booked: bookWhenStaffAreFree, notBookable or customWeeklyHours."""

    kind: str
    hours: Week = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Window:
    """An availability that replaces the general one from the first to the last day."""

    first: date
    last: date
    availability: Availability


@dataclass(frozen=True, slots=True)
class Policy:
    """A scheduling policy, of the business or of the service; lengths in minutes."""

    interval: int | None = None
    lead: int | None = None
    advance: int | None = None
    general: Availability | None = None
    windows: tuple[Window, ...] | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """A staff member; without own hours those of the business count."""

    id: str
    zone: str | None = None
    hours: Week | None = None
    membership: str = "active"


@dataclass(frozen=True, slots=True)
class Booking:
    """An appointment in the calendar; buffers in minutes."""

    id: str
    service: str
    staff: tuple[str, ...]
    start: datetime
    end: datetime
    before: int = 0
    after: int = 0
    seats: int = 1
    taken: int = 1


@dataclass(frozen=True, slots=True)
class Held:
    """A hold of a slot of the service: the time of its staff, or seats of the group appointment that it `joins`."""

    id: str
    staff: tuple[str, ...]
    start: datetime
    end: datetime
    seats: int = 1
    joins: str | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """What Graph reports of a person beside hours and appointments."""

    staff: str
    kind: Kind
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Reporting:
    """How Graph reports availability: reference page, its sample and public reports differ in all of these.

    `is_delegated`: not at all, because the gateway signs in as a user.
    """

    is_delegated: bool = False
    ignores_hours: bool = False
    ignores_appointments: bool = False
    starts_early: bool = False
    is_capitalised: bool = False
    in_page_zone: bool = False
    ends_days_late: bool = False
    key: str = "value"


@dataclass(frozen=True, slots=True)
class World:
    """A booking page, its calendar and a question. `zone` None: Graph does not name it (US Government).

    `together`: those who are `wanted` must be free at the same time.
    """

    number: int
    now: datetime
    zone: str | None
    hours: Week
    policy: Policy
    duration: int
    start: datetime
    end: datetime
    people: tuple[Person, ...]
    team: tuple[str, ...]
    own_policy: Policy | None = None
    before: int = 0
    after: int = 0
    seats: int = 1
    wanted: tuple[str, ...] = ()
    together: bool = False
    asked_zone: str | None = None
    bookings: tuple[Booking, ...] = ()
    marks: tuple[Mark, ...] = ()
    holds: tuple[Held, ...] = ()
    own_hold: str | None = None
    reporting: Reporting = field(default_factory=Reporting)


@dataclass(frozen=True, slots=True)
class Status:
    """A piece of what Graph reports of a person."""

    name: str
    start: datetime
    end: datetime
    service: str | None = None
