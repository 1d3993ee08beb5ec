from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.bookings.times import (
    Span,
    join_spans,
    parse_duration,
    parse_instant,
    parse_zoned,
    render_duration,
    render_zoned,
)
from twin.bookings.zones import DISPLAY_NAMES, WINDOWS_TO_IANA, display_name, find_zone

MAY = datetime(2026, 5, 5, 9, tzinfo=UTC)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=400)))
def test_durations_come_back_as_they_went(span: timedelta) -> None:
    whole = timedelta(seconds=int(span.total_seconds()))

    assert parse_duration(render_duration(whole)) == whole


@pytest.mark.parametrize(
    ("text", "span"),
    [("PT30M", timedelta(minutes=30)), ("P1DT2H", timedelta(hours=26)), ("-PT5M", timedelta(minutes=-5))],
)
def test_durations_are_read(text: str, span: timedelta) -> None:
    assert parse_duration(text) == span


@pytest.mark.parametrize("text", ["", "P", "PT", "P1M", "30", "PT1.5H", "P1DT"])
def test_other_texts_are_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    "value",
    [
        {"dateTime": "2026-05-05T09:00:00.0000000Z", "timeZone": "UTC"},
        {"dateTime": "2026-05-05T09:00:00.0000000+00:00", "timeZone": "UTC"},
        {"dateTime": "2026-05-05T10:00:00", "timeZone": "GMT Standard Time"},
        {"dateTime": "2026-05-05T14:30:00", "timeZone": "Asia/Kolkata"},
        {"dateTime": "2026-05-05T02:00:00", "timeZone": "(UTC-08:00) Pacific Time (US & Canada)"},
        {"dateTime": "2026-05-05T10:00:00+01:00", "timeZone": "Europe/London"},
        {"dateTime": "2026-05-05T09:00:00"},
    ],
)
def test_one_instant_has_many_spellings(value: dict[str, str]) -> None:
    assert parse_zoned(value) == MAY


@pytest.mark.parametrize(
    "value",
    [
        {"dateTime": "2026-05-05T09:00:00Z", "timeZone": "Europe/London"},
        {"dateTime": "2026-05-05T09:00:00", "timeZone": "Middle Earth Standard Time"},
        {"dateTime": "tomorrow", "timeZone": "UTC"},
    ],
)
def test_contradictions_are_refused(value: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"contradicts|unknown time zone|Invalid isoformat"):
        parse_zoned(value)


def test_instants_are_written_in_utc_with_seven_decimals() -> None:
    local = MAY.astimezone(ZoneInfo("America/Los_Angeles"))

    assert render_zoned(local) == {"dateTime": "2026-05-05T09:00:00.0000000Z", "timeZone": "UTC"}


def test_a_range_needs_an_offset() -> None:
    assert parse_instant("2026-05-05T11:00:00+02:00") == MAY
    with pytest.raises(ValueError, match="offset"):
        parse_instant("2026-05-05T11:00:00")


def test_every_windows_zone_has_its_rules_and_its_display_name() -> None:
    assert {type(find_zone(windows)) for windows in WINDOWS_TO_IANA} <= {ZoneInfo, type(UTC)}
    assert all(find_zone(display) == find_zone(windows) for windows, display in DISPLAY_NAMES.items())
    assert display_name("Asia/Kolkata") == "(UTC+05:30) Chennai, Kolkata, Mumbai, New Delhi"
    assert display_name("Europe/London") == "(UTC+00:00) Dublin, Edinburgh, Lisbon, London"
    assert display_name("UTC") == "(UTC) Coordinated Universal Time"
    assert display_name("Arctic/Nowhere") == "Arctic/Nowhere"


def test_touching_spans_are_joined() -> None:
    hour = timedelta(hours=1)
    spans = [Span(MAY + hour, MAY + 2 * hour), Span(MAY, MAY + hour), Span(MAY + 3 * hour, MAY + 4 * hour)]

    assert join_spans(spans) == [Span(MAY, MAY + 2 * hour), Span(MAY + 3 * hour, MAY + 4 * hour)]
