"""Cuts a long range into windows, one for each call of calendarView or getStaffAvailability.

Graph documents no longest range; a month is known to work. Twelve hours more still count as one window, so that 31
local days with a change of clocks, or with a slot's buffers, fit into one call.
"""

from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil

LONGEST = timedelta(days=31)
_SLACK = timedelta(hours=12)


def cut_windows(start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Return ceil(days / 31) adjoining windows of equal length that cover the range."""
    count = max(1, ceil((end - start - _SLACK) / LONGEST))
    length = (end - start) / count
    edges = [start + length * number for number in range(count)] + [end]
    return list(pairwise(edges))
