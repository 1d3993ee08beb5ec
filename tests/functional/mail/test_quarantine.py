"""The circuit, quarantine and what comes after: mails that have to wait for a person, and the others that do not."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbound_mail.delivery import delivery
from inbound_mail.delivery.circuit_breaker import PROBE_EVERY
from inbound_mail.delivery.delivery import Outcome
from inbound_mail.delivery.threads import KnownThreads
from inbound_mail.intake.polling import Polled
from shared.errors import ConfigurationError, Conflict, GatewayError, Rejected, Unavailable
from tests.functional.mail.conftest import Office, OpenOffice, RecordingSink
from tests.functional.mail.deliveries import ask_again, causes, change, deliver, failing, probe_now, taken_in

WRONG = ConfigurationError("The desk refuses the token.", code="SinkDenied")


# -- the circuit ------------------------------------------------------------------------------------------------------


def test_wrong_settings_let_every_mail_wait_without_asking_the_sink(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    mails = [office.receive(subject=f"{number}") for number in range(6)]
    office.poll()
    messages = office.queue.take()
    office.sink.before = office.sink.probes = failing(WRONG)
    deliverer = office.deliverer()
    outcomes = [deliverer.deliver(office.desk, message["key"], message["sink"]) for message, _ in messages]
    assert outcomes == [Outcome.WAITING] * 6
    assert len(office.sink.parcels) == 1
    assert all(delay >= PROBE_EVERY.total_seconds() for _, delay in office.queue.messages)
    told = [one for one in caplog.records if one.getMessage().startswith("CircuitOpen")]
    assert len(told) == 1
    assert all(office.describe(mail.id)["deliveries"][0]["attempts"] == 0 for mail in mails)

    probe_now(office)
    office.deliver()
    assert len(office.sink.parcels) == 1
    office.sink.probes = lambda: None
    office.deliver()
    assert len(office.sink.parcels) == 1, "asked before five minutes were over"
    probe_now(office)
    office.sink.before = lambda: None
    office.run()
    assert len(office.sink.tickets) == 6
    assert len([one for one in caplog.records if one.getMessage().startswith("CircuitOpen")]) == 1


def test_an_open_circuit_is_probed_by_one_worker_at_a_time(office: Office) -> None:
    for number in range(5):
        office.receive(subject=f"{number}")
    office.poll()
    office.sink.before = failing(WRONG, 1)
    probes: list[int] = []

    def probe() -> None:
        probes.append(1)
        raise WRONG

    office.sink.probes = probe
    first, *others = office.queue.take()
    office.deliverer().deliver(office.desk, first[0]["key"], first[0]["sink"])
    office.queue.messages += others
    probe_now(office)
    office.deliver()
    assert len(probes) == 1


def test_many_workers_that_meet_wrong_settings_at_once_tell_of_it_once(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(8):
        office.receive(subject=f"{number}")
    office.poll()
    gate = threading.Barrier(8, timeout=10)

    def refuse() -> None:
        gate.wait()
        raise WRONG

    office.sink.before = refuse
    assert office.deliver() == [Outcome.WAITING] * 8
    assert len(office.sink.parcels) == 8
    assert sum(one.getMessage().startswith("CircuitOpen") for one in caplog.records) == 1


def test_a_probe_that_breaks_leaves_the_circuit_open(office: Office) -> None:
    mail = taken_in(office)
    office.sink.before = failing(WRONG, 1)
    office.sink.probes = failing(ValueError("a bug"), 1)
    assert deliver(office, mail) is Outcome.WAITING
    for _ in range(2):
        probe_now(office)
        outcome = deliver(office, mail)
    assert outcome is Outcome.DELIVERED
    assert len(office.sink.parcels) == 2


def test_a_circuit_holds_back_its_own_sink_only(open_office: OpenOffice) -> None:
    office = open_office(sinks=("one", "two"))
    one, two = office.sinks.values()
    one.before = one.probes = failing(WRONG)
    for number in range(3):
        office.receive(subject=f"{number}")
    office.poll()
    office.deliver()
    assert (len(one.tickets), len(two.tickets)) == (0, 3)


def test_mails_do_not_grow_old_while_the_circuit_is_open(office: Office) -> None:
    mail = taken_in(office)
    office.sink.before = failing(Unavailable("Away."), 1)
    deliver(office, mail)
    change(office, mail, first_at=datetime.now(UTC) - timedelta(hours=30))
    office.sink.before = failing(WRONG, 1)
    assert deliver(office, mail) is Outcome.WAITING
    probe_now(office)
    office.sink.before = failing(Unavailable("Away."), 1)
    assert deliver(office, mail) is Outcome.WAITING


# -- quarantine and redelivery ----------------------------------------------------------------------------------------


def test_a_refused_mail_is_set_aside_with_its_cause_and_the_others_pass(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    mails = [office.receive(subject=f"{number}") for number in range(4)]
    office.sink.before = failing(Rejected("The catalogue has no such entry.", code="EasyVistaRefused"), 1)
    office.run()
    states = sorted(office.describe(mail.id)["state"] for mail in mails)
    assert states == ["delivered"] * 3 + ["quarantined"]
    [bad] = [mail for mail in mails if office.describe(mail.id)["state"] == "quarantined"]
    [told] = office.describe(bad.id)["deliveries"]
    assert (told["cause"], told["message"]) == ("EasyVistaRefused", "The catalogue has no such entry.")
    assert sum(one.getMessage().startswith("MailQuarantined") for one in caplog.records) == 1
    assert office.desk.ledger.quarantined() == 1
    office.sink.before = lambda: None
    office.run()
    assert len(office.sink.tickets) == 3


def test_sinks_have_records_of_their_own(open_office: OpenOffice) -> None:
    office = open_office(sinks=("good", "refusing", "slow"))
    good, refusing, slow = office.sinks.values()
    refusing.before = failing(Rejected("No.", code="No"), 1)
    slow.before = failing(Unavailable("Later."), 1)
    mail = office.receive()
    office.poll()
    office.deliver()
    told = {one["sink"].rpartition("-")[0]: one["state"] for one in office.describe(mail.id)["deliveries"]}
    assert told == {"good": "delivered", "refusing": "quarantined", "slow": "waiting"}
    ask_again(office, mail)
    office.run()
    assert [len(one.tickets) for one in (good, refusing, slow)] == [1, 1, 1]
    assert [len(one.parcels) for one in (good, refusing, slow)] == [1, 2, 2]
    assert office.describe(mail.id)["state"] == "delivered"


def test_only_what_is_in_quarantine_can_be_asked_for_again(open_office: OpenOffice) -> None:
    office = open_office(sinks=("one", "two"))
    names = list(office.sinks)
    office.sinks[names[1]].before = failing(Rejected("No.", code="No"), 1)
    mail = office.receive()
    office.run()
    with pytest.raises(Conflict) as refused:
        ask_again(office, mail, names[0])
    assert refused.value.code == "NotInQuarantine"
    assert ask_again(office, mail) == [names[1]]
    with pytest.raises(Conflict):
        ask_again(office, mail)
    office.run()
    assert office.desk.ledger.quarantined() == 0


def test_a_delivery_asked_for_again_looks_first(office: Office) -> None:
    mail = taken_in(office)
    office.sink.after = failing(Rejected("Written, and yet refused.", code="Odd"), 1)
    assert deliver(office, mail) is Outcome.QUARANTINED
    ask_again(office, mail)
    office.run()
    assert (office.sink.looks, list(office.sink.tickets.values())) == (1, ["T-1"])
    assert office.describe(mail.id)["state"] == "delivered"


def test_automatic_answers_are_set_aside_and_a_person_may_want_them_all_the_same(office: Office) -> None:
    mail = taken_in(office, subject="Automatic reply: away", headers={"Auto-Submitted": "auto-replied"})
    assert deliver(office, mail) is Outcome.QUARANTINED
    assert causes(office, mail) == ["AutomaticMail"]
    assert office.sink.parcels == []
    ask_again(office, mail)
    office.run()
    assert office.describe(mail.id)["state"] == "delivered"
    assert len(office.sink.tickets) == 1


def bounce_of(message_id: str) -> dict[str, Any]:
    return {
        "subject": "Undeliverable",
        "sender": "MAILER-DAEMON@mail.example.com",
        "headers": {"X-Failed-Recipients": "gone@example.com", "References": message_id},
    }


def test_a_bounce_of_a_mail_that_became_a_ticket_goes_through_and_others_do_not(office: Office) -> None:
    office.receive(subject="Question", message_id="<known@example.com>")
    office.run()
    known = office.receive(**bounce_of("<known@example.com>"))
    stranger = office.receive(**bounce_of("<stranger@example.com>"))
    office.run()
    assert office.describe(known.id)["state"] == "delivered"
    assert causes(office, stranger) == ["AutomaticMail"]


@pytest.mark.parametrize("error", [ValueError("a bug"), GatewayError("Odd.", code="Odd"), KeyError("id")])
def test_an_error_nobody_foresaw_is_tried_five_times(office: Office, error: Exception) -> None:
    mail, other = taken_in(office, subject="One"), taken_in(office, subject="Other")
    office.sink.before = failing(Unavailable("Away."), 7)
    for _ in range(7):
        assert deliver(office, mail) is Outcome.WAITING
    office.sink.before = failing(error, 5)
    for _ in range(4):
        assert deliver(office, mail) is Outcome.WAITING
    assert deliver(office, mail) is Outcome.QUARANTINED
    assert causes(office, mail) == [error.code if isinstance(error, GatewayError) else "Internal"]
    assert "bug" not in office.describe(mail.id)["deliveries"][0]["message"]
    assert deliver(office, other) is Outcome.DELIVERED


def test_a_sink_that_the_settings_lost_sets_its_mails_aside(open_office: OpenOffice) -> None:
    office = open_office(sinks=("one", "two"))
    mail = office.receive()
    office.poll()
    lost = list(office.sinks)[1]
    del office.sinks[lost]
    assert sorted(office.deliver()) == ["delivered", "quarantined"]
    assert sorted(str(cause) for cause in causes(office, mail)) == ["None", "SinkGone"]
    office.sinks[lost] = RecordingSink()
    ask_again(office, mail)
    office.run()
    assert office.describe(mail.id)["state"] == "delivered"


def test_a_mail_whose_copy_is_lost_or_cannot_be_read_is_set_aside(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, broken = taken_in(office, subject="Lost"), taken_in(office, subject="Broken")
    with monkeypatch.context() as patched:
        patched.setattr("inbound_mail.ledger.mail_store.MailStore.load", lambda *_: None)
        assert deliver(office, lost) is Outcome.QUARANTINED
    with monkeypatch.context() as patched:
        patched.setattr(delivery, "render_mail", lambda _: 1 / 0)
        assert deliver(office, broken) is Outcome.QUARANTINED
    assert (causes(office, lost), causes(office, broken)) == (["MailLost"], ["MailUnreadable"])


# -- afterwards -------------------------------------------------------------------------------------------------------


def test_threads_are_remembered_for_each_sink(open_office: OpenOffice) -> None:
    office = open_office(sinks=("one", "two"))
    mail = office.receive(message_id="<first@example.com>", sender="Robin@Example.com", cc=["kim@example.com"])
    office.run()
    threads = office.deliverer()._threads
    for name in office.sinks:
        found = KnownThreads(threads, name).find(["unknown@example.com", "first@example.com"])
        assert found is not None
        assert found.ticket == "T-1"
        assert found.participants == {"robin@example.com", "kim@example.com"}
        assert KnownThreads(threads, name).find_conversation(mail.conversation_id) == found
    assert KnownThreads(threads, "third").find(["first@example.com"]) is None


def test_a_message_that_the_queue_lost_is_sent_again_after_a_long_silence(office: Office) -> None:
    mail = taken_in(office)
    assert office.poll() is Polled.DONE
    assert office.queue.messages == []
    office.desk.ledger.postpone(
        office.desk.key(mail.id), next(iter(office.sinks)), datetime.now(UTC) - timedelta(minutes=31)
    )
    office.run()
    assert office.describe(mail.id)["state"] == "delivered"
