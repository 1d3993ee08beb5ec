"""The brake against loops: so many tickets and comments of one correspondent an hour, one notice, the rest aside."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbound_mail.delivery.by_hand import Wish
from inbound_mail.delivery.delivery import DeliveryOutcome
from inbound_mail.ledger.brakes import Brake
from inbound_mail.ledger.claims import claim
from inbound_mail.reports.mails import list_set_aside
from inbound_mail.sinks.protocol import Receipt
from shared.errors import OutcomeUnknown, Rejected, Unavailable
from shared.storage.tables import Table
from tests.functional.mail.conftest import MailScenario, OpenScenario
from tests.functional.mail.deliveries import deliver, failing, taken_in

pytestmark = pytest.mark.slow(reason="many mails of one author")

HOUR = datetime(2026, 11, 23, 9, tzinfo=UTC)
ROBOT = "robot@monitoring.example"
LIMITS = {"tickets_per_hour": 3, "comments_per_hour": 2}


@pytest.fixture
def braked(open_scenario: OpenScenario) -> MailScenario:
    return open_scenario(brakes=LIMITS)


def receive(scenario: MailScenario, number: int, *, minutes: float = 0, **more: Any) -> Any:
    mail = {"subject": f"Alert {number:03}", "sender": ROBOT, "received": HOUR + timedelta(minutes=minutes or number)}
    return scenario.receive(**mail | more)


def settle(scenario: MailScenario) -> None:
    for _ in range(20):
        scenario.run()
        if not list(scenario.mailbox.ledger.open_mails()):
            return
    raise AssertionError("there is still work")


def outcomes(scenario: MailScenario) -> Counter[str]:
    found = (scenario.describe(mail.id)["deliveries"][0] for mail in scenario.twin_mailbox.messages())
    return Counter(one.get("cause") or one["state"] for one in found)


def notices(scenario: MailScenario) -> list[Any]:
    found = {one.reference: one for sink in scenario.sinks.values() for one in sink.received if one.loop}
    return list(found.values())


def test_beyond_the_limit_one_ticket_names_the_loop_and_the_rest_is_aside(braked: MailScenario) -> None:
    for number in range(8):
        receive(braked, number)
    other = braked.receive(subject="A person", sender="lee.gu@contoso.com", received=HOUR)
    settle(braked)
    assert braked.describe(other.id)["state"] == "delivered"
    assert outcomes(braked) == {"delivered": 3 + 1 + 1, "LoopSuspected": 4}
    [notice] = notices(braked)
    assert notice.rendering.title == f"Loop suspected: {ROBOT}"
    assert notice.loop.describe() == {
        "correspondent": ROBOT, "begin": "2026-11-23T09:00:00Z", "end": "2026-11-23T10:00:00Z",
        "tickets": 3, "comments": 0, "rest": f"GET mailboxes/{braked.name}/mails?state=loop",
    }  # fmt: skip
    found = notice.find_ticket()
    assert found.ticket is None
    assert "3 tickets and 0 comments in the hour from 2026-11-23 09:00 to 10:00 UTC" in found.notes[0]
    listed = list_set_aside(braked.mailbox, "loop", 10, braked.services.workers)
    assert len(listed) == 4
    assert all("Loop suspected" in one["deliveries"][0]["message"] for one in listed)
    assert len(braked.sink.tickets) == 5


@pytest.mark.usefixtures("rows_in_memory")
def test_the_usual_limit_is_twenty_tickets(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(brakes={})
    for number in range(23):
        receive(scenario, number)
    settle(scenario)
    assert outcomes(scenario) == {"delivered": 21, "LoopSuspected": 2}


@pytest.mark.usefixtures("rows_in_memory")
def test_after_the_hour_it_works_again_and_late_mails_are_no_loop(braked: MailScenario) -> None:
    for number in range(5):
        receive(braked, number)
    settle(braked)
    for number in range(10, 13):
        receive(braked, number, minutes=60 + number)
    for number in range(20, 40):  # after an outage: mails of many hours at once
        receive(braked, number, minutes=60 * number)
    settle(braked)
    assert outcomes(braked) == {"delivered": 4 + 3 + 20, "LoopSuspected": 1}
    assert len(notices(braked)) == 1


@pytest.mark.usefixtures("rows_in_memory")
def test_a_person_delivers_the_rest(braked: MailScenario) -> None:
    for number in range(6):
        receive(braked, number)
    settle(braked)
    for one in list_set_aside(braked.mailbox, "loop", 10, braked.services.workers):
        braked.by_hand.deliver(braked.mailbox, one["key"], Wish())
    settle(braked)
    assert outcomes(braked) == {"delivered": 6}
    assert len(notices(braked)) == 1


@pytest.mark.usefixtures("rows_in_memory")
def test_monitoring_systems_can_be_exempt(open_scenario: OpenScenario) -> None:
    for exempt in ("@MONITORING.example", ROBOT):
        scenario = open_scenario(brakes=LIMITS | {"exempt": [exempt]})
        for number in range(6):
            receive(scenario, number)
        settle(scenario)
        assert outcomes(scenario) == {"delivered": 6}
        assert list(Table(scenario.storage, "mails").query(scenario.name, start="b|", end="b}")) == []


@pytest.mark.usefixtures("rows_in_memory")
def test_counting_a_mail_costs_no_read_unless_another_process_has_counted_its_author(
    braked: MailScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    get = Table.get

    def record(self: Table, partition: str, row: str) -> Any:
        read.append(row)
        return get(self, partition, row)

    monkeypatch.setattr(Table, "get", record)
    for number in range(4):
        receive(braked, number, sender=f"{number}@example.com")
    receive(braked, 4, sender="0@example.com")
    settle(braked)
    assert [row for row in read if row.startswith("b|")] == []
    braked.mailbox.ledger._counts.clear()  # as in another process
    receive(braked, 5, sender="0@example.com")
    settle(braked)
    [row] = {row for row in read if row.startswith("b|")}
    [[_, tickets, *_]] = json.loads(braked.services.table.get(braked.name, row).values["hours"]).values()  # type: ignore[union-attr]  # it was just read
    assert tickets == 3


@pytest.mark.usefixtures("rows_in_memory")
def test_mails_of_one_author_that_go_side_by_side_take_turns(
    open_scenario: OpenScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = open_scenario()
    refused: list[Any] = []
    monkeypatch.setattr(Brake, "read_again", lambda _, count: refused.append(count))
    for number in range(30):
        receive(scenario, number)
    scenario.poll()
    assert scenario.deliver() == [DeliveryOutcome.DELIVERED] * 30
    assert refused == []


@pytest.mark.usefixtures("rows_in_memory")
def test_a_place_that_an_earlier_version_took_ends_in_its_row(braked: MailScenario) -> None:
    receive(braked, 1)
    braked.poll()
    [(message, _)] = braked.queue.messages
    row, hour = f"b|{'a' * 40}", "2026-11-23T09"
    braked.services.table.upsert(
        {"PartitionKey": braked.name, "RowKey": row, "hours": json.dumps({hour: [1, 0, 0, ""]})}
    )
    waiting = braked.mailbox.ledger.delivery(str(message["key"]), str(message["sink"]))
    assert waiting is not None
    braked.mailbox.ledger.delivery_rows.change(waiting, {"place": f"{row}|{hour}"})
    settle(braked)
    counted = {
        one.row_key: json.loads(one.values["hours"])
        for one in braked.services.table.query(braked.name, start="b|", end="b}")
    }
    assert counted == {row: {hour: [0, 1, 0, ""]}}


@pytest.mark.usefixtures("rows_in_memory")
def test_comments_have_a_limit_of_their_own(braked: MailScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    receive(braked, 1, message_id="<first@x>")
    settle(braked)
    send = braked.sink.deliver

    def comment(prepared: Any, progress: Any) -> Receipt:
        is_reply = bool(prepared.mail.headers("In-Reply-To")) and not prepared.loop
        return Receipt(send(prepared, progress).ticket, is_reply=is_reply)

    monkeypatch.setattr(braked.sink, "deliver", comment)
    for number in range(2, 8):
        receive(braked, number, headers={"In-Reply-To": "<first@x>"})
    settle(braked)
    assert outcomes(braked) == {"delivered": 1 + 2 + 1, "LoopSuspected": 3}
    [notice] = notices(braked)
    assert (notice.loop.tickets, notice.loop.comments) == (1, 2)
    receive(braked, 8, subject="A new request")
    settle(braked)
    assert outcomes(braked)["delivered"] == 5, "new tickets are not held by the limit of comments"


@pytest.mark.usefixtures("rows_in_memory")
def test_what_becomes_nothing_takes_no_place(braked: MailScenario) -> None:
    robot: dict[str, Any] = {"headers": {"Auto-Submitted": "auto-replied"}}
    for number in range(6):
        receive(braked, number, **robot)
    settle(braked)
    for number in range(10, 13):
        receive(braked, number)
    settle(braked)
    receive(braked, 14, **robot)
    settle(braked)
    assert outcomes(braked) == {"AutomaticMail": 7, "delivered": 3}
    refused = [receive(braked, number, sender="unknown@x.example") for number in range(20, 24)]
    braked.sink.before = failing(Rejected("Unknown.", code="UnknownSender"))
    settle(braked)
    assert {braked.describe(mail.id)["deliveries"][0]["cause"] for mail in refused} == {"UnknownSender"}


@pytest.mark.usefixtures("rows_in_memory")
def test_mails_under_way_hold_the_others_only_while_they_may_become_tickets(braked: MailScenario) -> None:
    mails = [receive(braked, number) for number in range(4)]
    braked.poll()
    braked.queue.take()
    ledger, sink = braked.mailbox.ledger, next(iter(braked.sinks))
    deliverer = braked.deliverer()
    braked.sink.after = failing(OutcomeUnknown("Lost."), 3)
    for mail in mails[:3]:
        assert deliver(braked, mail) is DeliveryOutcome.WAITING
    braked.queue.take()
    assert deliver(braked, mails[3]) is DeliveryOutcome.WAITING
    assert braked.describe(mails[3].id)["deliveries"][0]["attempts"] == 0
    [(_, delay)] = braked.queue.take()
    assert 45 <= delay <= 75
    assert claim(ledger, braked.mailbox.key(mails[3].id), sink, 0.0)
    for mail in mails[:3]:
        assert deliver(braked, mail) is DeliveryOutcome.DELIVERED
    assert deliverer.deliver(braked.mailbox, braked.mailbox.key(mails[3].id), sink) is DeliveryOutcome.DELIVERED
    assert len(braked.sink.tickets) == 4


@pytest.mark.usefixtures("rows_in_memory")
def test_a_sink_that_is_away_holds_no_places(braked: MailScenario) -> None:
    mails = [receive(braked, number) for number in range(5)]
    braked.poll()
    braked.queue.take()
    braked.sink.before = failing(Unavailable("Away."), 5)
    for mail in mails:
        deliver(braked, mail)
    assert [braked.describe(mail.id)["deliveries"][0]["attempts"] for mail in mails] == [1] * 5
    settle(braked)
    assert outcomes(braked) == {"delivered": 4, "LoopSuspected": 1}


@pytest.mark.usefixtures("rows_in_memory")
def test_a_notice_that_the_sink_refuses_leaves_its_task_to_the_next_mail(braked: MailScenario) -> None:
    for number in range(3):
        receive(braked, number)
    settle(braked)
    braked.sink.before = failing(Rejected("No.", code="No"), 1)
    for number in range(10, 13):
        receive(braked, number)
        settle(braked)
    assert outcomes(braked) == {"delivered": 4, "No": 1, "LoopSuspected": 1}
    assert len(braked.sink.tickets) == 4


def test_two_instances_count_together(braked: MailScenario) -> None:
    for number in range(16):
        receive(braked, number)
    braked.poll()
    messages = [message for message, _ in braked.queue.take()]
    gate = threading.Barrier(8, timeout=20)

    def work(mine: list[Any]) -> None:
        deliverer = braked.deliverer()
        gate.wait()
        for message in mine:
            deliverer.deliver(braked.mailbox, message["key"], message["sink"])

    workers = [threading.Thread(target=work, args=(messages[start::8],)) for start in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    settle(braked)
    assert outcomes(braked) == {"delivered": 4, "LoopSuspected": 12}
    assert len({one.reference for one in notices(braked)}) == 1
    assert len(braked.sink.tickets) == 4


@pytest.mark.usefixtures("rows_in_memory")
def test_each_sink_has_its_own_notice_and_moving_a_mail_frees_its_place(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(sinks=("one", "two"), rule_sinks=("three",), brakes=LIMITS)
    one, _, three = scenario.sinks
    for number in range(6):
        receive(scenario, number)
    settle(scenario)
    assert [len(sink.tickets) for sink in scenario.sinks.values()] == [4, 4, 0]
    held = taken_in(scenario, subject="Held", sender=ROBOT, received=HOUR + timedelta(hours=2))
    scenario.sinks[one].before = failing(OutcomeUnknown("Lost."), 1)
    deliver(scenario, held, one)
    scenario.queue.take()
    key = scenario.mailbox.key(held.id)
    scenario.by_hand.deliver(scenario.mailbox, key, Wish(sink=three, instead_of=one))
    counted = [row.values["hours"] for row in scenario.services.table.query(scenario.name, start="b|", end="b}")]
    assert not any('"2026-11-23T11": [1' in hours for hours in counted)


@pytest.mark.usefixtures("rows_in_memory")
def test_an_ordinary_mail_costs_no_storage_request_more(
    open_scenario: OpenScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []
    for brakes in ({"exempt": [ROBOT]}, {}):
        scenario = open_scenario(brakes=brakes)
        mail = taken_in(scenario, subject="Ordinary", sender=ROBOT)
        calls: list[str] = []
        with monkeypatch.context() as patched:
            for name in ("get", "transact", "query"):
                patched.setattr(Table, name, _count(calls, name, getattr(Table, name)))
            assert deliver(scenario, mail) is DeliveryOutcome.DELIVERED
        counts.append(len(calls))
    assert counts[1] == counts[0]


def _count(calls: list[str], name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def counted(*args: Any, **options: Any) -> Any:
        calls.append(name)
        return function(*args, **options)

    return counted


@pytest.mark.usefixtures("rows_in_memory")
def test_a_mailbox_shows_mails_beyond_the_limits_and_an_alarm_says_so(
    braked: MailScenario, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(6):
        receive(braked, number)
    settle(braked)
    shown = braked.gateway.get(f"mailboxes/{braked.name}").json()
    assert (shown["quarantined"], shown["loopSuspected"]) == (2, 2)
    listed = braked.gateway.get(f"mailboxes/{braked.name}/mails", state="loop").json()["value"]
    assert len(listed) == 2
    braked.services.check_alarms({})
    events = [one.getMessage().split(" ")[0] for one in caplog.records if one.name == "gateway.events"]
    assert (events.count("LoopSuspected"), events.count("QuarantineGrew")) == (1, 0)
