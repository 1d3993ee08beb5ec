"""The time that rules of the world go by."""

from datetime import UTC, datetime, timedelta


class Clock:
    """The world's time: the machine's, moved by an offset.

    Bookings rules (lead time, creation stamps) read this clock. Signatures and token lifetimes do not: their other side
    is a client library that reads the machine's clock, so they follow the machine too.
    """

    def __init__(self) -> None:
        self._offset = timedelta()

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        return datetime.now(UTC) + self._offset

    def advance(self, by: timedelta) -> None:
        """Move the world forward (or back, with a negative span); it keeps ticking."""
        self._offset += by

    def set(self, instant: datetime) -> None:
        """Let the world tick on from this aware instant."""
        self._offset = instant - datetime.now(UTC)

    def follow_machine(self) -> None:
        """Drop every offset."""
        self._offset = timedelta()
