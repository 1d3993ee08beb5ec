"""The host's own requests to storage, held to Microsoft's clients on a real emulator."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from azure.storage.blob import (
    AccountSasPermissions,
    BlobServiceClient,
    ResourceTypes,
    generate_account_sas,
)
from azure.storage.queue import QueueServiceClient

from devkit.azurite import ACCOUNT, ACCOUNT_KEY, Azurite
from devkit.host.storage import Account, Container, Queue, StorageError

TEXT = "<&>\"'ü\n€ \x7f]]>"


def make_signature() -> str:
    return generate_account_sas(
        ACCOUNT,
        ACCOUNT_KEY,
        ResourceTypes(service=True, container=True, object=True),
        AccountSasPermissions(read=True, write=True, delete=True, add=True, update=True, create=True, process=True),
        datetime.now(UTC) + timedelta(days=1),
        services="bq",
    )


@pytest.fixture(params=["key", "signature"])
def account(azurite: Azurite, request: pytest.FixtureRequest) -> Account:
    if request.param == "key":
        return Account.parse(azurite.connection_string)
    places = ";".join(f"{service}Endpoint={url}/" for service, url in azurite.endpoints.items())
    return Account.parse(f"{places};SharedAccessSignature=?{make_signature()}")


def test_messages_are_those_of_microsofts_client(account: Account, azurite: Azurite) -> None:
    queue = Queue(account, f"letters-{uuid.uuid4().hex[:12]}")
    with pytest.raises(StorageError) as absent:
        queue.receive(1, 1)
    assert (absent.value.status, absent.value.code) == (404, "QueueNotFound")
    for _ in range(2):
        queue.put(TEXT)  # the first makes the queue
    with QueueServiceClient.from_connection_string(azurite.connection_string) as service:
        foreign = service.get_queue_client(queue.name)
        assert [message.content for message in foreign.peek_messages(5)] == [TEXT, TEXT]
        [first] = queue.receive(1, 600)
        assert (first.content, first.dequeue_count) == (TEXT, 1)
        assert first.inserted_on
        assert first.next_visible_on
        assert first.expires_on
        assert timedelta(minutes=9) < first.next_visible_on - first.inserted_on < timedelta(minutes=11)
        receipt = first.pop_receipt
        queue.hide(first, 600)
        assert first.pop_receipt != receipt
        queue.hide(first, 0)
        [*_, again] = sorted(queue.receive(5, 600), key=lambda message: message.dequeue_count)
        assert (again.id, again.dequeue_count) == (first.id, 2)
        with pytest.raises(StorageError) as lost:
            queue.delete(first)
        assert (lost.value.status, lost.value.code) == (400, "PopReceiptMismatch")
        queue.delete(again)
        assert foreign.get_queue_properties().approximate_message_count == 1


def test_blobs_are_those_of_microsofts_client(account: Account, azurite: Azurite) -> None:
    container, name = Container(account, f"texts-{uuid.uuid4().hex[:12]}"), "timers/a b.c/Host.Functions.x/status"
    assert container.read(name) is None
    container.write(name, "first")  # makes the container
    container.write(name, TEXT)
    assert container.read(name) == TEXT
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        assert service.get_blob_client(container.name, name).download_blob().readall() == TEXT.encode()


def test_a_wrong_key_is_refused_and_a_dead_account_has_no_status(azurite: Azurite) -> None:
    wrong = azurite.connection_string.replace(ACCOUNT_KEY, "bm8ga2V5")
    with pytest.raises(StorageError) as refused:
        Queue(Account.parse(wrong), "letters").receive(1, 1)
    assert refused.value.status == 403
    dead = "AccountName=a;AccountKey=bm8ga2V5;QueueEndpoint=http://127.0.0.1:1/a;BlobEndpoint=http://127.0.0.1:1/a"
    with pytest.raises(StorageError) as silent:
        Queue(Account.parse(dead), "letters").receive(1, 1)
    assert silent.value.status == 0


@pytest.mark.parametrize(
    ("text", "blob"),
    [
        ("UseDevelopmentStorage=true;", "http://127.0.0.1:10000/devstoreaccount1"),
        ("AccountName=desk;AccountKey=bm8ga2V5", "https://desk.blob.core.windows.net"),
        ("DefaultEndpointsProtocol=http;AccountName=desk;AccountKey=bm8=;EndpointSuffix=x.cn", "http://desk.blob.x.cn"),
        ("BlobEndpoint=https://b/;QueueEndpoint=https://q;SharedAccessSignature=?sv=1&sig=a%3D", "https://b"),
    ],
)
def test_connection_strings_name_the_services(text: str, blob: str) -> None:
    assert Account.parse(text).endpoints["blob"] == blob


@pytest.mark.parametrize(
    "text", ["", "nonsense", "AccountName=desk", "AccountName=desk;AccountKey=#", "AccountKey=bm8="]
)
def test_a_connection_string_that_opens_nothing_is_malformed(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - several sentences, of several libraries
        Account.parse(text)
