"""Attachments: files, items, cloud links, and large files whose bytes are made while they are read."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from typing import Literal

from twin.core.wire import Stream, stream_of

_BLOCK = 192 * 1024

type Kind = Literal["file", "item", "reference"]


@dataclass(frozen=True, slots=True)
class File:
    """A file. With a `content_id` the HTML body can show it: `<img src="cid:...">`."""

    name: str
    content_type: str = "application/octet-stream"
    data: bytes | Stream = b""
    inline: bool = False
    content_id: str | None = None


@dataclass(frozen=True, slots=True)
class Synthetic:
    """A file of any size whose bytes are made while they are read, the same each time."""

    size: int
    name: str = "large.bin"
    content_type: str = "application/octet-stream"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """An attached mail (MIME), event (iCal) or contact (vCard); the name defaults to the mail's subject."""

    data: bytes
    name: str | None = None
    item: Literal["message", "event", "contact"] = "message"


@dataclass(frozen=True, slots=True)
class Reference:
    """A link to a file in the cloud. Graph v1.0 does not show the address."""

    name: str
    url: str = ""


type Enclosure = File | Synthetic | Item | Reference


@dataclass(slots=True)
class Attachment:
    """An attachment as Exchange keeps it. Its id is the id of its message with `suffix`."""

    kind: Kind
    name: str
    content_type: str | None
    content: Stream
    is_inline: bool = False
    content_id: str | None = None
    item: str = "message"
    url: str = ""
    suffix: str = ""


def enclose(what: Enclosure) -> Attachment:
    """Make an attachment."""
    match what:
        case File(name, content_type, data, inline, content_id):
            content = data if isinstance(data, Stream) else stream_of(data)
            return Attachment("file", name, content_type, content, inline, content_id)
        case Synthetic(size, name, content_type, seed):
            return Attachment("file", name, content_type, make_bytes(size, seed))
        case Item(data, name, item):
            title = name if name is not None else _read_subject(data)
            return Attachment("item", title, None, stream_of(data), item=item)
        case Reference(name, url):
            return Attachment("reference", name, None, stream_of(b""), url=url)


def make_bytes(size: int, seed: int = 0) -> Stream:
    """Make so many bytes."""

    def read() -> Iterator[bytes]:
        for number, start in enumerate(range(0, size, _BLOCK)):
            source = random.Random(f"{seed}/{number}")  # noqa: S311 - filler that must come out the same each time
            yield source.randbytes(min(_BLOCK, size - start))

    return Stream(size, read)


def _read_subject(data: bytes) -> str:
    return str(BytesHeaderParser().parsebytes(data)["subject"] or "Attached item")
