"""Requests and answers between the ASGI server and the host, in the shapes that functions see."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl, quote

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]

_OWN_HEADERS = {"content-length", "transfer-encoding", "connection"}
_NO_CONTENT, _NOT_MODIFIED, _OK = 204, 304, 200
_CONTROL_CHARACTERS = frozenset(map(chr, [*range(9), *range(10, 32), 127]))


class BodyTooLargeError(Exception):
    """The body is longer than the limit."""


@dataclass(frozen=True)
class Request:
    """A request without its body. Header names in lower case; repeated headers and query values joined with ``,``."""

    method: str
    raw_path: str
    """As sent, percent-encoded, without the query."""
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    """Without empty values, which functions never see on the platform; first spelling of each name."""

    @classmethod
    def read(cls, scope: Mapping[str, Any]) -> Self:
        """Read an ASGI HTTP scope."""
        headers = _join(
            ((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]), keep_empty=True
        )
        headers = {name.lower(): value for name, value in headers.items()}
        raw_path = (scope.get("raw_path") or quote(scope["path"]).encode()).decode("latin-1")
        query_string = scope["query_string"].decode("latin-1")
        server = scope.get("server") or ("127.0.0.1", 0)
        host = headers.get("host") or f"{server[0]}:{server[1]}"
        url = f"{scope['scheme']}://{host}{raw_path}" + (f"?{query_string}" if query_string else "")
        query = _join(parse_qsl(query_string, keep_blank_values=True), keep_empty=False)
        return cls(scope["method"], raw_path, url, headers, query)

    def find_query(self, name: str) -> str | None:
        """Return a query value; the platform's own names compare without case."""
        return next((value for key, value in self.query.items() if key.casefold() == name), None)

    @property
    def is_chunked(self) -> bool:
        """Whether the body comes in chunks of no announced length."""
        return "content-length" not in self.headers and "chunked" in self.headers.get("transfer-encoding", "").lower()


@dataclass(frozen=True)
class Response:
    """An answer. ``Content-Length`` is added when it is sent."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    function: str = field(default="-", compare=False)
    """Who answered, for the access log."""

    async def send(self, send: Send, extra: Iterable[tuple[str, str]]) -> None:
        """Send it with further headers. Raises ValueError for a header that HTTP cannot carry."""
        has_body = self.status >= _OK and self.status not in {_NO_CONTENT, _NOT_MODIFIED}
        body = self.body if has_body else b""
        headers = [(name, value) for name, value in (*self.headers, *extra) if name.lower() not in _OWN_HEADERS]
        if has_body:
            headers.append(("Content-Length", str(len(body))))
        encoded = [(_encode_header(name), _encode_header(value)) for name, value in headers]
        await send({"type": "http.response.start", "status": self.status, "headers": encoded})
        await send({"type": "http.response.body", "body": body})


async def read_body(request: Request, receive: Receive, limit: int) -> bytes:
    """Return the whole body, de-chunked. Raises BodyTooLargeError above ``limit`` bytes."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise BodyTooLargeError
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = bool(message.get("more_body"))
        if len(body) > limit:
            raise BodyTooLargeError
    return bytes(body)


def _join(pairs: Iterable[tuple[str, str]], *, keep_empty: bool) -> dict[str, str]:
    """Join values of one name (compared without case) with commas, leaving empty ones out, as .NET's StringValues."""
    spelling: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        key = spelling.setdefault(name.casefold(), name)
        values.setdefault(key, []).append(value)
    joined = {name: ",".join(value for value in group if value) for name, group in values.items()}
    return {name: value for name, value in joined.items() if value or keep_empty}


def _encode_header(text: str) -> bytes:
    if _CONTROL_CHARACTERS.intersection(text):
        raise ValueError("a header holds a control character")
    return text.encode("latin-1")
