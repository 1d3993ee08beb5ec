"""The messages of open mails are in rows as well, so that deliveries read no blob; they go when the work has ended."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbound_mail.delivery.delivery import DeliveryOutcome
from inbound_mail.ledger.ledger import TABLE
from inbound_mail.ledger.open_texts import make_files, make_text
from shared.storage.blobs import Container
from shared.storage.tables import Table
from tests.functional.mail.conftest import MailScenario, OpenScenario
from twin.mail.contents import File

pytestmark = pytest.mark.usefixtures("rows_in_memory")


@pytest.fixture
def begun(open_scenario: OpenScenario) -> MailScenario:
    """Two mails that were read, one with a file."""
    scenario = open_scenario()
    scenario.receive(subject="Plain", text="Hello.")
    scenario.receive(subject="Files", text="See there.", attachments=[File("a.bin", data=b"bytes of a")])
    scenario.poll()
    return scenario


def texts_of(scenario: MailScenario) -> list[str]:
    return [row.row_key for row in Table(scenario.storage, TABLE).query(scenario.name, start="t|", end="t}")]


def deliver_together(scenario: MailScenario, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Deliver what waits, as one message asks for it; return the names of the blobs that were read."""
    read: list[str] = []
    get = Container.get

    def record(self: Container, name: str) -> bytes | None:
        read.append(name.rpartition("/")[2])
        return get(self, name)

    deliveries = [(str(one["key"]), str(one["sink"])) for one, _ in scenario.queue.take()]
    with monkeypatch.context() as patched:
        patched.setattr(Container, "get", record)
        ahead = scenario.mailbox.ledger.read_ahead(deliveries)
        deliverer = scenario.deliverer()
        outcomes = [deliverer.deliver(scenario.mailbox, key, sink, ahead) for key, sink in deliveries]
    assert outcomes == [DeliveryOutcome.DELIVERED] * len(deliveries)
    return sorted(read)


def check_received(scenario: MailScenario) -> None:
    found = {one.mail.subject: one for one in scenario.sink.received}
    assert set(found) == {"Plain", "Files"}
    assert "Hello." in found["Plain"].rendering.text
    assert [b"".join(found["Files"].open(one)) for one in found["Files"].mail.attachments] == [b"bytes of a"]


def test_deliveries_read_no_blob_but_the_bytes_of_files(begun: MailScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    assert deliver_together(begun, monkeypatch) == []
    check_received(begun)


def test_what_is_in_the_row_is_what_is_in_the_blob(begun: MailScenario) -> None:
    keys = [str(one["key"]) for one, _ in begun.queue.messages]
    ahead = begun.mailbox.ledger.read_ahead([(key, next(iter(begun.sinks))) for key in keys])
    for key in keys:
        assert begun.mailbox.store.load(key, ahead.texts[key]) == begun.mailbox.store.load(key)


def test_mails_of_an_earlier_version_are_read_from_their_blobs(
    begun: MailScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun.mailbox.ledger.remove_texts(set())
    assert deliver_together(begun, monkeypatch) == ["attachments.json", "mail.json", "mail.json"]
    check_received(begun)


def test_a_mail_that_an_earlier_version_completed_has_its_files(
    begun: MailScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table(begun.storage, TABLE)
    for row in list(table.query(begun.name, start="t|", end="t}")):
        table.upsert({name: value for name, value in row.values.items() if name != "files"})
    assert deliver_together(begun, monkeypatch) == ["attachments.json"]
    check_received(begun)


def test_a_row_of_files_alone_is_no_message(begun: MailScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(begun.storage, TABLE)
    for row in list(table.query(begun.name, start="t|", end="t}")):
        table.upsert({name: value for name, value in row.values.items() if name != "text"})
    assert "mail.json" in deliver_together(begun, monkeypatch)
    check_received(begun)


def test_a_delivery_that_has_changed_since_it_was_read_is_read_again(begun: MailScenario) -> None:
    [(key, sink), *_] = deliveries = [(str(one["key"]), str(one["sink"])) for one, _ in begun.queue.take()]
    ledger, deliverer = begun.mailbox.ledger, begun.deliverer()
    ahead = ledger.read_ahead(deliveries)
    ledger.delivery_rows.change(ahead.deliveries[key, sink], {"forced": True})
    assert deliverer.deliver(begun.mailbox, key, sink, ahead) is DeliveryOutcome.DELIVERED
    assert begun.sink.received[0].is_forced
    assert deliverer.deliver(begun.mailbox, key, sink, ahead) is DeliveryOutcome.NOTHING_TO_DO
    assert len(begun.sink.received) == 1


def test_the_sweep_removes_the_rows_of_mails_that_are_closed(begun: MailScenario) -> None:
    begun.run()
    begun.receive(subject="New")
    begun.poll()
    assert len(texts_of(begun)) == 3
    ledger = begun.mailbox.ledger
    left_out = ("PartitionKey", "RowKey", "folder", "swept_at")
    cursor = {name: value for name, value in ledger.cursor("inbox").items() if name not in left_out}
    ledger.put_cursor("inbox", **cursor, swept_at=datetime.now(UTC) - timedelta(hours=3))
    begun.poll()
    assert texts_of(begun) == [f"t|{mail.key}" for mail in ledger.open_mails()]
    assert len(texts_of(begun)) == 1


def test_what_is_too_large_for_a_row_has_none() -> None:
    def make(text: str) -> dict[str, Any] | None:
        return make_text("support", "key", {"id": "1", "body": {"content": text}})

    assert make(secrets.token_hex(70_000)) is None
    assert make("x" * 5_000_000) is None
    assert make("x" * 1_000_000) is not None
    assert make_files("support", "key", [{"name": "x" * 40_000}]) is None
