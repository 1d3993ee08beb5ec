"""What a poll reads, keeps and hands on."""

import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbound_mail.intake.polling import LEASE_SECONDS, Polled
from inbound_mail.ledger.mail_store import CONTAINER
from shared.storage.blobs import Container
from tests.functional.mail.conftest import Office, OpenOffice
from twin import Answer
from twin.mail.contents import File
from twin.seeds.sample import CLIENT_ID

SLOW = Answer(504)


def move_to(office: Office, mail: Any, folder: str) -> None:
    office.stage.sim.run(lambda: office.mailbox.move(mail, office.mailbox.folder(folder)))


def test_a_mail_becomes_one_ticket(office: Office) -> None:
    office.receive(subject="Printer on fire", text="It burns.")
    office.run()
    assert list(office.sink.tickets.values()) == ["T-1"]
    [mail] = office.mails()
    assert mail["subject"] == "Printer on fire"
    assert mail["state"] == "delivered"
    office.run()
    assert len(office.sink.parcels) == 1


def test_a_round_of_many_pages_is_read_to_its_end(open_office: OpenOffice) -> None:
    office = open_office(page_size=5)
    office.stage.sim.mail.switches.turn({"delta_empty_pages": 2, "delta_repeats": 3})
    for number in range(23):
        office.receive(subject=f"Mail {number}")
    office.run()
    assert len(office.sink.tickets) == 23
    assert {mail["subject"] for mail in office.mails()} == {f"Mail {number}" for number in range(23)}


def test_every_call_asks_for_immutable_ids_and_the_page_size(open_office: OpenOffice) -> None:
    office = open_office(page_size=5)
    for _ in range(7):
        office.receive()
    office.poll()
    deltas = [call for call in office.calls() if "/delta" in call.path]
    assert len(deltas) == 2
    for call in deltas:
        assert 'IdType="ImmutableId"' in call.request_headers["prefer"]
        assert "odata.maxpagesize=5" in call.request_headers["prefer"]
        assert "$top" not in dict(call.query)


def test_an_idle_poll_is_one_call_for_each_folder(open_office: OpenOffice) -> None:
    office = open_office(folders=["inbox", "junkemail"])
    office.poll()
    office.stage.forget()
    office.poll()
    assert len(office.calls()) == 2


@pytest.mark.parametrize("count", [100, 1_000])
def test_the_calls_of_a_burst_are_as_few_as_promised(open_office: OpenOffice, count: int) -> None:
    office = open_office(page_size=50, write_back={"read": True})
    office.poll()
    with_files = 0
    for number in range(count):
        files = [File("a.txt", "text/plain", b"x" * 2_000)] if number % 3 == 0 else []
        with_files += bool(files)
        office.receive(subject=f"Mail {number}", text="Hello", attachments=files)
    office.stage.forget()
    office.poll()
    office.deliver_nowhere()
    office.poll()
    rounds = math.ceil(count / 50) + math.ceil(count / 50)  # the mails, and the echoes of what was marked as read
    most = rounds + math.ceil(with_files / 20) + math.ceil(count / 20)
    assert len(office.calls()) <= most
    assert all(message.is_read for message in office.mailbox.messages("inbox"))
    asked = Counter(seen for seen in office.requests() if seen.endswith("/attachments"))
    assert list(asked.values()) == [1] * with_files


def test_mails_from_before_the_cutover_are_known_and_left_alone(open_office: OpenOffice) -> None:
    now = datetime.now(UTC)
    office = open_office(since=(now - timedelta(hours=1)).isoformat())
    old = office.receive(subject="Old", received=now - timedelta(hours=2))
    office.receive(subject="New", received=now - timedelta(minutes=5))
    office.run()
    assert [mail["subject"] for mail in office.mails()] == ["New"]
    assert office.describe(old.id)["reason"] == "before-cutover"
    move_to(office, old, "archive")
    move_to(office, old, "inbox")
    office.run()
    assert len(office.sink.tickets) == 1


def test_read_state_is_irrelevant(office: Office) -> None:
    office.receive(subject="Opened by a colleague", is_read=True)
    office.run()
    assert len(office.sink.tickets) == 1


def test_a_change_of_a_known_mail_is_no_new_mail(office: Office) -> None:
    mail = office.receive(subject="One")
    office.run()
    office.stage.sim.run(lambda: office.mailbox.change(mail, {"isRead": True}))
    office.stage.sim.run(lambda: office.mailbox.replay(1))
    office.run()
    assert len(office.sink.parcels) == 1


def test_a_change_stub_of_an_unknown_mail_is_fetched(office: Office) -> None:
    office.poll()
    mail = office.receive(subject="Came as a stub")
    cursor = office.desk.ledger.cursor("inbox")
    office.stage.sim.run(lambda: office.mailbox.change(mail, {"isRead": True}))
    # The delta forgets the arrival: all that is left of it is the stub of the change.
    office.stage.sim.run(lambda: office.mailbox.folder("inbox").log.pop(-2))
    assert cursor["link"]
    office.run()
    assert [one["subject"] for one in office.mails()] == ["Came as a stub"]


def test_a_mail_that_left_before_it_was_seen_is_counted(office: Office) -> None:
    office.poll()
    mail = office.receive(subject="Gone")
    move_to(office, mail, "archive")
    office.run()
    assert office.mails() == []
    assert office.sink.parcels == []


def test_a_mail_that_comes_back_is_not_new(office: Office) -> None:
    mail = office.receive(subject="Round trip")
    office.run()
    for name in ("archive", "inbox"):
        move_to(office, mail, name)
        office.run()
    assert len(office.sink.parcels) == 1


def test_a_copy_with_the_same_message_id_is_no_second_ticket(office: Office) -> None:
    same = {"subject": "Restored", "text": "Same", "message_id": "<one@example.com>", "received": datetime.now(UTC)}
    office.receive(**same)
    office.run()
    copy = office.receive(**same)
    office.run()
    assert len(office.sink.parcels) == 1
    assert office.describe(copy.id)["reason"] == "copy"


def test_a_copy_in_the_same_round_is_told_as_well(office: Office) -> None:
    sent = datetime.now(UTC)
    for _ in range(2):
        office.receive(subject="Twice", text="Same", message_id="<two@example.com>", received=sent)
    office.run()
    assert len(office.sink.parcels) == 1


def test_a_device_that_reuses_its_message_id_still_gets_its_tickets(office: Office) -> None:
    office.receive(subject="Scan 1", text="First", message_id="<scanner@example.com>")
    office.receive(subject="Scan 2", text="Second", message_id="<scanner@example.com>")
    office.run()
    assert len(office.sink.tickets) == 2


def test_a_scanner_that_repeats_its_words_and_its_message_id_gets_its_tickets_as_well(office: Office) -> None:
    sent = datetime.now(UTC)
    for minutes in (0, 3):
        office.receive(
            subject="Scan",
            text="See attachment.",
            message_id="<s@example.com>",
            received=sent + timedelta(minutes=minutes),
        )
    office.run()
    assert len(office.sink.tickets) == 2


def test_mails_without_a_message_id_are_told_apart(office: Office) -> None:
    for number in range(2):
        office.receive(subject=f"No id {number}", without_message_id=True)
    office.run()
    assert len(office.sink.tickets) == 2


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"status": 400, "code": "ErrorInvalidRequest", "inner_code": "SyncStateInvalid"},
        {"status": 410, "code": "resyncRequired", "location": True},
        {"status": 404, "code": "SyncStateNotFound"},
    ],
)
def test_a_lost_cursor_costs_a_first_round_and_no_ticket(office: Office, how: dict[str, object]) -> None:
    for number in range(3):
        office.receive(subject=f"Mail {number}")
    office.run()
    office.receive(subject="Mail 3")
    office.stage.sim.run(lambda: office.mailbox.expire_cursors(**how))
    office.run()
    assert len(office.sink.parcels) == 4
    assert office.desk.ledger.state().values["resyncs"] == 1


def test_links_that_die_inside_a_round_are_survived(open_office: OpenOffice) -> None:
    office = open_office(page_size=5)
    for number in range(12):
        office.receive(subject=f"Mail {number}")
    office.stage.sim.faults.add(Answer(503), room="mail", path="/delta", when="after", times=1)
    office.stage.sim.run(office.mailbox.expire_cursors)
    office.run()
    assert len(office.sink.tickets) == 12


def test_a_changed_query_begins_a_first_round(office: Office) -> None:
    office.receive(subject="One")
    office.run()
    office.desk.ledger.put_cursor("inbox", link=office.desk.ledger.cursor("inbox")["link"], query="another")
    office.stage.forget()
    office.run()
    assert "$select" in dict(office.calls()[0].query)
    assert len(office.sink.parcels) == 1


def test_a_page_that_times_out_is_asked_for_in_half_its_size(open_office: OpenOffice) -> None:
    office = open_office(page_size=40)
    for number in range(25):
        office.receive(subject=f"Mail {number}")
    office.stage.sim.faults.add(SLOW, room="mail", path="/delta", times=2)
    assert office.poll() is Polled.DONE
    sizes = [call.request_headers["prefer"].rpartition("=")[2] for call in office.calls() if "/delta" in call.path]
    assert sizes == ["40", "40", "20", "20"]
    office.deliver()
    assert len(office.sink.tickets) == 25


def test_a_sweep_finds_what_a_delta_never_showed(office: Office) -> None:
    office.poll()
    office.stage.sim.mail.switches.turn({"delta_delay_seconds": 86_400.0})
    office.receive(subject="Unseen")
    office.poll()
    assert office.mails() == []
    cursor = office.desk.ledger.cursor("inbox")
    hours_ago = datetime.now(UTC) - timedelta(hours=2)
    office.desk.ledger.put_cursor("inbox", link=cursor["link"], query=cursor["query"], swept_at=hours_ago)
    office.run()
    assert [mail["subject"] for mail in office.mails()] == ["Unseen"]
    assert office.desk.ledger.state().values["swept"] == 1
    office.stage.sim.mail.switches.turn({"delta_delay_seconds": 0.0})
    office.run()
    assert len(office.sink.parcels) == 1


def test_two_polls_at_once_are_one(office: Office) -> None:
    with Container(office._storage, CONTAINER).lease(f"leases/{office.name}", LEASE_SECONDS) as lease:
        assert lease is not None
        assert office.poll() is Polled.BUSY
    assert office.poll() is Polled.DONE


def test_a_mailbox_that_fails_rests_a_while_and_tells_why(office: Office) -> None:
    office.stage.sim.mail.restrict(CLIENT_ID, office.mailbox.tenant_id, [])
    assert office.poll() is Polled.FAILED
    state = office.desk.ledger.state().values
    assert state["last_error"] == "ConsentMissing"
    assert "last_success" not in state
    office.stage.forget()
    assert office.poll(at_once=False) is Polled.PAUSED
    assert office.calls() == []
    office.stage.sim.mail.restrict(CLIENT_ID, office.mailbox.tenant_id, None)
    assert office.poll() is Polled.DONE
    assert office.desk.ledger.state().values["failures"] == 0


def test_a_folder_that_fails_does_not_stop_the_others(open_office: OpenOffice) -> None:
    office = open_office(folders=["AAMkBroken", "inbox"])
    office.receive(subject="Here")
    assert office.poll() is Polled.FAILED
    office.deliver()
    assert len(office.sink.tickets) == 1
