"""The feed's storage: many instances at once, the far scan, retention, feeds nobody wants, lost storage."""

import json
import random
import string
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from blueprints.changes_work import refresh_changes
from bookings.changes.comparing import Change
from bookings.changes.feed import ChangeFeed, Position
from bookings.changes.journal import REGISTRY, list_feeds
from bookings.changes.kinds import Kind
from bookings.changes.scanning import Pace, Scanner
from composition import services
from shared.errors import Conflict
from shared.storage.tables import Operation
from shared.workers import Workers
from tests.functional.changes.conftest import Consumer, Page, at, summary
from tests.functional.conftest import ahead

pytestmark = pytest.mark.slow(reason="many instances and long times")

MONTH = timedelta(days=30)


def instance(page: Page) -> ChangeFeed:
    """The feed as another instance of the app has it: nothing shared but storage and Graph."""
    used = services.services()
    own = page.journal
    pace = Pace(timedelta(days=90), timedelta(seconds=60))
    connection = used.connections["default"]
    scanner = Scanner(connection.graph, Workers(3), pace, connection.appointments.find_details)
    return ChangeFeed("default", scanner, own._table, own._blobs)


def tick(_page: Page) -> None:
    """Run the timer."""
    refresh_changes.build().get_user_function()(_Timer())


class _Timer:
    past_due = False


# -- many at once -----------------------------------------------------------------------------------------------------


def test_many_instances_at_once_scan_once_and_every_consumer_sees_each_change_once_in_order(page: Page) -> None:
    page.gateway.sim.bookings.switches.page_size = 500
    instances = [instance(page) for _ in range(6)]
    start = instances[0].tail(page.name)
    seen: dict[int, list[int]] = {number: [] for number in range(12)}
    places = dict.fromkeys(seen, start)
    made = 0
    for turn in range(4):
        made += len([page.book(ahead(days=2 + turn)) for _ in range(turn * 40 + 1)])
        page.age()
        page.gateway.forget()

        def follow(number: int) -> None:
            feed, more = instances[number % len(instances)], True
            while more:
                part = feed.page(page.name, places[number], 17)
                seen[number] += [entry.number for entry in part.entries]
                places[number], more = part.position, part.has_more

        with ThreadPoolExecutor(12) as pool:
            list(pool.map(follow, seen))
        assert page.calls() == ["calendarView"] * 3
    assert set(map(tuple, seen.values())) == {tuple(range(1, made + 1))}


def test_scans_that_overtake_one_another_publish_one_sequence(page: Page) -> None:
    """Everybody believes that every claim has run out: the worst that slow instances can do."""
    instances = [instance(page) for _ in range(4)]
    start = instances[0].tail(page.name)
    made = [page.book(ahead(days=2)) for _ in range(150)]

    def scan(feed: ChangeFeed) -> None:
        for _ in range(4):
            page.age()
            feed.page(page.name, start, 1)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(scan, instances))
    entries = [entry for part in (0, 100) for entry in page.journal.read(part, page.state().last, 100)]
    assert [entry.record["id"] for entry in entries] == made
    assert [entry.number for entry in entries] == list(range(1, 151))


def test_who_was_overtaken_writes_nothing(page: Page) -> None:
    page.feed.tail(page.name)
    slow = page.journal.claim(page.state(), datetime.now(UTC), 0)
    assert slow is not None
    page.book(ahead(days=2))
    page.age()
    consumer = page.feed.page(page.name, Position(page.state().generation, 0), 10)
    before = page.state()
    change = Change((Kind.CANCELLED,), consumer.entries[0].record, {})
    with pytest.raises(Conflict):
        slow.publish([change] * 150, page.journal.snapshot(before) or pytest.fail("no snapshot"))
    assert page.state().row == before.row
    assert [entry.kinds for entry in page.journal.read(0, 10, 10)] == [(Kind.CREATED,)]


def test_a_feed_that_is_being_scanned_serves_what_it_has_after_a_while(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bookings.changes.feed._PATIENCE", 0.3)
    cursor = page.ask()["cursor"]
    page.book(ahead(days=2))
    page.age()
    page.set_state(held_until=datetime.now(UTC) + timedelta(seconds=20))
    assert page.gateway.ask("/changes", cursor=cursor)["value"] == []


# -- beyond the window ------------------------------------------------------------------------------------------------


def test_what_is_booked_beyond_the_window_is_reported_by_the_far_scan_once_a_day(page: Page) -> None:
    old = page.book(ahead(days=300))
    consumer = Consumer(page)
    tick(page)
    assert consumer.follow() == []
    new = page.book(ahead(days=200), created=datetime.now(UTC) + timedelta(seconds=2))
    page.move(old, ahead(days=301))
    page.gateway.forget()
    tick(page)
    assert page.calls() == []  # fresh, and the far scan was done today
    page.set_state(far_scanned_at=datetime.now(UTC) - timedelta(hours=25))
    tick(page)
    assert len(page.calls()) == 3 + 21
    assert sorted(summary(consumer.follow())) == sorted([("rescheduled", old), ("created", new)])
    page.cancel(new)
    page.set_state(far_scanned_at=datetime.now(UTC) - timedelta(hours=25))
    tick(page)
    assert summary(consumer.follow()) == [("cancelled", new)]


def test_an_old_appointment_that_enters_the_window_before_the_first_far_scan_is_not_new(page: Page) -> None:
    page.book(ahead(days=95))
    consumer = Consumer(page)
    new = page.book(ahead(days=96), created=datetime.now(UTC) + timedelta(seconds=2))
    wide = instance(page)
    wide._scanner.pace = Pace(timedelta(days=120), timedelta(seconds=60))
    page.age()
    wide.tail(page.name)
    assert summary(page.gateway.ask("/changes", cursor=consumer.cursor)["value"]) == [("created", new)]


# -- the timer --------------------------------------------------------------------------------------------------------


def test_while_nobody_asks_the_timer_scans(page: Page) -> None:
    consumer = Consumer(page)
    first = page.book(ahead(days=2))
    page.age()
    tick(page)
    page.cancel(first)
    page.age()
    tick(page)
    assert summary(consumer.follow()) == [("created", first), ("cancelled", first)]


def test_a_page_that_nobody_asked_for_is_not_scanned(page: Page) -> None:
    tick(page)
    assert page.calls() == []


def test_after_a_month_without_a_question_all_of_a_feed_is_removed(page: Page) -> None:
    cursor = page.ask()["cursor"]
    for _ in range(120):
        page.book(ahead(days=2))
    page.ask(cursor)
    name = {"PartitionKey": REGISTRY, "RowKey": page.journal.partition}
    page.table.transact([Operation("merge", name | {"asked_at": datetime.now(UTC) - timedelta(days=32)})])
    blob = page.state()["blob"]
    tick(page)
    assert page.journal._blobs.get(blob) is None
    assert list(page.table.query(page.journal.partition, start="!", end="~")) == []
    assert page.name not in [business for _, business, _ in list_feeds(page.table)]
    refused = page.gateway.refused(f"bookings/businesses/{page.name}/changes", cursor=cursor)
    assert (refused["status"], refused["code"]) == (400, "CursorTooOld")


# -- retention and places ---------------------------------------------------------------------------------------------


def age_entries(page: Page, numbers: range, moment: datetime) -> None:
    rows = [{"PartitionKey": page.journal.partition, "RowKey": f"f|{number:012}", "at": moment} for number in numbers]
    page.table.transact([Operation("merge", row) for row in rows])


def test_changes_are_kept_for_thirty_days(page: Page) -> None:
    consumer, sleeper = Consumer(page), Consumer(page)
    for _ in range(150):
        page.book(ahead(days=2))
    consumer.follow()
    now = datetime.now(UTC)
    age_entries(page, range(1, 61), now - MONTH - timedelta(hours=1))
    age_entries(page, range(61, 121), now - MONTH - timedelta(minutes=1))
    page.set_state(far_scanned_at=now - timedelta(hours=25))
    tick(page)
    assert (page.state().first, page.state().last) == (121, 150)
    assert len(list(page.table.query(page.journal.partition, start="f|", end="f}"))) == 30
    assert consumer.follow() == []
    assert len(Consumer(page).seen) == 30
    refused = page.gateway.refused(f"bookings/businesses/{page.name}/changes", cursor=sleeper.cursor)
    assert (refused["status"], refused["code"], refused["target"]) == (400, "CursorTooOld", "cursor")


def test_one_may_begin_at_a_moment(page: Page) -> None:
    page.ask()
    for _ in range(40):
        page.book(ahead(days=2))
    page.ask()
    now = datetime.now(UTC)
    for number in range(1, 41):
        age_entries(page, range(number, number + 1), now - timedelta(hours=41 - number))
    for hours, expected in ((100, 40), (41, 40), (10.5, 10), (0.5, 0)):
        assert len(page.ask(since=at(now - timedelta(hours=hours)))["value"]) == expected
    first = page.ask(since=at(now - timedelta(hours=10.5)), limit=4)
    rest = page.gateway.http.get(first["nextLink"], headers={"x-functions-key": page.gateway.key}, timeout=30).json()
    assert len(rest["value"]) == 4
    assert not {event["eventId"] for event in first["value"]} & {event["eventId"] for event in rest["value"]}
    assert len(page.ask(rest["cursor"])["value"]) == 2


def test_a_lost_snapshot_begins_a_new_life_and_says_so(page: Page, caplog: pytest.LogCaptureFixture) -> None:
    consumer = Consumer(page)
    page.book(ahead(days=2))
    page.journal._blobs.delete(page.state()["blob"])
    page.age()
    refused = page.gateway.refused(f"bookings/businesses/{page.name}/changes", cursor=consumer.cursor)
    assert (refused["status"], refused["code"]) == (400, "CursorTooOld")
    assert "ChangesLost" in caplog.text
    again = Consumer(page)
    made = page.book(ahead(days=3))
    assert summary(again.follow()) == [("created", made)]


def test_of_snapshots_only_the_last_stays(page: Page) -> None:
    blobs = set()
    for number in range(4):
        page.book(ahead(days=2 + number))
        page.ask()
        blobs.add(page.state()["blob"])
    page.ask()
    left = [name for name in blobs if page.journal._blobs.get(name) is not None]
    assert left == [page.state()["blob"]]
    assert json.loads(page.state()["obsolete_blobs"]) == []


def test_notes_of_any_length_are_kept_as_far_as_a_row_holds_them(page: Page) -> None:
    page.ask()
    noise = "".join(random.Random(7).choices(string.ascii_letters, k=200_000))  # noqa: S311 - no secret
    cursor = page.ask()["cursor"]
    page.book(ahead(days=2), additionalInformation=noise)
    [event] = page.ask(cursor)["value"]
    assert noise.startswith(event["additionalInformation"])
    assert event["serviceName"] == "Visit"
