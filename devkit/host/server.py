"""Serves a local host's HTTP on the loopback interface, on the event loop of its worker."""

import asyncio
import contextlib
import socket
import time
from concurrent.futures import Future
from dataclasses import dataclass

import uvicorn

from devkit.host.errors import HostError
from devkit.host.host import LocalHost
from devkit.host.worker import Worker

LOOPBACK = "127.0.0.1"
_START_SECONDS = 10.0
_POLL_SECONDS = 0.005
_KEEP_ALIVE_SECONDS = 130  # as the genuine host; with less, a client may use a connection while it is being closed


class _Server(uvicorn.Server):
    """Looks at the clock once a second; uvicorn's own does so ten times, a quarter of what a host at rest takes."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._end = asyncio.Event()

    async def main_loop(self) -> None:
        """Renew the header Date until the end, or until the worker closes."""
        with contextlib.suppress(asyncio.CancelledError):
            while not await self.on_tick(0):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._end.wait(), 1.0)

    async def end(self) -> None:
        """Let the loop end."""
        self.should_exit = True
        self._end.set()


@dataclass(frozen=True)
class RunningServer:
    """A server that answers until ``stop``."""

    base_url: str
    """``http://127.0.0.1:<port>``."""
    server: _Server
    worker: Worker
    work: Future[None]

    def stop(self) -> None:
        """Accept no more connections, let running requests finish within the grace period."""
        if not self.work.done():
            self.worker.begin(self.server.end())
        self.work.result()


def serve_in_thread(host: LocalHost, port: int = 0, *, address: str = LOOPBACK, grace: float = 10.0) -> RunningServer:
    """Serve the host's HTTP and return once it answers. Port 0 picks a free one; ``grace`` in seconds.

    Timers and queues are begun by ``host.start()``, not here. Raises HostError when the port is taken and ValueError
    for any address but 127.0.0.1: this is a developer's tool without TLS, on no account to be reached from outside.
    """
    if address != LOOPBACK:
        raise ValueError(f"The local host listens on {LOOPBACK} only, not on {address}.")
    listener = open_port(port)
    config = uvicorn.Config(
        host.asgi,
        http="h11",
        loop="asyncio",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, round(grace)),
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )
    server = _Server(config)
    work = host.worker.begin(server.serve([listener]))
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if work.done() or time.monotonic() > deadline:
            raise HostError("The HTTP server did not start; the log says why.")
        time.sleep(_POLL_SECONDS)
    return RunningServer(f"http://{LOOPBACK}:{listener.getsockname()[1]}", server, host.worker, work)


def open_port(port: int) -> socket.socket:
    """Return a listening loopback socket. Raises HostError when the port is taken or not ours to use."""
    # asyncio sets TCP_NODELAY only where the protocol is named; without it each keep-alive answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise HostError(f"Port {port} cannot be used ({error.strerror}). Choose another one with --port.") from None
    return listener
