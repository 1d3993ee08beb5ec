"""The number of customers that Graph takes into one group appointment, learnt from its refusals.

A create with more than four customers fails with 500 UnknownError, whatever the service allows (Microsoft Q&A 5875448).
The report says nothing of PATCH, so larger groups are filled by PATCH. If Graph refuses that too, the refusal is
remembered here for an hour, and free slots show only the seats that can be booked.
"""

import threading
from typing import Any

import cachetools

MOST_CUSTOMERS_OF_CREATE = 4
_REMEMBERED_SECONDS = 3600
_MOST_BUSINESSES = 256


class GroupLimit:
    """The businesses of one connection in which Graph refused to change an appointment of more than four customers."""

    def __init__(self) -> None:
        self._refused: cachetools.TTLCache[Any, bool] = cachetools.TTLCache(_MOST_BUSINESSES, _REMEMBERED_SECONDS)
        self._lock = threading.Lock()

    def note_refusal(self, business: str) -> None:
        """Graph refused more than four customers in an appointment of this business."""
        with self._lock:
            self._refused[business.lower()] = True

    def note_success(self, business: str) -> None:
        """Graph took more than four customers into an appointment of this business."""
        with self._lock:
            self._refused.pop(business.lower(), None)

    def is_known(self, business: str) -> bool:
        """Say whether Graph refused more than four customers here within the last hour."""
        with self._lock:
            return business.lower() in self._refused

    def seats_of(self, business: str, item: dict[str, Any]) -> int:
        """Return how many more customers can be booked into an appointment."""
        taken = int(item.get("filledAttendeesCount") or 0)
        return self.seats_left(business, int(item.get("maximumAttendeesCount") or 0), taken)

    def seats_left(self, business: str, seats: int, taken: int = 0) -> int:
        """Return how many more customers can be booked into an appointment with so many seats, some of them taken."""
        return (min(seats, MOST_CUSTOMERS_OF_CREATE) if self.is_known(business) else seats) - taken
