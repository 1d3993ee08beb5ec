"""Tables, blobs and queues on a real storage emulator."""

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import BlobLeaseClient

from devkit.azurite import Azurite
from shared.errors import ConfigurationError, Conflict, Rejected, Unavailable
from shared.identity import Identity
from shared.settings.choices import IdentitySource
from shared.settings.mail_settings import StorageSettings
from shared.storage.account import Storage
from shared.storage.blobs import BlobVersion, Container, Unchanged
from shared.storage.queues import Queue
from shared.storage.tables import Operation, Table


def entity(row: str, **values: Any) -> dict[str, Any]:
    return {"PartitionKey": "p", "RowKey": row} | values


@pytest.mark.usefixtures("either_storage")
def test_a_table_is_made_when_first_written_to_and_empty_before(storage: Storage, name: str) -> None:
    table = Table(storage, name)
    assert table.get("p", "a") is None
    assert list(table.query("p", start="", end="~")) == []
    assert table.create(entity("a", text="x"))
    found = table.get("p", "a")
    assert found is not None
    assert found.values["text"] == "x"


@pytest.mark.usefixtures("either_storage")
def test_creating_twice_is_reported(storage: Storage, name: str) -> None:
    table = Table(storage, name)
    assert table.create(entity("a"))
    assert not table.create(entity("a"))


@pytest.mark.usefixtures("either_storage")
def test_an_update_of_another_version_is_refused(storage: Storage, name: str) -> None:
    table = Table(storage, name)
    table.create(entity("a", n=1))
    found = table.get("p", "a")
    assert found is not None
    assert table.update(entity("a", n=2), found.etag)
    assert not table.update(entity("a", n=3), found.etag)
    now = table.get("p", "a")
    assert now is not None
    assert now.values["n"] == 2
    assert not table.update(entity("gone"), found.etag)


@pytest.mark.usefixtures("either_storage")
def test_a_transaction_is_done_whole_or_not_at_all(storage: Storage, name: str) -> None:
    table = Table(storage, name)
    table.transact([Operation("create", entity("a")), Operation("create", entity("b"))])
    with pytest.raises(Conflict) as raised:
        table.transact([Operation("create", entity("c")), Operation("create", entity("b"))])
    assert raised.value.target == "1"
    assert table.get("p", "c") is None
    found = table.get("p", "a")
    assert found is not None
    table.transact([Operation("delete", entity("a"), found.etag), Operation("merge", entity("b", n=1))])
    assert [row.row_key for row in table.query("p", start="", end="~")] == ["b"]


@pytest.mark.parametrize(
    ("operations", "code"),
    [
        ([Operation("create", entity("b", v="x" * 40_000))], "EntryTooLarge"),
        (
            [Operation("create", entity(str(n), **{f"v{m}": "x" * 30_000 for m in range(3)})) for n in range(60)],
            "EntryTooLarge",
        ),
        ([Operation("create", entity("a/b"))], "EntryRefused"),
        ([Operation("create", entity("b", v="x")), Operation("upsert", entity("b"))], "EntryRefused"),
    ],
)
def test_what_the_service_never_takes_is_refused_and_no_conflict(
    storage: Storage, name: str, operations: list[Operation], code: str
) -> None:
    table = Table(storage, name)
    table.create(entity("a"))
    with pytest.raises(Rejected) as raised:
        table.transact(operations)
    assert raised.value.code == code
    assert "x" * 100 not in str(raised.value)
    with pytest.raises(Rejected):
        table.create(entity("c", v="x" * 40_000))
    with pytest.raises(Rejected) as raised:
        table.upsert(entity("c", v="x" * 40_000))
    assert raised.value.code == "EntryTooLarge"


def test_a_message_that_is_too_large_for_the_queue_is_refused(storage: Storage, name: str) -> None:
    with pytest.raises(Rejected) as raised:
        Queue(storage, name).put({"text": "x" * 70_000})
    assert raised.value.code == "EntryTooLarge"


@pytest.mark.usefixtures("either_storage")
@pytest.mark.parametrize("write", ["upsert", "upsert-merge", "replace", "merge"])
def test_one_entity_is_written_as_in_a_transaction_of_several(storage: Storage, name: str, write: str) -> None:
    table = Table(storage, name)
    if write.startswith("upsert"):
        [first] = table.transact([Operation(write, entity("a", n=1))])
    else:
        for etag in (None, "W/\"datetime'2026-01-01T00%3A00%3A00.0000000Z'\""):
            with pytest.raises(Conflict) as raised:
                table.transact([Operation(write, entity("a", n=1), etag)])
            assert raised.value.target == "0"
        [first] = table.transact([Operation("create", entity("a", n=1))])
    key = {"PartitionKey": "p", "RowKey": "a"}
    [second] = table.transact([Operation(write, {**key, "m": 2}, None if write.startswith("upsert") else first)])
    found = table.get("p", "a")
    assert found is not None
    assert found.etag == second != first
    assert found.values == key | ({"n": 1, "m": 2} if "merge" in write else {"m": 2})
    if not write.startswith("upsert"):
        with pytest.raises(Conflict):
            table.transact([Operation(write, entity("a", n=3), first)])
        table.transact([Operation(write, entity("a", n=4))])
        now = table.get("p", "a")
        assert now is not None
        assert now.values["n"] == 4


@pytest.mark.usefixtures("either_storage")
@pytest.mark.parametrize("count", [1, 2])
def test_separators_of_lines_are_kept_alone_and_in_a_transaction(storage: Storage, name: str, count: int) -> None:
    table, text = Table(storage, name), "a\u2028b\u2029c\x85d\r\ne"
    table.transact([Operation("create", entity(str(number), text=text)) for number in range(count)])
    assert [row.values["text"] for row in table.query("p", start="", end="~")] == [text] * count


@pytest.mark.usefixtures("either_storage")
def test_a_merge_leaves_other_properties_alone(storage: Storage, name: str) -> None:
    table = Table(storage, name)
    table.create(entity("a", n=1, m=1, gone=None))
    table.transact([Operation("merge", entity("a", m=2, n=None))])
    found = table.get("p", "a")
    assert found is not None
    assert found.values == entity("a", n=1, m=2)
    found.values["n"] = 3
    assert [row.values["n"] for row in table.query("p", start="", end="~")] == [1]
    table.transact([Operation("merge", entity("a", m=3)), Operation("upsert-merge", entity("b", m=1))])
    assert [row.values for row in table.query("p", start="", end="~")] == [entity("a", n=1, m=3), entity("b", m=1)]


@pytest.mark.usefixtures("either_storage")
def test_values_come_back_as_they_were_written(storage: Storage, name: str) -> None:
    table = Table(storage, name)
    values = {"text": "é\n'", "number": 2**31 - 1, "part": 0.5, "is": True, "at": datetime.now(UTC), "none": ""}
    table.upsert(entity("a", **values))
    found = table.get("p", "a")
    assert found is not None
    assert found.values == entity("a", **values)


@pytest.mark.usefixtures("either_storage")
@pytest.mark.parametrize(
    "operations",
    [
        [Operation("create", entity("b/c"))],
        [Operation("create", entity("b")), Operation("upsert", entity("b"))],
        [Operation("create", entity("b")), Operation("create", entity("c") | {"PartitionKey": "q"})],
    ],
)
def test_what_no_transaction_may_contain_is_refused(storage: Storage, name: str, operations: list[Operation]) -> None:
    table = Table(storage, name)
    table.create(entity("a"))
    with pytest.raises((Rejected, ValueError)):
        table.transact(operations)
    assert [row.row_key for row in table.query("p", start="", end="~")] == ["a"]
    with pytest.raises(ValueError, match="100"):
        table.transact([Operation("create", entity(str(number))) for number in range(101)])


@pytest.mark.usefixtures("either_storage")
def test_a_row_that_is_gone_is_not_deleted_again(storage: Storage, name: str) -> None:
    table = Table(storage, name)
    [etag] = table.transact([Operation("create", entity("a"))])
    [newer] = table.transact([Operation("upsert", entity("a"))])
    with pytest.raises(Conflict):
        table.transact([Operation("delete", entity("a"), etag)])
    assert table.transact([Operation("delete", entity("a"), newer)]) == [""]
    for etag_of_delete in (None, newer):
        with pytest.raises(Conflict):
            table.transact([Operation("delete", entity("a"), etag_of_delete)])


@pytest.mark.usefixtures("either_storage")
def test_rows_come_in_order_and_within_bounds(storage: Storage, name: str) -> None:
    table = Table(storage, name)
    for row in ("a|2", "a|1", "b|1", "a|3"):
        table.create(entity(row, n=row))
    assert [row.row_key for row in table.query("p", start="a|", end="a}")] == ["a|1", "a|2", "a|3"]
    assert [row.row_key for row in table.query("p", start="a|2", end="a}", limit=1)] == ["a|2"]
    assert list(table.query("q", start="", end="~")) == []
    selected = next(table.query("p", start="b", end="c", select=["RowKey"]))
    assert "n" not in selected.values


@pytest.mark.usefixtures("either_storage")
def test_several_rows_are_found_by_their_keys(storage: Storage, name: str) -> None:
    table = Table(storage, name)
    assert table.find("p", ["a", "b"]) == {}
    for number in range(30):
        table.create(entity(f"it's|{number:02}", n=number))
    wanted = [f"it's|{number:02}" for number in range(3, 40, 2)]
    found = table.find("p", [*wanted, *wanted, "it's"])
    assert {row: one.values["n"] for row, one in found.items()} == {f"it's|{n:02}": n for n in range(3, 30, 2)}
    assert found == {row: table.get("p", row) for row in found}, "with the versions that guard changes"
    assert table.find("p", []) == {}
    assert list(table.find("p", ["it's|00"])) == ["it's|00"]


@pytest.mark.usefixtures("either_storage")
def test_keys_from_outside_do_not_reach_the_filter_unescaped(storage: Storage, name: str) -> None:
    table = Table(storage, name)
    table.create(entity("a"))
    assert list(table.query("p' or PartitionKey ne '", start="", end="~")) == []


@pytest.mark.usefixtures("either_storage")
def test_blobs_are_written_and_read_whole_or_in_chunks(storage: Storage, name: str) -> None:
    container = Container(storage, name)
    assert container.get("x") is None
    assert container.read("x") is None
    container.put("a/b.json", b"{}", content_type="application/json")
    container.put("a/b.json", b"[]")
    assert container.get("a/b.json") == b"[]"
    container.put("big", (bytes([number]) * 1024 * 1024 for number in range(10)))
    container.delete("a/b.json")
    container.delete("a/b.json")
    assert container.get("a/b.json") is None
    assert b"".join(container.read("big", offset=1024 * 1024 - 1, length=2) or ()) == b"\0\1"
    chunks = container.read("big")
    assert chunks is not None
    assert sum(len(chunk) for chunk in chunks) == 10 * 1024 * 1024


@pytest.mark.usefixtures("either_storage")
def test_a_stream_that_breaks_leaves_no_blob(storage: Storage, name: str) -> None:
    container = Container(storage, name)
    container.make()

    def broken() -> Any:
        yield b"x" * 5_000_000
        raise KeyError("source")

    with pytest.raises(KeyError):
        container.put("x", broken())
    assert container.get("x") is None


@pytest.mark.usefixtures("either_storage")
def test_a_lease_is_held_by_one(storage: Storage, name: str) -> None:
    container = Container(storage, name)
    with container.lease("poll", 15) as first:
        assert first is not None
        first.renew()
        with container.lease("poll", 15) as second:
            assert second is None
    with container.lease("poll", 15) as third:
        assert third is not None


@pytest.mark.slow(reason="waits until a lease ends", seconds=15)
def test_a_lease_ends_with_its_holder(storage: Storage, name: str) -> None:
    container = Container(storage, name)
    blob = storage.open_container(name).get_blob_client("poll")
    with container.lease("poll", 15):
        pass
    blob.acquire_lease(lease_duration=15)  # somebody who died
    began = time.monotonic()
    while True:
        with container.lease("poll", 15) as lease:
            if lease is not None:
                break
        assert time.monotonic() - began < 90
        time.sleep(0.5)
    assert time.monotonic() - began > 5


def test_a_lost_lease_is_reported(storage: Storage, name: str) -> None:
    container = Container(storage, name)
    with container.lease("poll", 15) as lease:
        assert lease is not None
        BlobLeaseClient(storage.open_container(name).get_blob_client("poll")).break_lease(0)
        with pytest.raises(Conflict):
            lease.renew()


def test_messages_are_base64_json_as_the_platform_reads_them(storage: Storage, name: str) -> None:
    queue = Queue(storage, name)
    assert queue.count() == 0
    queue.put({"mailbox": "support", "text": "é"})
    queue.put({"later": True}, delay=60)
    assert queue.count() == 2
    seen = [json.loads(base64.b64decode(message.content)) for message in storage.open_queue(name).receive_messages()]
    assert seen == [{"mailbox": "support", "text": "é"}]


def test_times_of_messages_are_those_of_the_service(storage: Storage, name: str) -> None:
    queue = Queue(storage, name)
    for ttl in (None, 90):
        queue.put({}, ttl=ttl)
    forever, soon = storage.open_queue(name).peek_messages(2)
    assert forever.expires_on is not None
    assert forever.expires_on.year == 9999
    assert soon.expires_on is not None
    assert soon.inserted_on is not None
    assert (soon.expires_on - soon.inserted_on).total_seconds() == 90


def test_messages_are_taken_with_one_request(storage: Storage, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Queue(storage, name)
    assert queue.take(30) == []
    queue.put({"a": 1})
    asked: list[str] = []
    send = RequestsTransport.send

    def note(self: Any, request: Any, **options: Any) -> Any:
        asked.append(request.method)
        return send(self, request, **options)

    monkeypatch.setattr(RequestsTransport, "send", note)
    [taken] = queue.take(30)
    assert taken.body == b'{"a":1}'
    assert asked == ["GET"]
    assert queue.take(30) == []


@pytest.mark.slow(reason="waits for refused connections", seconds=10)
def test_storage_that_is_not_there_is_unavailable_soon(name: str) -> None:
    dead = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;" + "".join(
        f"{service}Endpoint=http://127.0.0.1:1/a;" for service in ("Blob", "Queue", "Table")
    )
    storage = Storage(StorageSettings(dead, None, None, None, None), Identity(IdentitySource.MANAGED))
    began = time.monotonic()
    with pytest.raises(Unavailable):
        Table(storage, name).get("p", "a")
    with pytest.raises(Unavailable):
        Container(storage, name).get("a")
    with pytest.raises(Unavailable):
        Queue(storage, name).put({})
    assert time.monotonic() - began < 45


def test_a_wrong_key_is_the_administrators_matter(azurite: Azurite, name: str) -> None:
    parts = dict(part.split("=", 1) for part in azurite.connection_string.strip(";").split(";"))
    wrong = ";".join(f"{key}={value}" for key, value in (parts | {"AccountKey": "d3Jvbmc="}).items())
    storage = Storage(StorageSettings(wrong, None, None, None, None), Identity(IdentitySource.MANAGED))
    with pytest.raises(ConfigurationError) as raised:
        Table(storage, name).get("p", "a")
    assert "AzureWebJobsStorage" in raised.value.message


def test_storage_that_is_not_set_is_reported() -> None:
    storage = Storage(StorageSettings(None, None, None, None, None), Identity(IdentitySource.MANAGED))
    with pytest.raises(ConfigurationError):
        Table(storage, "x").get("p", "a")


def test_a_text_that_is_no_connection_string_is_the_administrators_matter(name: str) -> None:
    storage = Storage(StorageSettings("nonsense", None, None, None, None), Identity(IdentitySource.MANAGED))
    for ask in (lambda: Table(storage, name).get("p", "a"), Container(storage, name).make, Queue(storage, name).count):
        with pytest.raises(ConfigurationError) as raised:
            ask()
        assert "nonsense" not in str(raised.value)


def test_a_blob_is_read_again_only_if_it_has_changed(storage: Storage, name: str) -> None:
    container = Container(storage, name)
    assert container.get_version("x", most=10) is None
    container.put("x", b"[1]")
    first = container.get_version("x", most=10)
    assert isinstance(first, BlobVersion)
    assert (first.data, first.size) == (b"[1]", 3)
    assert isinstance(container.get_version("x", known=first.etag, most=10), Unchanged)
    container.put("x", b"[2]")
    second = container.get_version("x", known=first.etag, most=10)
    assert isinstance(second, BlobVersion)
    assert second.data == b"[2]"
    container.put("x", b"")
    empty = container.get_version("x", known=second.etag, most=10)
    assert isinstance(empty, BlobVersion)
    assert (empty.data, empty.size) == (b"", 0)
    container.put("x", b"x" * 11)
    large = container.get_version("x", most=10)
    assert isinstance(large, BlobVersion)
    assert (large.data, large.size) == (b"", 11)


def test_a_version_replaces_only_the_one_that_it_was_made_from(storage: Storage, name: str) -> None:
    container = Container(storage, name)
    first = container.put_version("a/x", b"[1]", replaces=None, metadata={"person": "kim"})
    with pytest.raises(Conflict):
        container.put_version("a/x", b"[2]", replaces=None, metadata={})
    second = container.put_version("a/x", b"[2]", replaces=first, metadata={"person": "lee"})
    with pytest.raises(Conflict):
        container.put_version("a/x", b"[3]", replaces=first, metadata={})
    with pytest.raises(Conflict):
        container.put_version("a/gone", b"[3]", replaces=first, metadata={})
    found = container.get_version("a/x", most=10)
    assert isinstance(found, BlobVersion)
    assert (found.data, found.etag, dict(found.metadata)) == (b"[2]", second, {"person": "lee"})
    [listed] = container.list_versions("a/")
    assert (listed.name, listed.size, dict(listed.metadata)) == ("a/x", 3, {"person": "lee"})
    assert Container(storage, f"{name}x").list_versions("") == []


@pytest.mark.usefixtures("either_storage")
def test_the_blobs_of_a_folder_are_listed(storage: Storage, name: str) -> None:
    container = Container(storage, name)
    container.make()
    assert container.list_versions("a/") == []
    for blob, data in (("a/2", b"22"), ("a/1", b""), ("b/1", b"1")):
        container.put(blob, data)
    container.delete("b/1")
    listed = container.list_versions("a/")
    assert [(one.name, one.size, one.data) for one in listed] == [("a/1", 0, b""), ("a/2", 2, b"")]
    assert all(abs(datetime.now(UTC) - one.modified) < timedelta(hours=1) for one in listed)
