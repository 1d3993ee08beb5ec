"""A CONNECT proxy that opens no connection to the outside: it serves the host names of the twin and refuses all others.

It works like a company proxy that inspects TLS: the client asks for a tunnel to graph.microsoft.com:443 and gets a
certificate of an authority that REQUESTS_CA_BUNDLE tells it to trust.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from twin.core.faults import CONNECT, Answer, Delay, Fault, Faults, Hang
from twin.core.protocol import OpenProtocol

logger = logging.getLogger("twin")

_HEAD_LIMIT = 16 * 1024
_HANDSHAKE_SECONDS = 10.0
_TLS_PORT = "443"


class Tunnels:
    """What all tunnels share: known hosts, TLS context, HTTP settings and open connections."""

    def __init__(
        self,
        *,
        config: Config,
        server_state: ServerState,
        tls: ssl.SSLContext,
        knows: Callable[[str], bool],
        faults: Faults,
    ) -> None:
        self.config = config
        self.server_state = server_state
        self.tls = tls
        self.knows = knows
        self.faults = faults
        self.refused: list[str] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.waiting: set[asyncio.Transport] = set()

    def make_tunnel(self) -> "Tunnel":
        """Make a protocol for one new connection."""
        return Tunnel(self)

    def refuse(self, name: str, reason: str) -> None:
        """Record a refused name and log it."""
        self.refused.append(name)
        logger.warning("refused a connection to %s: %s", name, reason)


class Tunnel(asyncio.Protocol):
    """One connection to the proxy: reads the CONNECT line, then becomes a TLS server for the host."""

    def __init__(self, tunnels: Tunnels) -> None:
        self._tunnels = tunnels
        self._head = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the request line."""
        self._transport = cast("asyncio.Transport", transport)
        self._tunnels.waiting.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection that the client closed before the tunnel was open."""
        _ = exc
        if self._transport is not None:
            self._tunnels.waiting.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        """Collect the head of the request; open the tunnel when it is complete."""
        self._head += data
        transport = self._transport
        if transport is None:
            return
        if len(self._head) > _HEAD_LIMIT:
            self._answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif b"\r\n\r\n" in self._head:
            task = asyncio.get_running_loop().create_task(self._open(transport))
            self._tunnels.tasks.add(task)
            task.add_done_callback(self._tunnels.tasks.discard)

    async def _open(self, transport: asyncio.Transport) -> None:
        method, target = _parse_request_line(self._head)
        host, _, port = target.rpartition(":")
        host = host.lower()
        if method != CONNECT:
            self._tunnels.refuse(target, "this proxy knows CONNECT only; plain http goes direct (NO_PROXY)")
            self._answer(HTTPStatus.FORBIDDEN)
        elif port != _TLS_PORT or not self._tunnels.knows(host):
            self._tunnels.refuse(target, "the simulator has no such host, and nothing leaves this machine")
            self._answer(HTTPStatus.FORBIDDEN)
        else:
            fault = self._tunnels.faults.take(api="proxy", host=host, method=CONNECT, path="/")
            if fault is None or await self._suffer(fault, transport):
                await self._upgrade(transport, host)

    async def _suffer(self, fault: Fault, transport: asyncio.Transport) -> bool:
        """Act out a fault of the connection itself; return whether the tunnel is opened nevertheless."""
        match fault.action:
            case Delay(seconds):
                await asyncio.sleep(seconds)
                return not transport.is_closing()
            case Answer(status):
                self._answer(HTTPStatus(status))
            case Hang():
                pass
            case _:
                transport.abort()
        return False

    async def _upgrade(self, transport: asyncio.Transport, host: str) -> None:
        tunnels = self._tunnels
        protocol = OpenProtocol(tunnels.config, tunnels.server_state, host)
        protocol.below = transport
        transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            secured = await asyncio.get_running_loop().start_tls(
                transport,
                protocol,
                tunnels.tls,
                server_side=True,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS,
            )
        except (OSError, ssl.SSLError) as error:
            logger.warning(
                "TLS handshake for %s failed (%s): does the client trust the simulator's CA file?", host, error
            )
            return
        finally:
            tunnels.waiting.discard(transport)
        if secured is not None:
            protocol.connection_made(secured)

    def _answer(self, status: HTTPStatus) -> None:
        if self._transport is not None:
            head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            self._transport.write(head.encode())
            self._transport.close()


def _parse_request_line(head: bytes) -> tuple[str, str]:
    words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    return (words[0].upper(), words[1]) if len(words) > 1 else ("", "")
