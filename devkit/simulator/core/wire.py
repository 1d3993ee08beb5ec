"""One request and one answer, as rooms see them. Nothing here knows about sockets."""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

type Json = dict[str, Any]
type Body = Json | list[Any] | str | bytes | None

LOOPBACK = "(loopback)"
"""What rooms of the plain-http port register as their host; no name in a URL can be this."""


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
    room: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    caller: Any = None
    """Who asks; set by the room's admission."""
    ask: "Callable[[Call], Reply] | None" = None
    """Puts another call to all rooms of the house; set by the front door. A batch needs it."""
    _closers: list[Callable[[], None]] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        """Return A path parameter by name."""
        return self.params[name]

    @property
    def query(self) -> list[tuple[str, str]]:
        """All query options in order, blank values kept."""
        return parse_qsl(self.query_string, keep_blank_values=True)

    def option(self, name: str) -> str | None:
        """Return the first query option of this name, or None."""
        return next((value for key, value in self.query if key == name), None)

    def json(self) -> Any:
        """Return the parsed JSON body; None for an empty one; ValueError for anything that is not JSON."""
        return json.loads(self.body) if self.body.strip() else None

    def form(self) -> dict[str, str]:
        """Return the url-encoded form body; the last value wins; ValueError for bytes that are not text."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    def on_finish(self, closer: Callable[[], None]) -> None:
        """Run something once when the exchange is over, however it ended."""
        self._closers.append(closer)

    def finish(self) -> None:
        """Run the closers, newest first."""
        while self._closers:
            self._closers.pop()()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. A dict or list is sent as JSON, text as text/html, bytes as they are, None as no body."""

    status: int = 200
    body: Body = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def with_headers(self, **headers: str) -> "Reply":
        """Return the same answer with more headers; underscores in names become dashes; headers already set win."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return Reply(self.status, self.body, {**more, **self.headers})

    def encode(self) -> tuple[bytes, str | None]:
        """Body bytes and their content type; the type is None when there is no body."""
        if self.body is None:
            return b"", None
        if isinstance(self.body, bytes):
            return self.body, "application/octet-stream"
        if isinstance(self.body, str):
            return self.body.encode(), "text/html; charset=utf-8"
        return json.dumps(self.body, ensure_ascii=False).encode(), "application/json; charset=utf-8"


class Refusal(Exception):  # noqa: N818 - a refusal is an answer of the twin, not a fault of ours
    """A handler's way to answer with an error from any depth. Rooms derive their own kinds."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"{reply.status}")
        self._reply = reply

    def render(self, call: Call) -> Reply:
        """Write the answer to send; rooms override it where the body names the request."""
        _ = call
        return self._reply
