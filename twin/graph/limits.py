"""Throttling of Graph as rules: concurrency per app, and a switch that throttles everything for a while.

Public sources: learn.microsoft.com/graph/throttling-limits (Outlook service: four concurrent requests) and /throttling
(429 with Retry-After, which is missing at times). The error text is the one of public reports.
"""

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twin.core.wire import Call
from twin.graph.errors import GraphRefusal

if TYPE_CHECKING:
    from twin.world import World

DEFAULT_CONCURRENCY = 4


@dataclass(slots=True)
class BatchPlaces:
    """How many concurrent requests a batch counts as. Its parts run in waves of that width."""

    wanted: int
    held: int
    taken: int = 0

    def take(self) -> bool:
        """Return whether the next part is within the limit."""
        found = self.taken % self.wanted < self.held
        self.taken += 1
        return found


class GraphLimits:
    """The limits, and how often they were reached.

    concurrency  requests of one app under way at once; None for no limit
    batch_width  parts of one batch that Outlook works on at once; each counts as a request
    retry_after  seconds in the Retry-After of a concurrency refusal; None leaves the header out
    refusals     how many requests were refused, by kind
    """

    def __init__(self, world: "World") -> None:
        self.world = world
        self.concurrency: int | None = DEFAULT_CONCURRENCY
        self.batch_width = DEFAULT_CONCURRENCY
        self.retry_after: int | None = 1
        self.refusals: Counter[str] = Counter()
        self._in_flight: Counter[str] = Counter()
        self._until = 0.0
        self._throttle_retry_after: int | None = None

    @property
    def in_flight(self) -> int:
        """Return how many requests are under way, of all apps."""
        return sum(self._in_flight.values())

    def throttle_for(self, seconds: float, *, retry_after: int | None = 1) -> None:
        """Answer 429 to everything for so many seconds; `retry_after` of None leaves the header out."""
        self._throttle_retry_after = retry_after
        self._until = time.monotonic() + seconds

    def relent(self) -> None:
        """End the throttling of everything."""
        self._until = 0.0

    def enter(self, call: Call, key: str) -> None:
        """Count a request in, until it finishes. GraphRefusal 429 when a limit is reached.

        A part of a batch that holds places has been counted with it.
        """
        if time.monotonic() < self._until:
            self.refusals["throttled"] += 1
            raise _refuse("TooManyRequests", "Too many requests.", self._throttle_retry_after)
        if call.places is True:
            return
        if call.places is False or self._is_full(key):
            self.refusals["concurrency"] += 1
            message = "Application is over its MailboxConcurrency limit."
            raise _refuse("ApplicationThrottled", message, self.retry_after)
        self._in_flight[key] += 1
        call.on_finish(lambda: self._leave(key))

    def widen(self, call: Call, key: str, parts: int) -> None:
        """Let a batch that was counted as one request count as more, up to the limit."""
        wanted = min(parts, self.batch_width)
        held = min(1, wanted)
        while held < wanted and not self._is_full(key):
            self._in_flight[key] += 1
            call.on_finish(lambda: self._leave(key))
            held += 1
        call.places = BatchPlaces(wanted, held) if wanted else None

    def _is_full(self, key: str) -> bool:
        return self.concurrency is not None and self._in_flight[key] >= self.concurrency

    def _leave(self, key: str) -> None:
        self._in_flight[key] -= 1


def _refuse(code: str, message: str, retry_after: int | None) -> GraphRefusal:
    return GraphRefusal(429, code, message, {} if retry_after is None else {"retry-after": str(retry_after)})
