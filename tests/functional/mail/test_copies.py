"""Copies of a mail, in one mailbox and in several: the same mail is one ticket, and what differs in a file is not."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from devkit.memory_storage import MemoryTable
from inbound_mail.content.models import Attachment, AttachmentKind
from inbound_mail.delivery.delivery import DeliveryOutcome
from inbound_mail.delivery.threads import TABLE
from inbound_mail.ledger.ledger import Ledger
from inbound_mail.ledger.records import NewMail, Phase
from inbound_mail.ledger.references import content_digest, files_digest
from shared.errors import Rejected, Unavailable
from shared.storage.tables import Table
from tests.field_mails import load_field_mail
from tests.functional.mail.conftest import MailScenario, OpenScenario
from tests.functional.mail.deliveries import ask_again, failing
from twin.mail.contents import Enclosure, File, Item, Synthetic
from twin.mail.message import Message

pytestmark = pytest.mark.slow(reason="long scenarios of mails")

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
@pytest.mark.usefixtures("rows_in_memory")
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
@pytest.mark.usefixtures("rows_in_memory")
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


# -- several mailboxes of one service desk


def take_both(one: MailScenario, other: MailScenario) -> None:
    for _ in range(2):
        for each in (one, other):
            each.poll()
            each.deliver()
    for each in (one, other):
        each.run()


def receive_in_both(scenario: MailScenario, **mail: Any) -> list[Message]:
    """Receive the same mail in each mailbox."""
    to = [] if "eml" in mail else ["support@contoso.com", "second@contoso.com"]
    return [each.receive(**mail, **({"to": to} if to else {})) for each in (scenario, *scenario.others)]


@pytest.mark.parametrize(
    "mail",
    [
        load_field_mail("t5b-two-mailboxes-one-desk.eml"),
        {"subject": "Tür", "text": "Tür", "message_id": "<de@x>", "received": SENT},
        {"subject": "门", "html": "<p>门</p>", "message_id": "<zh@x>", "received": SENT},
        {"subject": "Porte", "message_id": "<fr@x>", "received": SENT, "attachments": [File("a.pdf", data=b"1")]},
    ],
)
def test_one_mail_in_two_mailboxes_of_one_service_desk_is_one_ticket(
    open_scenario: OpenScenario, mail: dict[str, Any]
) -> None:
    scenario = open_scenario(has_second=True)
    first, second = receive_in_both(scenario, **mail)
    assert first.conversation_id != second.conversation_id
    take_both(scenario, scenario.others[0])
    assert list(scenario.sink.tickets.values()) == ["T-1"]
    [owner], [same] = scenario.describe(first.id)["deliveries"], scenario.others[0].describe(second.id)["deliveries"]
    assert [(one["state"], one["ticket"]) for one in (owner, same)] == [("delivered", "T-1")] * 2
    assert same["notes"] == [f"The same mail came into the mailbox {scenario.name} and was delivered from there."]


def test_mails_that_differ_in_two_mailboxes_are_two_tickets(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(has_second=True)
    for each, data in zip((scenario, *scenario.others), (b"1", b"2"), strict=True):
        receive_fax(each, File("fax.pdf", data=data))
    take_both(scenario, scenario.others[0])
    assert len(scenario.sink.tickets) == 2


def test_a_mail_waits_for_the_same_one_and_takes_its_place_if_it_is_refused(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(has_second=True)
    [other] = scenario.others
    first, second = receive_in_both(scenario, subject="Both", message_id="<both@x>", received=SENT)
    scenario.sink.before = failing(Unavailable("Away."), 1)
    scenario.poll()
    other.poll()
    assert scenario.deliver() == [DeliveryOutcome.WAITING]
    assert other.deliver() == [DeliveryOutcome.WAITING]
    assert other.describe(second.id)["deliveries"][0]["lastError"] == "SameMailUnderway"
    scenario.sink.before = failing(Rejected("No."), 1)
    assert scenario.deliver() == [DeliveryOutcome.QUARANTINED]
    assert other.deliver() == [DeliveryOutcome.DELIVERED]
    ask_again(scenario, first)
    assert scenario.deliver() == [DeliveryOutcome.DELIVERED]
    assert list(scenario.sink.tickets.values()) == ["T-1"]
    assert scenario.describe(first.id)["deliveries"][0]["isReply"]


def test_a_sink_of_one_mailbox_costs_no_row(scenario: MailScenario) -> None:
    scenario.receive(subject="Alone")
    scenario.run()
    table = Table(scenario.storage, TABLE)
    assert list(table.query(next(iter(scenario.sinks)), start="x|", end="x}")) == []


def test_a_message_id_that_an_earlier_version_stored_still_marks_copies() -> None:
    message = {"id": "1", "internetMessageId": "<a@x>", "subject": "S", "hasAttachments": True}
    table = MemoryTable()
    ledger = Ledger(table, "support")  # type: ignore[arg-type]  # stands in for the table
    ledger.add([NewMail("first", message, "inbox", Phase.FETCH)], ["tickets"])
    [row] = list(table.query("support", start="i|", end="i}"))
    assert row.values["looks"] == content_digest(message)
    table.upsert({name: value for name, value in row.values.items() if name != "files"})
    [second] = ledger.add([NewMail("second", message | {"id": "2"}, "inbox", Phase.FETCH)], ["tickets"])
    assert second.skipped == "copy"


def test_the_digest_of_files_counts_names_and_bytes() -> None:
    def make(name: str = "a", **more: Any) -> Attachment:
        values: dict[str, Any] = {"size": 1, "kind": AttachmentKind.FILE, "sha256": "s"}
        return Attachment(1, name, "text/plain", **(values | more))

    item = make(kind=AttachmentKind.ITEM)
    assert files_digest([make()]) == files_digest([make(size=2)])
    assert files_digest([item]) == files_digest([make(kind=AttachmentKind.ITEM, sha256="t", size=9)])
    different = [[], [make()], [make("b")], [make(sha256="t")], [make(sha256=None)], [item], [make(), make()]]
    assert len({files_digest(files) for files in different}) == len(different)
