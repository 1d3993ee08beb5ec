"""The time that the rules of the services use."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """The world's time: the machine's time plus an offset.

    Bookings rules (lead time, creation stamps) read this clock. Signatures and token lifetimes use the machine's time,
    as client libraries do. `moved` is called after every change of the offset, on the thread that made it.
    """

    def __init__(self, moved: Callable[[], None] = lambda: None) -> None:
        self._offset = timedelta()
        self._moved = moved

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        return datetime.now(UTC) + self._offset

    def advance(self, by: timedelta) -> None:
        """Move the time forward, or back with a negative span."""
        self._offset += by
        self._moved()

    def set(self, instant: datetime) -> None:
        """Set the time to this aware instant; it goes on from there."""
        self._offset = instant - datetime.now(UTC)
        self._moved()

    def follow_machine(self) -> None:
        """Set the offset to zero."""
        self._offset = timedelta()
        self._moved()
