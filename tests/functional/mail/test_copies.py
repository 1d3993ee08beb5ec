"""Copies of a mail, in one mailbox and in several: the same mail is one ticket, and what differs in a file is not."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from bench.memory_storage import MemoryTable
from inbound_mail.content.models import Attachment, AttachmentKind
from inbound_mail.ledger.ledger import Ledger
from inbound_mail.ledger.records import NewMail, Phase
from inbound_mail.ledger.references import content_digest, files_digest
from tests.field_mails import load_field_mail
from tests.functional.mail.conftest import MailScenario, OpenScenario
from twin.mail.contents import Enclosure, File, Item, Synthetic
from twin.mail.message import Message

SENT = datetime(2026, 11, 23, 9, tzinfo=UTC)
LETTER = b"From: kim@example.com\r\nSubject: The original\r\n\r\nHello.\r\n"


def receive_fax(scenario: MailScenario, *files: Enclosure, **more: Any) -> Message:
    """Receive a mail that differs from the others in its files only."""
    same = {"subject": "Fax received", "text": "Fax, 1 page", "message_id": "<fax@device.example>", "received": SENT}
    made: Message = scenario.receive(**(same | {"attachments": files} | more))
    return made


def states(scenario: MailScenario, mails: Sequence[Message]) -> list[str]:
    return sorted(scenario.describe(mail.id)["state"] for mail in mails)


def test_a_fax_device_that_reuses_its_message_id_loses_no_fax(scenario: MailScenario) -> None:
    mails = [scenario.receive(**load_field_mail(f"c4-reused-id-no-date-{number}.eml")) for number in (1, 2)]
    scenario.run()
    assert states(scenario, mails) == ["delivered", "delivered"]
    assert len(scenario.sink.tickets) == 2
    stored = [scenario.mailbox.store.load(scenario.mailbox.key(mail.id)) for mail in mails]
    files = [b"".join(scenario.mailbox.store.open(one)) for mail in stored if mail for one in mail.attachments]
    assert files == [b"%PDF-1 first", b"%PDF-1 second"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([File("scan.pdf", data=b"1")], [File("scan.pdf", data=b"2")]),
        ([File("scan.pdf", data=b"1")], [File("scan-2.pdf", data=b"1")]),
        ([File("scan.pdf", data=b"1")], [File("scan.pdf", data=b"1"), File("page-2.pdf", data=b"1")]),
        ([Synthetic(2_000_000, "huge.bin")], [Synthetic(3_000_000, "huge.bin")]),
        ([], [File("scan.pdf", data=b"1")]),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_mails_that_differ_in_their_files_only_are_different_tickets(
    open_scenario: OpenScenario, one: list[Enclosure], other: list[Enclosure], at_once: bool
) -> None:
    scenario = open_scenario(attachment_mb=1)
    first = receive_fax(scenario, *one)
    if not at_once:
        scenario.run()
    second = receive_fax(scenario, *other)
    scenario.run()
    assert states(scenario, [first, second]) == ["delivered", "delivered"]
    assert len(scenario.sink.tickets) == 2


@pytest.mark.parametrize("files", [[File("a.pdf", data=b"1"), File("b.pdf", data=b"2")], [Item(LETTER)]])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_copy_with_the_same_files_is_no_second_ticket(
    scenario: MailScenario, files: list[Enclosure], at_once: bool
) -> None:
    mails = [receive_fax(scenario, *files)]
    if not at_once:
        scenario.run()
    mails += [receive_fax(scenario, *files), receive_fax(scenario, File("other.pdf", data=b"3"))]
    scenario.run()
    mails.append(receive_fax(scenario, File("other.pdf", data=b"3")))
    scenario.run()
    assert states(scenario, mails) == ["delivered", "delivered", "skipped", "skipped"]
    assert len(scenario.sink.tickets) == 2
    assert len(scenario.mails()) == 2
    assert list(scenario.mailbox.ledger.open_mails()) == []
    reasons = {scenario.describe(mail.id).get("reason") for mail in mails}
    assert reasons == {None, "copy"}


def test_a_message_id_that_an_earlier_version_stored_still_marks_copies() -> None:
    message = {"id": "1", "internetMessageId": "<a@x>", "subject": "S", "hasAttachments": True}
    table = MemoryTable()
    ledger = Ledger(table, "support")  # type: ignore[arg-type]  # stands in for the table
    ledger.add([NewMail("first", message, "inbox", Phase.FETCH)], ["tickets"])
    [row] = [row for row in table.query("support", start="i|", end="i}")]
    assert row.values["looks"] == content_digest(message)
    table.upsert({name: value for name, value in row.values.items() if name != "files"})
    earlier = ledger._mark_copy(  # noqa: SLF001 - the table in memory refuses no second row
        NewMail("second", message | {"id": "2"}, "inbox", Phase.FETCH), [], reads_message_ids=True
    )
    assert earlier[0].skipped == "copy"


def test_the_digest_of_files_counts_names_and_bytes() -> None:
    def make(name: str = "a", **more: Any) -> Attachment:
        return Attachment(1, name, "text/plain", **({"size": 1, "kind": AttachmentKind.FILE, "sha256": "s"} | more))

    item = make(kind=AttachmentKind.ITEM)
    assert files_digest([make()]) == files_digest([make(size=2)])
    assert files_digest([item]) == files_digest([make(kind=AttachmentKind.ITEM, sha256="t", size=9)])
    different = [[], [make()], [make("b")], [make(sha256="t")], [make(sha256=None)], [item], [make(), make()]]
    assert len({files_digest(files) for files in different}) == len(different)
