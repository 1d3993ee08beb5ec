"""One request and one answer as handlers see them, independent of sockets."""

import base64
import json
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

type Json = dict[str, Any]
type Body = Json | list[Any] | str | bytes | Stream | None

LOOPBACK = "(loopback)"
"""What APIs of the plain-http port register as their host; no name in a URL can be this."""


_BASE64_UNIT = 3 * 32 * 1024
"""A multiple of three, so that pieces of this size can be put into base64 one by one."""
_STREAM_MARK = f"stream-{uuid.uuid4().hex}"


@dataclass(frozen=True, slots=True)
class Stream:
    """Bytes that are made while they are sent, so that they are never in memory as a whole. In JSON they become base64.

    `read` begins again each time it is called and yields `size` bytes in all.
    """

    size: int
    read: Callable[[], Iterator[bytes]]

    def __len__(self) -> int:
        return self.size

    def whole(self) -> bytes:
        """Return all bytes at once."""
        return b"".join(self.read())

    def as_base64(self) -> "Stream":
        """Return the stream of this one's base64 text."""
        return Stream((self.size + 2) // 3 * 4, lambda: map(base64.b64encode, self.pieces(_BASE64_UNIT)))

    def pieces(self, size: int) -> Iterator[bytes]:
        """Yield the bytes in pieces of one size; the last one may be smaller."""
        waiting = bytearray()
        for chunk in self.read():
            waiting += chunk
            while len(waiting) >= size:
                yield bytes(waiting[:size])
                del waiting[:size]
        if waiting:
            yield bytes(waiting)


def stream_of(*parts: "bytes | Stream") -> Stream:
    """Join bytes and streams into one stream."""

    def read() -> Iterator[bytes]:
        for part in parts:
            if isinstance(part, Stream):
                yield from part.read()
            else:
                yield part

    return Stream(sum(map(len, parts)), read)


@dataclass(slots=True)
class Call:
    """A request: header names are lower-case, the path is percent-decoded once, the query keeps its order.

    A plus sign in the query means a blank, as on the real services; so an unescaped "+00:00" arrives broken here too.
    """

    host: str
    method: str
    path: str
    raw_path: str
    query_string: str
    headers: Mapping[str, str]
    body: bytes = b""
    api: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    caller: Any = None
    """Who asks; set by the api's admission."""
    places: Any = None
    """What the api's limits hold for it; set by the api's admission or by the batch that it is a part of."""
    ask: "Callable[[Call], Reply] | None" = None
    """Puts another call to any API of the twin; the server sets it. A batch needs it."""
    _closers: list[Callable[[], None]] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        """Return a path parameter by name."""
        return self.params[name]

    @property
    def query(self) -> list[tuple[str, str]]:
        """All query options in order, blank values kept."""
        return parse_qsl(self.query_string, keep_blank_values=True)

    def option(self, name: str) -> str | None:
        """Return the first query option of this name, or None."""
        return next((value for key, value in self.query if key == name), None)

    def json(self) -> Any:
        """Return the parsed JSON body; None for an empty one; ValueError for anything that is not JSON or not text."""
        found = json.loads(self.body) if self.body.strip() else None
        json.dumps(found, ensure_ascii=False).encode()  # an unpaired surrogate cannot be sent in an answer
        return found

    def form(self) -> dict[str, str]:
        """Return the url-encoded form body; the last value wins; ValueError for bytes that are not text."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    def on_finish(self, closer: Callable[[], None]) -> None:
        """Register work for the end of the exchange, whatever its outcome."""
        self._closers.append(closer)

    def finish(self) -> None:
        """Run the registered work, newest first."""
        while self._closers:
            self._closers.pop()()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. A dict or list is sent as JSON, text as text/html, bytes and streams as they are, None as no body.

    With `later`, the answer is what that returns: handlers do not wait, but a service may have to ask others first.
    """

    status: int = 200
    body: Body = None
    headers: Mapping[str, str] = field(default_factory=dict)
    later: "Callable[[], Awaitable[Reply]] | None" = None

    def with_headers(self, **headers: str) -> "Reply":
        """Return the same answer with more headers; underscores in names become dashes; headers already set win."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return Reply(self.status, self.body, {**more, **self.headers})

    @property
    def content_type(self) -> str | None:
        """The type that goes with the kind of body; a header of the answer's own wins over it."""
        match self.body:
            case None:
                return None
            case bytes() | Stream():
                return "application/octet-stream"
            case str():
                return "text/html; charset=utf-8"
            case _:
                return "application/json; charset=utf-8"

    def encode(self) -> tuple[bytes | Stream, str | None]:
        """Body and content type; the type is None when there is no body."""
        match self.body:
            case None:
                return b"", None
            case bytes() | Stream():
                return self.body, self.content_type
            case str():
                return self.body.encode(), self.content_type
            case _:
                return _encode_json(self.body), self.content_type


def _encode_json(body: Json | list[Any]) -> bytes | Stream:
    streams: list[Stream] = []

    def mark(value: object) -> str:
        if not isinstance(value, Stream):
            raise TypeError(f"{type(value).__name__} has no place in JSON")
        streams.append(value.as_base64())
        return _STREAM_MARK

    text = json.dumps(body, ensure_ascii=False, default=mark)
    if not streams:
        return text.encode()
    first, *others = (piece.encode() for piece in text.split(_STREAM_MARK))
    return stream_of(first, *(part for pair in zip(streams, others, strict=True) for part in pair))


class Refusal(Exception):  # noqa: N818 - a refusal is an answer of the twin, not a fault of ours
    """An exception that a handler raises to answer with an error. APIs derive their own classes."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"{reply.status}")
        self._reply = reply

    def render(self, call: Call) -> Reply:
        """Write the answer to send; APIs override it where the body names the request."""
        _ = call
        return self._reply
