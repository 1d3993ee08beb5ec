"""The client of tables, beside Microsoft's own on one emulator, and against a server that fails."""

import base64
import contextlib
import json
import math
import re
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.credentials import AccessToken, AzureNamedKeyCredential
from azure.data.tables import AccountSasPermissions, ResourceTypes, TableClient, UpdateMode, generate_account_sas

from devkit.azurite import Azurite
from shared.errors import ConfigurationError, Conflict, GatewayError, Rejected, StorageRefused, Unavailable
from shared.identity import Identity
from shared.settings.choices import IdentitySource
from shared.settings.mail_settings import StorageSettings
from shared.storage import table_client
from shared.storage.account import Storage
from shared.storage.service import Account
from shared.storage.tables import Operation, Row, Table

KEY = {"PartitionKey": "o'neil & söns %27 +=;", "RowKey": "a|b 'c' 100 %"}
VALUES: dict[str, Any] = {
    "text": "é 'quoted' \"twice\"\n\t😀",
    "empty": "",
    "least": -(2**31),
    "most": 2**31 - 1,
    "whole": 7.0,
    "part": 0.1,
    "endless": math.inf,
    "yes": True,
    "no": False,
    "when": datetime(2026, 11, 30, 10, 0, 0, 123456, UTC),
    "guid": uuid.UUID("c9da6455-213d-42c9-9a79-3e9149a57833"),
    "bytes": b"\0\xff",
}


def open_table(connection_string: str, name: str) -> Table:
    settings = StorageSettings(connection_string, None, None, None, None)
    return Table(Storage(settings, Identity(IdentitySource.MANAGED)), name)


def test_what_either_client_writes_the_other_reads(azurite: Azurite, name: str) -> None:
    ours = open_table(azurite.connection_string, name)
    theirs = TableClient.from_connection_string(azurite.connection_string, name)
    assert ours.create(KEY | VALUES | {"large": 2**62, "none": None})
    seen = dict(theirs.get_entity(KEY["PartitionKey"], KEY["RowKey"]))
    assert seen.pop("large").value == 2**62
    assert seen == KEY | VALUES

    theirs.upsert_entity(KEY | VALUES | {"large": (-(2**62), "Edm.Int64")}, mode=UpdateMode.REPLACE)
    found = ours.get(KEY["PartitionKey"], KEY["RowKey"])
    assert found is not None
    assert found.values == KEY | VALUES | {"large": -(2**62)}
    assert {type(value) for value in found.values.values()} == {str, int, float, bool, datetime, uuid.UUID, bytes}
    assert found.etag == theirs.get_entity(KEY["PartitionKey"], KEY["RowKey"]).metadata["etag"]
    [asked] = ours.query(KEY["PartitionKey"], start="", end="~")
    assert asked == found
    assert ours.update(found.values | {"text": "new"}, found.etag)
    assert theirs.get_entity(KEY["PartitionKey"], KEY["RowKey"])["text"] == "new"
    theirs.close()


def test_what_a_table_cannot_hold_is_a_mistake_of_the_caller(azurite: Azurite, name: str) -> None:
    table = open_table(azurite.connection_string, name)
    for value in (2**63, [1], object()):
        with pytest.raises(TypeError):
            table.upsert(KEY | {"value": value})


def test_pages_are_followed_to_the_end(storage: Storage, name: str) -> None:
    table = Table(storage, name)
    table.transact(
        [Operation("create", {"PartitionKey": "p", "RowKey": f"{number}", "n": number}) for number in range(7)]
    )
    client = storage.open_table(name)
    found = [Row(*entity) for entity in client.query("PartitionKey eq 'p'", select=["RowKey", "n"], page_size=3)]
    assert [row.values for row in found] == [{"RowKey": f"{number}", "n": number} for number in range(7)]
    assert all(row.etag for row in found)
    assert [row.row_key for row in table.query("p", start="1", end="~", limit=2)] == ["1", "2"]


def test_a_shared_access_signature_opens_tables(azurite: Azurite, name: str) -> None:
    parts = dict(part.split("=", 1) for part in azurite.connection_string.strip(";").split(";"))
    signature = generate_account_sas(
        AzureNamedKeyCredential(parts["AccountName"], parts["AccountKey"]),
        resource_types=ResourceTypes(service=True, object=True),
        permission=AccountSasPermissions(read=True, add=True, update=True, list=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    open_table(azurite.connection_string, name).upsert({"PartitionKey": "q", "RowKey": "a"})
    table = open_table(f"TableEndpoint={parts['TableEndpoint']};SharedAccessSignature=?{signature}", name)
    assert table.create({"PartitionKey": "p", "RowKey": "a"})
    table.transact([Operation("upsert", {"PartitionKey": "p", "RowKey": row}) for row in "bc"])
    assert [row is not None for row in map(table.get, "pppp", "abcd")] == [True, True, True, False]


@pytest.mark.parametrize(
    ("connection_string", "url"),
    [
        ("AccountName=stgateway;AccountKey=YQ==", "https://stgateway.table.core.windows.net"),
        (
            "DefaultEndpointsProtocol=https;AccountName=s;AccountKey=YQ==;EndpointSuffix=core.chinacloudapi.cn",
            "https://s.table.core.chinacloudapi.cn",
        ),
        ("UseDevelopmentStorage=true", "http://127.0.0.1:10002/devstoreaccount1"),
    ],
)
def test_connection_strings_are_read_as_by_microsofts_client(connection_string: str, url: str, name: str) -> None:
    theirs = TableClient.from_connection_string(connection_string, name)
    settings = StorageSettings(connection_string, None, None, None, None)
    account = Storage(settings, Identity(IdentitySource.MANAGED)).find_account("table")
    their_key: Any = theirs.credential
    assert account.url == url == theirs.url
    assert account.key is not None
    assert account.key.account == theirs.account_name
    assert base64.b64encode(account.key.key).decode() == their_key.named_key.key
    assert their_key.named_key.key not in repr(account)
    theirs.close()


def test_a_connection_string_without_key_and_signature_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError):
        open_table("AccountName=stgateway", name).get("p", "a")


@contextmanager
def failing_server(*answers: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Answer one request after the other with raw bytes; with b"" the connection is closed, without an answer."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                for answer in answers:
                    connection, _ = listener.accept()
                    with connection:
                        seen.append(read_request(connection))
                        connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        port = listener.getsockname()[1]
        try:
            yield f"AccountName=a;AccountKey=YQ==;TableEndpoint=http://127.0.0.1:{port}/a", seen
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def read_request(connection: socket.socket) -> bytes:
    """Read head and body: they come in two parts."""
    raw = b""
    while more := connection.recv(1 << 20):
        raw += more
        head, complete, body = raw.partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        if complete and len(body) >= int(length[1] if length else 0):
            break
    return raw


def refuse(status: int, code: str) -> bytes:
    body = error_text(code)
    return f"HTTP/1.1 {status} No\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def refuse_part(status: int, code: str, index: int) -> bytes:
    part = f"HTTP/1.1 {status} No\r\nContent-Type: application/json\r\n\r\n{error_text(code, f'{index}:')}"
    body = f"--batch\r\n\r\n--changes\r\nContent-Type: application/http\r\n\r\n{part}\r\n--changes--\r\n--batch--\r\n"
    head = f"HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Content-Type: multipart/mixed; boundary=batch\r\n\r\n{body}".encode()


def error_text(code: str, prefix: str = "") -> str:
    return (
        json.dumps({"odata.error": {"code": code, "message": {"lang": "en-US", "value": f"{prefix}no"}}})
        if code
        else ""
    )


DONE = b'HTTP/1.1 204 No Content\r\nConnection: close\r\nETag: W/"1"\r\n\r\n'
ENTITY = {"PartitionKey": "p", "RowKey": "a"}
WRITES = ("create", "upsert", "upsert-merge", "replace", "merge", "delete")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "PropertyValueTooLarge", Rejected),
        (400, "EntityTooLarge", Rejected),
        (413, "RequestBodyTooLarge", Rejected),
        (413, "", Rejected),
        (400, "InvalidInput", Rejected),
        (302, "", ConfigurationError),
        (403, "AuthorizationFailure", StorageRefused),
        (404, "EntityNotFound", Conflict),
        (404, "ResourceNotFound", Conflict),
        (409, "EntityAlreadyExists", Conflict),
        (409, "TableBeingDeleted", Unavailable),
        (412, "UpdateConditionNotSatisfied", Conflict),
        (500, "InternalError", Unavailable),
        (500, "OperationTimedOut", Unavailable),
        (502, "", Unavailable),
    ],
)
def test_the_error_of_a_write_says_what_is_known(name: str, status: int, code: str, kind: type[GatewayError]) -> None:
    with failing_server(refuse(status, code), refuse_part(status, code, 1)) as (connection_string, seen):
        table = open_table(connection_string, name)
        with pytest.raises(kind) as raised:
            table.transact([Operation("upsert", ENTITY)])
        assert type(raised.value) is kind
        with pytest.raises(kind) as raised:
            table.transact([Operation("upsert", ENTITY), Operation("upsert", ENTITY | {"RowKey": "b"})])
        assert type(raised.value) is kind
        assert raised.value.target == ("1" if kind is Conflict else None)
    assert len(seen) == 2


@pytest.mark.parametrize("write", WRITES)
def test_a_write_whose_answer_is_lost_is_not_repeated(write: str, name: str) -> None:
    with failing_server(b"", DONE) as (connection_string, seen):
        with pytest.raises(Unavailable):
            open_table(connection_string, name).transact([Operation(write, ENTITY)])
        assert len(seen) == 1


@pytest.mark.parametrize("write", WRITES)
def test_a_write_that_was_not_begun_is_repeated(write: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    busy = refuse(503, "ServerBusy")
    with failing_server(busy, busy, DONE) as (connection_string, seen):
        assert open_table(connection_string, name).transact([Operation(write, ENTITY)]) == ['W/"1"']
    assert len(seen) == 3
    assert pauses == [0.0, 0.6]


def test_a_read_is_repeated_after_any_failure_that_may_pass(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    body = json.dumps(ENTITY | {"odata.etag": "W/1"})
    good = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    with failing_server(b"", refuse(500, "OperationTimedOut"), good) as (connection_string, seen):
        assert open_table(connection_string, name).get("p", "a") == Row(ENTITY, "W/1")
    assert len(seen) == 3
    with failing_server(b"", b"", b"", good) as (connection_string, seen), pytest.raises(Unavailable):
        open_table(connection_string, name).get("p", "a")
    assert len(seen) == 3


def test_half_an_answer_to_a_transaction_is_no_success(name: str) -> None:
    body = (
        "--batch\r\n\r\n--changes\r\n\r\nHTTP/1.1 204 No Content\r\nETag: W/1\r\n\r\n\r\n--changes--\r\n--batch--\r\n"
    )
    answer = f"HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    operations = [Operation("upsert", ENTITY), Operation("upsert", ENTITY | {"RowKey": "b"})]
    with failing_server(answer) as (connection_string, _), pytest.raises(Unavailable):
        open_table(connection_string, name).transact(operations)


class FakeCredential:
    """Gives a token for each tenant."""

    def get_token(self, *scopes: str, tenant_id: str = "home", **_: Any) -> AccessToken:
        assert scopes == ("https://storage.azure.com/.default",)
        return AccessToken(f"token-of-{tenant_id}", int(datetime.now(UTC).timestamp()) + 3600)


class FakeTransport:
    """Takes tokens of one tenant only, and says so as the service does."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def send(self, request: Any, **_: Any) -> Any:
        self.seen.append(request.headers["Authorization"])
        if request.headers["Authorization"] == "Bearer token-of-other":
            return SimpleNamespace(status_code=204, headers={"ETag": "W/1"}, content=b"")
        challenge = "Bearer authorization_uri=https://login.microsoftonline.com/other/oauth2/authorize resource_id=x"
        return SimpleNamespace(status_code=401, headers={"WWW-Authenticate": challenge}, content=b"")

    def sleep(self, _: float) -> None:
        raise AssertionError("the client waits by itself")


def open_with_token(url: str) -> tuple[table_client.TableClient, FakeTransport]:
    transport = FakeTransport()
    return table_client.TableClient(Account(url, credential=FakeCredential()), "t", transport), transport


def test_a_token_of_the_tenant_that_the_service_names_is_used() -> None:
    client, transport = open_with_token("https://st.table.core.windows.net")
    writes: Sequence[Any] = [table_client.Write("upsert", ENTITY, None)] * 2
    assert [client.write(write) for write in writes] == ["W/1", "W/1"]
    assert transport.seen == ["Bearer token-of-home", *["Bearer token-of-other"] * 2]


def test_a_token_never_travels_in_the_clear() -> None:
    client, transport = open_with_token("http://st.table.core.windows.net")
    with pytest.raises(Exception, match="non-TLS"):
        client.write(table_client.Write("upsert", ENTITY, None))
    assert transport.seen == []
