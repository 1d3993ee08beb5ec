"""Previews of mails and tickets: the trigger items that a designer shows before any event."""

from typing import Any

import pytest
import requests

from shared.errors import Rejected
from tests.functional.conftest import read_error
from tests.functional.mail.conftest import MailScenario
from twin.mail.contents import File, Reference

pytestmark = pytest.mark.usefixtures("rows_in_memory")


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


def ask_for_files(scenario: MailScenario, key: str) -> requests.Response:
    return scenario.gateway.get(f"connector/attachments?mailbox={scenario.name}&key={key}")


def pick_mails(scenario: MailScenario) -> list[Any]:
    answer = scenario.gateway.get("connector/mails", mailbox=scenario.name)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["value"]
    return found


def test_mails_can_be_picked_the_newest_first(scenario: MailScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pick_mails(scenario) == []
    receive(scenario, "Printer", "", "Scanner")
    mails = scenario.gateway.get(f"mailboxes/{scenario.name}/mails").json()["value"]
    shown = pick_mails(scenario)
    assert [one["key"] for one in shown] == [mail["key"] for mail in reversed(mails)]
    for one, mail in zip(reversed(shown), mails, strict=True):
        when = mail["receivedDateTime"][:16].replace("T", " ")
        assert one["title"] == f"{when} UTC, {mail['subject'] or '(no subject)'}, {mail['from']}"
    monkeypatch.setattr("blueprints.connector.MOST_MAILS_LISTED", 2)
    assert pick_mails(scenario) == shown[:2]


def test_files_of_a_mail_can_be_picked_if_there_are_bytes(scenario: MailScenario) -> None:
    files = [File("a.pdf", "application/pdf", b"x" * 3000), Reference("Plan", "https://example.com/plan")]
    scenario.receive(attachments=[*files, File("a.pdf", "application/pdf", b"%PDF")])
    scenario.run()
    [mail] = pick_mails(scenario)
    shown = ask_for_files(scenario, mail["key"]).json()["value"]
    assert [one["title"] for one in shown] == ["1: a.pdf (3 KiB)", "3: a.pdf (1 KiB)"]
    below = f"mailboxes/{scenario.name}/mails/{mail['key']}/attachments"
    assert scenario.gateway.get(f"{below}/{shown[1]['number']}").content == b"%PDF"


def test_files_of_no_mail_cannot_be_picked(scenario: MailScenario) -> None:
    codes = [read_error(ask_for_files(scenario, key))["code"] for key in ("0" * 40, "NOT-A-KEY", "")]
    assert codes == ["MailNotFound", "InvalidId", "MissingParameter"]


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
