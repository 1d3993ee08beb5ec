"""Links to blobs, opened at the storage emulator: what they open, for how long, and what signs them."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests
import trustme
from azure.core.credentials import AccessToken

from devkit.azurite import Azurite, start_azurite
from shared.errors import Forbidden, StorageRefused
from shared.identity import Identity
from shared.settings.choices import IdentitySource
from shared.settings.mail_settings import StorageSettings
from shared.storage import file_links
from shared.storage.account import Storage
from shared.storage.blobs import Container
from shared.storage.file_links import FileLinks

NAMES = ("printer.bin", 'größe, "1"; x.pdf', "a\u2019b.txt")


class Identities(Identity):
    """An identity whose tokens the emulator takes; it counts them."""

    def __init__(self) -> None:
        super().__init__(IdentitySource.MANAGED)
        self.roles = True

    def credential(self, client_id: str | None) -> Any:
        return self

    def get_token(self, *_: str, **__: object) -> AccessToken:
        now = int(time.time())
        claims = {"aud": "https://storage.azure.com", "iss": "https://sts.windows.net/t/", "oid": "o", "tid": "t",
                  "iat": now, "nbf": now - 60, "exp": now + 3600}  # fmt: skip
        if not self.roles:
            claims["aud"] = "https://another.example"
        return AccessToken(jwt.encode(claims, "no key is looked at, so any will do"), now + 3600)


@pytest.fixture(scope="module")
def https_azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Azurite, Path]]:
    """A storage emulator that is opened by tokens, and the file with its authority."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    names = folder / "cert.pem", folder / "key.pem"
    names[0].write_bytes(b"".join(one.bytes() for one in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(names[1]))
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    with start_azurite(certificate=names) as running:
        yield running, folder / "authority.pem"


@pytest.fixture
def by_identity(https_azurite: tuple[Azurite, Path], monkeypatch: pytest.MonkeyPatch) -> Storage:
    """The storage account as it is in Azure: opened by the app's identity, over https."""
    running, authority = https_azurite
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    blob, queue, table = (running.endpoints[one] for one in ("Blob", "Queue", "Table"))
    return Storage(StorageSettings(None, blob, queue, table, None), Identities())


@pytest.fixture(params=["by key", "by identity"])
def opened(request: pytest.FixtureRequest) -> Storage:
    fixture = "storage" if request.param == "by key" else "by_identity"
    found: Storage = request.getfixturevalue(fixture)
    return found


def fetch(url: str, method: str = "GET") -> requests.Response:
    return requests.request(method, url, timeout=30, data=b"x" if method == "PUT" else None)


@pytest.mark.parametrize("file_name", NAMES)
def test_a_link_opens_one_blob_and_has_it_saved(opened: Storage, name: str, file_name: str) -> None:
    container = Container(opened, name)
    container.put("a/k/001", b"<script>", content_type="text/html")
    container.put("a/k/002", b"another")
    now = datetime.now(UTC)
    link = FileLinks(opened, are_allowed=True).make(name, "a/k/001", file_name=file_name)
    assert timedelta(minutes=9) < link.expires_at - now < timedelta(minutes=11)
    assert link.url not in repr(link)

    answer = fetch(link.url)
    assert (answer.status_code, answer.content) == (200, b"<script>")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == file_links.save_as(file_name)
    assert answer.headers["content-disposition"].isascii()
    shown = parse_qs(urlsplit(link.url).query)
    assert (shown["sp"], shown["sr"]) == (["r"], ["b"])
    assert shown["spr"] == ["https" if link.url.startswith("https:") else "https,http"]

    for other in (link.url.replace("/001?", "/002?"), link.url.replace("a/k/001?", "?")):
        assert fetch(other).status_code in (400, 403, 404)
    assert {fetch(link.url, method).status_code for method in ("PUT", "DELETE")} <= {400, 403}
    assert container.get("a/k/002") == b"another"


def test_a_link_ends(opened: Storage, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    container = Container(opened, name)
    container.put("x", b"x")
    monkeypatch.setattr(file_links, "LINK_LASTS", timedelta(minutes=-1))
    assert fetch(FileLinks(opened, are_allowed=True).make(name, "x", file_name="x").url).status_code == 403


def test_one_key_of_the_account_signs_links_for_an_hour(
    by_identity: Storage, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    links = FileLinks(by_identity, are_allowed=True)
    ask = by_identity.open_blob_service

    def count() -> Any:
        asked.append(None)
        return ask()

    monkeypatch.setattr(by_identity, "open_blob_service", count)
    for blob in ("x", "y"):
        links.make(name, blob, file_name=blob)
    assert len(asked) == 1
    assert links._known is not None
    soon = datetime.now(UTC) + timedelta(minutes=5)  # a link must not outlive the key
    monkeypatch.setattr(links, "_known", (*links._known[:2], soon))
    links.make(name, "x", file_name="x")
    assert len(asked) == 2


def test_without_the_right_the_reason_is_said(by_identity: Storage, name: str) -> None:
    identity = by_identity._identity
    assert isinstance(identity, Identities)
    identity.roles = False
    with pytest.raises(StorageRefused, match="roles"):
        FileLinks(by_identity, are_allowed=True).make(name, "x", file_name="x")


def test_where_nothing_can_sign_there_are_no_links(azurite: Azurite, storage: Storage, name: str) -> None:
    with_signature = f"BlobEndpoint={azurite.endpoints['Blob']};SharedAccessSignature=sv=2021&sig=x"
    only_signature = Storage(replace(storage._settings, connection_string=with_signature), storage._identity)
    for links in (FileLinks(storage, are_allowed=False), FileLinks(only_signature, are_allowed=True)):
        assert not links.are_possible()
        with pytest.raises(Forbidden, match="FILE_LINKS") as caught:
            links.make(name, "x", file_name="x")
        assert caught.value.code == "FileLinksOff"
