"""The time that the rules of the services use."""

from datetime import UTC, datetime, timedelta


class Clock:
    """The world's time: the machine's time plus an offset.

    Bookings rules (lead time, creation stamps) read this clock. Signatures and token lifetimes use the machine's time,
    as client libraries do.
    """

    def __init__(self) -> None:
        self._offset = timedelta()

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        return datetime.now(UTC) + self._offset

    def advance(self, by: timedelta) -> None:
        """Move the time forward, or back with a negative span."""
        self._offset += by

    def set(self, instant: datetime) -> None:
        """Set the time to this aware instant; it goes on from there."""
        self._offset = instant - datetime.now(UTC)

    def follow_machine(self) -> None:
        """Set the offset to zero."""
        self._offset = timedelta()
