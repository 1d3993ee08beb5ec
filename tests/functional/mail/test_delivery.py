"""Deliveries from the queue to the sinks: claims, waits, and exactly one ticket for each mail."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from inbound_mail.delivery.delivery import DeliveryOutcome
from inbound_mail.sinks.protocol import PreparedMail, Progress, Receipt
from shared.errors import OutcomeUnknown, Throttled, TimedOut, Unavailable
from tests.functional.kill_switch import Killed
from tests.functional.mail.conftest import MailScenario, RecordingSink
from tests.functional.mail.deliveries import ask_again, causes, change, deliver, failing, record, taken_in


@dataclass
class SavingSink(RecordingSink):
    """Saves the ticket as soon as it exists, as the real sinks do."""

    def deliver(self, prepared: PreparedMail, progress: Progress) -> Receipt:
        self.received.append(prepared)
        self.before()
        progress.save(step="begun")
        self.tickets[prepared.reference] = f"T-{len(self.tickets) + 1}"
        return Receipt(self.tickets[prepared.reference])


# -- claims -----------------------------------------------------------------------------------------------------------


def test_many_workers_with_the_same_message_make_one_ticket(scenario: MailScenario) -> None:
    scenario.sink.before = lambda: time.sleep(0.2)
    for number in range(2):
        scenario.receive(subject=f"{number}")
    scenario.poll()
    scenario.queue.messages *= 6
    outcomes = scenario.deliver()
    assert sorted(outcomes) == ["delivered"] * 2 + ["nothing-to-do"] * 10
    assert len(scenario.sink.received) == len(scenario.sink.tickets) == 2


def test_a_running_claim_is_respected_and_a_finished_one_as_well(scenario: MailScenario) -> None:
    mail = taken_in(scenario)
    inner: list[DeliveryOutcome] = []
    scenario.sink.before = lambda: inner.append(deliver(scenario, mail))
    assert deliver(scenario, mail) is DeliveryOutcome.DELIVERED
    assert inner == [DeliveryOutcome.NOTHING_TO_DO]
    scenario.sink.before = lambda: None
    assert deliver(scenario, mail) is DeliveryOutcome.NOTHING_TO_DO
    assert len(scenario.sink.received) == 1


@pytest.mark.usefixtures("rows_in_memory")
def test_a_message_before_its_time_does_nothing(scenario: MailScenario) -> None:
    mail = taken_in(scenario)
    change(scenario, mail, due=datetime.now(UTC) + timedelta(seconds=30))
    key = scenario.mailbox.key(mail.id)
    assert (
        scenario.deliverer().deliver(scenario.mailbox, key, next(iter(scenario.sinks))) is DeliveryOutcome.NOTHING_TO_DO
    )


@pytest.mark.parametrize("moment", ["before", "after"])
def test_the_claim_of_a_dead_worker_runs_out_and_the_next_one_looks_first(scenario: MailScenario, moment: str) -> None:
    mail = taken_in(scenario)
    setattr(scenario.sink, moment, failing(Killed(), 1))
    with pytest.raises(Killed):
        deliver(scenario, mail)
    scenario.poll()
    assert scenario.queue.messages == []
    scenario.age_claims()
    scenario.run()
    assert scenario.describe(mail.id)["state"] == "delivered"
    assert (scenario.sink.looks, len(scenario.sink.tickets)) == (1, 1)
    assert record(scenario, mail)["crashes"] == 1


def test_a_slow_worker_that_was_overtaken_changes_nothing_more(scenario: MailScenario) -> None:
    mail = taken_in(scenario)

    def overtake() -> None:
        scenario.sink.before = lambda: None
        scenario.age_claims()
        assert deliver(scenario, mail) is DeliveryOutcome.DELIVERED
        raise Unavailable("Too late.")

    scenario.sink.before = overtake
    assert deliver(scenario, mail) is DeliveryOutcome.NOTHING_TO_DO
    assert scenario.describe(mail.id)["state"] == "delivered"
    assert record(scenario, mail)["state"] == "delivered"
    assert len(scenario.sink.tickets) == 1


def test_an_overtaken_worker_learns_of_it_before_it_writes_at_the_other_side(scenario: MailScenario) -> None:
    sink = SavingSink()
    scenario.sinks = {next(iter(scenario.sinks)): sink}
    mail = taken_in(scenario)

    def overtake() -> None:
        sink.before = lambda: None
        scenario.age_claims()
        assert deliver(scenario, mail) is DeliveryOutcome.DELIVERED

    sink.before = overtake
    assert deliver(scenario, mail) is DeliveryOutcome.NOTHING_TO_DO
    assert len(sink.received) == 2
    assert list(sink.tickets.values()) == ["T-1"]


def test_a_worker_that_always_dies_is_distinguished_from_a_sink_that_fails(scenario: MailScenario) -> None:
    mail = taken_in(scenario)
    scenario.sink.before = failing(Killed())
    for _ in range(5):
        with pytest.raises(Killed):
            deliver(scenario, mail)
        scenario.age_claims()
    assert deliver(scenario, mail) is DeliveryOutcome.QUARANTINED
    assert causes(scenario, mail) == ["WorkerDied"]
    assert len(scenario.sink.received) == 5


# -- waits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked_for", [40.0, 1800.0])
@pytest.mark.usefixtures("rows_in_memory")
def test_a_sink_that_names_a_time_is_left_alone_that_long(scenario: MailScenario, asked_for: float) -> None:
    mail = taken_in(scenario)
    scenario.sink.before = failing(Throttled("Slow down.", retry_after=asked_for), 1)
    before = datetime.now(UTC)
    assert deliver(scenario, mail) is DeliveryOutcome.WAITING
    [(message, delay)] = scenario.queue.messages
    assert message["key"] == scenario.mailbox.key(mail.id)
    assert delay >= asked_for
    assert record(scenario, mail)["due"] >= before + timedelta(seconds=asked_for)
    assert not record(scenario, mail)["interrupted"]
    scenario.run()
    assert scenario.describe(mail.id)["state"] == "delivered"
    assert scenario.sink.looks == 0


@pytest.mark.parametrize("asked_for", [1e9, float("inf")])
@pytest.mark.usefixtures("rows_in_memory")
def test_a_wait_beyond_reason_is_cut_to_a_day(scenario: MailScenario, asked_for: float) -> None:
    mail = taken_in(scenario)
    scenario.sink.before = failing(Unavailable("Later.", retry_after=asked_for), 1)
    assert deliver(scenario, mail) is DeliveryOutcome.WAITING
    [(_, delay)] = scenario.queue.messages
    assert delay == timedelta(hours=24).total_seconds()


@pytest.mark.parametrize("error", [OutcomeUnknown("Broken off."), TimedOut("Silence."), ValueError("a bug")])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.usefixtures("rows_in_memory")
def test_after_an_unclear_outcome_one_waits_ten_seconds_and_looks(
    scenario: MailScenario, error: Exception, moment: str
) -> None:
    mail = taken_in(scenario)
    setattr(scenario.sink, moment, failing(error, 1))
    assert deliver(scenario, mail) is DeliveryOutcome.WAITING
    [(_, delay)] = scenario.queue.messages
    assert delay >= 10
    assert record(scenario, mail)["interrupted"]
    scenario.run()
    assert scenario.describe(mail.id)["state"] == "delivered"
    assert (scenario.sink.looks, len(scenario.sink.tickets)) == (1, 1)


@pytest.mark.usefixtures("rows_in_memory")
def test_waits_are_drawn_from_a_span_that_doubles_up_to_a_quarter_of_an_hour(
    scenario: MailScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans: list[tuple[float, float]] = []

    def draw(low: float, high: float) -> float:
        spans.append((low, high))
        return high

    monkeypatch.setattr("random.uniform", draw)
    mail = taken_in(scenario)
    scenario.sink.before = failing(Unavailable("Later."))
    for _ in range(12):
        assert deliver(scenario, mail) is DeliveryOutcome.WAITING
    assert {low for low, _ in spans} == {0}
    assert [high for _, high in spans] == [10, 20, 40, 80, 160, 320, 640, 900, 900, 900, 900, 900]
    assert [delay for _, delay in scenario.queue.messages] == [high for _, high in spans]
    monkeypatch.setattr("random.uniform", lambda low, _: low)
    deliver(scenario, mail)
    assert scenario.queue.messages[-1][1] >= 3


@pytest.mark.parametrize("error", [Unavailable("Away."), OutcomeUnknown("Unclear.")])
@pytest.mark.usefixtures("rows_in_memory")
def test_after_a_day_without_success_a_person_is_asked(scenario: MailScenario, error: Exception) -> None:
    mail = taken_in(scenario)
    scenario.sink.before = failing(error)
    assert deliver(scenario, mail) is DeliveryOutcome.WAITING
    change(scenario, mail, first_at=datetime.now(UTC) - timedelta(hours=23, minutes=59))
    assert deliver(scenario, mail) is DeliveryOutcome.WAITING
    change(scenario, mail, first_at=datetime.now(UTC) - timedelta(hours=24, minutes=1))
    assert deliver(scenario, mail) is DeliveryOutcome.QUARANTINED
    assert causes(scenario, mail) == ["GaveUp"]
    ask_again(scenario, mail)
    assert deliver(scenario, mail) is DeliveryOutcome.WAITING
