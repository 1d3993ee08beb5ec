"""What if the process dies right here? Asked at every step of a look, and of the clock, that leaves a trace.

A process that dies between two steps has done the first and not the second: so dying before each step, and after the
last one, are all the deaths there are. Its claim runs out, a new process goes on, and every consumer must in the end
have seen each change once and in order.
"""

from collections.abc import Callable
from contextlib import suppress
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
from tests.functional.changes.conftest import Consumer, Page, ahead, summary
from tests.functional.conftest import Gateway
from tests.functional.kill_switch import Killed, KillSwitch
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
class Story:
    """What happens to a feed: how it stands, the step under test, what every consumer must have seen in the end."""

    begin: Callable[[Page], list[tuple[str, str]]]
    play: Callable[[Page], None]
    begins_seeded: bool = True


def look(page: Page) -> None:
    """What a caller's poll does."""
    page.feed.tail(page.name)


def strike(page: Page) -> None:
    """What the clock does."""
    page.feed.tick(page.name)


def nothing(page: Page) -> list[tuple[str, str]]:
    page.book(ahead(days=2))
    return []


def looked_at(page: Page) -> list[tuple[str, str]]:
    page.book(ahead(days=2))
    look(page)
    return []


def some(page: Page) -> list[tuple[str, str]]:
    """One of each kind."""
    moved, handed, cancelled, renamed = (page.book(ahead(days=2 + number)) for number in range(4))
    look(page)
    made = page.book(ahead(days=9))
    page.move(moved, ahead(days=10))
    page.change(handed, staffMemberIds=[tiny.BOB])
    page.cancel(cancelled)
    renamed = page.move(renamed, ahead(days=11), renew_id=True)
    told = {cancelled: "cancelled", made: "created", handed: "reassigned", moved: "rescheduled", renamed: "rescheduled"}
    return [(kind, name) for name, kind in told.items()]


def many(page: Page) -> list[tuple[str, str]]:
    """More than fit into two transactions."""
    look(page)
    return [("created", page.book(ahead(days=2))) for _ in range(transaction_size() * 2 + 3)]


def with_net(page: Page) -> list[tuple[str, str]]:
    """One beyond the window, and old entries to be swept away after it, more than fit into a transaction."""
    count = transaction_size() + 2
    far = page.book(ahead(days=200))
    look(page)
    strike(page)
    for _ in range(count):
        page.book(ahead(days=3))
    page.age()
    look(page)
    old = datetime.now(UTC) - timedelta(days=31)
    rows = [
        {"PartitionKey": page.journal.partition, "RowKey": f"f|{number:012}", "at": old}
        for number in range(1, 1 + count)
    ]
    page.table.transact([Operation("merge", row) for row in rows])
    page.set_state(net_at=old)
    page.cancel(far)
    return [("cancelled", far)]


STORIES = {
    "first look": Story(nothing, look, begins_seeded=False),
    "nothing new": Story(looked_at, look),
    "one of each": Story(some, look),
    "many": Story(many, look),
    "net and broom": Story(with_net, strike),
}


def check(page: Page, story: Story, expected: list[tuple[str, str]], position: Position | None) -> None:
    """A consumer who stood before it all, and one who reads all that is kept, see the same, once and in order."""
    page.age()
    feed, found = page.feed, []
    if position is None:
        assert not story.begins_seeded
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


def start(gateway_process: Gateway, story: Story) -> tuple[Page, list[tuple[str, str]], Position | None]:
    """Return the stage of a story, what is to be seen in the end, and where a consumer stands."""
    page = Page(gateway_process)
    gateway_process.sim.bookings.switches.page_size = 500
    expected = story.begin(page)
    if not story.begins_seeded:
        return page, expected, None
    state = page.state()
    page.age()
    return page, expected, Position(state.generation, state.last)


def again(page: Page, story: Story) -> None:
    """What comes next, a minute later."""
    if page.state().row:
        page.age()
    story.play(page)


@pytest.mark.slow(reason="dies at every step")
@pytest.mark.usefixtures("small_transactions")
@pytest.mark.parametrize("name", STORIES)
def test_dying_at_any_step_loses_nothing_and_doubles_nothing(name: str, gateway_process: Gateway) -> None:
    story, whole = STORIES[name], KillSwitch()
    page, expected, position = start(gateway_process, story)
    with whole.watching(STEPS):
        story.play(page)
    check(page, story, expected, position)
    deaths: list[str] = []
    for at in range(1, len(whole.steps) + 1):
        page, expected, position = start(gateway_process, story)
        with KillSwitch(at).watching(STEPS), pytest.raises(Killed) as death:
            story.play(page)
        deaths.append(str(death.value))
        page.restart()
        try:
            again(page, story)
            check(page, story, expected, position)
        except (AssertionError, GatewayError) as error:
            error.add_note(f"after death at step {at} of {len(whole.steps)}, before {death.value}")
            raise
    print(f"{name}: died at {len(deaths)} steps:", ", ".join(deaths))  # noqa: T201 - shown with -s
    assert sorted(deaths) == sorted(whole.steps)


@pytest.mark.slow(reason="dies at every step")
@pytest.mark.usefixtures("small_transactions")
@pytest.mark.parametrize("name", STORIES)
def test_a_step_that_fails_once_is_made_good(name: str, gateway_process: Gateway) -> None:
    story, at = STORIES[name], 0
    while True:
        at += 1
        page, expected, position = start(gateway_process, story)
        kill_switch = KillSwitch(at, Unavailable)
        with kill_switch.watching(STEPS), suppress(Unavailable):
            story.play(page)
        try:
            again(page, story)
            check(page, story, expected, position)
        except (AssertionError, GatewayError) as error:
            error.add_note(f"after step {at} failed: {kill_switch.steps[at - 1 : at]}")
            raise
        if len(kill_switch.steps) < at:
            return


def test_more_changes_than_a_transaction_of_the_service_takes_are_published_whole(gateway_process: Gateway) -> None:
    story = STORIES["many"]
    page, expected, position = start(gateway_process, story)
    story.play(page)
    assert len(expected) > 2 * 100
    check(page, story, expected, position)


def test_dying_while_a_feed_is_removed_leaves_nothing_in_the_end(gateway_process: Gateway) -> None:
    at = 0
    while True:
        at += 1
        page = Page(gateway_process)
        look(page)
        for number in range(3):
            page.book(ahead(days=2 + number))
        page.age()
        look(page)
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
