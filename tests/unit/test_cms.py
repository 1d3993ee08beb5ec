import random
import time

import pytest

from inbound_mail.content.cms import is_encrypted, read_signed
from tests.signed_mails import INNER, encrypt, sign, stream_signed

STRUCTURES = {"DER": sign(), "BER": stream_signed(), "BER in pieces of one byte": stream_signed(piece=1)}


@pytest.mark.parametrize("data", STRUCTURES.values(), ids=STRUCTURES)
def test_what_is_signed_is_read(data: bytes) -> None:
    assert read_signed(data) == INNER
    assert not is_encrypted(data)


def test_what_is_encrypted_is_recognised() -> None:
    assert is_encrypted(encrypt())
    assert read_signed(encrypt()) is None


@pytest.mark.parametrize(
    "data", [b"", b"0", b"%PDF-1.4\ninvented", b"0\x80" * 200_000, b"\x24\x80" * 200_000, sign()[:-1], b"0\x84" * 9]
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_signed(data)


def test_damaged_structures_do_no_harm() -> None:
    source = random.Random(7)  # noqa: S311 - damage that must come out the same each time
    for _ in range(3000):
        data = bytearray(stream_signed())
        for _ in range(source.randint(1, 6)):
            data[source.randrange(len(data))] = source.randrange(256)
        try:
            read_signed(bytes(data[: source.randint(1, len(data))]))
        except ValueError:
            continue


def test_the_time_grows_with_the_size_only() -> None:
    data = stream_signed(bytes(20_000_000), piece=1000)
    start = time.process_time()
    assert read_signed(data) == bytes(20_000_000)
    assert time.process_time() - start < 2
