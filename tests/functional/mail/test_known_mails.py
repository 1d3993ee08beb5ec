"""Which mails are known already costs hardly any read, and none is entered twice for that."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from inbound_mail.ledger.known_mails import KnownMails
from shared.storage.tables import Table
from shared.workers import Workers
from tests.functional.mail.conftest import MailScenario, OpenScenario
from tests.functional.storage import storage_in_memory

pytestmark = pytest.mark.usefixtures("rows_in_memory")

MAILS = 8
READ = {"write_back": {"read": True}}


@pytest.fixture
def count_reads() -> Iterator[Callable[[], int]]:
    """A function that says how many mails were looked up singly since it was called last."""
    with storage_in_memory(), pytest.MonkeyPatch.context() as patch:
        looked_up: list[str] = []
        get = Table.get

        def note(self: Table, partition: str, row: str) -> Any:
            looked_up.extend([row] if row.startswith("m|") else [])
            return get(self, partition, row)

        def take() -> int:
            number = len(looked_up)
            looked_up.clear()
            return number

        patch.setattr(Table, "get", note)
        yield take


def receive(scenario: MailScenario, number: int = MAILS) -> None:
    for index in range(number):
        scenario.receive(subject=f"Mail {index}", text="Hello.")


def mark(scenario: MailScenario, **values: Any) -> None:
    """Let a person change all mails of the inbox."""
    for message in scenario.twin_mailbox.messages("inbox"):
        scenario.gateway.sim.run(partial(scenario.twin_mailbox.change, message, values))


def test_new_mails_and_the_marks_of_the_gateway_are_looked_up_nowhere(
    open_scenario: OpenScenario, count_reads: Callable[[], int]
) -> None:
    scenario = open_scenario(**READ)
    receive(scenario)
    count_reads()
    scenario.poll()
    assert count_reads() == 0
    scenario.deliver()
    count_reads()
    scenario.poll()
    assert all(message.is_read for message in scenario.twin_mailbox.messages("inbox"))
    assert count_reads() == 0
    scenario.poll()
    assert count_reads() == 0
    assert [mail["state"] for mail in scenario.mails()] == ["delivered"] * MAILS


@pytest.mark.parametrize("values", [{"isRead": True}, {"isRead": False}, {"isRead": False, "categories": ["Blue"]}])
def test_marks_of_people_are_no_new_mails(
    open_scenario: OpenScenario, count_reads: Callable[[], int], values: dict[str, Any]
) -> None:
    scenario = open_scenario(write_back={"read": not values["isRead"]})
    receive(scenario)
    scenario.run()
    scenario.poll()
    before = [(mail["key"], mail["state"]) for mail in scenario.mails()]
    mark(scenario, **values)
    count_reads()
    scenario.poll()
    is_marked = values["isRead"] or "categories" in values
    assert count_reads() <= (0 if is_marked else MAILS), "those without a mark are refused by the ledger"
    scenario.run()
    assert [(mail["key"], mail["state"]) for mail in scenario.mails()] == before
    assert len(scenario.sink.tickets) == len(scenario.sink.received) == MAILS
    assert list(scenario.mailbox.ledger.open_mails()) == []


def test_known_mails_among_new_ones_are_left_out(open_scenario: OpenScenario) -> None:
    with storage_in_memory():
        scenario = open_scenario(**READ)
        receive(scenario)
        scenario.run()
        mark(scenario, isRead=False)
        receive(scenario, 2)
        scenario.run()
        assert [mail["state"] for mail in scenario.mails()] == ["delivered"] * (MAILS + 2)
        assert scenario.mailbox.ledger.state().values["new"] == MAILS + 2
        assert len(scenario.sink.received) == MAILS + 2


def test_a_sweep_looks_up_no_mail_singly(open_scenario: OpenScenario, count_reads: Callable[[], int]) -> None:
    scenario = open_scenario()
    receive(scenario)
    scenario.run()
    ledger = scenario.mailbox.ledger
    cursor = {name: value for name, value in ledger.cursor("inbox").items() if name in ("link", "query")}
    ledger.put_cursor("inbox", **cursor, first_round_done=True, swept_at=datetime.now(UTC) - timedelta(hours=2))
    scenario.poll()
    assert count_reads() == 0
    assert ledger.cursor("inbox")["swept_at"] > datetime.now(UTC) - timedelta(hours=1)
    assert ledger.state().values.get("swept", 0) == 0


def test_a_mail_that_is_in_no_list_is_looked_up(open_scenario: OpenScenario, count_reads: Callable[[], int]) -> None:
    """A skipped mail is neither open nor in the feed."""
    scenario = open_scenario(since="2026-01-01T00:00:00Z")
    scenario.receive(subject="Old", text="Hello.", received=datetime(2025, 12, 1, tzinfo=UTC))
    receive(scenario)
    scenario.run()
    ledger = scenario.mailbox.ledger
    keys = [mail.key for mail in ledger.mails()]
    known = KnownMails(ledger, Workers(1))
    count_reads()
    assert known.find([*keys, "0" * 40]) == set(keys)
    assert count_reads() == 2
    assert known.find(keys) == set(keys)
    assert count_reads() == 0
    few = KnownMails(ledger, Workers(1))
    assert few.find(keys[:2]) == set(keys[:2])
    assert count_reads() == 2, "few are not worth the reading of the feed"


def test_pages_without_new_mails_leave_the_services_as_they_are(open_scenario: OpenScenario) -> None:
    with storage_in_memory():
        scenario = open_scenario()
        scenario.services = replace(scenario.services, workers=Workers(1))
        receive(scenario)
        scenario.poll()
        scenario.mailbox.ledger.put_cursor("inbox")  # the link is lost: all is read again
        scenario.queue.take()
        scenario.poll()
        assert len(scenario.mails()) == MAILS
        assert scenario.mailbox.ledger.state().values["new"] == MAILS
