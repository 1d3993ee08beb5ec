"""Quiet mailboxes are polled less often; nothing that is due waits for that."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
import pytest
import time_machine

from blueprints import mail_work
from composition import mail_requests, services
from inbound_mail.delivery.redelivery import redeliver
from inbound_mail.intake.pace import describe_reading
from inbound_mail.intake.polling import Polled, Poller
from inbound_mail.messages import PollQueue, PollRequest
from shared.errors import Rejected, Unavailable
from shared.storage.queues import Queue
from shared.storage.tables import Table
from tests.functional.conftest import note_timers
from tests.functional.kill_switch import Killed, KillSwitch
from tests.functional.mail.conftest import MailScenario, OpenScenario
from tests.functional.storage import storage_in_memory
from twin import Answer

pytestmark = pytest.mark.usefixtures("rows_in_memory")


@dataclass
class Clockwork:
    """The timer and the queue of polls: each run of the timer is a minute later."""

    scenario: MailScenario
    now: time_machine.Traveller
    messages: list[Mapping[str, Any]] = field(default_factory=list)
    minute: int = 0
    polled: list[int] = field(default_factory=list)

    def put(self, message: Mapping[str, Any], *, delay: float = 0, ttl: float | None = None) -> None:
        _ = delay, ttl
        self.messages.append(message)

    def count(self) -> int:
        return len(self.messages)

    def run(self, minutes: int = 1) -> bool:
        """Let minutes pass; return whether the last run of the timer polled the mailbox."""
        for _ in range(minutes):
            self.now.shift(60)
            self.minute += 1
            before = self._looked_at()
            replace(self.scenario.services, polls=PollQueue(self)).request_due_polls()
            if self._looked_at() != before:  # the timer itself has looked
                self.polled.append(self.minute)
            for message in self.messages:
                assert self.scenario.poll(at_once=False) in (Polled.DONE, Polled.FAILED, Polled.PAUSED), message
                self.polled.append(self.minute)
            self.messages.clear()
            note_timers(services.services())
            self.scenario.services.check_alarms({})
        return self.polled[-1:] == [self.minute]

    def _looked_at(self) -> datetime:
        return self.scenario.mailbox.ledger.plan.find(self.scenario.name).planned.looked_at

    @property
    def pauses(self) -> list[int]:
        return [later - earlier for earlier, later in zip(self.polled, self.polled[1:], strict=False)]


@contextmanager
def open_clockwork(open_scenario: OpenScenario, **mailbox: Any) -> Iterator[Clockwork]:
    with storage_in_memory(), time_machine.travel(datetime.now(UTC), tick=True) as now:
        yield Clockwork(open_scenario(**mailbox), now)


@pytest.fixture
def clockwork(open_scenario: OpenScenario) -> Iterator[Clockwork]:
    with open_clockwork(open_scenario, alarm_minutes=10) as opened:
        yield opened


def state(clockwork: Clockwork) -> dict[str, Any]:
    return clockwork.scenario.mailbox.ledger.state().values


def test_a_quiet_mailbox_is_polled_less_and_less_often_up_to_its_bound(clockwork: Clockwork) -> None:
    clockwork.run(60)
    assert clockwork.pauses[:4] == [1] * 4
    assert max(clockwork.pauses) == 5
    growing = [pause for pause in clockwork.pauses[:9] if pause < 5]
    assert growing[:8] == sorted(growing[:8])
    assert clockwork.pauses.count(5) >= 6
    assert len(clockwork.polled) < 24
    assert clockwork.scenario.services.watch.active() == []  # it is silent by design

    clockwork.scenario.receive(subject="Printer")
    while not clockwork.scenario.queue.messages:
        clockwork.run()
    assert clockwork.pauses[-1] <= 5
    assert clockwork.run(), "a mailbox is polled at every run while a delivery is open"
    clockwork.scenario.deliver()
    clockwork.run()
    [mail] = clockwork.scenario.mails()
    assert mail["state"] == "delivered"
    assert all(clockwork.run() for _ in range(4))


def test_zero_keeps_a_mailbox_at_the_schedule(open_scenario: OpenScenario) -> None:
    with open_clockwork(open_scenario, quiet_minutes=0) as clockwork:
        clockwork.run(40)
        assert set(clockwork.pauses) == {1}


@pytest.mark.slow(reason="runs the timer three hundred times", seconds=5)
def test_the_hourly_sweep_is_not_late(open_scenario: OpenScenario) -> None:
    with open_clockwork(open_scenario, quiet_minutes=60, alarm_minutes=120) as clockwork:
        clockwork.run(300)
        assert max(clockwork.pauses) > 20
        swept = [seen for seen in clockwork.scenario.calls() if seen.path.endswith("/messages")]
        assert len(swept) in (4, 5), "once an hour, as if it were polled each minute"


def test_a_failure_is_tried_again_as_soon_as_before(clockwork: Clockwork) -> None:
    clockwork.run(60)
    clockwork.scenario.gateway.sim.faults.add(
        Answer(400), api="mail", path="/delta", times=3
    )  # the timer, the look, the poll
    while not state(clockwork).get("failures"):
        clockwork.run()
    assert clockwork.run()
    assert state(clockwork)["failures"] == 0
    assert all(clockwork.run() for _ in range(4))


def test_what_a_person_begins_again_is_not_lost_with_its_message(clockwork: Clockwork) -> None:
    scenario = clockwork.scenario
    scenario.receive(subject="Printer")

    def refuse() -> None:
        raise Rejected("No such customer.", code="NoCustomer")

    scenario.sink.before = refuse
    clockwork.run()
    scenario.deliver()
    clockwork.run(60)
    assert len(list(scenario.mailbox.ledger.quarantined())) == 1
    while clockwork.run():
        pass
    [mail] = scenario.mails()
    scenario.sink.before = lambda: None
    redeliver(scenario.mailbox, scenario.deliveries, mail["key"], None)
    scenario.queue.take()  # lost
    assert clockwork.run(), "it is polled at once"
    clockwork.run(16)
    scenario.deliver()
    assert list(scenario.sink.tickets.values()) == ["T-1"]


def test_a_process_that_dies_behind_the_request_of_a_person_has_asked_for_polls(clockwork: Clockwork) -> None:
    clockwork.run(60)
    kill_switch = KillSwitch(at=2)  # the first step asks for polls
    with kill_switch.watching([(Table, "transact")]), pytest.raises(Killed):
        clockwork.scenario.mailbox.ledger.decisions.record("0" * 40, {"id": "x"}, [])
    assert all(clockwork.run() for _ in range(18))


@pytest.mark.parametrize(("step", "is_quick"), [(1, True), (1, False), (2, False)])
def test_a_poll_that_dies_before_its_rows_are_written_is_repeated_at_the_next_run(
    clockwork: Clockwork, step: int, is_quick: bool
) -> None:
    """Steps of an empty poll: the mailbox's own row, unless it is a quick look; then the plan."""
    clockwork.run(60)
    while clockwork.minute - clockwork.polled[-1] < 4:
        clockwork.run()
    if not is_quick:
        plan = clockwork.scenario.mailbox.ledger.plan
        plan.put(clockwork.scenario.name, datetime.now(UTC), began=datetime.now(UTC), is_quiet=True, reads="")
    kill_switch = KillSwitch(at=step)
    with kill_switch.watching([(Table, "transact")]), suppress(Killed):
        clockwork.run()
    clockwork.messages.clear()
    assert len(kill_switch.steps) == step
    clockwork.scenario.receive(subject="Came meanwhile")
    assert clockwork.run()
    assert len(clockwork.scenario.queue.messages) == 1


def test_a_mailbox_whose_poll_is_wanted_is_looked_at_more_often_for_a_while(clockwork: Clockwork) -> None:
    clockwork.run(60)
    while clockwork.run():
        pass
    clockwork.scenario.gateway.post(f"mailboxes/{clockwork.scenario.name}/poll").raise_for_status()
    assert all(clockwork.run() for _ in range(15))


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The messages that are put into queues."""
    messages: list[dict[str, Any]] = []
    monkeypatch.setattr(Queue, "put", lambda _self, message, **_more: messages.append(dict(message)))
    return messages


def poll_all(*names: str) -> None:
    body = json.dumps(PollRequest(names[0], others=names[1:]).to_json()).encode()
    mail_work.poll_mailbox(func.QueueMessage(body=body))


def polled(scenario: MailScenario) -> bool:
    return "last_poll" in scenario.mailbox.ledger.state().values


def test_one_request_polls_several_mailboxes(open_scenario: OpenScenario, put: list[dict[str, Any]]) -> None:
    scenario = open_scenario(has_second=True)
    [other] = scenario.others
    poll_all("removed", scenario.name, other.name)
    assert (polled(scenario), polled(other), put) == (True, True, [])


@pytest.mark.parametrize("error", [Unavailable("Storage is away. Try again."), ValueError("a defect")])
def test_a_mailbox_whose_poll_fails_does_not_hold_up_those_behind_it(
    open_scenario: OpenScenario, monkeypatch: pytest.MonkeyPatch, put: list[dict[str, Any]], error: Exception
) -> None:
    scenario = open_scenario(has_second=True)
    [other] = scenario.others
    poll = Poller.poll

    def fail(self: Poller, mailbox: Any, **options: Any) -> Polled:
        if mailbox.name == scenario.name:
            raise error
        return poll(self, mailbox, **options)

    monkeypatch.setattr(Poller, "poll", fail)
    poll_all(scenario.name, other.name)
    assert (polled(scenario), polled(other)) == (False, True)
    if isinstance(error, Unavailable):
        assert put == [], "the next run of the timer asks for it"
        return
    assert put == [{"mailbox": scenario.name}], "the other one is not polled again"
    with pytest.raises(ValueError, match="a defect"):  # the platform counts its tries
        poll_all(scenario.name)


def test_mailboxes_behind_a_long_poll_are_asked_for_again(
    open_scenario: OpenScenario, monkeypatch: pytest.MonkeyPatch, put: list[dict[str, Any]]
) -> None:
    scenario = open_scenario(has_second=True)
    [other] = scenario.others
    monkeypatch.setattr(mail_requests, "_SHARED_SECONDS", -1.0)
    poll_all(scenario.name, other.name, "third")
    assert (polled(scenario), polled(other)) == (True, False)
    assert put == [{"mailbox": other.name, "others": ["third"]}]


def test_the_timer_asks_for_due_mailboxes_only(open_scenario: OpenScenario, put: list[dict[str, Any]]) -> None:
    scenario = open_scenario(has_second=True)
    [other] = scenario.others
    plan, reads = scenario.mailbox.ledger.plan, describe_reading(scenario.mailbox.settings)
    now = datetime.now(UTC)
    plan.put(scenario.name, now + timedelta(minutes=4), began=now, is_quiet=True, reads=reads)
    scenario.gateway.host.fire("schedule_mailbox_polls").result(60)
    assert put == [{"mailbox": other.name}]
    plan.keep_awake(scenario.name)
    put.clear()
    scenario.gateway.host.fire("schedule_mailbox_polls").result(60)
    assert {message["mailbox"] for message in put} == {scenario.name, other.name}
