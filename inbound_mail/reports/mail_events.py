"""What happened to the mails of a mailbox, as events in order: each number of a feed gives those that are wanted of it.

A mail gives `mail.arrived` when it is complete, and `mail.bounced` with it if it is a delivery report. When the work on
it ends, it gives `mail.delivered` and `ticket.created` for each new ticket, or `mail.failed`, or `mail.setAside`.

A place is [number of the arrivals, number of the outcomes, id of the last event that was sent of the next number, or
""]. Arrivals are read before outcomes, which follow them.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from inbound_mail.ledger.records import FeedEntry, MailOutcome, MailState
from inbound_mail.reports.mails import SET_ASIDE_CAUSES, describe_mail
from inbound_mail.reports.trigger_items import describe_arrived, describe_failed, describe_tickets
from shared.json_text import Json
from shared.time_zones.zones import utc_text

if TYPE_CHECKING:
    from inbound_mail.support_mailbox import SupportMailbox

ARRIVED, BOUNCED = "mail.arrived", "mail.bounced"
DELIVERED, FAILED, SET_ASIDE, TICKET = "mail.delivered", "mail.failed", "mail.setAside", "ticket.created"
_OF_ARRIVALS, _OF_OUTCOMES = (ARRIVED, BOUNCED), (DELIVERED, SET_ASIDE, FAILED, TICKET)
MAIL_EVENTS = (*_OF_ARRIVALS, *_OF_OUTCOMES)


class StalePlaceError(Exception):
    """A place that the ledger does not know: it was lost and began again."""


@dataclass(frozen=True)
class MailEvent:
    """One event; `data` is what polling triggers answer for it. `is_quarantined`: a delivery waits for a person."""

    id: str
    type: str
    key: str
    at: datetime
    data: Json
    is_quarantined: bool = False


@dataclass(frozen=True)
class WantedMails:
    """Which events are wanted: types, and only mails of a folder, or on their way to a sink, or in quarantine."""

    types: Collection[str]
    folder: str | None = None
    sink: str | None = None
    only_quarantined: bool = False

    def covers(self, event: MailEvent) -> bool:
        """Return whether an event is wanted."""
        data = event.data
        sinks = [data["sink"]] if "sink" in data else [one["sink"] for one in data.get("deliveries", ())]
        return (
            event.type in self.types
            and self.folder in (None, data["folder"])
            and (self.sink is None or self.sink in sinks)
            and (event.is_quarantined or not self.only_quarantined)
        )


type Placed = tuple[MailEvent, list[Any]]


@dataclass(frozen=True)
class EventPage:
    """Events with the place behind each, where to go on from, and whether more are waiting."""

    events: Sequence[Placed]
    place: list[Any]
    has_more: bool


class RecordedMails:
    """The feeds of one mailbox as they were at the first look, for many consumers: each mail is described once."""

    def __init__(self, mailbox: "SupportMailbox") -> None:
        self._mailbox = mailbox
        self._lock = threading.RLock()
        self._known: dict[Any, Any] = {}

    def tail(self) -> list[Any]:
        """Return the place behind the newest event."""
        return [*self._look(), ""]

    def start(self, since: datetime) -> list[Any]:
        """Return the place before the events since a moment."""
        last, last_outcome = self._look()
        return [
            _find_before(since, last, lambda number: [one.at for one in self._mailbox.ledger.feed(number - 1, 1)]),
            _find_before(
                since,
                last_outcome,
                lambda number: [one.at for one in self._mailbox.ledger.outcomes(number - 1, number, 1)],
            ),
            "",
        ]

    def read(self, place: Sequence[Any], wanted: WantedMails, limit: int) -> EventPage:
        """Return the wanted events behind a place. Raises StalePlaceError."""
        arrived, outcome, done = _check(place)
        last, last_outcome = self._look()
        if arrived > last or outcome > last_outcome:
            raise StalePlaceError
        events: list[Placed] = []
        if set(wanted.types).isdisjoint(_OF_ARRIVALS):
            arrived = last
        for entry in self._list_arrivals(arrived, last, limit):
            found = _without_done([one for one in self._describe_arrival(entry) if wanted.covers(one)], done)
            events += _give_places(found, (arrived, outcome), (entry.number, outcome))
            arrived, done = entry.number, ""
        if arrived < last:
            return EventPage(events, [arrived, outcome, done], has_more=True)
        if set(wanted.types).isdisjoint(_OF_OUTCOMES):
            outcome = last_outcome
        for ended in self._list_outcomes(outcome, last_outcome, limit):
            found = _without_done([one for one in self._describe_outcome(ended) if wanted.covers(one)], done)
            events += _give_places(found, (arrived, outcome), (arrived, ended.number))
            outcome, done = ended.number, ""
        return EventPage(events, [arrived, outcome, done], has_more=outcome < last_outcome)

    def _look(self) -> tuple[int, int]:
        return self._once("state", self._read_state)

    def _read_state(self) -> tuple[int, int]:
        state = self._mailbox.ledger.state()
        return state.last_number, state.last_outcome

    def _list_arrivals(self, after: int, last: int, limit: int) -> list[FeedEntry]:
        if after >= last:
            return []
        entries = self._once(("feed", after, limit), lambda: self._mailbox.ledger.feed(after, limit))
        return [entry for entry in entries if entry.number <= last]

    def _list_outcomes(self, after: int, last: int, limit: int) -> list[MailOutcome]:
        if after >= last:
            return []
        return self._once(("outcomes", after, limit), lambda: self._mailbox.ledger.outcomes(after, last, limit))

    def _describe_arrival(self, entry: FeedEntry) -> list[MailEvent]:
        def describe() -> list[MailEvent]:
            item = describe_arrived(self._mailbox, entry.key)
            events = [MailEvent(item["eventId"], ARRIVED, entry.key, entry.at, item)]
            if (item["screening"] or {}).get("isBounce"):
                name = f"{entry.key}-bounced"
                events.append(MailEvent(name, BOUNCED, entry.key, entry.at, item | {"eventId": name}))
            return events

        return self._once(("arrival", entry.number), describe)

    def _describe_outcome(self, outcome: MailOutcome) -> list[MailEvent]:
        return self._once(("outcome", outcome.number), lambda: list(_describe_ended(self._mailbox, outcome)))

    def _once[T](self, name: Any, read: Callable[[], T]) -> T:
        with self._lock:
            if name not in self._known:
                self._known[name] = read()
            found: T = self._known[name]
            return found


def _describe_ended(mailbox: "SupportMailbox", outcome: MailOutcome) -> Iterator[MailEvent]:
    """Yield what happened when the work on a mail ended."""
    name = f"{outcome.key}-{outcome.number}"
    if outcome.state is MailState.QUARANTINED:
        item = describe_failed(mailbox, outcome)
        kind = SET_ASIDE if item["cause"] in SET_ASIDE_CAUSES else FAILED
        yield MailEvent(item["eventId"], kind, outcome.key, outcome.at, item, is_quarantined=True)
        return
    mail = describe_mail(mailbox, outcome.key)
    item = {"eventId": name, "mailbox": mailbox.name, "occurredUtc": utc_text(outcome.at), **mail}
    if outcome.state is MailState.SKIPPED:
        yield MailEvent(name, SET_ASIDE, outcome.key, outcome.at, item)
    elif outcome.state is MailState.DELIVERED:
        yield MailEvent(name, DELIVERED, outcome.key, outcome.at, item)
        for ticket in describe_tickets(mailbox, outcome):
            yield MailEvent(ticket["eventId"], TICKET, outcome.key, outcome.at, ticket)


def _without_done(events: list[MailEvent], done: str) -> list[MailEvent]:
    """Return the events behind the one that was sent already."""
    names = [event.id for event in events]
    return events[names.index(done) + 1 :] if done in names else events


def _give_places(events: Sequence[MailEvent], before: tuple[int, int], after: tuple[int, int]) -> list[Placed]:
    """Return the events of one number with their places: behind the last of them that number is done."""
    places: list[list[Any]] = [[*before, event.id] for event in events[:-1]]
    return list(zip(events, [*places, [*after, ""]], strict=False))


def _check(place: Sequence[Any]) -> tuple[int, int, str]:
    match list(place):
        case [int() as arrived, int() as outcome, str() as done]:
            return arrived, outcome, done
        case _:
            raise StalePlaceError


def _find_before(moment: datetime, last: int, read: Callable[[int], list[datetime]]) -> int:
    """Return the last number whose entry is older than a moment, 0 if none is."""
    low, high = 0, last
    while low < high:
        middle = (low + high + 1) // 2
        found = read(middle)
        if found and found[0] >= moment:
            high = middle - 1
        else:
            low = middle
    return low
