"""Throttling of Graph as rules: concurrency per app, a share of refused requests, and everything for a while.

Public sources: learn.microsoft.com/graph/throttling-limits (Outlook service: four concurrent requests) and /throttling
(429 with Retry-After, which is missing at times). The error texts are those of public reports.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twin.core.wire import Call
from twin.graph.errors import GraphRefusal
from twin.graph.pauses import Pauses, mailbox_of

if TYPE_CHECKING:
    from twin.world import World

DEFAULT_CONCURRENCY = 4
OF_THE_APP = "MailboxConcurrency"
"""The limit that counts for an app whatever the mailbox; every other one is of an app and one mailbox."""


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
    retry_after  seconds in the Retry-After of a refusal; None leaves the header out
    share        share of the requests to mailboxes that are refused though nothing is reached: each 1/share-th one
    share_limit  the limit that these refusals name: "MailboxConcurrency" is the app's, "IncomingBytes" the mailbox's
    refuse_early whether a request that came before its Retry-After had passed is refused again
    refusals     how many requests were refused, by kind
    pauses       until when callers were told to wait, and how many requests came too early
    """

    def __init__(self, world: "World") -> None:
        self.world = world
        self.concurrency: int | None = DEFAULT_CONCURRENCY
        self.batch_width = DEFAULT_CONCURRENCY
        self.retry_after: int | None = 1
        self.share = 0.0
        self.share_limit = "IncomingBytes"
        self.refuse_early = False
        self.refusals: Counter[str] = Counter()
        self.pauses = Pauses()
        self._asked = 0
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
        mailbox = mailbox_of(call.path)
        scopes = [key] if mailbox is None else [key, f"{key}/{mailbox}"]
        is_early = self.pauses.count(scopes)
        if time.monotonic() < self._until:
            self.refusals["throttled"] += 1
            raise self._refuse(key, "TooManyRequests", "Too many requests.", self._throttle_retry_after)
        if is_early and self.refuse_early:
            self.refusals["early"] += 1
            raise self._refuse_limit(self.share_limit, scopes)
        if mailbox is not None and self._is_next_of_share():
            self.refusals["share"] += 1
            raise self._refuse_limit(self.share_limit, scopes)
        if call.places is True:
            return
        if call.places is False or self._is_full(key):
            self.refusals["concurrency"] += 1
            raise self._refuse_limit(OF_THE_APP, scopes)
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

    def _is_next_of_share(self) -> bool:
        self._asked += 1
        return int(self._asked * self.share) > int((self._asked - 1) * self.share)

    def _refuse_limit(self, limit: str, scopes: Sequence[str]) -> GraphRefusal:
        message = f"Application is over its {limit} limit."
        return self._refuse(scopes[0 if limit == OF_THE_APP else -1], "ApplicationThrottled", message, self.retry_after)

    def _refuse(self, scope: str, code: str, message: str, retry_after: int | None) -> GraphRefusal:
        if retry_after is None:
            return GraphRefusal(429, code, message)
        self.pauses.begin(scope, retry_after)
        return GraphRefusal(429, code, message, {"retry-after": str(retry_after)})
