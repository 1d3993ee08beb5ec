"""Blobs of one request, beside Microsoft's own client on one emulator."""

import pytest
from azure.storage.blob import BlobServiceClient

from devkit.azurite import Azurite
from shared.errors import Unavailable
from shared.storage import blobs
from shared.storage.account import BLOCK, Storage
from shared.storage.blobs import Container

NAMES = ("a/b c.json", "é ü+%20&=.txt", "o'neil~(1)")


@pytest.mark.parametrize("blob", NAMES)
@pytest.mark.parametrize("data", [b"", b"{}", b"\0\xff" * 1000])
def test_what_either_client_writes_the_other_reads(
    azurite: Azurite, storage: Storage, name: str, blob: str, data: bytes
) -> None:
    ours = Container(storage, name)
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        theirs = service.get_blob_client(name, blob)
        ours.put(blob, data, content_type="text/x-test")  # makes the container, too
        assert theirs.download_blob().readall() == data
        assert theirs.get_blob_properties().content_settings.content_type == "text/x-test"
        theirs.upload_blob(data + b"!", overwrite=True)
        assert ours.get(blob) == data + b"!"


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 7])
def test_a_stream_of_any_size_is_written_whole(azurite: Azurite, storage: Storage, name: str, size: int) -> None:
    container = Container(storage, name)
    container.make()
    data = bytes(index % 251 for index in range(1009)) * (size // 1009 + 1)
    data = data[:size]
    container.put("stream", (data[start : start + 1_000_000] for start in range(0, size, 1_000_000)))
    container.put("whole", data)
    for blob in ("stream", "whole"):
        chunks = list(container.read(blob) or ())
        assert b"".join(chunks) == data
        assert all(len(chunk) <= BLOCK for chunk in chunks)
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        blocks = service.get_blob_client(name, "stream").get_block_list()[0]
    assert bool(blocks) == (size > BLOCK)  # what fits into one request is one


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [(0, None, b"0123456789"), (3, None, b"3456789"), (3, 4, b"3456"), (8, 9, b"89"), (9, 1, b"9"), (10, 5, b"")],
)
def test_parts_are_read(storage: Storage, name: str, offset: int, length: int | None, expected: bytes) -> None:
    container = Container(storage, name)
    container.put("x", b"0123456789")
    assert b"".join(container.read("x", offset=offset, length=length) or ()) == expected


def test_the_parts_of_a_blob_are_of_one_version(storage: Storage, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "BLOCK", 4)
    container = Container(storage, name)
    container.put("x", b"0123456789")
    assert list(container.read("x") or ()) == [b"0123", b"4567", b"89"]
    chunks = container.read("x")
    assert chunks is not None
    assert next(chunks) == b"0123"
    container.put("x", b"abcdefghij")
    with pytest.raises(Unavailable):
        next(chunks)
