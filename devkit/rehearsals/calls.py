"""How many calls to Graph a rehearsal costs: counted while it runs, because the simulator drops old exchanges."""

from dataclasses import dataclass
from datetime import UTC, datetime

from twin.core.record import Record

_APIS = ("graph", "bookings", "mail")


@dataclass
class Calls:
    """Calls to Graph, scans of the business, and windows of all scans.

    A scan is recognised by its first window, which begins in the past.
    """

    graph: int = 0
    scans: int = 0
    windows: int = 0
    _last: int = 0

    def count(self, record: Record, business: str) -> None:
        """Count the exchanges that were recorded since the last call."""
        for seen in record.all(since=self._last):
            self._last = seen.seq
            if seen.api not in _APIS:
                continue
            self.graph += 1
            is_window = seen.path.endswith(f"{business}/calendarView") and seen.option("$skiptoken") is None
            if is_window and (start := seen.option("start")):
                self.windows += 1
                self.scans += datetime.fromisoformat(start) < datetime.now(UTC)
