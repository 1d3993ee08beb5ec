"""Bytes that are made while they are sent."""

import base64
import json
from collections.abc import Iterator

import pytest

from twin.core.record import Record, redact
from twin.core.wire import Call, Reply, Stream, stream_of


def count_up(size: int, step: int) -> Stream:
    """Return a stream with pieces of different sizes."""

    def read() -> Iterator[bytes]:
        whole = bytes(number % 251 for number in range(size))
        yield from (whole[start : start + step] for start in range(0, size, step))

    return Stream(size, read)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 98_303, 98_304, 98_305, 300_000])
def test_base64_is_that_of_the_whole(size: int) -> None:
    stream = count_up(size, 1000)
    encoded = stream.as_base64()

    assert encoded.whole() == base64.b64encode(stream.whole())
    assert len(encoded) == len(encoded.whole())


def test_streams_and_bytes_are_joined() -> None:
    joined = stream_of(b"a", count_up(4, 3), b"", b"z")

    assert joined.whole() == joined.whole() == b"a\x00\x01\x02\x03z"
    assert len(joined) == 6


def test_inside_json_a_stream_becomes_its_base64() -> None:
    body = {"first": stream_of(b"one"), "more": [{"second": count_up(200_000, 7_777)}, "ü"], "none": stream_of(b"")}

    written, content_type = Reply(200, body).encode()

    assert isinstance(written, Stream)
    read = json.loads(written.whole())
    assert content_type == "application/json; charset=utf-8"
    assert len(written) == len(written.whole())
    assert base64.b64decode(read["first"]) == b"one"
    assert base64.b64decode(read["more"][0]["second"]) == count_up(200_000, 7_777).whole()
    assert (read["more"][1], read["none"]) == ("ü", "")


def test_what_has_no_place_in_json_is_still_an_error() -> None:
    with pytest.raises(TypeError, match="set has no place in JSON"):
        Reply(200, {"value": {1}}).encode()


def test_the_record_keeps_small_streams_as_text() -> None:
    assert redact({"contentBytes": stream_of(b"one")}) == {"contentBytes": base64.b64encode(b"one").decode()}


def test_what_is_not_kept_weighs_nothing() -> None:
    record = Record(total_limit=1000)
    for size in (100, 10_000_000, 100):
        exchange = record.open(Call("host", "GET", "/p", "/p", "", {}), frozenset())
        record.close(exchange, Reply(200, b""), outcome="answered", size=size, secret_fields=frozenset())

    assert [exchange.size for exchange in record.all()] == [100, 10_000_000, 100]
    assert [exchange.kept for exchange in record.all()] == [100, 0, 100]
