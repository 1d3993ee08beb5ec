"""Real mails, malformed ones among them, pass through all steps: none is lost, and none stops the others."""

from collections import Counter

import pytest

from inbound_mail.reports.mails import list_mails
from shared.json_text import Json
from tests.functional.mail.conftest import MailScenario, OpenScenario
from tests.originals import MAILS, find_mails
from twin.mail.message import Message

pytestmark = pytest.mark.usefixtures("rows_in_memory")

UNPACKED = {"mime_emails/raw_email_with_nested_attachment.eml": ["truncated.png"]}  # from inside a signed mail
AUTOMATIC = {
    "mime_emails/raw_email_with_mimepart_without_content_type.eml",
    "multipart_report_emails/multi_address_bounce1.eml",  # these two bear the same message id
    "multipart_report_emails/multi_address_bounce2.eml",
    "multipart_report_emails/multipart_report_multiple_status.eml",
    "multipart_report_emails/report_422.eml",
    "multipart_report_emails/report_530.eml",
}


@pytest.mark.slow(reason="reads many mails", seconds=15)
def test_every_mail_becomes_a_ticket_or_is_set_aside_for_a_reason(open_scenario: OpenScenario) -> None:
    files = find_mails()
    scenario = open_scenario(write_back={"read": True, "move_to": "archive"})
    received = {str(file.relative_to(MAILS)): scenario.receive(eml=file.read_bytes()) for file in files}
    scenario.run()
    described = {name: scenario.describe(mail.id) for name, mail in received.items()}
    states = {name: str(one["state"]) for name, one in described.items()}
    counts = Counter(states.values())
    assert set(counts) <= {"delivered", "quarantined", "skipped"}
    assert counts.total() == len(files)
    assert counts["delivered"] == len(scenario.sink.tickets) == len(scenario.sink.received)

    causes = {name: one["deliveries"][0]["cause"] for name, one in described.items() if one["state"] == "quarantined"}
    assert set(causes.values()) <= {"AutomaticMail"}
    assert {states[name] for name in AUTOMATIC & states.keys()} <= {"quarantined", "skipped"}
    skipped = [name for name, state in states.items() if state == "skipped"]
    assert {described[name]["reason"] for name in skipped} <= {"copy"}
    known = {received[name].internet_message_id for name, state in states.items() if state != "skipped"}
    assert {received[name].internet_message_id for name in skipped} <= known

    assert list(scenario.mailbox.ledger.open_mails()) == []
    assert [mail["number"] for mail in _feed(scenario)] == list(range(1, len(files) - len(skipped) + 1))
    for name, mail in received.items():
        assert mail.folder == ("archive" if states[name] == "delivered" else "inbox"), name
        if states[name] != "skipped":
            sent, stored = _sent(mail), _stored(scenario, mail)
            assert stored[: len(sent)] == sent, name
            assert [file for file, _ in stored[len(sent) :]] == UNPACKED.get(name, []), name


def _feed(scenario: MailScenario) -> list[Json]:
    return list_mails(scenario.mailbox, 0, 1000, scenario.services.workers)[0]


def _sent(mail: Message) -> list[tuple[str, bytes]]:
    return [(one.name, one.content.whole()) for one in mail.attachments]


def _stored(scenario: MailScenario, mail: Message) -> list[tuple[str, bytes]]:
    kept = scenario.mailbox.store.load(scenario.mailbox.key(mail.id))
    assert kept is not None
    return [(one.name, b"".join(scenario.mailbox.store.open(one))) for one in kept.attachments]
