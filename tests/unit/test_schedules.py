"""What the platform's timer takes and what it refuses; the local host's own parser is the oracle."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devkit.host.errors import FunctionError
from devkit.host.ncrontab import Schedule
from shared.settings.catalogue import SETTINGS
from shared.settings.schedules import find_missed_run, find_schedule_fault, is_refused

VALUES = (
    "*",
    "0",
    "1",
    "6",
    "7",
    "12",
    "13",
    "23",
    "24",
    "31",
    "59",
    "60",
    "jan",
    "J",
    "december",
    "MON",
    "sunda",
    "x",
)
SHAPES = (
    "*/5",
    "5/20",
    "1-5",
    "5-1",
    "1-10/2",
    "*/0",
    "1,2",
    "Fri-Mon",
    ",",
    "-",
    "/",
    "1-",
    "-1",
    "?",
    "L",
    "1#2",
    "15W",
)
ITEMS = st.sampled_from(VALUES + SHAPES)
TIMES = st.sampled_from(("*", "0", "23", "*/5", "5/20", "5-1", "1-10/2", "*/0", "1,2"))
DATES = st.sampled_from(("*", "*", "*", "1", "5-1", "*/2", "1,2,3", "Fri-Mon", "jan"))


def is_taken(text: str) -> bool:
    try:
        Schedule.parse(text)
    except FunctionError:
        return False
    return True


@given(st.lists(ITEMS, min_size=6, max_size=6))
def test_it_agrees_with_the_local_host(parts: list[str]) -> None:
    text = " ".join(parts)
    assert (find_schedule_fault(text) is None) == is_taken(text)


@pytest.mark.parametrize("text", ["", "* * * * *", "0 * * * * * *", "@daily", "00:05:00"])
def test_it_wants_six_fields(text: str) -> None:
    assert "needs six" in str(find_schedule_fault(text))


def test_it_names_the_field_at_fault() -> None:
    assert find_schedule_fault("0 0 25 * * *") == "'25' is not a valid hour"
    assert find_schedule_fault("0 0 0 * * 7") == "'7' is not a valid day of the week"
    assert find_schedule_fault("0 */x 0 * * *") == "'x' is not a valid step for the minute"


def test_the_defaults_are_schedules() -> None:
    schedules = [setting for setting in SETTINGS if setting.name.endswith("_SCHEDULE")]
    assert schedules
    assert [find_schedule_fault(setting.default or "") for setting in schedules] == [None] * len(schedules)


def test_five_fields_are_taken_and_are_a_fault_all_the_same() -> None:
    assert [is_refused(text) for text in ("*/5 * * * *", "0 * * * * *", None, "", "soon", "60 * * * *")] == [
        False, False, True, True, True, True,
    ]  # fmt: skip


@given(
    st.tuples(*[TIMES] * 3, *[DATES] * 3).map(" ".join).filter(is_taken),
    st.datetimes(datetime(2027, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - zone is apart
    st.timedeltas(timedelta(0), timedelta(days=2)),
)
def test_a_missed_run_is_one_that_the_local_host_would_have_started(
    text: str, after: datetime, span: timedelta
) -> None:
    expected = Schedule.parse(text).find_next(after)
    is_missed = expected is not None and expected < after + span
    assert find_missed_run(text, after, after + span) == (expected if is_missed else None)
