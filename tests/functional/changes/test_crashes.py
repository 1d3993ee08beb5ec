"""The process dies at each step of a scan, and of the timer's work, that writes or reads something.

A process that dies between two steps has done the first and not the second: so dying before each step, and after the
last one, are all the deaths there are. Its claim runs out, a new process goes on, and every consumer must in the end
have seen each change once and in order.

Every scenario runs once without a death on the storage emulator. It then begins anew for each step, so that all but
one keep their rows in memory for the deaths and failures; their steps must be those of the emulator.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from bookings.changes import journal
from bookings.changes.feed import Position
from bookings.changes.journal import REGISTRY
from shared.errors import GatewayError, Unavailable
from shared.graph.bookings import GraphBookings
from shared.storage.blobs import Container
from shared.storage.tables import Operation, Table
from tests.functional.changes.conftest import Consumer, Page, summary
from tests.functional.conftest import Gateway, ahead
from tests.functional.kill_switch import Killed, KillSwitch
from tests.functional.storage import storage_in_memory
from twin.seeds import tiny

STEPS: tuple[tuple[type, str], ...] = (
    (Table, "transact"),
    (Container, "put"),
    (Container, "delete"),
    (GraphBookings, "calendar_view"),
    (GraphBookings, "get_appointment"),
)


@pytest.fixture
def small_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction takes ten operations instead of a hundred: as many steps with a tenth of the changes."""
    monkeypatch.setattr(journal, "TRANSACTION_SIZE", 10)


def transaction_size() -> int:
    """How many operations the journal puts into a transaction in this test."""
    size: int = vars(journal)["TRANSACTION_SIZE"]
    return size


@dataclass
class Scenario:
    """What happens to a feed: how it stands, the step under test, what every consumer must have seen in the end."""

    begin: Callable[[Page], list[tuple[str, str]]]
    play: Callable[[Page], None]
    begins_seeded: bool = True


def scan(page: Page) -> None:
    """What a caller's poll does."""
    page.feed.tail(page.name)


def tick(page: Page) -> None:
    """What the timer does."""
    page.feed.tick(page.name)


def nothing(page: Page) -> list[tuple[str, str]]:
    page.book(ahead(days=2))
    return []


def scanned(page: Page) -> list[tuple[str, str]]:
    page.book(ahead(days=2))
    scan(page)
    return []


def some(page: Page) -> list[tuple[str, str]]:
    """One of each kind."""
    moved, handed, cancelled, renamed = (page.book(ahead(days=2 + number)) for number in range(4))
    scan(page)
    made = page.book(ahead(days=9))
    page.move(moved, ahead(days=10))
    page.change(handed, staffMemberIds=[tiny.BOB])
    page.cancel(cancelled)
    renamed = page.move(renamed, ahead(days=11), renew_id=True)
    expected = {
        cancelled: "cancelled",
        made: "created",
        handed: "reassigned",
        moved: "rescheduled",
        renamed: "rescheduled",
    }
    return [(kind, name) for name, kind in expected.items()]


def many(page: Page) -> list[tuple[str, str]]:
    """More than fit into two transactions."""
    scan(page)
    return [("created", page.book(ahead(days=2))) for _ in range(transaction_size() * 2 + 3)]


def with_far_scan(page: Page) -> list[tuple[str, str]]:
    """One beyond the window, and old entries to be deleted after it, more than fit into a transaction."""
    count = transaction_size() + 2
    far = page.book(ahead(days=200))
    scan(page)
    tick(page)
    for _ in range(count):
        page.book(ahead(days=3))
    page.age()
    scan(page)
    old = datetime.now(UTC) - timedelta(days=31)
    rows = [
        {"PartitionKey": page.journal.partition, "RowKey": f"f|{number:012}", "at": old}
        for number in range(1, 1 + count)
    ]
    page.table.transact([Operation("merge", row) for row in rows])
    page.set_state(far_scanned_at=old)
    page.cancel(far)
    return [("cancelled", far)]


SCENARIOS = {
    "first scan": Scenario(nothing, scan, begins_seeded=False),
    "nothing new": Scenario(scanned, scan),
    "one of each": Scenario(some, scan),
    "many": Scenario(many, scan),
    "far scan and retention": Scenario(with_far_scan, tick),
}


DIES_ON_THE_EMULATOR = "one of each"


def where_to_die(name: str) -> AbstractContextManager[None]:
    """Return where the rows of a scenario are kept while it dies or fails at every step."""
    return nullcontext() if name == DIES_ON_THE_EMULATOR else storage_in_memory()


def check(page: Page, scenario: Scenario, expected: list[tuple[str, str]], position: Position | None) -> None:
    """A consumer who stood before it all, and one who reads all that is kept, see the same, once and in order."""
    page.age()
    feed, found = page.feed, []
    if position is None:
        assert not scenario.begins_seeded
        position = feed.start(page.name)
    while True:
        part = feed.page(page.name, position, 5)
        found += [(str(entry.kinds[0]), str(entry.record["id"])) for entry in part.entries]
        assert [entry.number for entry in part.entries] == list(
            range(position.number + 1, position.number + 1 + len(part.entries))
        )
        position = part.position
        if not part.has_more:
            break
    assert sorted(found) == sorted(expected)
    if len(expected) > 5:
        assert found == expected
    consumer = Consumer(page, limit=5)
    assert summary(consumer.seen) == found
    made = page.book(ahead(days=20), created=datetime.now(UTC) + timedelta(seconds=1))
    assert summary(consumer.follow()) == [("created", made)]
    rows = list(page.table.query(page.journal.partition, start="f|", end="f}"))
    assert int(rows[-1].row_key[2:]) == page.state().last


def start(gateway_process: Gateway, scenario: Scenario) -> tuple[Page, list[tuple[str, str]], Position | None]:
    """Return the page of a scenario, what is to be seen in the end, and where a consumer stands."""
    page = Page(gateway_process)
    gateway_process.sim.bookings.switches.page_size = 500
    expected = scenario.begin(page)
    if not scenario.begins_seeded:
        return page, expected, None
    state = page.state()
    page.age()
    return page, expected, Position(state.generation, state.last)


def again(page: Page, scenario: Scenario) -> None:
    """What comes next, a minute later."""
    if page.state().row:
        page.age()
    scenario.play(page)


@pytest.mark.slow(reason="dies at every step", seconds=5)
@pytest.mark.usefixtures("small_transactions")
@pytest.mark.parametrize("name", SCENARIOS)
def test_dying_at_any_step_loses_nothing_and_doubles_nothing(name: str, gateway_process: Gateway) -> None:
    scenario, whole = SCENARIOS[name], KillSwitch()
    page, expected, position = start(gateway_process, scenario)
    with whole.watching(STEPS):
        scenario.play(page)
    check(page, scenario, expected, position)
    deaths: list[str] = []
    with where_to_die(name):
        for at in range(1, len(whole.steps) + 1):
            page, expected, position = start(gateway_process, scenario)
            with KillSwitch(at).watching(STEPS), pytest.raises(Killed) as death:
                scenario.play(page)
            deaths.append(str(death.value))
            page.restart()
            try:
                again(page, scenario)
                check(page, scenario, expected, position)
            except (AssertionError, GatewayError) as error:
                error.add_note(f"after death at step {at} of {len(whole.steps)}, before {death.value}")
                raise
    print(f"{name}: died at {len(deaths)} steps:", ", ".join(deaths))  # noqa: T201 - shown with -s
    assert sorted(deaths) == sorted(whole.steps)


@pytest.mark.slow(reason="dies at every step", seconds=5)
@pytest.mark.usefixtures("small_transactions")
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_step_that_fails_once_is_made_good(name: str, gateway_process: Gateway) -> None:
    scenario, at = SCENARIOS[name], 0
    with where_to_die(name):
        while True:
            at += 1
            page, expected, position = start(gateway_process, scenario)
            kill_switch = KillSwitch(at, Unavailable)
            with kill_switch.watching(STEPS), suppress(Unavailable):
                scenario.play(page)
            try:
                again(page, scenario)
                check(page, scenario, expected, position)
            except (AssertionError, GatewayError) as error:
                error.add_note(f"after step {at} failed: {kill_switch.steps[at - 1 : at]}")
                raise
            if len(kill_switch.steps) < at:
                return


@pytest.mark.slow(reason="publishes hundreds of changes")
def test_more_changes_than_a_transaction_of_the_service_takes_are_published_whole(gateway_process: Gateway) -> None:
    scenario = SCENARIOS["many"]
    page, expected, position = start(gateway_process, scenario)
    scenario.play(page)
    assert len(expected) > 2 * 100
    check(page, scenario, expected, position)


@pytest.mark.slow(reason="dies at every step", seconds=5)
def test_dying_while_a_feed_is_removed_leaves_nothing_in_the_end(gateway_process: Gateway) -> None:
    at = 0
    while True:
        at += 1
        page = Page(gateway_process)
        scan(page)
        for number in range(3):
            page.book(ahead(days=2 + number))
        page.age()
        scan(page)
        blob = page.state()["blob"]
        kill_switch = KillSwitch(at)
        with kill_switch.watching(STEPS), suppress(Killed):
            page.feed.drop(page.name)
        page.restart()
        if page.table.get(REGISTRY, page.journal.partition) is None:
            assert len(kill_switch.steps) < at
            assert page.journal._blobs.get(blob) is None
            assert list(page.table.query(page.journal.partition, start="!", end="~")) == []
            return
        page.feed.drop(page.name)
        assert page.journal._blobs.get(blob) is None
        assert list(page.table.query(page.journal.partition, start="!", end="~")) == []
        assert page.table.get(REGISTRY, page.journal.partition) is None
