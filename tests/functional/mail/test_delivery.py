"""From the queue to the sinks: claims and waits, and one ticket for each mail in all of it."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from inbound_mail.delivery.delivery import Outcome
from inbound_mail.sinks.protocol import Parcel, Progress, Receipt
from shared.errors import OutcomeUnknown, Throttled, TimedOut, Unavailable
from tests.functional.mail.conftest import Office, RecordingSink
from tests.functional.mail.deliveries import ask_again, causes, change, deliver, failing, record, taken_in


class Killed(BaseException):
    """The worker dies here."""


@dataclass
class SavingSink(RecordingSink):
    """Notes the ticket as soon as it is there, as the real ones do."""

    def deliver(self, parcel: Parcel, progress: Progress) -> Receipt:
        self.parcels.append(parcel)
        self.before()
        progress.save(step="begun")
        self.tickets[parcel.reference] = f"T-{len(self.tickets) + 1}"
        return Receipt(self.tickets[parcel.reference])


# -- claims -----------------------------------------------------------------------------------------------------------


def test_many_workers_with_the_same_message_make_one_ticket(office: Office) -> None:
    office.sink.before = lambda: time.sleep(0.2)
    for number in range(2):
        office.receive(subject=f"{number}")
    office.poll()
    office.queue.messages *= 6
    outcomes = office.deliver()
    assert sorted(outcomes) == ["delivered"] * 2 + ["nothing-to-do"] * 10
    assert len(office.sink.parcels) == len(office.sink.tickets) == 2


def test_a_running_claim_is_respected_and_a_finished_one_as_well(office: Office) -> None:
    mail = taken_in(office)
    inner: list[Outcome] = []
    office.sink.before = lambda: inner.append(deliver(office, mail))
    assert deliver(office, mail) is Outcome.DELIVERED
    assert inner == [Outcome.NOTHING_TO_DO]
    office.sink.before = lambda: None
    assert deliver(office, mail) is Outcome.NOTHING_TO_DO
    assert len(office.sink.parcels) == 1


def test_a_message_before_its_time_does_nothing(office: Office) -> None:
    mail = taken_in(office)
    change(office, mail, due=datetime.now(UTC) + timedelta(seconds=30))
    key = office.desk.key(mail.id)
    assert office.deliverer().deliver(office.desk, key, next(iter(office.sinks))) is Outcome.NOTHING_TO_DO


@pytest.mark.parametrize("moment", ["before", "after"])
def test_the_claim_of_a_dead_worker_runs_out_and_the_next_one_looks_first(office: Office, moment: str) -> None:
    mail = taken_in(office)
    setattr(office.sink, moment, failing(Killed(), 1))
    with pytest.raises(Killed):
        deliver(office, mail)
    office.poll()
    assert office.queue.messages == []
    office.age_claims()
    office.run()
    assert office.describe(mail.id)["state"] == "delivered"
    assert (office.sink.looks, len(office.sink.tickets)) == (1, 1)
    assert record(office, mail)["crashes"] == 1


def test_a_slow_worker_that_was_overtaken_changes_nothing_more(office: Office) -> None:
    mail = taken_in(office)

    def overtake() -> None:
        office.sink.before = lambda: None
        office.age_claims()
        assert deliver(office, mail) is Outcome.DELIVERED
        raise Unavailable("Too late.")

    office.sink.before = overtake
    assert deliver(office, mail) is Outcome.NOTHING_TO_DO
    assert office.describe(mail.id)["state"] == "delivered"
    assert record(office, mail)["state"] == "delivered"
    assert len(office.sink.tickets) == 1


def test_an_overtaken_worker_learns_of_it_before_it_writes_at_the_other_side(office: Office) -> None:
    sink = SavingSink()
    office.sinks = {next(iter(office.sinks)): sink}
    mail = taken_in(office)

    def overtake() -> None:
        sink.before = lambda: None
        office.age_claims()
        assert deliver(office, mail) is Outcome.DELIVERED

    sink.before = overtake
    assert deliver(office, mail) is Outcome.NOTHING_TO_DO
    assert len(sink.parcels) == 2
    assert list(sink.tickets.values()) == ["T-1"]


def test_a_worker_that_always_dies_is_told_from_a_sink_that_fails(office: Office) -> None:
    mail = taken_in(office)
    office.sink.before = failing(Killed())
    for _ in range(5):
        with pytest.raises(Killed):
            deliver(office, mail)
        office.age_claims()
    assert deliver(office, mail) is Outcome.QUARANTINED
    assert causes(office, mail) == ["WorkerDied"]
    assert len(office.sink.parcels) == 5


# -- waits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked_for", [40.0, 1800.0])
def test_a_sink_that_names_a_time_is_left_alone_that_long(office: Office, asked_for: float) -> None:
    mail = taken_in(office)
    office.sink.before = failing(Throttled("Slow down.", retry_after=asked_for), 1)
    before = datetime.now(UTC)
    assert deliver(office, mail) is Outcome.WAITING
    [(message, delay)] = office.queue.messages
    assert message["key"] == office.desk.key(mail.id)
    assert delay >= asked_for
    assert record(office, mail)["due"] >= before + timedelta(seconds=asked_for)
    assert not record(office, mail)["interrupted"]
    office.run()
    assert office.describe(mail.id)["state"] == "delivered"
    assert office.sink.looks == 0


@pytest.mark.parametrize("asked_for", [1e9, float("inf")])
def test_a_wait_beyond_reason_is_cut_to_a_day(office: Office, asked_for: float) -> None:
    mail = taken_in(office)
    office.sink.before = failing(Unavailable("Later.", retry_after=asked_for), 1)
    assert deliver(office, mail) is Outcome.WAITING
    [(_, delay)] = office.queue.messages
    assert delay == timedelta(hours=24).total_seconds()


@pytest.mark.parametrize("error", [OutcomeUnknown("Broken off."), TimedOut("Silence."), ValueError("a bug")])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_after_an_unclear_outcome_one_waits_ten_seconds_and_looks(
    office: Office, error: Exception, moment: str
) -> None:
    mail = taken_in(office)
    setattr(office.sink, moment, failing(error, 1))
    assert deliver(office, mail) is Outcome.WAITING
    [(_, delay)] = office.queue.messages
    assert delay >= 10
    assert record(office, mail)["interrupted"]
    office.run()
    assert office.describe(mail.id)["state"] == "delivered"
    assert (office.sink.looks, len(office.sink.tickets)) == (1, 1)


def test_waits_are_drawn_from_a_span_that_doubles_up_to_a_quarter_of_an_hour(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans: list[tuple[float, float]] = []

    def draw(low: float, high: float) -> float:
        spans.append((low, high))
        return high

    monkeypatch.setattr("random.uniform", draw)
    mail = taken_in(office)
    office.sink.before = failing(Unavailable("Later."))
    for _ in range(12):
        assert deliver(office, mail) is Outcome.WAITING
    assert {low for low, _ in spans} == {0}
    assert [high for _, high in spans] == [10, 20, 40, 80, 160, 320, 640, 900, 900, 900, 900, 900]
    assert [delay for _, delay in office.queue.messages] == [high for _, high in spans]
    monkeypatch.setattr("random.uniform", lambda low, _: low)
    deliver(office, mail)
    assert office.queue.messages[-1][1] >= 3


@pytest.mark.parametrize("error", [Unavailable("Away."), OutcomeUnknown("Unclear.")])
def test_after_a_day_without_success_a_person_is_asked(office: Office, error: Exception) -> None:
    mail = taken_in(office)
    office.sink.before = failing(error)
    assert deliver(office, mail) is Outcome.WAITING
    change(office, mail, first_at=datetime.now(UTC) - timedelta(hours=23, minutes=59))
    assert deliver(office, mail) is Outcome.WAITING
    change(office, mail, first_at=datetime.now(UTC) - timedelta(hours=24, minutes=1))
    assert deliver(office, mail) is Outcome.QUARANTINED
    assert causes(office, mail) == ["GaveUp"]
    ask_again(office, mail)
    assert deliver(office, mail) is Outcome.WAITING
