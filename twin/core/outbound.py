"""A request of the twin's own: one POST over a connection of its own, plain HTTP, within a time limit."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import h11

_CHUNK = 64 * 1024
_LARGEST_ANSWER = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Received:
    """The answer of another server; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def post(url: str, body: bytes, headers: Mapping[str, str], *, seconds: float) -> Received:
    """POST to an http address. OSError when there is nobody or the talk breaks off, TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        return await _talk(url, body, headers)


async def _talk(url: str, body: bytes, headers: Mapping[str, str]) -> Received:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        client = h11.Connection(h11.CLIENT)
        lines = {"host": parts.netloc, "content-length": str(len(body)), "connection": "close"} | dict(headers)
        request = h11.Request(method="POST", target=target, headers=list(lines.items()))
        for event in (request, h11.Data(data=body), h11.EndOfMessage()):
            writer.write(client.send(event) or b"")
        await writer.drain()
        return await _read(client, reader)
    except h11.RemoteProtocolError as error:
        raise ConnectionError(f"no HTTP: {error}") from error
    finally:
        writer.transport.abort()


async def _read(client: h11.Connection, reader: asyncio.StreamReader) -> Received:
    status, headers, body = 0, dict[str, str](), b""
    while True:
        match client.next_event():
            case h11.NEED_DATA:
                client.receive_data(await reader.read(_CHUNK))
            case h11.Response() as response:
                status = response.status_code
                headers = {name.decode(): value.decode("latin-1") for name, value in response.headers}
            case h11.Data() as data:
                body += data.data
                if len(body) > _LARGEST_ANSWER:
                    raise ConnectionError("the answer is too long")
            case h11.EndOfMessage():
                return Received(status, headers, body)
            case h11.ConnectionClosed() | h11.PAUSED:
                raise ConnectionError("the connection was closed")
