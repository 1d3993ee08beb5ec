"""The ledger's rows as deployed apps have stored them: keys and columns never change."""

import hashlib
import json
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from devkit.memory_storage import MemoryTable
from inbound_mail.ledger.claims import claim
from inbound_mail.ledger.decisions import Decision
from inbound_mail.ledger.delivery_rows import DeliveryRows
from inbound_mail.ledger.ledger import Ledger
from inbound_mail.ledger.mail_store import may_have_files
from inbound_mail.ledger.records import MailState, NewMail, Phase, read_facts
from inbound_mail.ledger.references import digest
from inbound_mail.sinks.protocol import Receipt
from shared.storage.tables import Operation

SINKS = ("service-desk", "hook")
MESSAGE: dict[str, Any] = {
    "id": "graph-id",
    "internetMessageId": "<one@example.com>",
    "subject": "Printer",
    "from": {"emailAddress": {"address": "Kim@Example.com"}},
    "receivedDateTime": "2026-03-01T10:00:00Z",
    "conversationId": "conversation",
    "parentFolderId": "folder-id",
}


@pytest.fixture
def table() -> MemoryTable:
    """A table in memory."""
    return MemoryTable()


@pytest.fixture
def ledger(table: MemoryTable) -> Ledger:
    """The ledger of a mailbox named support, with one mail for two sinks."""
    made = Ledger(table, "support")  # type: ignore[arg-type]  # stands in for the table
    assert len(made.add([NewMail("key", MESSAGE, "inbox", Phase.DELIVER)], SINKS)) == 1
    return made


def rows(table: MemoryTable) -> dict[str, dict[str, Any]]:
    return {row.row_key: row.values for row in table.query("support", start="", end="~")}


def test_a_new_mail_has_these_rows(table: MemoryTable, ledger: Ledger) -> None:
    found = rows(table)
    message_id_row = f"i|{digest('one@example.com')}"
    assert list(found) == [
        "f|000000000001", message_id_row, "m|key", "o|key", "p|key|hook", "p|key|service-desk", "s|state", "t|key",
    ]  # fmt: skip
    mail = found["m|key"]
    assert {name: mail[name] for name in ("state", "number", "graph_id", "sender", "folder", "message_id")} == {
        "state": "stored", "number": 1, "graph_id": "graph-id", "sender": "kim@example.com", "folder": "inbox",
        "message_id": "one@example.com",
    }  # fmt: skip
    assert set(found["o|key"]) == {
        "PartitionKey",
        "RowKey",
        "phase",
        "graph_id",
        "folder_id",
        "since",
        "enqueued",
        "mail",
    }
    assert found["o|key"]["enqueued"] is True
    assert set(found["p|key|hook"]) == {
        "PartitionKey", "RowKey", "state", "attempts", "crashes", "interrupted", "created_at", "due", "progress",
        "correlation_id", "mail",
    }  # fmt: skip
    delivery = ledger.delivery("key", "hook")
    assert delivery is not None
    assert delivery.facts == read_facts(mail)
    assert found[message_id_row]["key"] == "key"
    assert found["s|state"]["last_number"] == 1
    assert set(found["t|key"]) == {"PartitionKey", "RowKey", "text"}
    assert json.loads(zlib.decompress(found["t|key"]["text"])) == MESSAGE
    ledger.put_cursor("inbox", link="l")
    assert f"c|{digest('inbox')[:32]}" in rows(table)


def test_a_delivery_ends_in_these_columns(table: MemoryTable, ledger: Ledger) -> None:
    claimed = claim(ledger, "key", "service-desk", 60)
    assert claimed is not None
    assert rows(table)["p|key|service-desk"]["state"] == "claimed"
    claimed.complete(Receipt("T-1"))
    refused = claim(ledger, "key", "hook", 60)
    assert refused is not None
    refused.reject("TicketRefused", "No.")
    ended = rows(table)
    delivered, refused_row = ended["p|key|service-desk"], ended["p|key|hook"]
    assert (delivered["state"], delivered["ticket"], refused_row["state"]) == ("delivered", "T-1", "quarantined")
    assert ended["q|key|hook"]["cause"] == "TicketRefused"
    [mail] = ledger.open_mails()
    assert ledger.close([(mail, MailState.QUARANTINED)]) == 1
    found = rows(table)
    assert [name for name in found if name[0] in "dop"] == ["d|key|hook", "d|key|service-desk"]
    assert found["d|key|hook"] == refused_row | {"RowKey": "d|key|hook"}
    assert [one.state.value for one in ledger.deliveries("key")] == ["quarantined", "delivered"]
    outcome = found["r|000000000001"]
    assert json.loads(outcome["summary"]) == ["kim@example.com", "Printer", "2026-03-01T10:00:00Z"]
    done = [(sink, state, ticket, cause) for sink, state, ticket, cause, _ in json.loads(outcome["ended"])]
    assert done == [("hook", "quarantined", None, "TicketRefused"), ("service-desk", "delivered", "T-1", None)]
    assert "again" not in outcome
    assert (found["s|state"]["new"], "delivered" in found["s|state"]) == (1, False)
    assert (outcome["key"], outcome["state"], outcome["sinks"]) == ("key", "quarantined", "service-desk")


def test_a_redelivery_opens_the_work_again_and_remembers_who_had_the_mail(table: MemoryTable, ledger: Ledger) -> None:
    for sink, ticket in (("service-desk", "T-1"), ("hook", None)):
        claimed = claim(ledger, "key", sink, 60)
        assert claimed is not None
        if ticket:
            claimed.complete(Receipt(ticket))
        else:
            claimed.save(ticket="H-1")
            claimed.reject("AttachmentRefused", "No.")
    [mail] = ledger.open_mails()
    ledger.close([(mail, MailState.QUARANTINED)])
    failed = ledger.delivery("key", "hook")
    assert failed is not None
    ledger.decisions.record("key", MESSAGE, [ledger.decisions.begin(failed, Decision())])
    found = rows(table)
    assert "q|key|hook" not in found
    assert [name for name in found if name[0] in "dop"] == ["o|key", "p|key|hook", "p|key|service-desk"]
    again = found["p|key|hook"]
    assert (again["state"], again["interrupted"], again["forced"], again["attempts"]) == ("waiting", True, True, 0)
    assert (again["progress"], again["mail"]) == ('{"ticket": "H-1"}', failed.values["mail"])
    open_work = found["o|key"]
    assert (open_work["told"], open_work["phase"], "asked_hook" in open_work) == ("service-desk", "deliver", True)
    [opened] = ledger.open_mails()
    assert [(one.sink, one.state.value) for one in opened.deliveries] == [
        ("hook", "waiting"), ("service-desk", "delivered"),
    ]  # fmt: skip
    assert (opened.tickets, opened.newly_delivered) == (["T-1"], ())


def test_notes_that_are_too_long_are_left_out_from_the_end(ledger: Ledger) -> None:
    claimed = claim(ledger, "key", "hook", 60)
    assert claimed is not None
    claimed.complete(Receipt(notes=("first", "n" * 900, "n" * 900)))
    found = ledger.delivery("key", "hook")
    assert found is not None
    assert found.notes == ["first", "n" * 900]


def test_what_is_settled_before_the_first_attempt_is_no_progress_of_the_sink(ledger: Ledger) -> None:
    claimed = claim(ledger, "key", "hook", 60)
    assert claimed
    claimed.settle(history={"kept": 7, "ticket": "T-1"})
    claimed.save(sent=True)
    delivery = ledger.delivery("key", "hook")
    assert delivery
    assert delivery.values["progress"] == '{"settled": {"history": {"kept": 7, "ticket": "T-1"}}, "sent": true}'
    assert claimed.values == {"sent": True}
    assert claimed.settled == {"history": {"kept": 7, "ticket": "T-1"}}


@pytest.mark.parametrize("parts", [("a",), ("a", "b"), ("", "", ""), ("ü\ud83d", "x" * 2_500_000), ("x" * 1_000_000,)])
def test_digests_are_those_of_one_text_with_a_part_in_each_line(parts: tuple[str, ...]) -> None:
    whole = "\n".join(parts).encode("utf-8", "surrogatepass")
    assert digest(*parts) == hashlib.sha256(whole).hexdigest()


@pytest.mark.parametrize("place", [0, 10, 999_994, 999_996, 999_997, 999_999, 1_000_000, 1_999_990, 2_999_996])
def test_a_picture_is_found_at_any_place_of_a_long_body(place: int) -> None:
    body = "x" * place + "CiD:a" + "y" * (3_000_000 - place)
    message = {"internetMessageHeaders": [{"name": "Content-Type", "value": "text/html"}]}
    assert may_have_files(message | {"body": {"contentType": "html", "content": body}})
    assert not may_have_files(message | {"body": {"contentType": "html", "content": body.replace("CiD:", "ci-d")}})


def test_a_claim_whose_write_has_waited_lasts_its_whole_time(
    table: MemoryTable, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = DeliveryRows.change
    with time_machine.travel(datetime(2026, 3, 1, tzinfo=UTC), tick=False) as clock:
        began = datetime.now(UTC)
        waits = [20]

        def wait(self: DeliveryRows, *args: Any, **options: Any) -> Any:
            if waits:
                clock.shift(waits.pop())
            return change(self, *args, **options)

        monkeypatch.setattr(DeliveryRows, "change", wait)
        table.transact([Operation("merge", {"PartitionKey": "support", "RowKey": "p|key|hook", "due": began})])
        assert claim(ledger, "key", "hook", 60) is not None
        assert rows(table)["p|key|hook"]["due"] == began + timedelta(seconds=20 + 60)
