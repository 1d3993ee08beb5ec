from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookings.windows import cut_windows

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(("days", "windows"), [(1, 1), (31, 1), (32, 2), (62, 2), (63, 3), (365, 12), (366, 12)])
def test_a_range_of_d_days_takes_d_by_31_windows(days: int, windows: int) -> None:
    assert len(cut_windows(START, START + timedelta(days=days))) == windows


def test_31_local_days_with_a_change_of_clocks_fit_into_one_window() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    autumn = datetime(2026, 10, 1, tzinfo=berlin), datetime(2026, 11, 1, tzinfo=berlin)
    assert len(cut_windows(autumn[0].astimezone(UTC), autumn[1].astimezone(UTC))) == 1


@given(st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=800)))
def test_windows_adjoin_and_cover_the_range_and_none_is_much_longer_than_a_month(length: timedelta) -> None:
    windows = cut_windows(START, START + length)
    assert (windows[0][0], windows[-1][1]) == (START, START + length)
    assert all(left[1] == right[0] for left, right in pairwise(windows))
    assert all(end - start <= timedelta(days=31, hours=12) for start, end in windows)
