"""What many quiet mailboxes cost: requests and CPU for each mailbox and hour, for 10, 100 and 1,000 mailboxes.

The app's own timer and queue function run through three hours, a minute for each run of the timer; the last one is
measured. The clock is moved, storage is in memory, and Graph is a stub whose folders show nothing: both count what they
are asked. So CPU is that of the gateway's own code; `mail_cost` measures what the clients of Graph and storage add to
each request. What the timer asks once for all mailboxes is shown apart, since it becomes less for each the more there
are. `python -m bench.scale --most 10000` tries more mailboxes than the usual thousand. The last line is of mailboxes
whose mails Graph announces, after five hours of quiet.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest import mock

import azure.functions as func
import time_machine

from bench.counting import MESSAGES, READS, WRITES, CountingQueue, CountingTable
from bench.settings import SINK, load_mail_settings
from blueprints import mail_work
from composition import mail_requests
from composition.mail import MailServices, build_mail_services
from devkit.memory_storage import MemoryContainer, MemoryLease
from inbound_mail.intake.polling import Poller
from inbound_mail.ledger.ledger import Ledger
from inbound_mail.ledger.mail_store import MailStore
from inbound_mail.ledger.planned_polls import PollPlan
from inbound_mail.messages import DeliveryQueue, PollQueue
from shared.auth import Authenticator
from shared.graph.mail import POLL, DeltaPage
from shared.json_text import Json
from shared.retry import RetryPolicy
from shared.storage.account import Storage

_SIZES = (10, 100, 1_000)
_MAY_GROW = 0.05
_START = datetime(2026, 11, 30, 9, tzinfo=UTC)
_WARM_MINUTES, _MINUTES = 120, 60
_ANNOUNCED_WARM_MINUTES, _ANNOUNCED_MINUTES = 5 * 60, 8 * 60
_ANNOUNCED_FOR = timedelta(days=6)
_GRAPH, _LEASES, _TIMER = "Graph", "blob leases", "of the timer"
_PARTS = (_GRAPH, READS, WRITES, _LEASES, MESSAGES)


@dataclass(frozen=True)
class Hour:
    """What an hour took: requests by their parts, polls, and seconds of CPU."""

    mailboxes: int
    counts: Counter[str]
    polls: int
    cpu: float

    def share(self, part: str) -> float:
        """Return the requests of a part for each mailbox."""
        return self.counts[part] / self.mailboxes

    @property
    def requests(self) -> float:
        """All requests for each mailbox, without those of the timer for all."""
        return sum(map(self.share, _PARTS))


class _Container(MemoryContainer):
    def __init__(self, counts: Counter[str]) -> None:
        super().__init__()
        self._counts = counts

    @contextmanager
    def lease(self, name: str, seconds: int) -> Iterator[MemoryLease | None]:
        self._counts[_LEASES] += 2  # it is taken and given back
        with super().lease(name, seconds) as held:
            yield held


class _QuietGraph:
    """A mailbox in which nothing happens."""

    paused_until = None

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts

    def read_delta(
        self, folder: str, link: str | None, page_size: int, *, with_bodies: bool, retry: RetryPolicy = POLL
    ) -> DeltaPage:
        _ = folder, link, page_size, with_bodies, retry
        self._counts[_GRAPH] += 1
        return DeltaPage([], None, f"https://graph.microsoft.com/v1.0/link?$deltatoken={self._counts[_GRAPH]}")

    def list_recent(self, folder: str, since: datetime) -> Iterator[list[Json]]:
        _ = folder, since
        self._counts[_GRAPH] += 1
        yield []


def run(sizes: Sequence[int] = _SIZES) -> None:
    """Measure and print."""
    print(f"quiet mailboxes, each hour, {_WARM_MINUTES // 60} hours after the last mail; requests for each mailbox")
    print(
        f"  {'mailboxes':>9}  {'polls':>5}  {'requests':>8}  " + "  ".join(f"{part:>12}" for part in (*_PARTS, _TIMER))
    )
    hours = [measure(size) for size in sizes]
    for hour in hours:
        parts = "  ".join(f"{hour.share(part):12.2f}" for part in _PARTS)
        print(
            f"  {hour.mailboxes:9,}  {hour.polls / hour.mailboxes:5.1f}  {hour.requests:8.2f}  {parts}"
            f"  {hour.counts[_TIMER]:5} in all  CPU {hour.cpu / hour.mailboxes * 1e3:6.2f} ms"
        )
    print(f"  {explain(hours)}")
    calls, polls = measure_announced(sizes[0])
    print(f"  while Graph announces mail: {polls:.2f} polls, {calls:.2f} requests to Graph\n")


def explain(hours: Sequence[Hour]) -> str:
    """Say whether a larger number of mailboxes costs more for each, and which part of it."""
    least, most = hours[0], hours[-1]
    growth = [part for part in _PARTS if most.share(part) - least.share(part) > least.requests * _MAY_GROW]
    change = f"{most.requests / least.requests - 1:+.1%} from {least.mailboxes:,} to {most.mailboxes:,} mailboxes"
    if growth:
        return f"requests: {change}; what grows: {', '.join(growth)}"
    return f"requests: {change}; no part grows by more than {_MAY_GROW:.0%} of all"


def measure_announced(size: int) -> tuple[float, float]:
    """Return the requests to Graph and the polls of a mailbox in an hour, while Graph is proven to announce mail.

    To this come those that renew its subscription: one in two days, and two lists a day of each connection.
    """
    found = measure(size, _ANNOUNCED_WARM_MINUTES, _ANNOUNCED_MINUTES, announced_for=_ANNOUNCED_FOR)
    hours = _ANNOUNCED_MINUTES / 60
    return found.share(_GRAPH) / hours, found.polls / size / hours


def measure(
    size: int, warm: int = _WARM_MINUTES, minutes: int = _MINUTES, *, announced_for: timedelta | None = None
) -> Hour:
    """Let a number of mailboxes be quiet for `warm` minutes and some more; return what these took: usually an hour.

    `announced_for`: how long Graph announces their mails, as the app has it from its subscriptions.
    """
    counts: Counter[str] = Counter()
    polls = 0
    mail, queue = _open(size, counts)
    used = SimpleNamespace(mail=mail)
    table: Any = mail.table
    with (
        time_machine.travel(_START, tick=False) as clock,
        mock.patch.object(mail_requests, "services", return_value=used),
    ):
        for name in mail.mailboxes if announced_for else ():
            PollPlan(table).put_subscription(name, _START, _START + (announced_for or timedelta()))
        for minute in range(warm + minutes):
            if minute == warm:
                counts.clear()
                polls, began = 0, time.process_time()
            clock.shift(60)
            table.part = _TIMER
            mail.request_due_polls()
            table.part = READS
            for message in queue.take():
                polls += 1 + len(message.get("others", ()))
                mail_work.poll_mailbox(func.QueueMessage(body=json.dumps(message).encode()))
        return Hour(size, counts, polls, time.process_time() - began)


def _open(size: int, counts: Counter[str]) -> tuple[MailServices, CountingQueue]:
    """Return the app's use cases for so many mailboxes, and its queue of poll requests."""
    given = [{"name": f"m{number}", "address": f"m{number}@contoso.com", "sinks": [SINK]} for number in range(size)]
    settings = load_mail_settings(given)
    clients: Any = dict.fromkeys(settings.connections)
    authenticator = Authenticator(settings)
    built = build_mail_services(settings, authenticator, clients, Storage(settings.storage, authenticator.identity))
    table: Any = CountingTable(counts)
    container: Any = _Container(counts)
    graph: Any = _QuietGraph(counts)
    queue = CountingQueue(counts)
    mailboxes = {
        name: replace(mailbox, graph=graph, ledger=Ledger(table, name), store=MailStore(container, name, name))
        for name, mailbox in built.mailboxes.items()
    }
    poller = Poller(container, DeliveryQueue(CountingQueue(counts)), built.workers)
    return replace(built, mailboxes=mailboxes, table=table, polls=PollQueue(queue), poller=poller), queue


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What many quiet mailboxes cost.")
    parser.add_argument("--most", type=int, default=_SIZES[-1], help="the largest number of mailboxes")
    largest = parser.parse_args().most
    run([*(one for one in _SIZES if one < largest), largest])
    sys.exit(0)
