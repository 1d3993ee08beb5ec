"""Alarms: an event when one is raised, once a day while it lasts, and when it is cleared."""

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbound_mail.delivery.circuit_breaker import CircuitBreaker
from inbound_mail.messages import DELIVERY_QUEUE, POLL_QUEUE, known_fields, name_poison_queue
from inbound_mail.reports.alarms import Watch
from inbound_mail.reports.poison import find_left_poison
from shared.errors import ConfigurationError, Rejected
from shared.storage.account import Storage
from shared.storage.queues import Queue
from shared.storage.tables import Operation
from tests.functional.mail.conftest import MailScenario

pytestmark = pytest.mark.usefixtures("rows_in_memory")


@pytest.fixture
def watch(scenario: MailScenario, caplog: pytest.LogCaptureFixture) -> Watch:
    """The alarms of one mailbox, with none raised."""
    table = scenario.services.table
    for partition in ("alarms", "$mailboxes"):
        for row in list(table.query(partition, start="", end="~")):
            table.transact([Operation("delete", {"PartitionKey": partition, "RowKey": row.row_key})])
    caplog.set_level(logging.INFO, logger="gateway.events")
    return Watch(table, [scenario.mailbox], scenario.sinks)


def events(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    found = [
        json.loads(record.getMessage().partition(" ")[2])
        for record in caplog.records
        if "{" in record.msg % record.args
    ]
    caplog.clear()
    return found


def silence(scenario: MailScenario, minutes: int) -> None:
    scenario.mailbox.ledger.put_state(last_success=datetime.now(UTC) - timedelta(minutes=minutes))


def test_nothing_is_reported_while_all_is_well(
    scenario: MailScenario, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    scenario.poll()
    watch.check_alarms({})
    assert events(caplog) == []
    assert watch.active() == []


def test_a_silent_mailbox_is_reported_once_and_when_it_is_over(
    scenario: MailScenario, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    silence(scenario, 31)
    watch.check_alarms({})
    watch.check_alarms({})
    [event] = events(caplog)
    assert (event["event"], event["about"]) == ("MailboxSilent", scenario.name)
    assert [alarm["event"] for alarm in watch.active()] == ["MailboxSilent"]
    scenario.poll()
    watch.check_alarms({})
    [over] = events(caplog)
    assert (over["event"], over["alarm"]) == ("AlarmCleared", "MailboxSilent")
    assert watch.active() == []


def test_a_mailbox_that_never_answered_is_silent_too(
    scenario: MailScenario, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    watch.check_alarms({})
    assert events(caplog) == []
    row = scenario.services.table.get("watch", scenario.name)
    assert row is not None
    scenario.services.table.upsert(dict(row.values) | {"since": datetime.now(UTC) - timedelta(hours=2)})
    watch.check_alarms({})
    assert [event["event"] for event in events(caplog)] == ["MailboxSilent"]


def test_an_alarm_that_lasts_is_reported_again_after_a_day(
    scenario: MailScenario, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    silence(scenario, 60)
    watch.check_alarms({})
    events(caplog)
    name = f"MailboxSilent|{scenario.name}"
    row = scenario.services.table.get("alarms", name)
    assert row is not None
    scenario.services.table.upsert(dict(row.values) | {"told_at": datetime.now(UTC) - timedelta(hours=25)})
    watch.check_alarms({})
    assert [event["event"] for event in events(caplog)] == ["MailboxSilent"]


def test_a_quarantine_that_grows_is_reported_each_time(
    scenario: MailScenario, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> None:
        raise Rejected("No.", code="TicketRefused")

    scenario.sink.before = refuse
    for expected in (1, 2):
        scenario.receive(subject=f"Bad {expected}")
        scenario.run()
        events(caplog)
        watch.check_alarms({})
        watch.check_alarms({})
        [event] = events(caplog)
        assert (event["event"], event["mails"], event["causes"]) == (
            "QuarantineGrew", expected, {"TicketRefused": expected},
        )  # fmt: skip


def test_automatic_mails_in_quarantine_raise_no_alarm(
    scenario: MailScenario, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    scenario.receive(subject="Out of office", headers={"Auto-Submitted": "auto-replied"})
    scenario.run()
    assert len(list(scenario.mailbox.ledger.quarantined())) == 1
    events(caplog)
    watch.check_alarms({})
    assert events(caplog) == []


def test_an_open_circuit_and_an_ending_secret_are_reported(
    scenario: MailScenario, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    scenario.poll()
    name = next(iter(scenario.sinks))
    CircuitBreaker(scenario.services.table, name).open(ConfigurationError("The desk refuses the token."))
    events(caplog)
    soon = datetime.now(UTC) + timedelta(days=3)
    watch.check_alarms(
        {"connection default": soon, "connection partner": soon + timedelta(days=90), "connection x": None}
    )
    raised = {one["event"]: one["about"] for one in events(caplog)}
    assert raised == {"CircuitOpen": name, "SecretExpiresSoon": "connection default"}


def test_a_poison_message_is_reported_and_counted(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    watch.report_poison("mail-deliveries", known_fields(b'{"mailbox": "m", "key": "k", "body": "secret"}'))
    [event] = events(caplog)
    assert event == {"event": "PoisonMessage", "queue": "mail-deliveries", "mailbox": "m", "key": "k"}
    assert watch.count_poison() == 1
    assert watch.active() == []


def test_messages_that_lie_in_a_poison_queue_raise_an_alarm_that_names_what_cannot_be_read(
    watch: Watch, storage: Storage, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The platform hands over no message that is not text in Base64, so no function of ours ever sees it."""
    queues = {name: Queue(storage, name)}
    assert list(find_left_poison(queues)) == []  # where there is no queue
    queues[name].put({"mailbox": "support", "key": "k", "sink": "desk"})
    client = storage.open_queue(name)
    plain, torn = (client.send_message(text) for text in ("plain text!", "//79"))
    watch.check_alarms({}, more=find_left_poison(queues))
    watch.check_alarms({}, more=find_left_poison(queues))
    [event] = events(caplog)
    assert (event["event"], event["about"], event["messages"]) == ("PoisonLeft", name, 3)
    assert [(line.split()[0], line.partition(": ")[2]) for line in event["unreadable"]] == [
        (plain.id, "not Base64"),
        (torn.id, "not UTF-8"),
    ]
    client.clear_messages()
    watch.check_alarms({}, more=find_left_poison(queues))
    assert [(one["event"], one["alarm"]) for one in events(caplog)] == [("AlarmCleared", "PoisonLeft")]


def test_a_poison_message_that_is_hidden_counts_too(storage: Storage, name: str) -> None:
    """The host takes what it cannot read again and again, and hides it for ten minutes each time."""
    queue = Queue(storage, name)
    queue.put({"mailbox": "support"})
    assert next(storage.open_queue(name).receive_messages(visibility_timeout=600)).id
    [alarm] = find_left_poison({name: queue})
    assert alarm.details == {"messages": 1, "unreadable": []}


def test_a_queue_that_cannot_be_looked_at_keeps_no_other_alarm_back(
    scenario: MailScenario, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Queue):
        def count(self) -> int:
            raise ConfigurationError("The storage account refuses access to it. Check the identity's roles.")

    silence(scenario, 60)
    watch.check_alarms({}, more=find_left_poison({"broken": Broken(scenario.storage, "broken")}))
    assert [event["event"] for event in events(caplog)] == ["MailboxSilent"]


def test_the_timer_looks_at_the_poison_queues_of_both_triggers(scenario: MailScenario) -> None:
    assert set(scenario.services.poison) == {name_poison_queue(POLL_QUEUE), name_poison_queue(DELIVERY_QUEUE)}
