"""An HTTP protocol for uvicorn that lets the application abort its connection; nothing else uses uvicorn's internals.

ASGI cannot abort a connection, so the application gets the transport in the scope, together with the host name for
which the connection was opened.
"""

import asyncio
import contextlib
import socket
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

TRANSPORT = "simulator.transport"
HOST = "simulator.host"

_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)
_KEEP_ALIVE_SECONDS = 120
"""As patient as the real front ends: clients keep pooled connections for minutes."""


def make_config(app: Any) -> Config:
    """Make settings with which uvicorn only parses HTTP: no lifespan, no signals, no logs."""
    config = Config(
        app=app,
        interface="asgi3",
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )
    config.load()
    return config


class OpenProtocol(H11Protocol):
    """HTTP/1.1 whose scope carries the transport and the host name of the connection.

    `below` is the connection that carries TLS, or None. Only it can always be aborted: asyncio's TLS transport does
    nothing any more once it was closed twice.
    """

    def __init__(self, config: Config, server_state: ServerState, host: str) -> None:
        super().__init__(config=config, server_state=server_state, app_state={}, _loop=asyncio.get_running_loop())
        self.host = host
        self.below: asyncio.Transport | None = None
        self._early: list[bytes] = []
        self._socket: Any = None
        inner = self.app

        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope[TRANSPORT] = self.transport
            scope[HOST] = host
            await inner(scope, receive, send)

        self.app = cast("Any", app)

    @property
    def is_idle(self) -> bool:
        """Return whether no request is under way."""
        return self.cycle is None or self.cycle.response_complete

    def abort(self) -> None:
        """End the connection now."""
        (self.below or self.transport).abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, and process the bytes that came before."""
        super().connection_made(cast("asyncio.Transport", transport))
        self._socket = transport.get_extra_info("socket")
        early, self._early = self._early, []
        for data in early:
            super().data_received(data)

    def data_received(self, data: bytes) -> None:
        """Keep bytes that came with the end of the TLS handshake, before the connection was announced."""
        self._acknowledge()
        if _not_connected(self):
            self._early.append(data)
        else:
            super().data_received(data)

    def _acknowledge(self) -> None:
        """Acknowledge at once, where the system can.

        urllib3 turns Nagle's algorithm on for connections through a proxy, so the body of a POST is sent when the
        headers are acknowledged: 40 ms later by default, which would distort every benchmark.
        """
        if _QUICK_ACK is not None and self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the connection, if it was announced."""
        if not _not_connected(self):
            super().connection_lost(exc)


def _not_connected(protocol: H11Protocol) -> bool:
    transport: asyncio.Transport | None = protocol.transport
    return transport is None
