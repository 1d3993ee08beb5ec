"""Requests and answers between the ASGI server and the host, in the shapes that functions see.

The rules are those of Kestrel and ASP.NET Core 8 and of the host around them; tests/unit/host_vectors holds answers of
theirs. What this app neither meets nor answers is refused: see docs/development.md.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl, quote, unquote

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]

_BAD_REQUEST, _TOO_LONG, _TOO_MANY_HEADERS, _FAILED, _OTHER_VERSION = 400, 414, 431, 500, 505
_LINE_LIMIT, _HEADERS_LIMIT, _HEADER_COUNT = 8192, 32768, 100
_LINE_REST = len("  HTTP/1.1\r\n")
_HOST = re.compile(r"((\[[0-9A-Fa-f:.]+\]|[\w.~-]+)(:[0-9]+)?)?", re.ASCII)
_ENCODED_SLASH = re.compile("(%2f)", re.IGNORECASE)
_UNREADABLE = re.compile("[\udc80-\udcff]")
_PATH_CHARACTERS = "/%!$&'()*+,;=:@~"
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~\w]+", re.ASCII)
_HEADER_VALUE = re.compile(r"([!-~]+([\t ]+[!-~]+)*)?")
_OF_THE_SERVER = {"content-length", "transfer-encoding", "connection", "date", "server", "set-cookie"}
_WITHOUT_BODY = {204, 205, 304}
_STATUSES = range(200, 600)


class RefusedRequestError(Exception):
    """The server answers by itself and closes the connection; no function sees the request."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class UnsupportedReplyError(Exception):
    """A function's answer is one that this host does not know, or that breaks the platform's connection."""


@dataclass(frozen=True)
class Request:
    """A request without its body. Header names in lower case; repeated headers and query values joined with ``,``."""

    method: str
    path: str
    """Decoded, without the query: ``%2F`` and what is no UTF-8 stay as written, dot segments are resolved."""
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    """Without empty values, which functions never see on the platform; last spelling of each name."""

    @classmethod
    def read(cls, scope: Mapping[str, Any]) -> Self:
        """Read an ASGI HTTP scope. Raises RefusedRequestError."""
        if scope["http_version"] != "1.1":
            raise RefusedRequestError(_OTHER_VERSION)
        try:
            target, query_string = scope["raw_path"].decode("ascii"), scope["query_string"].decode("ascii")
            pairs = [(name.decode("ascii"), value.decode()) for name, value in scope["headers"]]
        except UnicodeDecodeError:
            raise RefusedRequestError(_BAD_REQUEST) from None
        if len(scope["method"]) + len(target) + len(query_string) + 1 + _LINE_REST > _LINE_LIMIT:
            raise RefusedRequestError(_TOO_LONG)
        if len(pairs) > _HEADER_COUNT or sum(len(name) + len(value) + 4 for name, value in pairs) > _HEADERS_LIMIT:
            raise RefusedRequestError(_TOO_MANY_HEADERS)
        headers = _join(pairs, keep_empty=True)
        host, length = headers.get("host", ""), headers.get("content-length", "0")
        path = read_path(target)
        is_plain = path.startswith("/") and "\0" not in path and "#" not in target + query_string
        has_length = length == str(int(length)) and (length == "0" or "transfer-encoding" not in headers)
        if not (is_plain and has_length and _HOST.fullmatch(host)):
            raise RefusedRequestError(_BAD_REQUEST)
        url = f"{scope['scheme']}://{host}{write_path(path)}" + (f"?{query_string}" if query_string else "")
        fields = parse_qsl(query_string, keep_blank_values=True, errors="surrogateescape")
        query = _join(((_restore(name), _restore(value)) for name, value in fields), keep_empty=False)
        return cls(scope["method"], path, url, headers, query)

    def find_query(self, name: str) -> str | None:
        """Return a query value; the platform's own names compare without case."""
        return next((value for key, value in self.query.items() if key.casefold() == name), None)


@dataclass(frozen=True)
class Response:
    """An answer. Its body goes out in chunks, as on the platform, unless it is empty."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    function: str = field(default="-", compare=False)
    """Who answered, for the access log."""

    def check(self) -> None:
        """Raise UnsupportedReplyError for what a function may not answer."""
        for name, value in self.headers:
            if name.lower() in _OF_THE_SERVER:
                raise UnsupportedReplyError(f"the local host leaves the header {name} to the server")
            if not (_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value)):
                raise UnsupportedReplyError(f"the header {name!r} holds what HTTP cannot carry")
        if self.status not in _STATUSES:
            raise UnsupportedReplyError(f"{self.status} is no status that a function can answer")
        if self.body and self.status in _WITHOUT_BODY:
            raise UnsupportedReplyError(f"a body with status {self.status} breaks the connection on the platform")

    async def send(self, send: Send, extra: Iterable[tuple[str, str]] = (), *, close: bool = False) -> None:
        """Send it with further headers. Of two headers of one name the first is kept, the function's own therefore."""
        headers: dict[str, tuple[str, str]] = {}
        for name, value in (*self.headers, *extra):
            headers.setdefault(name.lower(), (name, value))
        if not headers.get("content-type", ("", "x"))[1]:
            del headers["content-type"]
        if not self.body and self.status not in _WITHOUT_BODY - {205}:
            headers["content-length"] = ("Content-Length", "0")
        if close:
            headers["connection"] = ("Connection", "close")
        encoded = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.values()]
        await send({"type": "http.response.start", "status": self.status, "headers": encoded})
        await send({"type": "http.response.body", "body": self.body})


async def read_body(request: Request, receive: Receive, limit: int) -> bytes:
    """Return the body that ``Content-Length`` announces, so that a chunked one arrives empty, as on the platform.

    Raises RefusedRequestError above ``limit`` bytes.
    """
    announced = int(request.headers.get("content-length") or 0)
    if announced > limit:
        raise RefusedRequestError(_FAILED)
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if announced:
            body += message.get("body", b"")
        more = bool(message.get("more_body"))
    return bytes(body)


def read_path(target: str) -> str:
    """Return the path of a request target as Kestrel reads it."""
    if "%" in target:
        pieces = _ENCODED_SLASH.split(target)
        target = "".join(
            piece if index % 2 else _restore(unquote(piece, errors="surrogateescape"))
            for index, piece in enumerate(pieces)
        )
    return _resolve_dots(target) if "/." in target else target


def write_path(path: str) -> str:
    """Return the path as it stands in the address that a function sees."""
    return quote(re.sub("%(?![0-9A-Fa-f]{2})", "%25", path), safe=_PATH_CHARACTERS)


def _resolve_dots(path: str) -> str:
    kept: list[str] = []
    *folders, last = path.split("/")[1:]
    for segment in (*folders, last):
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if last in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)


def _restore(text: str) -> str:
    """Write bytes that are no UTF-8 as they came."""
    return _UNREADABLE.sub(lambda match: f"%{ord(match[0]) - 0xDC00:02X}", text)


def _join(pairs: Iterable[tuple[str, str]], *, keep_empty: bool) -> dict[str, str]:
    """Join values of one name (compared without case) with commas, leaving empty ones out, as .NET's StringValues."""
    spelling: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        key = name.lower()
        spelling[key] = name
        values.setdefault(key, []).append(value)
    joined = {spelling[key]: ",".join(value for value in group if value) for key, group in values.items()}
    return {name: value for name, value in joined.items() if value or keep_empty}
