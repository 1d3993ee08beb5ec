"""Until when an app was told to wait, and which calls came all the same.

Public sources: learn.microsoft.com/graph/throttling ("wait the number of seconds that Retry-After names"; requests sent
meanwhile count against the limits) and /throttling-limits: the limit of concurrent requests is the app's whatever the
mailbox; the limits of requests and of bytes are those of an app and one mailbox, and do not affect another mailbox.
"""

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import unquote

_MAILBOX = re.compile(r"/v1\.0/(?:users|solutions/bookingBusinesses)(?:/|\(')(?P<mailbox>[^/')]+)", re.IGNORECASE)


def mailbox_of(path: str) -> str | None:
    """Return the mailbox that a path addresses: a user's, or a booking page's, which is a mailbox, too."""
    found = _MAILBOX.match(path)
    return unquote(found["mailbox"]).lower() if found else None


@dataclass(slots=True)
class _Pause:
    begins: float
    ends: float


class Pauses:
    """The pauses by scope, and how many calls came too early.

    clock     a monotonic clock; tests may set their own
    crossing  seconds for which a call does not count as early after the 429: it had left before the answer arrived
    early     how many requests came before the Retry-After of an answer to the same scope had passed
    """

    def __init__(self) -> None:
        self.clock: Callable[[], float] = time.monotonic
        self.crossing = 0.25
        self.early = 0
        self._pauses: dict[str, _Pause] = {}

    def begin(self, scope: str, seconds: float) -> None:
        """Tell the callers of a scope to wait. A pause that still runs gets longer, never shorter."""
        now = self.clock()
        pause = self._pauses.get(scope)
        if pause is None or pause.ends <= now:
            self._pauses[scope] = _Pause(now, now + seconds)
        else:
            pause.ends = max(pause.ends, now + seconds)

    def count(self, scopes: Iterable[str]) -> bool:
        """Count a request if it came too early, and return whether it did."""
        now = self.clock()
        pauses = [self._pauses[scope] for scope in scopes if scope in self._pauses]
        is_early = any(pause.begins + self.crossing < now < pause.ends for pause in pauses)
        self.early += is_early
        return is_early
