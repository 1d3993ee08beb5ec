"""Runs of functions end by themselves: their time counts from when the host took the message."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.functions.queue import QueueMessage

from blueprints import mail_work
from composition import mail_requests
from inbound_mail.delivery.delivery import Deliverer
from inbound_mail.intake.polling import Poller
from shared import context
from shared.errors import Unavailable
from shared.storage.account import Storage
from shared.storage.blobs import Container
from shared.storage.queues import Queue
from shared.storage.tables import Table
from tests.functional.mail.conftest import MailScenario

HIDDEN = timedelta(minutes=10)


def message(scenario: MailScenario, *, waited: float | None) -> QueueMessage:
    """A message that the host took so many seconds ago; it was hidden for ten minutes then."""
    shown_again = None if waited is None else datetime.now(UTC) + HIDDEN - timedelta(seconds=waited)
    body = {"mailbox": scenario.name, "key": "a" * 40, "sink": next(iter(scenario.services.sinks))}
    return QueueMessage(body=json.dumps(body), time_next_visible=shown_again)


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that polls and deliveries had left when they began."""
    found: list[float] = []
    monkeypatch.setattr(Deliverer, "deliver", lambda *_: found.append(context.remaining()))
    monkeypatch.setattr(Poller, "poll", lambda *_, **__: found.append(context.remaining()))
    return found


@pytest.mark.parametrize(
    ("waited", "expected"),
    [(None, 160), (0, 160), (50, 110), (-5, 160), (500, 160)],  # clocks differ a little; a test's host hides otherwise
)
def test_the_time_that_a_run_has_waited_for_a_thread_is_its_own(
    scenario: MailScenario, left: list[float], waited: float | None, expected: float
) -> None:
    mail_work.poll_mailbox(message(scenario, waited=waited))
    mail_work.deliver_mail(message(scenario, waited=waited))
    assert len(left) == 2
    assert all(expected - 20 < seconds <= expected + 0.5 for seconds in left)


def test_a_run_that_has_waited_too_long_is_asked_for_again(
    scenario: MailScenario, left: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    put: list[dict[str, object]] = []
    monkeypatch.setattr(Queue, "put", lambda _, message, **__: put.append(dict(message)))
    waited = mail_requests.LONGEST_WAIT + 30
    mail_work.poll_mailbox(message(scenario, waited=waited))
    mail_work.deliver_mail(message(scenario, waited=waited))
    assert left == []
    assert put == [{"mailbox": scenario.name}, json.loads(message(scenario, waited=0).get_body())]


def test_a_call_within_a_call_has_no_more_time_than_that_one() -> None:
    with context.call("outer", seconds=10):
        with context.call("inner", seconds=500):
            assert context.remaining() <= 10
        with context.call("inner", seconds=5):
            assert context.remaining() <= 5
        assert 5 < context.remaining() <= 10
        assert not context.is_over()
    assert context.remaining() == float("inf")


def test_behind_its_time_a_call_may_record_and_then_asks_storage_nothing_more(storage: Storage, name: str) -> None:
    """A storage account that answers slowly would else hold a run beyond the platform's time limit."""
    table, queue, blobs = Table(storage, name), Queue(storage, name), Container(storage, name)
    asks: tuple[Any, ...] = (
        lambda: table.upsert({"PartitionKey": "p", "RowKey": "r"}),
        lambda: table.get("p", "r"),
        lambda: queue.put({"a": 1}),
        lambda: blobs.put("b", b"1"),
    )
    with context.call("late", seconds=-context.GRACE_SECONDS + 20):
        assert context.remaining() < 0
        for ask in asks:
            ask()
    with context.call("over", seconds=-context.GRACE_SECONDS - 1):
        for ask in asks:
            with pytest.raises(Unavailable) as raised:
                ask()
            assert raised.value.code == "OutOfTime"
