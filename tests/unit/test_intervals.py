from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bookings.intervals import Intervals, covers, intersect, merge, touches

span = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda pair: (min(pair), max(pair)))
spans = st.lists(span, max_size=8)


def points(intervals: Intervals) -> set[int]:
    """The unit steps that the intervals hold: the plain truth to compare with."""
    return {point for start, end in intervals for point in range(start, end)}


@given(spans)
def test_a_union_is_sorted_disjoint_and_loses_nothing(given_spans: Intervals) -> None:
    merged = merge(given_spans)
    assert points(merged) == points(given_spans)
    assert all(left[1] < right[0] for left, right in pairwise(merged))
    assert all(start < end for start, end in merged)


@given(spans, spans)
def test_an_intersection_holds_what_both_hold(left: Intervals, right: Intervals) -> None:
    assert points(intersect(merge(left), merge(right))) == points(left) & points(right)


@given(spans, span)
def test_a_span_is_covered_or_touched_as_its_points_say(given_spans: Intervals, wanted: tuple[int, int]) -> None:
    merged = merge(given_spans)
    inside = points([wanted])
    if inside:
        assert covers(merged, *wanted) == (inside <= points(merged))
        assert touches(merged, *wanted) == bool(inside & points(merged))
