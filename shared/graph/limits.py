"""Limits of calls to Graph that all threads of a process keep: how many are open, and until when Graph wants none.

Outlook allows an app four open requests, whatever the mailbox. After a 429 with Retry-After, requests that come before
it has passed are refused and still count. So what one thread learns holds for all: for the mailbox that was asked, or
for the app in its tenant, see `answers.read_pause`.

Sources: learn.microsoft.com/graph/throttling and /throttling-limits (Outlook: concurrency per app, other limits per app
and mailbox; `x-ms-throttle-scope`).
"""

import re
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from urllib.parse import unquote

from shared import context
from shared.errors import Throttled

_LONGEST_PATIENCE = 60.0
_LONGEST_PAUSE = 3600.0  # a Retry-After beyond that is a mistake; after an hour one call finds out
_BUSY = "The gateway is busy with other calls to Microsoft Graph. Try again soon."
_PAUSING = "Microsoft Graph has asked the gateway to wait before it calls again. Try again later."
# A booking page is a mailbox, too, and its id the address. Links of Graph write a key in brackets as well.
_MAILBOX = re.compile(r"/(?:users|solutions/bookingBusinesses)(?:/|\(')([^/?')]+)", re.IGNORECASE)


class Pauses:
    """Until when Graph wants no calls, by scope: an app in its tenant, or one of its mailboxes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: dict[str, float] = {}

    def begin(self, scope: str, seconds: float) -> None:
        """Let nobody call the scope for so long. A pause that still runs gets longer, never shorter."""
        now = time.monotonic()
        with self._lock:
            self._ends = {known: end for known, end in self._ends.items() if end > now}
            self._ends[scope] = max(self._ends.get(scope, 0.0), now + min(seconds, _LONGEST_PAUSE))

    def rest(self, scopes: Collection[str]) -> float:
        """Return the seconds until none of the scopes pauses; 0 if none does."""
        with self._lock:
            last = max((self._ends.get(scope, 0.0) for scope in scopes), default=0.0)
        return max(0.0, last - time.monotonic())


class CallLimits:
    """Limits how many requests are open at Graph, and keeps every request back while its scopes pause.

    One object serves all connections and threads of an instance. Waiting counts against the call's own time.
    """

    def __init__(self, width: int, pauses: Pauses | None = None) -> None:
        self.pauses = pauses or Pauses()
        self._places = threading.BoundedSemaphore(width)

    @contextmanager
    def hold(self, scopes: Collection[str] = (), *, patience: float = _LONGEST_PATIENCE) -> Iterator[None]:
        """Count the block as one open request, which begins when none of the scopes pauses.

        Raises Throttled at once if a pause is longer than `patience` or the time of the call, and if no place comes
        free within them. Nothing was sent then.
        """
        last = time.monotonic() + min(patience, context.remaining())
        while True:
            self._await_end(scopes, last)
            if not self._places.acquire(timeout=max(0.0, last - time.monotonic())):
                raise Throttled(_BUSY, retry_after=5)
            try:
                if not self.pauses.rest(scopes):  # others may have learned of a pause while this one waited
                    yield
                    return
            finally:
                self._places.release()

    def _await_end(self, scopes: Collection[str], last: float) -> None:
        while rest := self.pauses.rest(scopes):
            if time.monotonic() + rest >= last:
                raise Throttled(_PAUSING, retry_after=rest)
            time.sleep(rest)


def mailbox_of(path: str) -> str | None:
    """Return the mailbox that a path below /v1.0 addresses: a user's or a booking page's; None for neither."""
    found = _MAILBOX.match(path)
    return unquote(found[1]).lower() if found else None
