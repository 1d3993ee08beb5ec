"""Circuit breaker, quarantine and redelivery: which mails wait for a person, and which do not."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbound_mail.content.belonging import Thread
from inbound_mail.delivery import delivery
from inbound_mail.delivery.circuit_breaker import PROBE_EVERY
from inbound_mail.delivery.delivery import DeliveryOutcome
from inbound_mail.delivery.threads import TABLE as THREADS
from inbound_mail.delivery.threads import KnownThreads
from inbound_mail.intake.polling import Polled
from inbound_mail.sinks.protocol import PreparedMail, Progress, Receipt
from shared.errors import ConfigurationError, Conflict, GatewayError, Rejected, Unavailable
from shared.storage.tables import Table
from tests.functional.mail.conftest import MailScenario, OpenScenario, RecordingSink
from tests.functional.mail.deliveries import ask_again, causes, change, deliver, failing, probe_now, taken_in

pytestmark = pytest.mark.slow(reason="many polls until mails are set aside")

WRONG = ConfigurationError("The desk refuses the token.", code="SinkDenied")


# -- the circuit ------------------------------------------------------------------------------------------------------


def test_wrong_settings_let_every_mail_wait_without_asking_the_sink(
    scenario: MailScenario, caplog: pytest.LogCaptureFixture
) -> None:
    mails = [scenario.receive(subject=f"{number}") for number in range(6)]
    scenario.poll()
    messages = scenario.queue.take()
    scenario.sink.before = scenario.sink.probes = failing(WRONG)
    deliverer = scenario.deliverer()
    outcomes = [deliverer.deliver(scenario.mailbox, message["key"], message["sink"]) for message, _ in messages]
    assert outcomes == [DeliveryOutcome.WAITING] * 6
    assert len(scenario.sink.received) == 1
    assert all(delay >= PROBE_EVERY.total_seconds() for _, delay in scenario.queue.messages)
    described = [one for one in caplog.records if one.getMessage().startswith("CircuitOpen")]
    assert len(described) == 1
    assert all(scenario.describe(mail.id)["deliveries"][0]["attempts"] == 0 for mail in mails)

    probe_now(scenario)
    scenario.deliver()
    assert len(scenario.sink.received) == 1
    scenario.sink.probes = lambda: None
    scenario.deliver()
    assert len(scenario.sink.received) == 1, "asked before five minutes were over"
    probe_now(scenario)
    scenario.sink.before = lambda: None
    scenario.run()
    assert len(scenario.sink.tickets) == 6
    assert len([one for one in caplog.records if one.getMessage().startswith("CircuitOpen")]) == 1


def test_an_open_circuit_is_probed_by_one_worker_at_a_time(scenario: MailScenario) -> None:
    for number in range(5):
        scenario.receive(subject=f"{number}")
    scenario.poll()
    scenario.sink.before = failing(WRONG, 1)
    scenario.sink.probes = failing(WRONG, 1)
    probes: list[int] = []

    def probe() -> None:
        probes.append(1)
        raise WRONG

    first, *others = scenario.queue.take()
    scenario.deliverer().deliver(scenario.mailbox, first[0]["key"], first[0]["sink"])
    scenario.sink.probes = probe
    scenario.queue.messages += others
    probe_now(scenario)
    scenario.deliver()
    assert len(probes) == 1


def test_many_workers_that_meet_wrong_settings_at_once_report_it_once(
    scenario: MailScenario, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(8):
        scenario.receive(subject=f"{number}")
    scenario.poll()
    gate = threading.Barrier(8, timeout=10)

    def refuse() -> None:
        gate.wait()
        raise WRONG

    scenario.sink.before = refuse
    assert scenario.deliver() == [DeliveryOutcome.WAITING] * 8
    assert len(scenario.sink.received) == 8
    assert sum(one.getMessage().startswith("CircuitOpen") for one in caplog.records) == 1


def test_a_probe_that_breaks_leaves_the_circuit_open(scenario: MailScenario) -> None:
    mail = taken_in(scenario)
    scenario.sink.before = failing(WRONG, 1)
    scenario.sink.probes = failing(ValueError("a bug"), 2)
    assert deliver(scenario, mail) is DeliveryOutcome.WAITING
    for _ in range(2):
        probe_now(scenario)
        outcome = deliver(scenario, mail)
    assert outcome is DeliveryOutcome.DELIVERED
    assert len(scenario.sink.received) == 2


def test_a_circuit_holds_back_its_own_sink_only(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(sinks=("one", "two"))
    one, two = scenario.sinks.values()
    one.before = one.probes = failing(WRONG)
    for number in range(3):
        scenario.receive(subject=f"{number}")
    scenario.poll()
    scenario.deliver()
    assert (len(one.tickets), len(two.tickets)) == (0, 3)


def test_mails_do_not_grow_old_while_the_circuit_is_open(scenario: MailScenario) -> None:
    mail = taken_in(scenario)
    scenario.sink.before = failing(Unavailable("Away."), 1)
    deliver(scenario, mail)
    change(scenario, mail, first_at=datetime.now(UTC) - timedelta(hours=30))
    scenario.sink.before = failing(WRONG, 1)
    scenario.sink.probes = failing(WRONG, 1)
    assert deliver(scenario, mail) is DeliveryOutcome.WAITING
    probe_now(scenario)
    scenario.sink.before = failing(Unavailable("Away."), 1)
    assert deliver(scenario, mail) is DeliveryOutcome.WAITING


# -- quarantine and redelivery ----------------------------------------------------------------------------------------


def test_a_refused_mail_is_set_aside_with_its_cause_and_the_others_pass(
    scenario: MailScenario, caplog: pytest.LogCaptureFixture
) -> None:
    mails = [scenario.receive(subject=f"{number}") for number in range(4)]
    scenario.sink.before = failing(Rejected("The catalogue has no such entry.", code="EasyVistaRefused"), 1)
    scenario.run()
    states = sorted(scenario.describe(mail.id)["state"] for mail in mails)
    assert states == ["delivered"] * 3 + ["quarantined"]
    [bad] = [mail for mail in mails if scenario.describe(mail.id)["state"] == "quarantined"]
    [described] = scenario.describe(bad.id)["deliveries"]
    assert (described["cause"], described["message"]) == ("EasyVistaRefused", "The catalogue has no such entry.")
    assert sum(one.getMessage().startswith("MailQuarantined") for one in caplog.records) == 1
    assert len(list(scenario.mailbox.ledger.quarantined())) == 1
    scenario.sink.before = lambda: None
    scenario.run()
    assert len(scenario.sink.tickets) == 3


class VerboseSink(RecordingSink):
    """Saves more about some mails than a row of the ledger can hold."""

    def deliver(self, prepared: PreparedMail, progress: Progress) -> Receipt:
        if prepared.mail.subject == "Endless":
            progress.save(notes=["x" * 40_000])
        return super().deliver(prepared, progress)


def test_what_a_row_is_too_large_for_goes_to_quarantine_at_once_and_is_no_other_worker(scenario: MailScenario) -> None:
    [name] = scenario.sinks
    scenario.sinks[name] = VerboseSink()
    endless = scenario.receive(subject="Endless")
    others = [scenario.receive(subject=f"{number}") for number in range(3)]
    scenario.poll()
    scenario.deliver()
    assert causes(scenario, endless) == ["EntryTooLarge"]
    assert [scenario.describe(one.id)["state"] for one in others] == ["delivered"] * 3


def test_endless_headers_fit_into_the_rows_of_a_mail(scenario: MailScenario) -> None:
    mail = scenario.receive(
        subject="s" * 200_000,
        message_id=f"<{'i' * 70_000}@example.com>",
        headers={"Auto-Submitted": f"auto-{'x' * 70_000}", "Precedence": "bulk" + "y" * 70_000},
    )
    other = scenario.receive(subject="Other")
    scenario.run()
    assert [scenario.describe(one.id)["state"] for one in (mail, other)] == ["delivered"] * 2


def test_sinks_have_records_of_their_own(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(sinks=("good", "refusing", "slow"))
    good, refusing, slow = scenario.sinks.values()
    refusing.before = failing(Rejected("No.", code="No"), 1)
    slow.before = failing(Unavailable("Later."), 1)
    mail = scenario.receive()
    scenario.poll()
    scenario.deliver()
    described = {one["sink"].rpartition("-")[0]: one["state"] for one in scenario.describe(mail.id)["deliveries"]}
    assert described == {"good": "delivered", "refusing": "quarantined", "slow": "waiting"}
    ask_again(scenario, mail)
    scenario.run()
    assert [len(one.tickets) for one in (good, refusing, slow)] == [1, 1, 1]
    assert [len(one.received) for one in (good, refusing, slow)] == [1, 2, 2]
    assert scenario.describe(mail.id)["state"] == "delivered"


def test_only_what_is_in_quarantine_can_be_asked_for_again(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(sinks=("one", "two"))
    names = list(scenario.sinks)
    scenario.sinks[names[1]].before = failing(Rejected("No.", code="No"), 1)
    mail = scenario.receive()
    scenario.run()
    with pytest.raises(Conflict) as refused:
        ask_again(scenario, mail, names[0])
    assert refused.value.code == "NotInQuarantine"
    assert ask_again(scenario, mail) == [names[1]]
    with pytest.raises(Conflict):
        ask_again(scenario, mail)
    scenario.run()
    assert len(list(scenario.mailbox.ledger.quarantined())) == 0


def test_a_delivery_asked_for_again_looks_first(scenario: MailScenario) -> None:
    mail = taken_in(scenario)
    scenario.sink.after = failing(Rejected("Written, and yet refused.", code="Odd"), 1)
    assert deliver(scenario, mail) is DeliveryOutcome.QUARANTINED
    ask_again(scenario, mail)
    scenario.run()
    assert (scenario.sink.looks, list(scenario.sink.tickets.values())) == (1, ["T-1"])
    assert scenario.describe(mail.id)["state"] == "delivered"


def test_automatic_answers_are_set_aside_and_a_person_may_want_them_all_the_same(scenario: MailScenario) -> None:
    mail = taken_in(scenario, subject="Automatic reply: away", headers={"Auto-Submitted": "auto-replied"})
    assert deliver(scenario, mail) is DeliveryOutcome.QUARANTINED
    assert causes(scenario, mail) == ["AutomaticMail"]
    assert scenario.sink.received == []
    ask_again(scenario, mail)
    scenario.run()
    assert scenario.describe(mail.id)["state"] == "delivered"
    assert len(scenario.sink.tickets) == 1


def bounce_of(message_id: str) -> dict[str, Any]:
    return {
        "subject": "Undeliverable",
        "sender": "MAILER-DAEMON@mail.example.com",
        "headers": {"X-Failed-Recipients": "gone@example.com", "References": message_id},
    }


def test_a_bounce_of_a_mail_that_became_a_ticket_goes_through_and_others_do_not(scenario: MailScenario) -> None:
    scenario.receive(subject="Question", message_id="<known@example.com>")
    scenario.run()
    known = scenario.receive(**bounce_of("<known@example.com>"))
    stranger = scenario.receive(**bounce_of("<stranger@example.com>"))
    scenario.run()
    assert scenario.describe(known.id)["state"] == "delivered"
    assert causes(scenario, stranger) == ["AutomaticMail"]


@pytest.mark.parametrize("error", [ValueError("a bug"), GatewayError("Odd.", code="Odd"), KeyError("id")])
def test_an_error_nobody_foresaw_is_tried_five_times(scenario: MailScenario, error: Exception) -> None:
    mail, other = taken_in(scenario, subject="One"), taken_in(scenario, subject="Other")
    scenario.sink.before = failing(Unavailable("Away."), 7)
    for _ in range(7):
        assert deliver(scenario, mail) is DeliveryOutcome.WAITING
    scenario.sink.before = failing(error, 5)
    for _ in range(4):
        assert deliver(scenario, mail) is DeliveryOutcome.WAITING
    assert deliver(scenario, mail) is DeliveryOutcome.QUARANTINED
    assert causes(scenario, mail) == [error.code if isinstance(error, GatewayError) else "Internal"]
    assert "bug" not in scenario.describe(mail.id)["deliveries"][0]["message"]
    assert deliver(scenario, other) is DeliveryOutcome.DELIVERED


def test_a_sink_that_the_settings_lost_sets_its_mails_aside(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(sinks=("one", "two"))
    mail = scenario.receive()
    scenario.poll()
    lost = list(scenario.sinks)[1]
    del scenario.sinks[lost]
    assert sorted(scenario.deliver()) == ["delivered", "quarantined"]
    assert sorted(str(cause) for cause in causes(scenario, mail)) == ["None", "SinkGone"]
    scenario.sinks[lost] = RecordingSink()
    ask_again(scenario, mail)
    scenario.run()
    assert scenario.describe(mail.id)["state"] == "delivered"


def test_a_mail_whose_copy_is_lost_or_cannot_be_read_is_set_aside(
    scenario: MailScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, broken = taken_in(scenario, subject="Lost"), taken_in(scenario, subject="Broken")
    with monkeypatch.context() as patched:
        patched.setattr("inbound_mail.ledger.mail_store.MailStore.load", lambda *_: None)
        assert deliver(scenario, lost) is DeliveryOutcome.QUARANTINED
    with monkeypatch.context() as patched:
        patched.setattr(delivery, "render_mail", lambda _: 1 / 0)
        assert deliver(scenario, broken) is DeliveryOutcome.QUARANTINED
    assert (causes(scenario, lost), causes(scenario, broken)) == (["MailLost"], ["MailUnreadable"])


# -- afterwards -------------------------------------------------------------------------------------------------------


def test_threads_are_remembered_for_each_sink(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(sinks=("one", "two"))
    mail = scenario.receive(message_id="<first@example.com>", sender="Robin@Example.com", cc=["kim@example.com"])
    scenario.run()
    threads = Table(scenario.storage, THREADS)
    for name in scenario.sinks:
        known = KnownThreads(threads, name)
        [found] = known.find_all(["unknown@example.com", "first@example.com"])
        assert found.ticket == "T-1"
        assert found.participants == {"robin@example.com", "kim@example.com"}
        assert known.find_conversation(mail.conversation_id) == Thread("T-1")
    assert list(KnownThreads(threads, "third").find_all(["first@example.com"])) == []


def test_a_message_that_the_queue_lost_is_sent_again_after_a_long_silence(scenario: MailScenario) -> None:
    mail = taken_in(scenario)
    assert scenario.poll() is Polled.DONE
    assert scenario.queue.messages == []
    long_ago = datetime.now(UTC) - timedelta(minutes=31)
    change(scenario, mail, due=long_ago)
    assert scenario.poll() is Polled.DONE
    assert scenario.queue.messages == []  # it was asked for just now
    scenario.mailbox.ledger.postpone(scenario.mailbox.key(mail.id), next(iter(scenario.sinks)), long_ago)
    scenario.run()
    assert scenario.describe(mail.id)["state"] == "delivered"
