"""What one event costs that many subscriptions follow: requests and CPU for each delivery, of 10 to 10,000.

One change is recorded in a change feed; its subscriptions are woken, and each message is worked off as the queue's
function does. Storage is in memory and counts what it is asked; targets accept at once: so CPU is that of the engine,
without HTTP. Then nothing happens, and the timer's look is measured: what idle subscriptions cost.
`python -m bench.event_deliveries --most 1000` stops earlier.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bench.counting import MESSAGES, READS, WRITES, CountingQueue, CountingTable
from bookings.changes.comparing import Change
from bookings.changes.feed import Position, RecordedChanges
from bookings.changes.journal import Entry, Journal
from bookings.changes.kinds import Kind
from bookings.changes.snapshots import Snapshot
from devkit.memory_storage import MemoryContainer
from event_subscriptions.delivering import EventDeliverer
from event_subscriptions.feeds import Page
from event_subscriptions.messages import EventRequest
from event_subscriptions.store import SubscriptionStore
from event_subscriptions.subscription import EventSubscription, new_id
from event_subscriptions.targets.protocol import OutgoingEvent, SendOutcome, Verdict
from event_subscriptions.waking import Waker, sweep

_SIZES = (10, 100, 1_000, 10_000)
_MAY_GROW = 0.05
_CONNECTION, _BUSINESS = "default", "desk@contoso.com"
_FEED = f"bookings|{_BUSINESS}"
_PARTS = (READS, WRITES, MESSAGES)


@dataclass(frozen=True)
class Deliveries:
    """What the deliveries of one event took, and the timer's look at idle subscriptions after it."""

    subscriptions: int
    counts: Counter[str]
    cpu: float
    idle: int

    def share(self, part: str) -> float:
        """Return the requests of a part for each delivery."""
        return self.counts[part] / self.subscriptions

    @property
    def requests(self) -> float:
        """All requests for each delivery."""
        return sum(map(self.share, _PARTS))


class _Target:
    """Accepts everything, and counts it."""

    is_public = True

    def __init__(self) -> None:
        self.accepted = 0

    def open(self, settings: Any, subscription: str) -> "_Target":
        _ = settings, subscription
        return self

    def send(self, event: OutgoingEvent) -> SendOutcome:
        _ = event.body
        self.accepted += 1
        return SendOutcome(Verdict.ACCEPTED, "accepted")


class _Reader:
    """Reads one change feed as the app does, and describes its changes shortly."""

    def __init__(self, journal: Journal) -> None:
        self._recorded = RecordedChanges(journal)

    def read(self, subscription: EventSubscription, limit: int) -> Page:
        page = self._recorded.page(Position.from_json(list(subscription.place)), limit, lambda _: True)
        events = [(_make_event(one), [page.position.generation, one.number]) for one in page.entries]
        return Page(events, page.position.to_json(), page.has_more)

    def is_behind(self, subscription: EventSubscription) -> bool:
        return self._recorded.tail().to_json() != list(subscription.place)


class _Feeds:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def open(self) -> _Reader:
        return _Reader(self._journal)

    def begin(self, subscription: EventSubscription, since: datetime | None) -> list[Any]:
        _ = subscription, since
        return RecordedChanges(self._journal).tail().to_json()

    def keep(self, subscriptions: Sequence[EventSubscription]) -> None:
        _ = subscriptions


def run(sizes: Sequence[int] = _SIZES) -> None:
    """Measure and print."""
    print("one event: requests and CPU for each delivery; idle: requests of the timer's look at all subscriptions")
    print(f"  {'subscriptions':>13}  {'requests':>8}  " + "  ".join(f"{part:>12}" for part in _PARTS))
    found = [measure(size) for size in sizes]
    for one in found:
        parts = "  ".join(f"{one.share(part):12.3f}" for part in _PARTS)
        each = one.cpu / one.subscriptions * 1e3
        print(f"  {one.subscriptions:13,}  {one.requests:8.3f}  {parts}  CPU {each:6.2f} ms  idle {one.idle:5} in all")
    print(f"  {explain(found)}\n")


def explain(found: Sequence[Deliveries]) -> str:
    """Say whether a delivery costs more where there are more subscriptions."""
    least, most = found[0], found[-1]
    change = f"{most.requests / least.requests - 1:+.1%} from {least.subscriptions:,} to {most.subscriptions:,}"
    growth = [part for part in _PARTS if most.share(part) > least.share(part) * (1 + _MAY_GROW)]
    if growth:
        return f"requests: {change}; what grows: {', '.join(growth)}"
    return f"requests: {change}; no part grows by more than {_MAY_GROW:.0%}"


def measure(size: int) -> Deliveries:
    """Let so many subscriptions follow a feed in which one change is recorded."""
    counts: Counter[str] = Counter()
    journal = Journal(_as_table(CountingTable(counts)), _as_table(MemoryContainer()), _CONNECTION, _BUSINESS)
    _record(journal, [])
    feeds, target, queue = _Feeds(journal), _Target(), CountingQueue(counts)
    store = SubscriptionStore(_as_table(CountingTable(counts)))
    place = RecordedChanges(journal).tail().to_json()
    for _ in range(size):
        store.create(_make_subscription(place))
    kinds: Any = {"stub": target}
    waker = Waker(store, queue)
    deliverer = EventDeliverer(store, feeds, kinds, queue, waker)
    _record(journal, [Change((Kind.CREATED,), {"id": "appointment"}, {})])
    counts.clear()
    began = time.process_time()
    waker.wake(_CONNECTION, _FEED)
    while taken := queue.take():
        for message in taken:
            deliverer.deliver_all(EventRequest.from_json(json.dumps(message).encode()))
    cpu, spent = time.process_time() - began, Counter(counts)
    if target.accepted != size:
        raise RuntimeError(f"{target.accepted} of {size} events were sent")
    counts.clear()
    sweep(store, feeds, waker, [_CONNECTION])
    return Deliveries(size, spent, cpu, counts.total())


def _record(journal: Journal, changes: Sequence[Change]) -> None:
    scan = journal.claim(journal.state(), datetime.now(UTC), 60)
    if scan is None:
        raise RuntimeError("the feed is claimed by somebody else")
    scan.publish(changes, Snapshot({}))


def _make_subscription(place: Sequence[Any]) -> EventSubscription:
    return EventSubscription(
        id=new_id(),
        connection=_CONNECTION,
        feed=_FEED,
        events=("appointment.created",),
        filters={"business": _BUSINESS},
        target_kind="stub",
        target={},
        created=datetime.now(UTC),
        expires=None,
        place=place,
    )


def _make_event(entry: Entry) -> OutgoingEvent:
    name = str(entry.number)
    return OutgoingEvent(name, "appointment.created", "/gateway", name, entry.at, _BUSINESS, {"eventId": name})


def _as_table(memory: Any) -> Any:
    return memory


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What one event costs that many subscriptions follow.")
    parser.add_argument("--most", type=int, default=_SIZES[-1], help="the largest number of subscriptions")
    largest = parser.parse_args().most
    run([*(one for one in _SIZES if one < largest), largest])
    sys.exit(0)
