"""Simulated people who book, move, edit and cancel appointments and write mails while flows poll the app.

Groups (`groups.py`) also win and lose people.

They do one thing at a time, past the app, and record each: only their record says what a flow must receive. A scan
reports everything that happened to an appointment since the last scan as one event; so nobody touches an appointment
again before its last change has been reported to the flow that sees everything.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from functools import partial
from itertools import cycle
from typing import Any

from devkit.rehearsals.events import (
    ARRIVED,
    CANCELLED,
    FAILED,
    REGISTERED,
    TICKET,
    UNREGISTERED,
    UPCOMING,
    Event,
    Person,
)
from devkit.rehearsals.groups import SEATS, Crowd, describe_customers
from twin.seeds import mails, service_desks, tiny
from twin.simulator import Simulator

_HALF_HOUR = timedelta(minutes=30)
_FIRST_DAY, _LAST_DAY = 9, 80  # ahead: later than the longest notice, earlier than the end of the window
_OUT_OF_SIGHT = timedelta(days=100)
_EARLIEST = 6.0  # minutes ahead: nothing begins before it can be reported
_UNCLEAR = timedelta(minutes=15)
_BY_THE_CLOCK = (4.0, 12.0)  # seconds until it must be reported
_SPARE = 3.0
_EVERY_GROUP = 4  # every fourth appointment of the stock


@dataclass
class Appointment:
    """One appointment as the people know it. `events`: how many changes of it must be reported."""

    id: str
    now: Event
    events: int = 0
    is_over: bool = False
    gone: list[Person] = field(default_factory=list)


type Suits = Callable[[Appointment], bool]


@dataclass
class People:
    """They act on the simulated business and mailbox. `notices`: minutes before a start at which a trigger fires."""

    sim: Simulator
    notices: Sequence[int]
    generator: random.Random
    until: datetime
    count_reported: Callable[[str], int] = lambda _: 0
    script: list[Event] = field(default_factory=list)
    appointments: list[Appointment] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._numbers = 0
        self._crowd = Crowd(self.generator)
        self._actions = cycle(
            (
                self.book, self.register, self.move, self.write, self.unregister, self.hand_over, self.cancel,
                self.register, self.book_soon, self.change, self.book_a_group, self.swap, self.move_and_hand_over,
                self.write_automatically, self.register_again, self.book_for_later, self.move_a_group, self.move,
                self.correct, self.register, self.bring_near, self.unregister, self.move_out_of_sight, self.answer,
                self.cancel_a_group, self.book_a_group,
            )
        )  # fmt: skip

    def book_stock(self, count: int) -> None:
        """Book so many appointments before any flow polls."""
        for number in range(count):
            if number % _EVERY_GROUP:
                self._book(self._some_day())
            else:
                self.book_a_group()
        self.script.clear()
        for one in self.appointments:
            one.events = 0

    def act(self) -> None:
        """Do the next action."""
        next(self._actions)()

    # -- actions ----------------------------------------------------------------------------------------------------

    def book(self) -> None:
        """Book a visit with one of the staff."""
        self._book(self._some_day())

    def book_a_group(self) -> None:
        """Open a group with one to four people."""
        people = self._crowd.make((), self.generator.randint(1, 4))
        self._book(self._some_day(), service=tiny.GROUP, staff=(tiny.BOB,), people=people)

    def register(self) -> None:
        """Let one or several people register for a group."""
        if one := self._pick(lambda one: 0 < len(one.now.people) < SEATS):
            seats = min(3, SEATS - len(one.now.people))
            self._change_people(one, joining=self._crowd.make(one.now.people, self.generator.randint(1, seats)))

    def unregister(self) -> None:
        """Let one or several people leave a group, but not all."""
        if one := self._pick(lambda one: len(one.now.people) > 1):
            self._change_people(one, leaving=self._crowd.choose(one.now.people, min(3, len(one.now.people) - 1)))

    def register_again(self) -> None:
        """Let somebody come back who has left."""
        if one := self._pick(lambda one: bool(one.gone) and 0 < len(one.now.people) < SEATS):
            self._change_people(one, joining=(self._crowd.call_again(one.gone.pop()),))

    def swap(self) -> None:
        """Let somebody leave, and at once others take the seat: among them a stranger of the same name."""
        if one := self._pick(lambda one: len(one.now.people) > 1):
            [leaving] = self._crowd.choose(one.now.people, 1)
            [stranger] = self._crowd.make(one.now.people, 1)
            if leaving.address and stranger.address not in {each.address for each in one.now.people} - {""}:
                stranger = replace(stranger, name=leaving.name) if stranger.address else stranger
            self._change_people(one, joining=(stranger,), leaving=(leaving,))

    def move_a_group(self) -> None:
        """Move a group while somebody joins it."""
        if one := self._pick(lambda one: 0 < len(one.now.people) < SEATS):
            self._change_people(one, joining=self._crowd.make(one.now.people, 1), start=self._another_day(one))

    def cancel_a_group(self) -> None:
        """Cancel a group: one event, no matter how many are in it."""
        self.cancel(lambda one: len(one.now.people) > 1)

    def correct(self) -> None:
        """Correct the telephone number of somebody in a group: nobody joins or leaves."""
        if one := self._pick(lambda one: len(one.now.people) > 1):
            *others, last = one.now.people
            self._change(one, "edited", people=(*others, self._crowd.call_again(last)))

    def book_soon(self) -> None:
        """Book what is about to start already."""
        self._book_soon(self._soon(max(self.notices)))

    def book_for_later(self) -> None:
        """Book what will be about to start in some seconds."""
        soon = timedelta(seconds=self.generator.uniform(*_BY_THE_CLOCK))
        if _now() + soon + timedelta(seconds=_SPARE) < self.until:
            start = _now() + timedelta(minutes=self.generator.choice(self.notices)) + soon
            self._book_soon(start.replace(microsecond=0))
        else:
            self.book_soon()

    def move(self) -> None:
        """Move an appointment to another day."""
        if one := self._pick():
            self._change(one, "rescheduled", start=self._another_day(one))

    def hand_over(self) -> None:
        """Give an appointment to others."""
        if one := self._pick():
            self._change(one, "reassigned", staff=self._others(one))

    def move_and_hand_over(self) -> None:
        """Do both at once: one event."""
        if one := self._pick():
            self._change(one, "rescheduled", "reassigned", start=self._another_day(one), staff=self._others(one))

    def change(self) -> None:
        """Change something else of an appointment."""
        if one := self._pick():
            phone = f"555-{self._number():06}"
            people = tuple(replace(each, phone=phone) for each in one.now.people[:1]) + one.now.people[1:]
            self._change(one, "edited", phone=phone, people=people)

    def move_out_of_sight(self) -> None:
        """Move an appointment beyond the window; its changes are then reported once a day only."""
        if one := self._pick():
            self._change(one, "rescheduled", start=self._some_day() + _OUT_OF_SIGHT)
            one.is_over = True

    def bring_near(self) -> None:
        """Move an appointment to where it is about to start."""
        if one := self._pick():
            self._change(one, "rescheduled", start=self._soon(min(self.notices)))
            self._record(replace(one.now, kinds=(UPCOMING,), staff_before=()))
            one.is_over = True

    def cancel(self, suits: Suits = lambda _: True) -> None:
        """Cancel an appointment."""
        if one := self._pick(suits):
            self.sim.run(partial(self._page.appointments.remove, one.id))
            self._record(replace(one.now, kinds=(CANCELLED,), staff_before=()))
            one.is_over = True

    def write(self) -> None:
        """Write a mail that becomes a ticket."""
        self._write(f"Rehearsal {self._number():06}", ARRIVED, TICKET)

    def write_automatically(self) -> None:
        """Let an absence answer: that becomes no ticket."""
        subject = f"Automatic reply: away {self._number():06}"
        self._write(subject, ARRIVED, FAILED, headers={"Auto-Submitted": "auto-replied"})

    def answer(self) -> None:
        """Answer in an open ticket: that becomes no ticket of its own."""
        subject = f"RE: [{service_desks.OPEN_TICKET}] {service_desks.OPEN_TICKET_TITLE} {self._number():06}"
        self._write(subject, ARRIVED, in_reply_to=f"<{service_desks.OPEN_TICKET}@contoso.com>")

    # -- how --------------------------------------------------------------------------------------------------------

    @property
    def _page(self) -> Any:
        return self.sim.bookings.business(tiny.BUSINESS)

    def _book(
        self,
        start: datetime,
        *,
        service: str = tiny.VISIT,
        staff: tuple[str, ...] = (),
        people: tuple[Person, ...] = (),
    ) -> Appointment:
        label = f"customer{self._number():06}"
        who = staff or (self.generator.choice((tiny.ANNE, tiny.BOB)),)
        phone = people[0].phone if people else ""
        now = Event(label, ("created",), start, who, phone, service=service, people=people)
        values = {
            "serviceId": service,
            "staffMemberIds": list(who),
            **_times(start),
            "additionalInformation": label,  # lists show it, and nobody changes it
            "maximumAttendeesCount": SEATS if people else 1,
            "customers": describe_customers(people or (Person(label, f"{label}@example.com"),)),
        }
        made = self.sim.run(partial(self._page.appointments.add, values))
        one = Appointment(made.id, now)
        self.appointments.append(one)
        self._record_of(one, now, *(now.of_person(REGISTERED, each) for each in people))
        return one

    def _book_soon(self, start: datetime) -> None:
        one = self._book(start)
        self._record(replace(one.now, kinds=(UPCOMING,), staff_before=()))
        one.is_over = True

    def _change_people(
        self, one: Appointment, *, joining: tuple[Person, ...] = (), leaving: tuple[Person, ...] = (), **new: Any
    ) -> None:
        """Change who is in a group, and perhaps when it begins: at once."""
        staying = tuple(each for each in one.now.people if each not in leaving)
        one.gone += leaving
        self._change(one, *(["rescheduled"] if new else []), "edited", people=staying + joining, **new)
        left = [one.now.of_person(UNREGISTERED, each) for each in leaving]
        self._record_of(one, *left, *(one.now.of_person(REGISTERED, each) for each in joining))

    def _change(self, one: Appointment, *kinds: str, **new: Any) -> None:
        before = one.now
        if new.get("people"):
            new["phone"] = new["people"][0].phone
        one.now = replace(before, kinds=kinds, staff_before=before.staff, **new)
        values: dict[str, Any] = {}
        if "start" in new:
            values |= _times(new["start"])
        if "staff" in new:
            values["staffMemberIds"] = list(new["staff"])
        if new.get("people"):
            values["customers"] = describe_customers(new["people"])
        elif "phone" in new:
            values["customerPhone"] = new["phone"]
        self.sim.run(partial(self._page.appointments.patch, one.id, values))
        self._record_of(one, one.now)

    def _record_of(self, one: Appointment, *events: Event) -> None:
        for each in events:
            self._record(each)
        one.events += len(events)

    def _write(self, subject: str, *kinds: str, **more: Any) -> None:
        box = self.sim.mail.mailbox(mails.SUPPORT)
        sender = ("Alex Wilber", service_desks.OPEN_TICKET_REQUESTOR)
        self.sim.run(partial(box.receive, subject=subject, sender=sender, text=f"{subject}.", **more))
        for kind in kinds:
            self._record(Event(subject, (kind,)))

    def _record(self, one: Event) -> None:
        self.script.append(one)

    def _pick(self, suits: Suits = lambda _: True) -> Appointment | None:
        """Return an appointment whose last change was reported; if there is none, book one and return None."""
        ready = [
            one
            for one in self.appointments
            if not one.is_over and suits(one) and self.count_reported(one.now.about) >= one.events
        ]
        if not ready:
            self.book()
            return None
        return self.generator.choice(ready)

    def _others(self, one: Appointment) -> tuple[str, ...]:
        teams = ((tiny.ANNE,), (tiny.BOB,), (tiny.ANNE, tiny.BOB))
        return self.generator.choice([team for team in teams if team != one.now.staff])

    def _some_day(self) -> datetime:
        """Return a moment so far ahead that no trigger reports its start yet."""
        day = _now().date() + timedelta(days=self.generator.randint(_FIRST_DAY, _LAST_DAY))
        return datetime.combine(day, time(8), UTC) + timedelta(minutes=5 * self.generator.randrange(12 * 10))

    def _another_day(self, one: Appointment) -> datetime:
        """Return such a moment, other than that of the appointment: a move to where it is would be no move."""
        while (start := self._some_day()) == one.now.start:
            pass
        return start

    def _soon(self, minutes: float) -> datetime:
        """Return a moment at most so many minutes ahead that triggers report at once, or only after the rehearsal."""
        while True:
            start = _now() + timedelta(minutes=self.generator.uniform(_EARLIEST, minutes - 1))
            notices = [start - timedelta(minutes=notice) for notice in self.notices]
            if not any(self.until < notice < self.until + _UNCLEAR for notice in notices):
                return start.replace(microsecond=0)

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers


def _times(start: datetime) -> dict[str, dict[str, str]]:
    return {"startDateTime": _zoned(start), "endDateTime": _zoned(start + _HALF_HOUR)}


def _zoned(moment: datetime) -> dict[str, str]:
    return {"dateTime": moment.strftime("%Y-%m-%dT%H:%M:%S.0000000Z"), "timeZone": "UTC"}


def _now() -> datetime:
    return datetime.now(UTC)
