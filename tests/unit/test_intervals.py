from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bookings.free_time.intervals import Intervals, beginnings, covers, intersect, merge, subtract, touches

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


@given(spans, spans)
def test_a_difference_holds_what_only_the_first_holds(left: Intervals, right: Intervals) -> None:
    rest = subtract(merge(left), merge(right))
    assert points(rest) == points(left) - points(right)
    assert rest == sorted(rest)
    assert all(start < end for start, end in rest)


@given(spans, spans, st.integers(1, 12), st.integers(0, 5), st.integers(0, 5))
def test_a_span_may_begin_where_it_is_covered_and_its_margins_touch_nothing(
    within: Intervals, blocked: Intervals, length: int, before: int, after: int
) -> None:
    within, blocked = merge(within), merge(blocked)
    free = {
        start
        for start in range(61)
        if covers(within, start, start + length) and not touches(blocked, start - before, start + length + after)
    }
    assert points(beginnings(within, blocked, length, before, after)) == free
