"""What a timer does at start-up, how long it waits before a retry, and how polling slows down."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from devkit.host.ncrontab import Schedule
from devkit.host.queues import Backoff
from devkit.host.timers import TimerStatus, review_status
from tests.unit.host_vectors import read_vectors

NEVER = datetime(1, 1, 1, tzinfo=UTC)
HOURLY = Schedule.parse("0 0 * * * *")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW = NOON + timedelta(minutes=30)


def at(hour: int) -> datetime:
    return NOON.replace(hour=hour)


def read(moment: str | None) -> datetime:
    return NEVER if moment is None else datetime.fromisoformat(moment).replace(tzinfo=UTC)


def test_timers_are_past_due_and_stored_as_by_the_timer_extension() -> None:
    for schedule, stored, now, seconds, written in read_vectors("timers")["past_due"]:
        if schedule == "0 0 0 30 2 *":
            continue  # refused at the start
        before = None if stored is None else TimerStatus(*map(read, stored))
        status, past_due = review_status(before, Schedule.parse(schedule), read(now))
        assert past_due == (seconds > 0), (schedule, stored, now)
        assert (None if status == before else status) == (written and TimerStatus(*map(read, written)))


def test_a_stored_status_is_read_as_by_the_timer_extension_or_refused() -> None:
    taken = 0
    for text, moments, _ in read_vectors("timers")["texts"]:
        with suppress(ValueError):
            assert TimerStatus.parse(text) == (moments and TimerStatus(*map(read, moments))), text
            taken += 1
    assert taken > 10


def test_a_status_is_stored_as_by_the_timer_extension() -> None:
    for moments, text in read_vectors("timers")["written"]:
        if "1234567" not in text:  # Python counts microseconds
            assert json.dumps(TimerStatus(*map(read, moments)).to_json(), separators=(",", ":")) == text


def test_a_first_start_is_not_past_due() -> None:
    assert review_status(None, HOURLY, NOW) == (TimerStatus(NEVER, at(13), NOW), False)


def test_a_restart_in_time_changes_nothing() -> None:
    stored = TimerStatus(at(12), at(13), at(12))
    assert review_status(stored, HOURLY, NOW) == (stored, False)


def test_a_missed_run_makes_a_timer_past_due_however_many_were_missed() -> None:
    stored = TimerStatus(at(5), at(6), at(5))
    assert review_status(stored, HOURLY, NOW) == (stored, True)


def test_a_timer_that_never_fired_is_past_due_from_its_first_start_on() -> None:
    stored = TimerStatus(NEVER, at(6), at(5) + timedelta(minutes=10))
    assert review_status(stored, HOURLY, NOW) == (stored, True)


def test_an_edited_schedule_holds_and_is_never_past_due() -> None:
    stored = TimerStatus(at(5), at(5) + timedelta(minutes=10), at(5))
    assert review_status(stored, HOURLY, NOW) == (TimerStatus(NEVER, at(13), NOW), False)


def test_an_edited_schedule_whose_next_run_is_to_come_keeps_its_base() -> None:
    stored = TimerStatus(at(12), at(23), at(12))
    assert review_status(stored, HOURLY, NOW) == (TimerStatus(NEVER, at(13), at(12)), False)


def test_a_status_without_any_time_starts_from_now() -> None:
    stored = TimerStatus(NEVER, NEVER, NEVER)
    assert review_status(stored, HOURLY, NOW) == (TimerStatus(NEVER, at(13), NOW), False)


def test_a_status_survives_its_json_and_seven_digit_fractions_of_the_platform() -> None:
    status = TimerStatus(NEVER, at(13), NOW)
    assert status.to_json()["Last"] == "0001-01-01T00:00:00+00:00"
    text = (
        '{"Last":"2026-03-01T12:00:00.1234567+00:00","Next":"2026-03-01T13:00:00","LastUpdated":"0001-01-01T00:00:00"}'
    )
    assert TimerStatus.parse(text) == TimerStatus(at(12).replace(microsecond=123456), at(13), NEVER)
    with pytest.raises(ValueError, match="no timer status"):
        TimerStatus.parse("[]")


def test_polling_slows_down_to_the_maximum_and_starts_anew_after_a_message() -> None:
    backoff = Backoff(1.0)
    delays = [backoff.next_delay() for _ in range(8)]
    assert delays[0] == 0.1
    assert 0.18 <= delays[1] <= 0.22
    assert delays == sorted(delays)
    assert delays[-2:] == [1.0, 1.0]
    backoff.reset()
    assert backoff.next_delay() == 0.1
