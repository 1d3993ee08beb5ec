"""What the change feed tells: every kind of change, with what was before; in order, once, and nothing else."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bookings.changes.comparing import compare
from bookings.changes.snapshots import Snapshot, View
from tests.functional.changes.conftest import Consumer, Page, at, summary, zoned
from tests.functional.conftest import Gateway, ahead
from tests.functional.test_bookings_appointments import government
from twin.core.faults import Answer
from twin.seeds import tiny

pytestmark = pytest.mark.usefixtures("rows_in_memory")

TOMORROW = timedelta(days=1)


def test_the_first_scan_reports_nothing_that_existed_before(page: Page) -> None:
    page.book(ahead(days=1))
    answer = page.ask()
    assert answer["value"] == []
    assert "nextLink" not in answer
    assert page.ask(answer["cursor"])["value"] == []


def test_a_new_appointment_is_reported_with_all_its_properties(page: Page) -> None:
    consumer = Consumer(page, timeZone="Europe/Berlin")
    start = ahead(days=2)
    made = page.book(start)
    [event] = consumer.follow()
    assert (event["eventKind"], event["changes"], event["previous"]) == ("created", ["created"], None)
    assert (event["appointmentId"], event["businessId"]) == (made, page.name)
    assert (event["startUtc"], event["timeZoneIana"]) == (at(start), "Europe/Berlin")
    assert (event["staffNames"], event["serviceName"], event["customerName"]) == ("Anne", "Visit", "Cleo Customer")
    assert event["eventId"].endswith("-1")
    assert "id" not in event
    assert "customers" not in event


def test_a_moved_appointment_is_reported_with_the_time_it_had(page: Page) -> None:
    before, after = ahead(days=2), ahead(days=3)
    made = page.book(before)
    consumer = Consumer(page)
    page.move(made, after)
    [event] = consumer.follow()
    assert (event["eventKind"], event["changes"]) == ("rescheduled", ["rescheduled"])
    assert (event["startUtc"], event["previous"]["startUtc"]) == (at(after), at(before))
    assert {"startDateTime", "endDateTime"} <= set(event["changedProperties"])
    assert event["previous"]["staffNames"] == "Anne"


def test_a_handed_over_appointment_is_reported_with_who_had_it(page: Page) -> None:
    made = page.book(ahead(days=2))
    consumer = Consumer(page)
    page.change(made, staffMemberIds=[tiny.BOB])
    [event] = consumer.follow()
    assert (event["eventKind"], event["changes"]) == ("reassigned", ["reassigned"])
    assert (event["staffNames"], event["previous"]["staffNames"]) == ("Bob", "Anne")


def test_any_other_change_is_reported_with_the_old_values(page: Page) -> None:
    made = page.book(ahead(days=2), customerPhone="1")
    consumer = Consumer(page)
    page.change(made, customerPhone="2")
    [event] = consumer.follow()
    assert (event["eventKind"], event["changes"]) == ("edited", ["edited"])
    assert (event["customerPhone"], event["previous"]["customerPhone"]) == ("2", "1")


def test_several_changes_between_two_scans_are_one_event_with_all_kinds(page: Page) -> None:
    made = page.book(ahead(days=2), customerPhone="1")
    consumer = Consumer(page)
    page.move(made, ahead(days=3))
    page.change(made, staffMemberIds=[tiny.BOB], customerPhone="2")
    [event] = consumer.follow()
    assert (event["eventKind"], event["changes"]) == ("rescheduled", ["rescheduled", "reassigned", "edited"])


def test_what_lists_do_not_show_is_reported_by_its_stamp(page: Page) -> None:
    made = page.book(ahead(days=2))
    consumer = Consumer(page)
    page.change(made, serviceNotes="Bring the charger")  # only a single read shows notes
    [event] = consumer.follow()
    assert (event["eventKind"], event["changedProperties"]) == ("edited", ["lastUpdatedDateTime"])


def test_a_cancelled_appointment_is_reported_as_it_was_last(page: Page) -> None:
    start = ahead(days=2)
    made = page.book(start)
    consumer = Consumer(page)
    page.cancel(made)
    [event] = consumer.follow()
    assert summary([event]) == [("cancelled", made)]
    assert (event["startUtc"], event["customerName"], event["previous"]) == (at(start), "Cleo Customer", None)
    assert consumer.follow() == []


def test_made_and_cancelled_between_two_scans_is_not_reported(page: Page) -> None:
    consumer = Consumer(page)
    page.cancel(page.book(ahead(days=2)))
    assert consumer.follow() == []


def test_cancelled_ones_come_first_and_the_rest_by_the_time_of_its_change(page: Page) -> None:
    first, second = page.book(ahead(days=5)), page.book(ahead(days=4))
    consumer = Consumer(page)
    late = page.book(ahead(days=2))
    page.change(first, customerPhone="1")
    page.cancel(second)
    assert summary(consumer.follow()) == [("cancelled", second), ("created", late), ("edited", first)]


# -- identity ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("self_service", ["4f1d0c5e-0000-4000-8000-000000000001", None])
def test_an_appointment_that_gets_a_new_id_stays_the_same(self_service: str | None, page: Page) -> None:
    before = ahead(days=2)
    made = page.book(before, self_service=self_service)
    consumer = Consumer(page)
    renamed = page.move(made, ahead(days=3), renew_id=True)
    assert renamed != made
    [event] = consumer.follow()
    assert summary([event]) == [("rescheduled", renamed)]
    assert event["previous"]["id"] == made
    assert event["previous"]["startUtc"] == at(before)


def test_a_new_id_alone_is_a_change(page: Page) -> None:
    made = page.book(ahead(days=2), self_service="4f1d0c5e-0000-4000-8000-000000000002")
    consumer = Consumer(page)
    renamed = page.change(made, renew_id=True)
    assert summary(consumer.follow()) == [("edited", renamed)]


def test_two_that_look_alike_are_not_mistaken_for_one_another(page: Page) -> None:
    """Made in the same instant for the same customer: nobody can say which became which."""
    created = datetime(2026, 1, 1, tzinfo=UTC)
    old = [page.book(ahead(days=2), created=created) for _ in range(2)]
    consumer = Consumer(page)
    new = [page.move(one, ahead(days=3), renew_id=True) for one in old]
    found = summary(consumer.follow())
    assert sorted(found) == sorted([("cancelled", one) for one in old] + [("created", one) for one in new])


def test_ids_with_slashes_are_followed_like_others(page: Page) -> None:
    page.gateway.sim.bookings.switches.slash_share = 1.0
    made, other = page.book(ahead(days=2)), page.book(ahead(days=3))
    assert "/" in made
    consumer = Consumer(page)
    page.cancel(made)
    page.move(other, ahead(days=200))
    assert summary(consumer.follow()) == [("cancelled", made), ("rescheduled", other)]


# -- the window -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("semantics", ["overlap", "start-inside"])
def test_whatever_a_range_shows_at_its_edges_nothing_comes_or_goes_there(semantics: str, page: Page) -> None:
    page.gateway.sim.bookings.switches.calendar_view = semantics  # type: ignore[assignment]  # one of its words
    now = datetime.now(UTC)
    hours = timedelta(hours=30)
    for start in (now - TOMORROW - timedelta(minutes=10), now + timedelta(days=90, minutes=-5)):
        page.book(start, endDateTime=zoned(start + hours))
    consumer = Consumer(page)
    for _ in range(3):
        assert consumer.follow() == []


def test_an_appointment_that_passes_is_forgotten_and_not_gone() -> None:
    now = datetime.now(UTC)
    view = View(now - TOMORROW, now + timedelta(days=90), {})
    passed = {"id": "a", "startDateTime": zoned(now - TOMORROW - timedelta(minutes=1))}
    outcome = compare(Snapshot({"a": passed}), [view], lambda _: {}, lambda _: False, view.start)
    assert (list(outcome.changes), dict(outcome.snapshot.records)) == ([], {})


def test_one_that_moves_out_of_sight_is_rescheduled_and_not_gone(page: Page) -> None:
    far, past = page.book(ahead(days=2)), page.book(ahead(days=3))
    consumer = Consumer(page)
    page.move(far, ahead(days=200))
    page.move(past, ahead(days=-9))
    assert sorted(summary(consumer.follow())) == sorted([("rescheduled", far), ("rescheduled", past)])
    page.move(far, ahead(days=4))
    [event] = consumer.follow()
    assert summary([event]) == [("rescheduled", far)]
    assert event["previous"]["startUtc"] == at(ahead(days=200))


def test_after_a_long_silence_what_passed_meanwhile_is_reported_all_the_same(page: Page) -> None:
    consumer = Consumer(page)
    late = page.book(ahead(days=-5))
    assert consumer.follow() == []  # long over: scans do not go that far back
    page.age(8 * 24 * 3600)
    assert summary(page.gateway.ask("/changes", cursor=consumer.cursor)["value"]) == [("created", late)]


def test_one_that_a_list_forgets_is_looked_up_before_anything_is_reported(page: Page) -> None:
    made = page.book(ahead(days=2))
    consumer = Consumer(page)
    page.gateway.sim.faults.add(
        Answer(200, body={"value": []}), api="bookings", path="calendarView$", times=None, seconds=30
    )
    assert consumer.follow() == []
    page.gateway.sim.faults.clear()
    page.cancel(made)
    assert summary(consumer.follow()) == [("cancelled", made)]


def test_one_that_cannot_be_looked_up_waits_and_is_given_up_in_the_end(page: Page) -> None:
    made, other = page.book(ahead(days=2)), page.book(ahead(days=3))
    consumer = Consumer(page)
    page.cancel(made)
    page.change(other, customerPhone="1")
    page.gateway.sim.faults.add(
        Answer(400, body={"error": {"code": "BadRequest", "message": ""}}),
        api="bookings", path="/appointments/", times=None,
    )  # fmt: skip
    scans = [summary(consumer.follow()) for _ in range(6)]
    assert scans == [[("edited", other)], [], [], [], [("cancelled", made)], []]


def next_change_of_clocks(zone: ZoneInfo) -> date:
    """The next day on which the zone's offset changes."""
    day = datetime.now(UTC).date() + timedelta(days=3)
    while _offset(day, zone) == _offset(day + timedelta(days=1), zone):
        day += timedelta(days=1)
    return day


def _offset(day: date, zone: ZoneInfo) -> timedelta | None:
    return datetime.combine(day, time(0), tzinfo=zone).utcoffset()


def test_over_a_change_of_clocks_wall_times_are_right_before_and_after(gateway_process: Gateway) -> None:
    page, zone = Page(gateway_process, CHANGES_WINDOW_DAYS="366"), ZoneInfo("America/New_York")
    day = next_change_of_clocks(zone)
    before = datetime.combine(day - timedelta(days=1), time(10), tzinfo=zone).astimezone(UTC)
    after = datetime.combine(day + timedelta(days=1), time(10), tzinfo=zone).astimezone(UTC)
    assert after - before != timedelta(days=2)
    made = page.book(before)
    consumer = Consumer(page, timeZone="Eastern Standard Time")
    page.move(made, after)
    [event] = consumer.follow()
    assert (event["previous"]["startUtc"], event["startUtc"]) == (at(before), at(after))
    assert {event["previous"]["startLocal"][11:], event["startLocal"][11:]} == {"10:00:00"}


def test_the_same_moment_written_otherwise_is_no_change() -> None:
    one = {"id": "a", "startDateTime": {"dateTime": "2026-05-05T09:00:00.0000000Z", "timeZone": "UTC"}}
    other = {"id": "a", "startDateTime": {"dateTime": "2026-05-05T11:00:00", "timeZone": "W. Europe Standard Time"}}
    view = View(datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC), {"a": other})
    outcome = compare(Snapshot({"a": one}), [view], lambda _: {}, lambda _: False, view.start)
    assert outcome.changes == []


# -- other clouds -----------------------------------------------------------------------------------------------------


def test_in_us_government_changes_show_without_stamps(gateway_process: Gateway) -> None:
    page = Page(gateway_process, government, GRAPH_CLOUD="usgov")
    moved, cancelled = page.book(ahead(days=2)), page.book(ahead(days=3))
    consumer = Consumer(page)
    page.move(moved, ahead(days=4))
    page.cancel(cancelled)
    made = page.book(ahead(days=5))
    found = summary(consumer.follow())
    assert sorted(found) == sorted([("cancelled", cancelled), ("rescheduled", moved), ("created", made)])
    assert "lastUpdatedDateTime" not in consumer.seen[0]
