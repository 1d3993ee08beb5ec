"""A receiver of change notifications for the tests of the twin: an HTTP server that answers as it is told."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

HOST = "receiver.example"
URL = f"https://{HOST}/notify?from=graph"
LIFECYCLE = f"https://{HOST}/lifecycle"
_PATIENCE = 60.0


@dataclass
class Endpoint:
    """What it was sent, and how it answers.

    statuses  of the next answers to notifications; then `status` again
    echo      the answer to a handshake: status, media type, text made from the token
    holds     while set, every answer waits
    """

    address: str = ""
    status: int = 202
    statuses: list[int] = field(default_factory=list)
    echo: tuple[int, str, Callable[[str], str]] = (200, "text/plain; charset=utf-8", str)
    handshakes: list[tuple[str, str]] = field(default_factory=list)
    posts: list[tuple[str, list[dict[str, Any]]]] = field(default_factory=list)
    holds: threading.Event = field(default_factory=threading.Event)
    held: int = 0

    @property
    def items(self) -> list[dict[str, Any]]:
        """All items that were sent to the notification URL."""
        return [item for path, items in tuple(self.posts) if path.startswith("/notify") for item in items]

    @property
    def events(self) -> list[str]:
        """All lifecycle events that were sent to the lifecycle URL."""
        found = [item for path, items in tuple(self.posts) if path == "/lifecycle" for item in items]
        return [item["lifecycleEvent"] for item in found]

    def answer(self, path: str, media_type: str, body: bytes) -> tuple[int, str, str]:
        """Note a request and return status, media type and text of the answer."""
        if self.holds.is_set():
            self.held += 1
            until(lambda: not self.holds.is_set())
        token = parse_qs(urlsplit(path).query).get("validationToken")
        if token is not None:
            self.handshakes.append((path, media_type))
            status, kind, write = self.echo
            return status, kind, write(token[0])
        self.posts.append((path, json.loads(body)["value"]))
        return (self.statuses.pop(0) if self.statuses else self.status), "text/plain", ""


@contextmanager
def serving() -> Iterator[Endpoint]:
    """Serve on a free port of this machine until the end of the block."""
    endpoint = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, media_type, text = endpoint.answer(self.path, self.headers["content-type"], body)
            self.send_response(status)
            self.send_header("content-type", media_type)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False  # so that closing waits for them
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # the twin hangs up on purpose
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    endpoint.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield endpoint
    finally:
        endpoint.holds.clear()
        server.shutdown()
        server.server_close()
        thread.join()


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds. AssertionError when it does not for a long time."""
    limit = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.005)
