"""Triggers about mails and tickets, asked by flows as their engine asks."""

from typing import Any

import pytest

from shared.errors import Rejected
from tests.functional.conftest import told
from tests.functional.flow_engine import PREFIX, Flow
from tests.functional.mail.conftest import Office, OpenOffice
from tests.functional.mail.deliveries import ask_again, failing


def flow(office: Office, path: str, **query: Any) -> Flow:
    """A flow that was just switched on."""
    made = Flow(office.stage, f"triggers/{path}", {"mailbox": office.name} | query)
    assert made.recur() == []
    assert (made.location or "").startswith(f"{PREFIX}/triggers/{path}?")
    return made


def test_a_mail_starts_a_run_once_it_was_read_whole(office: Office) -> None:
    office.receive(subject="Before")
    office.poll()
    one = flow(office, "mails/arrived")
    office.receive(subject="Printer")
    assert one.recur() == []
    office.poll()
    [item] = one.recur()
    assert (item["subject"], item["mailbox"], item["eventId"]) == ("Printer", office.name, item["key"])
    assert one.recur() == []


def test_more_mails_than_a_hundred_come_a_hundred_at_a_time(office: Office) -> None:
    one = flow(office, "mails/arrived")
    for number in range(120):
        office.receive(subject=f"Mail {number}", message_id=f"<{number}@example.com>")
    office.poll()
    assert len(one.recur()) == 120
    assert [(poll.items, poll.retry_after) for poll in one.history[1:]] == [(100, 1), (20, 60)]


def test_a_folder_may_be_chosen(open_office: OpenOffice) -> None:
    office = open_office(folders=["inbox", "archive"])
    inbox, archive = (flow(office, "mails/arrived", folder=name) for name in ("inbox", "archive"))
    office.receive(subject="Printer")
    office.poll()
    assert len(inbox.recur()) == 1
    assert archive.recur() == []
    assert archive.history[-1].retry_after == 60


def test_a_ticket_starts_a_run_and_a_reply_to_one_does_not(office: Office) -> None:
    one = flow(office, "tickets/created")
    office.receive(subject="Printer")
    office.run()
    office.poll()
    [item] = one.recur()
    assert (item["ticket"], item["sink"], item["subject"]) == ("T-1", next(iter(office.sinks)), "Printer")
    assert "deliveries" not in item
    office.poll()
    assert one.recur() == []


def test_a_failure_starts_a_run_with_its_cause_and_its_cure_makes_a_ticket_once(open_office: OpenOffice) -> None:
    office = open_office(sinks=("good", "bad"))
    good, bad = office.sinks
    failed, tickets = flow(office, "mails/failed"), flow(office, "tickets/created")
    office.sinks[bad].before = failing(Rejected("No such customer.", code="NoCustomer"), times=1)
    mail = office.receive(subject="Printer")
    office.run()
    office.poll()
    [item] = failed.recur()
    assert (item["cause"], item["message"], item["subject"]) == ("NoCustomer", "No such customer.", "Printer")
    assert [item["sink"] for item in tickets.recur()] == [good]
    ask_again(office, mail, bad)
    office.run()
    office.poll()
    assert failed.recur() == []
    assert [item["sink"] for item in tickets.recur()] == [bad]
    assert len({item["eventId"] for item in tickets.runs}) == 2


def test_a_mail_that_is_skipped_is_no_news(open_office: OpenOffice) -> None:
    office = open_office(since="2027-01-01T00:00:00Z")
    flows = [flow(office, path) for path in ("mails/arrived", "mails/failed", "tickets/created")]
    office.receive(subject="Old")
    office.run()
    office.poll()
    assert [one.recur() for one in flows] == [[], [], []]


@pytest.mark.parametrize("path", ["mails/arrived", "mails/failed", "tickets/created"])
def test_a_state_that_cannot_be_used_goes_on_from_now(path: str, office: Office) -> None:
    one = flow(office, path)
    one.location = f"{one.location}x"
    assert one.recur() == []
    assert one.history[-1].was_reset


@pytest.mark.parametrize("path", ["mails/arrived", "tickets/created"])
def test_after_the_ledger_was_lost_a_flow_goes_on_from_now(path: str, office: Office) -> None:
    office.receive(subject="Printer")
    office.run()
    office.poll()
    one = flow(office, path)
    office.desk.ledger.put_state(last_number=0, last_outcome=0)
    assert one.recur() == []
    assert one.history[-1].was_reset


def test_an_answer_that_is_asked_for_again_tells_the_same(office: Office) -> None:
    one = flow(office, "tickets/created")
    office.receive(subject="Printer")
    office.run()
    office.poll()
    state = one.location
    assert len(one.recur()) == 1
    one.location = state
    assert len(one.recur()) == 1  # the same again, under the same eventId
    assert len({item["eventId"] for item in one.runs}) == 1


def test_what_is_wrong_in_the_flow_shows_in_its_history(office: Office) -> None:
    for path, query, expected in (
        ("mails/arrived", {}, (400, "MissingParameter", "mailbox")),
        ("mails/arrived", {"mailbox": "nowhere"}, (404, "UnknownMailbox", "mailbox")),
        ("mails/lost", {"mailbox": office.name}, (400, "InvalidChoice", "kind")),
        ("tickets/closed", {"mailbox": office.name}, (400, "InvalidChoice", "kind")),
    ):
        error = told(office.stage.get(f"triggers/{path}", None, None, **query))
        assert (error["status"], error["code"], error["target"]) == expected
