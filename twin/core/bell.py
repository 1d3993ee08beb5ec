"""A bell: whoever changes the world rings it, and background work listens. Both may be on any thread."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Bell:
    """Wakes listeners. Ringing is cheap, and may happen on any thread; listeners must not wait."""

    def __init__(self) -> None:
        self._listeners: tuple[Callable[[], None], ...] = ()

    def ring(self) -> None:
        """Call every listener."""
        for listener in self._listeners:
            listener()

    @contextmanager
    def listening(self, listener: Callable[[], None]) -> Iterator[None]:
        """Call this listener with every ring until the end of the block."""
        self._listeners = (*self._listeners, listener)
        try:
            yield
        finally:
            self._listeners = tuple(one for one in self._listeners if one is not listener)
