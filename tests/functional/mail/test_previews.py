"""Previews of mails and tickets: what a trigger would tell, for a flow that is tried before anything happens."""

from typing import Any

from shared.errors import Rejected
from tests.functional.conftest import told
from tests.functional.mail.conftest import Office


def preview(office: Office, feed: str, kind: str, **query: Any) -> list[Any]:
    answer = office.stage.get(f"connector/previews/{feed}", mailbox=office.name, kind=kind, **query)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["value"]
    return found


def receive(office: Office, *subjects: str) -> None:
    for subject in subjects:
        office.receive(subject=subject)
    office.run()


def refuse() -> None:
    raise Rejected("The desk knows no such category.", code="TicketRefused")


def test_the_last_mails_are_shown_the_oldest_first(office: Office) -> None:
    receive(office, *(f"Mail {number}" for number in range(5)))
    read = [mail["key"] for mail in office.stage.get(f"mailboxes/{office.name}/mails").json()["value"]]
    assert len(read) == 5
    assert [mail["key"] for mail in preview(office, "mails", "arrived")] == read[-3:]


def test_the_last_tickets_are_shown(office: Office) -> None:
    receive(office, "Printer on fire")
    [ticket] = preview(office, "tickets", "created")
    assert (ticket["subject"], ticket["ticket"]) == ("Printer on fire", "T-1")


def test_failures_are_shown_with_their_cause(office: Office) -> None:
    office.sink.before = refuse
    receive(office, "Nonsense")
    [failed] = preview(office, "mails", "failed")
    assert (failed["subject"], failed["cause"]) == ("Nonsense", "TicketRefused")


def test_a_mailbox_without_mails_has_nothing_to_show(office: Office) -> None:
    assert preview(office, "mails", "arrived") == preview(office, "tickets", "created") == []


def test_a_folder_that_is_asked_for_is_kept_to(office: Office) -> None:
    receive(office, "Printer on fire")
    assert preview(office, "mails", "arrived", folder="archive") == []
    assert len(preview(office, "mails", "arrived", folder="inbox")) == 1


def test_unknown_mailboxes_and_kinds_are_refused(office: Office) -> None:
    path = "connector/previews/mails"
    assert told(office.stage.get(path, mailbox="nobody", kind="arrived"))["code"] == "UnknownMailbox"
    assert told(office.stage.get(path, mailbox=office.name, kind="created"))["code"] == "InvalidChoice"
