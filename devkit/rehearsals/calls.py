"""What a rehearsal cost at Graph: counted while it goes on, because the simulator forgets old exchanges."""

from dataclasses import dataclass
from datetime import UTC, datetime

from twin.core.record import Record

_ROOMS = ("graph", "bookings", "mail")


@dataclass
class Calls:
    """Calls to Graph; looks at a page, told by the window that begins in the past; windows of all looks."""

    graph: int = 0
    looks: int = 0
    windows: int = 0
    _last: int = 0

    def count(self, record: Record, business: str) -> None:
        """Count what came since the last time."""
        for seen in record.all(since=self._last):
            self._last = seen.seq
            if seen.api not in _ROOMS:
                continue
            self.graph += 1
            is_window = seen.path.endswith(f"{business}/calendarView") and seen.option("$skiptoken") is None
            if is_window and (start := seen.option("start")):
                self.windows += 1
                self.looks += datetime.fromisoformat(start) < datetime.now(UTC)
