"""Arithmetic on time spans: sorted, disjoint, half-open intervals of whole seconds since 1970 (UTC)."""

from bisect import bisect_right
from collections.abc import Iterable
from math import inf

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
    """Return the parts that lie in both."""
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


def subtract(intervals: Intervals, taken: Intervals) -> Intervals:
    """Return the parts of the first that lie outside the second."""
    left: Intervals = []
    first = 0
    for begins, end in intervals:
        start = begins
        while first < len(taken) and taken[first][1] <= start:
            first += 1
        for place in range(first, len(taken)):
            from_, to = taken[place]
            if from_ >= end:
                break
            if start < from_:
                left.append((start, from_))
            start = to
        if start < end:
            left.append((start, end))
    return left


def beginnings(within: Intervals, blocked: Intervals, length: int, before: int, after: int) -> Intervals:
    """Return when a span of this length may begin: inside one interval, and with its margins clear of blocked ones."""
    inside = [(start, end - length + 1) for start, end in within if start + length <= end]
    in_the_way = [(min(start, start - length - after + 1), end + before) for start, end in blocked]
    return subtract(inside, merge(in_the_way))


def covers(intervals: Intervals, start: int, end: int) -> bool:
    """Return whether one interval contains the whole span."""
    place = _last_begun(intervals, start)
    return place >= 0 and end <= intervals[place][1]


def touches(intervals: Intervals, start: int, end: int) -> bool:
    """Return whether any interval overlaps the span."""
    place = _last_begun(intervals, start)
    if place >= 0 and intervals[place][1] > start:
        return True
    return place + 1 < len(intervals) and intervals[place + 1][0] < end


def _last_begun(intervals: Intervals, moment: int) -> int:
    """Return the index of the last interval that begins at a moment or before it; -1 if there is none."""
    return bisect_right(intervals, (moment, inf)) - 1
