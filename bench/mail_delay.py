"""How long a mail waits on the platform until it is a ticket: computed, with the platform's own rules for polling.

A mail waits for the next run of the timer, then for the host's next look at the queue of polls, and for its next look
at the queue of deliveries. The looks follow host.json and the delays of the platform (`devkit.host.queues.Backoff`,
after RandomizedExponentialBackoffStrategy.cs): 0.1 s behind a message, then longer and longer, up to
`maxPollingInterval`. So nothing is measured here but days of such looks, in a second. Instances that must be started
first, and a mailbox that is polled less often because it is quiet, come on top.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

from devkit.bootstrap import ROOT
from devkit.host.queues import Backoff
from devkit.host.settings import parse_time_span

SCHEDULES = (15.0, 60.0)  # of the sample world, and the default of MAILBOX_POLL_SCHEDULE
DEFAULT_INTERVAL = 60.0  # the platform's own, without host.json
# Seconds of work: the timer asks, the poll reads and stores, the sink answers.
_ASK, _POLL, _DELIVER = 0.05, 0.25, 0.2
_MEAN_GAP = 300.0  # between two mails


@dataclass(frozen=True)
class Delays:
    """Half of the mails are tickets within `median` seconds, 95 of 100 within `most`."""

    median: float
    most: float


class Listener:
    """The host's looks at one queue, which are played as far as a message needs them."""

    def __init__(self, interval: float) -> None:
        self._backoff = Backoff(interval)
        self._next_look = 0.0

    def take(self, put_at: float) -> float:
        """Return when the host takes a message that was put at this moment, later than all others."""
        while self._next_look < put_at:
            self._next_look += self._backoff.next_delay()
        taken_at = self._next_look
        self._backoff.reset()
        return taken_at


def compute_delays(schedule: float, interval: float, *, mails: int = 3_000) -> Delays:
    """Play the way of many mails, one after the other; a poll is asked for at each run of the timer."""
    chance = random.Random(16)  # noqa: S311 - no secret
    polls, deliveries = Listener(interval), Listener(interval)
    found: list[float] = []
    now, timer, polled_at = 0.0, 0.0, 0.0
    for _ in range(mails):
        now += chance.expovariate(1 / _MEAN_GAP)
        while polled_at < now:  # until a poll begins that sees the mail
            timer += schedule
            polled_at = polls.take(timer + _ASK)
        ticket_at = deliveries.take(polled_at + _POLL) + _DELIVER
        found.append(ticket_at - now)
    parts = quantiles(found, n=100)
    return Delays(parts[49], parts[94])


def read_interval() -> float:
    """Return `maxPollingInterval` of host.json in seconds."""
    queues: dict[str, Any] = json.loads((ROOT / "host.json").read_text())["extensions"]["queues"]
    return parse_time_span(queues["maxPollingInterval"]).total_seconds()


def run(schedules: Sequence[float] = SCHEDULES) -> None:
    """Compute and print."""
    print("seconds from mailbox to ticket on the platform, computed for 3,000 mails: median, and of 95 of 100 mails")
    for interval, what in ((read_interval(), "host.json"), (DEFAULT_INTERVAL, "the platform's default")):
        for schedule in schedules:
            found = compute_delays(schedule, interval)
            print(
                f"  timer every {schedule:3.0f} s, idle queues looked at every {interval:3.0f} s ({what:22})  "
                f"{found.median:5.1f}  {found.most:5.1f}"
            )
    print()
