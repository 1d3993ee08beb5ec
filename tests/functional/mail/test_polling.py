"""Polls: what they read, store and enqueue."""

import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbound_mail.intake.polling import LEASE_SECONDS, Polled
from inbound_mail.ledger.mail_store import CONTAINER
from shared.storage.blobs import Container
from tests.functional.mail.conftest import MailScenario, OpenScenario
from tests.functional.storage import storage_in_memory
from twin import Answer
from twin.mail.contents import File
from twin.seeds.sample import CLIENT_ID

pytestmark = pytest.mark.slow(reason="many polls of large mailboxes")

SLOW = Answer(504)


def move_to(scenario: MailScenario, mail: Any, folder: str) -> None:
    scenario.gateway.sim.run(lambda: scenario.twin_mailbox.move(mail, scenario.twin_mailbox.folder(folder)))


def test_a_mail_becomes_one_ticket(scenario: MailScenario) -> None:
    scenario.receive(subject="Printer on fire", text="It burns.")
    scenario.run()
    assert list(scenario.sink.tickets.values()) == ["T-1"]
    [mail] = scenario.mails()
    assert mail["subject"] == "Printer on fire"
    assert mail["state"] == "delivered"
    scenario.run()
    assert len(scenario.sink.received) == 1


@pytest.mark.usefixtures("rows_in_memory")
def test_a_round_of_many_pages_is_read_to_its_end(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(page_size=5)
    scenario.gateway.sim.mail.switches.set({"delta_empty_pages": 2, "delta_repeats": 3})
    for number in range(23):
        scenario.receive(subject=f"Mail {number}")
    scenario.run()
    assert len(scenario.sink.tickets) == 23
    assert {mail["subject"] for mail in scenario.mails()} == {f"Mail {number}" for number in range(23)}


def test_every_call_asks_for_immutable_ids_and_the_page_size(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(page_size=5)
    for _ in range(7):
        scenario.receive()
    scenario.poll()
    deltas = [call for call in scenario.calls() if "/delta" in call.path]
    assert len(deltas) == 2
    for call in deltas:
        assert 'IdType="ImmutableId"' in call.request_headers["prefer"]
        assert "odata.maxpagesize=5" in call.request_headers["prefer"]
        assert "$top" not in dict(call.query)


def test_an_idle_poll_is_one_call_for_each_folder(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(folders=["inbox", "junkemail"])
    scenario.poll()
    scenario.gateway.forget()
    scenario.poll()
    assert len(scenario.calls()) == 2


@pytest.mark.slow(reason="polls two hundred mails")
def test_the_calls_of_a_burst_are_as_few_as_promised(open_scenario: OpenScenario) -> None:
    take_burst(open_scenario(write_back={"read": True}), 200)


@pytest.mark.slow(reason="polls a thousand mails")
def test_the_calls_of_a_large_burst_are_as_few_as_promised(open_scenario: OpenScenario) -> None:
    """The ledger is in memory: it is Graph's calls that are counted."""
    with storage_in_memory():
        take_burst(open_scenario(write_back={"read": True}), 1_000)


def take_burst(scenario: MailScenario, count: int) -> None:
    scenario.poll()
    may_have_files = 0
    for number in range(count):
        files = [File("a.txt", "text/plain", b"x" * 2_000)] if number % 3 == 0 else []
        html = "<p>Hello</p>" if number % 4 == 1 else None  # two alternatives, which may hide a file
        may_have_files += bool(files or html)
        scenario.receive(subject=f"Mail {number}", text="Hello", html=html, attachments=files)
    scenario.gateway.forget()
    scenario.poll()
    scenario.deliver_nowhere()
    scenario.poll()
    rounds = math.ceil(count / 100) + math.ceil(count / 100)  # the mails, and the echoes of what was marked as read
    most = rounds + math.ceil(may_have_files / 20) + math.ceil(count / 20)
    assert len(scenario.calls()) <= most
    assert all(message.is_read for message in scenario.twin_mailbox.messages("inbox"))
    asked = Counter(seen for seen in scenario.requests() if seen.endswith("/attachments"))
    assert list(asked.values()) == [1] * may_have_files


def test_mails_from_before_the_cutover_are_known_and_left_alone(open_scenario: OpenScenario) -> None:
    now = datetime.now(UTC)
    scenario = open_scenario(since=(now - timedelta(hours=1)).isoformat())
    old = scenario.receive(subject="Old", received=now - timedelta(hours=2))
    scenario.receive(subject="New", received=now - timedelta(minutes=5))
    scenario.run()
    assert [mail["subject"] for mail in scenario.mails()] == ["New"]
    assert scenario.describe(old.id)["reason"] == "before-cutover"
    move_to(scenario, old, "archive")
    move_to(scenario, old, "inbox")
    scenario.run()
    assert len(scenario.sink.tickets) == 1


@pytest.mark.parametrize("days", [1, 30, 3_000])
def test_an_old_mail_that_a_person_moves_here_later_is_new(open_scenario: OpenScenario, days: int) -> None:
    now = datetime.now(UTC)
    scenario = open_scenario(since=(now - timedelta(hours=1)).isoformat())
    before = scenario.receive(subject="There at the first round", received=now - timedelta(days=days))
    dragged = scenario.receive(subject="Elsewhere", received=now - timedelta(days=days), folder="archive")
    scenario.run()
    assert scenario.sink.tickets == {}
    move_to(scenario, dragged, "inbox")
    scenario.run()
    assert scenario.describe(dragged.id)["state"] == "delivered"
    assert scenario.describe(before.id)["reason"] == "before-cutover"


def test_a_first_round_that_was_broken_off_goes_on_as_the_first(open_scenario: OpenScenario) -> None:
    now = datetime.now(UTC)
    scenario = open_scenario(since=(now - timedelta(hours=1)).isoformat(), page_size=5)
    old = [scenario.receive(subject=f"{number}", received=now - timedelta(days=2)) for number in range(9)]
    scenario.gateway.sim.faults.add(Answer(503), api="mail", path="/delta$", times=None, when="after")
    scenario.poll()
    scenario.gateway.sim.faults.clear()
    scenario.run()
    assert {scenario.describe(mail.id)["reason"] for mail in old} == {"before-cutover"}


def test_a_lost_cursor_does_not_begin_the_cutover_again(open_scenario: OpenScenario) -> None:
    now = datetime.now(UTC)
    scenario = open_scenario(since=(now - timedelta(hours=1)).isoformat())
    scenario.receive(subject="Old", received=now - timedelta(days=2))
    dragged = scenario.receive(subject="Elsewhere", received=now - timedelta(days=2), folder="archive")
    scenario.run()
    sim = scenario.gateway.sim
    sim.run(lambda: sim.mail.expire_cursors(scenario.twin_mailbox))
    move_to(scenario, dragged, "inbox")
    scenario.run()
    assert [mail["subject"] for mail in scenario.mails()] == ["Elsewhere"]


def test_read_state_is_irrelevant(scenario: MailScenario) -> None:
    scenario.receive(subject="Opened by a colleague", is_read=True)
    scenario.run()
    assert len(scenario.sink.tickets) == 1


def test_a_change_of_a_known_mail_is_no_new_mail(scenario: MailScenario) -> None:
    mail = scenario.receive(subject="One")
    scenario.run()
    scenario.gateway.sim.run(lambda: scenario.twin_mailbox.change(mail, {"isRead": True}))
    scenario.gateway.sim.run(lambda: scenario.twin_mailbox.replay(1))
    scenario.run()
    assert len(scenario.sink.received) == 1


def test_a_change_stub_of_an_unknown_mail_is_fetched(scenario: MailScenario) -> None:
    scenario.poll()
    mail = scenario.receive(subject="Came as a stub")
    cursor = scenario.mailbox.ledger.cursor("inbox")
    scenario.gateway.sim.run(lambda: scenario.twin_mailbox.change(mail, {"isRead": True}))
    # The delta forgets the arrival: all that is left of it is the stub of the change.
    scenario.gateway.sim.run(lambda: scenario.twin_mailbox.folder("inbox").log.pop(-2))
    assert cursor["link"]
    scenario.run()
    assert [one["subject"] for one in scenario.mails()] == ["Came as a stub"]


def test_a_mail_that_left_before_it_was_seen_is_counted(scenario: MailScenario) -> None:
    scenario.poll()
    mail = scenario.receive(subject="Gone")
    move_to(scenario, mail, "archive")
    scenario.run()
    assert scenario.mails() == []
    assert scenario.sink.received == []


def test_a_mail_that_comes_back_is_not_new(scenario: MailScenario) -> None:
    mail = scenario.receive(subject="Round trip")
    scenario.run()
    for name in ("archive", "inbox"):
        move_to(scenario, mail, name)
        scenario.run()
    assert len(scenario.sink.received) == 1


def test_a_copy_with_the_same_message_id_is_no_second_ticket(scenario: MailScenario) -> None:
    same = {"subject": "Restored", "text": "Same", "message_id": "<one@example.com>", "received": datetime.now(UTC)}
    scenario.receive(**same)
    scenario.run()
    copy = scenario.receive(**same)
    scenario.run()
    assert len(scenario.sink.received) == 1
    assert scenario.describe(copy.id)["reason"] == "copy"


def test_a_copy_in_the_same_round_is_reported_as_well(scenario: MailScenario) -> None:
    sent = datetime.now(UTC)
    for _ in range(2):
        scenario.receive(subject="Twice", text="Same", message_id="<two@example.com>", received=sent)
    scenario.run()
    assert len(scenario.sink.received) == 1


def test_a_device_that_reuses_its_message_id_still_gets_its_tickets(scenario: MailScenario) -> None:
    scenario.receive(subject="Scan 1", text="First", message_id="<scanner@example.com>")
    scenario.receive(subject="Scan 2", text="Second", message_id="<scanner@example.com>")
    scenario.run()
    assert len(scenario.sink.tickets) == 2


def test_a_scanner_that_repeats_its_words_and_its_message_id_gets_its_tickets_as_well(scenario: MailScenario) -> None:
    sent = datetime.now(UTC)
    for minutes in (0, 3):
        scenario.receive(
            subject="Scan",
            text="See attachment.",
            message_id="<s@example.com>",
            received=sent + timedelta(minutes=minutes),
        )
    scenario.run()
    assert len(scenario.sink.tickets) == 2


def test_mails_without_a_message_id_are_distinguished(scenario: MailScenario) -> None:
    for number in range(2):
        scenario.receive(subject=f"No id {number}", without_message_id=True)
    scenario.run()
    assert len(scenario.sink.tickets) == 2


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"status": 400, "code": "ErrorInvalidRequest", "inner_code": "SyncStateInvalid"},
        {"status": 410, "code": "resyncRequired", "location": True},
        {"status": 404, "code": "SyncStateNotFound"},
    ],
)
@pytest.mark.usefixtures("rows_in_memory")
def test_a_lost_cursor_costs_a_first_round_and_no_ticket(scenario: MailScenario, how: dict[str, Any]) -> None:
    for number in range(3):
        scenario.receive(subject=f"Mail {number}")
    scenario.run()
    scenario.receive(subject="Mail 3")
    sim = scenario.gateway.sim
    sim.run(lambda: sim.mail.expire_cursors(scenario.twin_mailbox, **how))
    scenario.run()
    assert len(scenario.sink.received) == 4
    assert scenario.mailbox.ledger.state().values["resyncs"] == 1


def test_links_that_die_inside_a_round_are_survived(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(page_size=5)
    for number in range(12):
        scenario.receive(subject=f"Mail {number}")
    scenario.gateway.sim.faults.add(Answer(503), api="mail", path="/delta", when="after", times=1)
    sim = scenario.gateway.sim
    sim.run(lambda: sim.mail.expire_cursors(scenario.twin_mailbox))
    scenario.run()
    assert len(scenario.sink.tickets) == 12


def test_a_changed_query_begins_a_first_round(scenario: MailScenario) -> None:
    scenario.receive(subject="One")
    scenario.run()
    scenario.mailbox.ledger.put_cursor("inbox", link=scenario.mailbox.ledger.cursor("inbox")["link"], query="another")
    scenario.gateway.forget()
    scenario.run()
    assert "$select" in dict(scenario.calls()[0].query)
    assert len(scenario.sink.received) == 1


@pytest.mark.usefixtures("rows_in_memory")
def test_a_page_that_times_out_is_asked_for_in_half_its_size(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(page_size=40)
    for number in range(25):
        scenario.receive(subject=f"Mail {number}")
    scenario.gateway.sim.faults.add(SLOW, api="mail", path="/delta", times=2)
    assert scenario.poll() is Polled.DONE
    sizes = [call.request_headers["prefer"].rpartition("=")[2] for call in scenario.calls() if "/delta" in call.path]
    assert sizes == ["40", "40", "20", "20"]
    scenario.deliver()
    assert len(scenario.sink.tickets) == 25


def test_a_sweep_finds_what_a_delta_never_showed(scenario: MailScenario) -> None:
    scenario.poll()
    scenario.gateway.sim.mail.switches.set({"delta_delay_seconds": 86_400.0})
    scenario.receive(subject="Unseen")
    scenario.poll()
    assert scenario.mails() == []
    cursor = scenario.mailbox.ledger.cursor("inbox")
    hours_ago = datetime.now(UTC) - timedelta(hours=2)
    scenario.mailbox.ledger.put_cursor("inbox", link=cursor["link"], query=cursor["query"], swept_at=hours_ago)
    scenario.run()
    assert [mail["subject"] for mail in scenario.mails()] == ["Unseen"]
    assert scenario.mailbox.ledger.state().values["swept"] == 1
    scenario.gateway.sim.mail.switches.set({"delta_delay_seconds": 0.0})
    scenario.run()
    assert len(scenario.sink.received) == 1


def test_two_polls_at_once_are_one(scenario: MailScenario) -> None:
    with Container(scenario.storage, CONTAINER).lease(f"leases/{scenario.name}", LEASE_SECONDS) as lease:
        assert lease is not None
        assert scenario.poll() is Polled.BUSY
    assert scenario.poll() is Polled.DONE


def test_a_mailbox_that_fails_rests_a_while_and_shows_why(scenario: MailScenario) -> None:
    scenario.gateway.sim.mail.restrict(CLIENT_ID, scenario.twin_mailbox.tenant_id, [])
    assert scenario.poll() is Polled.FAILED
    state = scenario.mailbox.ledger.state().values
    assert state["last_error"] == "ConsentMissing"
    assert "last_success" not in state
    scenario.gateway.forget()
    assert scenario.poll(at_once=False) is Polled.PAUSED
    assert scenario.calls() == []
    scenario.gateway.sim.mail.restrict(CLIENT_ID, scenario.twin_mailbox.tenant_id, None)
    assert scenario.poll() is Polled.DONE
    assert scenario.mailbox.ledger.state().values["failures"] == 0


def test_a_folder_that_fails_does_not_stop_the_others(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(folders=["AAMkBroken", "inbox"])
    scenario.receive(subject="Here")
    assert scenario.poll() is Polled.FAILED
    scenario.deliver()
    assert len(scenario.sink.tickets) == 1
