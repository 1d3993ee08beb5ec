"""Arithmetic on time spans: sorted, disjoint, half-open intervals of whole seconds since 1970 (UTC)."""

from bisect import bisect_right
from collections.abc import Iterable

type Interval = tuple[int, int]
type Intervals = list[Interval]


def merge(spans: Iterable[Interval]) -> Intervals:
    """Return the union; spans that touch become one, empty ones vanish."""
    merged: Intervals = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and start <= merged[-1][1]:
            if end > merged[-1][1]:
                merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def intersect(left: Intervals, right: Intervals) -> Intervals:
    """Return what lies in both."""
    common: Intervals = []
    here = there = 0
    while here < len(left) and there < len(right):
        start = max(left[here][0], right[there][0])
        end = min(left[here][1], right[there][1])
        if start < end:
            common.append((start, end))
        if left[here][1] < right[there][1]:
            here += 1
        else:
            there += 1
    return common


def subtract(intervals: Intervals, taken: Interval) -> Intervals:
    """Return what is left when one span is taken out."""
    left: Intervals = []
    for start, end in intervals:
        left += [(start, min(end, taken[0]))] if start < taken[0] else []
        left += [(max(start, taken[1]), end)] if end > taken[1] else []
    return left


def covers(intervals: Intervals, start: int, end: int) -> bool:
    """Say whether one interval holds the whole span."""
    place = bisect_right(intervals, start, key=_start) - 1
    return place >= 0 and end <= intervals[place][1]


def touches(intervals: Intervals, start: int, end: int) -> bool:
    """Say whether any interval shares time with the span."""
    place = bisect_right(intervals, start, key=_start) - 1
    if place >= 0 and intervals[place][1] > start:
        return True
    return place + 1 < len(intervals) and intervals[place + 1][0] < end


def _start(interval: Interval) -> int:
    return interval[0]
