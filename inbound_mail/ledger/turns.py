"""Turns: threads of one process that change the same row take turns, instead of being refused one after the other."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from threading import Lock


@dataclass
class _Turn:
    """Who is at work on something, and how many threads want to be or are."""

    lock: Lock = field(default_factory=Lock)
    threads: int = 0


class Turns:
    """One thread at a time for each name. `standing_aside` is entered while a thread waits for others."""

    def __init__(self, standing_aside: Callable[[], AbstractContextManager[None]]) -> None:
        self._standing_aside = standing_aside
        self._turns: dict[Hashable, _Turn] = {}
        self._lock = Lock()

    @contextmanager
    def take(self, name: Hashable | None) -> Iterator[None]:
        """Run the block when no other thread runs one for this name; at once for None."""
        if name is None:
            yield
            return
        with self._lock:
            turn = self._turns.setdefault(name, _Turn())
            turn.threads += 1
        try:
            if not turn.lock.acquire(blocking=False):
                with self._standing_aside():
                    turn.lock.acquire()
            try:
                yield
            finally:
                turn.lock.release()
        finally:
            with self._lock:
                turn.threads -= 1
                if not turn.threads:
                    del self._turns[name]
