from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tzlocal.windows_tz import win_tz

from shared.errors import OutcomeUnknown
from shared.time_zones.names import DISPLAY_NAMES
from shared.time_zones.zones import (
    UnknownZoneError,
    UnreadableMomentError,
    find_zone,
    local_text,
    read_date,
    read_duration,
    read_graph_moment,
    read_moment,
    utc_text,
)

BERLIN = find_zone("Europe/Berlin")


@pytest.mark.parametrize(
    ("name", "iana", "windows"),
    [
        ("Europe/Berlin", "Europe/Berlin", "W. Europe Standard Time"),
        ("W. Europe Standard Time", "Europe/Berlin", "W. Europe Standard Time"),
        (" Pacific Standard Time ", "America/Los_Angeles", "Pacific Standard Time"),
        ("(UTC-08:00) Pacific Time (US & Canada)", "America/Los_Angeles", "Pacific Standard Time"),
        ("(UTC) Coordinated Universal Time", "UTC", "UTC"),
        ("(UTC+05:30) Chennai, Kolkata, Mumbai, New Delhi", "Asia/Calcutta", "India Standard Time"),
        ("UTC", "UTC", "UTC"),
        ("Asia/Kolkata", "Asia/Kolkata", "India Standard Time"),
        ("Antarctica/Troll", "Antarctica/Troll", None),
    ],
)
def test_a_zone_is_found_by_any_of_its_names(name: str, iana: str, windows: str | None) -> None:
    zone = find_zone(name)
    assert (zone.iana, zone.windows) == (iana, windows)


@pytest.mark.parametrize(
    "name", ["Mars/Olympus", "", "../../etc/passwd", "/etc/localtime", "a\0b", "(UTC+01:00) Nowhere", "x" * 500]
)
def test_a_name_that_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(UnknownZoneError):
        find_zone(name)


def test_years_have_four_digits() -> None:
    first = datetime(1, 1, 1, tzinfo=UTC)
    assert utc_text(first) == "0001-01-01T00:00:00Z"
    assert local_text(first, find_zone("UTC")) == "0001-01-01T00:00:00"


def test_every_display_name_leads_to_a_zone_that_windows_and_the_zone_database_know() -> None:
    for text, windows in DISPLAY_NAMES.items():
        assert windows in win_tz
        assert find_zone(f"(UTC+00:00) {text}").windows == windows


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-05-05T09:00:00Z", "2026-05-05T09:00:00Z"),
        ("2026-05-05T09:00:00+02:00", "2026-05-05T07:00:00Z"),
        ("2026-05-05T09:00:00 02:00", "2026-05-05T07:00:00Z"),  # a plus that a query lost
        ("2026-05-05T09:00", "2026-05-05T07:00:00Z"),
        ("2026-05-05T09:00:00.0000000Z", "2026-05-05T09:00:00Z"),
        ("2026-05-05", "2026-05-04T22:00:00Z"),
        ("2026-01-05", "2026-01-04T23:00:00Z"),
        ("2026-03-29T02:30:00", "2026-03-29T01:30:00Z"),  # skipped in spring: an hour later
        ("2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),  # twice in autumn: the first
    ],
)
def test_moments_are_read_with_their_own_offset_or_in_the_zone(text: str, utc: str) -> None:
    assert utc_text(read_moment(text, BERLIN)) == utc


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2026-02-30",
        "20260505",
        "2026-W05",
        "05/05/2026",
        "2026-05-05T25:00",
        "0001-01-01T00:00:00+05:00",
    ],
)
def test_texts_that_are_no_moment_are_refused(text: str) -> None:
    with pytest.raises(UnreadableMomentError):
        read_moment(text, BERLIN)


@pytest.mark.parametrize("text", ["2026-05-05T09:00:00", "5.5.2026", "2026-13-01", ""])
def test_a_date_is_nothing_but_a_date(text: str) -> None:
    with pytest.raises(UnreadableMomentError):
        read_date(text)


def test_graph_moments_are_understood_with_ids_display_names_and_offsets() -> None:
    nine_in_utc = datetime(2026, 5, 5, 9, tzinfo=UTC)
    assert read_graph_moment({"dateTime": "2026-05-05T09:00:00.0000000Z", "timeZone": "UTC"}) == nine_in_utc
    assert read_graph_moment({"dateTime": "2026-05-05T09:00:00.0000000", "timeZone": "UTC"}) == nine_in_utc
    pacific = {"dateTime": "2026-05-05T02:00:00", "timeZone": "(UTC-08:00) Pacific Time (US & Canada)"}
    assert read_graph_moment(pacific) == nine_in_utc


@pytest.mark.parametrize("value", [{}, {"dateTime": "soon"}, {"dateTime": "2026-05-05T09:00:00", "timeZone": "Home"}])
def test_a_graph_moment_that_cannot_be_understood_is_no_guess(value: dict[str, str]) -> None:
    with pytest.raises(OutcomeUnknown) as raised:
        read_graph_moment(value)
    assert raised.value.code == "UpstreamBadAnswer"


def test_local_times_follow_the_clock_changes_of_the_zone() -> None:
    before = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    assert local_text(before, BERLIN) == "2026-03-29T01:30:00"
    assert local_text(before + timedelta(hours=1), BERLIN) == "2026-03-29T03:30:00"
    assert BERLIN.rules == ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("PT30M", timedelta(minutes=30)),
        ("P1DT1H", timedelta(hours=25)),
        ("PT0S", timedelta(0)),
        ("P365D", timedelta(365)),
    ],
)
def test_durations_are_read(text: str, duration: timedelta) -> None:
    assert read_duration(text, timedelta(days=9)) == duration


def test_a_missing_duration_is_the_default_and_a_broken_one_an_error() -> None:
    assert read_duration(None, timedelta(days=9)) == timedelta(days=9)
    for text in ("half an hour", "P1M"):
        with pytest.raises(OutcomeUnknown):
            read_duration(text, timedelta(0))
