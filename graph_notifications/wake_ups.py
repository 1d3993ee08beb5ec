"""When a wake-up is sent: at once, or behind the one before it. One that is on its way serves all that comes before.

This is of one process and only spares requests: each process sends one wake-up in two seconds at most for one mailbox.
"""

import threading
import time
from collections.abc import Callable

SPACING_SECONDS = 2.0


class WakeUps:
    """What this process has sent last, by what is woken. `read_clock` returns seconds that never go back."""

    def __init__(self, read_clock: Callable[[], float] = time.monotonic) -> None:
        self._read_clock = read_clock
        self._lock = threading.Lock()
        self._seen_at: dict[str, float] = {}  # when the last one is seen: what is announced until then is served by it

    def plan(self, name: str, spacing: float = SPACING_SECONDS) -> float | None:
        """Return after how many seconds a wake-up is to be seen; None if one is on its way that is seen later.

        `spacing`: the least seconds between two of them.
        """
        with self._lock:
            now = self._read_clock()
            last = self._seen_at.get(name)
            if last is not None and last > now:
                return None
            seen_at = now if last is None else max(now, last + spacing)
            self._seen_at[name] = seen_at
            return seen_at - now

    def forget(self, name: str) -> None:
        """Forget what was planned: it could not be sent."""
        with self._lock:
            self._seen_at.pop(name, None)
