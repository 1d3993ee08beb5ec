"""Previews of mails and tickets: the trigger items that a designer shows before any event."""

from typing import Any

from shared.errors import Rejected
from tests.functional.conftest import read_error
from tests.functional.mail.conftest import MailScenario


def preview(scenario: MailScenario, feed: str, kind: str, **query: Any) -> list[Any]:
    answer = scenario.gateway.get(f"connector/previews/{feed}", mailbox=scenario.name, kind=kind, **query)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["value"]
    return found


def receive(scenario: MailScenario, *subjects: str) -> None:
    for subject in subjects:
        scenario.receive(subject=subject)
    scenario.run()


def refuse() -> None:
    raise Rejected("The desk knows no such category.", code="TicketRefused")


def test_the_last_mails_are_shown_the_oldest_first(scenario: MailScenario) -> None:
    receive(scenario, *(f"Mail {number}" for number in range(5)))
    read = [mail["key"] for mail in scenario.gateway.get(f"mailboxes/{scenario.name}/mails").json()["value"]]
    assert len(read) == 5
    assert [mail["key"] for mail in preview(scenario, "mails", "arrived")] == read[-3:]


def test_the_last_tickets_are_shown(scenario: MailScenario) -> None:
    receive(scenario, "Printer on fire")
    [ticket] = preview(scenario, "tickets", "created")
    assert (ticket["subject"], ticket["ticket"]) == ("Printer on fire", "T-1")


def test_failures_are_shown_with_their_cause(scenario: MailScenario) -> None:
    scenario.sink.before = refuse
    receive(scenario, "Nonsense")
    [failed] = preview(scenario, "mails", "failed")
    assert (failed["subject"], failed["cause"]) == ("Nonsense", "TicketRefused")


def test_a_mailbox_without_mails_has_nothing_to_show(scenario: MailScenario) -> None:
    assert preview(scenario, "mails", "arrived") == preview(scenario, "tickets", "created") == []


def test_a_folder_that_is_asked_for_is_kept_to(scenario: MailScenario) -> None:
    receive(scenario, "Printer on fire")
    assert preview(scenario, "mails", "arrived", folder="archive") == []
    assert len(preview(scenario, "mails", "arrived", folder="inbox")) == 1


def test_unknown_mailboxes_and_kinds_are_refused(scenario: MailScenario) -> None:
    path = "connector/previews/mails"
    assert read_error(scenario.gateway.get(path, mailbox="nobody", kind="arrived"))["code"] == "UnknownMailbox"
    assert read_error(scenario.gateway.get(path, mailbox=scenario.name, kind="created"))["code"] == "InvalidChoice"
