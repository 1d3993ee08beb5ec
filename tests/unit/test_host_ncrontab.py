"""The schedules of timers, by the platform's rules."""

from datetime import UTC, datetime, timedelta

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from devkit.host.errors import FunctionError
from devkit.host.ncrontab import Schedule
from tests.unit.host_vectors import read_vectors

SUNDAY = datetime(2026, 3, 1, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  the strategy adds it


def occurrences(text: str, count: int, base: datetime = SUNDAY) -> list[datetime]:
    schedule, found, moment = Schedule.parse(text), [], base
    for _ in range(count):
        following = schedule.find_next(moment)
        assert following is not None
        moment = following
        found.append(moment)
    return found


def plain_field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    ordered = st.lists(number, min_size=2, max_size=2, unique=True).map(sorted)  # the oracle reads 0-0 as every day
    return st.one_of(
        st.just("*"),
        number.map(str),
        st.lists(number, min_size=1, max_size=4, unique=True).map(lambda values: ",".join(map(str, values))),
        ordered.map(lambda pair: f"{pair[0]}-{pair[1]}"),
        st.integers(1, high).map(lambda step: f"*/{step}"),
    )


PLAIN = st.tuples(
    plain_field(0, 59),
    plain_field(0, 59),
    plain_field(0, 23),
    plain_field(1, 28),
    plain_field(1, 12),
    plain_field(0, 6),
).map(" ".join)


@given(PLAIN, MOMENTS)
def test_plain_schedules_agree_with_an_independent_library(text: str, base: datetime) -> None:
    oracle = croniter(text, base, second_at_beginning=True, day_or=False, max_years_between_matches=50)
    expected = oracle.get_next(datetime)
    assert Schedule.parse(text).find_next(base) == expected


def test_the_next_occurrence_is_strictly_after_the_base() -> None:
    noon = SUNDAY.replace(hour=12)
    assert Schedule.parse("0 0 12 * * *").find_next(noon) == noon + timedelta(days=1)
    assert Schedule.parse("0 0 12 * * *").find_next(noon - timedelta(microseconds=1)) == noon


def test_times_are_utc_whatever_zone_the_base_has() -> None:
    base = datetime.fromisoformat("2026-03-01T23:30:00-05:00")
    assert Schedule.parse("0 0 6 * * *").find_next(base) == datetime(2026, 3, 2, 6, tzinfo=UTC)


def test_five_fields_mean_second_zero() -> None:
    assert Schedule.parse("*/5 * * * *").seconds == (0,)


def test_day_and_weekday_must_both_match() -> None:
    assert [moment.date().isoformat() for moment in occurrences("0 0 0 13 * 5", 2)] == ["2026-03-13", "2026-11-13"]


@pytest.mark.parametrize(
    ("field", "hours"),
    [
        ("22-2", set(range(2, 23))),
        ("5-5", {5}),
        ("5/20", {5}),
        ("5/6", {5, 11, 17, 23}),
        ("*/0", set(range(24))),
        ("1-10/4", {1, 5, 9}),
        ("1,3,20-22", {1, 3, 20, 21, 22}),
        ("07", {7}),
    ],
)
def test_hours_follow_the_platforms_grammar(field: str, hours: set[int]) -> None:
    assert set(Schedule.parse(f"0 0 {field} * * *").hours) == hours


@pytest.mark.parametrize(
    ("field", "weekdays"),
    [
        ("FRI-MON", {1, 2, 3, 4, 5}),
        ("MON-FRI", {1, 2, 3, 4, 5}),
        ("monday", {1}),
        ("T", {2}),
        ("Th", {4}),
        ("S", {0}),
        ("sat,SUN", {0, 6}),
        ("0-6", {0, 1, 2, 3, 4, 5, 6}),
    ],
)
def test_weekdays_take_any_prefix_of_a_name_and_swap_reversed_ranges(field: str, weekdays: set[int]) -> None:
    assert Schedule.parse(f"0 0 0 * * {field}").weekdays == weekdays


@pytest.mark.parametrize(
    ("field", "months"), [("J", {1}), ("Jul", {7}), ("december", {12}), ("Ma", {3}), ("2/5", {2, 7, 12})]
)
def test_months_take_any_prefix_of_a_name(field: str, months: set[int]) -> None:
    assert Schedule.parse(f"0 0 0 1 {field} *").months == months


@pytest.mark.parametrize(
    "text",
    [
        "0 0 0 * * 7",
        "0 0 0 ? * *",
        "0 0 0 L * *",
        "0 0 0 15W * *",
        "0 0 0 * * 5#2",
        "@daily",
        "00:05:00",
        "60 * * * * *",
        "* * 24 * * *",
        "0 0 0 0 * *",
        "0 0 0 1 13 *",
        "0 0 0 1 Janu4 *",
        "0 0 0 * * Mondays",
        "0 0 0 * * * *",
        "0 0 *",
        "",
        "-1 * * * * *",
        "1- * * * * *",
        "/5 * * * * *",
        "5, * * * * *",
        "*-5 * * * * *",
        "MON * * * * *",
        "+5 * * * * *",
        "٣ * * * * *",
    ],
)
def test_what_the_platform_refuses_is_refused(text: str) -> None:
    with pytest.raises(FunctionError, match="schedule"):
        Schedule.parse(text)


def test_leap_days_are_found_across_years() -> None:
    assert [moment.year for moment in occurrences("0 0 0 29 2 *", 3)] == [2028, 2032, 2036]
    assert Schedule.parse("0 0 0 29 2 0").find_next(SUNDAY) == datetime(2032, 2, 29, tzinfo=UTC)


def test_a_day_that_never_comes_has_no_next_occurrence() -> None:
    assert Schedule.parse("0 0 0 30 2 *").find_next(SUNDAY) is None


def find_next_times(schedule: Schedule, base: str, count: int) -> list[str]:
    moment: datetime | None = datetime.fromisoformat(base).replace(tzinfo=UTC)
    times: list[str] = []
    while moment is not None and len(times) < count:
        moment = schedule.find_next(moment)
        times.append("never" if moment is None else moment.replace(tzinfo=None).isoformat())
    return times


def test_schedules_mean_what_they_mean_to_ncrontab_or_are_refused() -> None:
    refused = []
    for text, error, _, runs in read_vectors("ncrontab")["expressions"]:
        try:
            schedule = Schedule.parse(text)
        except FunctionError:
            refused += [text] * (error is None)
            continue
        assert error is None, text
        for base, times in runs:
            if base < "9000":
                assert find_next_times(schedule, base, len(times)) == times, (text, base)
    assert refused == ["*/-1 * * * * *", "*/2147483647 * * * * *"]


def test_timers_are_monitored_as_on_the_platform() -> None:
    for text, now, count, normal in read_vectors("ncrontab")["minute"]:
        frequent = count > 1 and set(normal.split()[1:]) == {"*"}
        assert Schedule.parse(text).is_frequent(datetime.fromisoformat(now).replace(tzinfo=UTC)) == frequent, text
