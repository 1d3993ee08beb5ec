"""The HTTP application: reads a request, finds its API, applies the faults, sends and records the answer."""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from twin.core.api import Api
from twin.core.faults import Answer, Cut, Delay, Drop, Fault, Faults, Garble, Hang
from twin.core.protocol import HOST, TRANSPORT
from twin.core.record import Exchange, Record
from twin.core.routes import Found, Miss, Router
from twin.core.wire import LOOPBACK, Call, Refusal, Reply, Stream

if TYPE_CHECKING:
    from twin.world import World

logger = logging.getLogger("twin")

type Receive = Callable[[], Awaitable[Any]]
type Send = Callable[[Any], Awaitable[None]]

UNRECORDED = "control"
"""The control path: it has no faults, no latency and no record."""


class Server:
    """An ASGI application over all APIs of a world.

    latency   minimum seconds of every exchange, so that concurrent requests overlap
    failures  tracebacks of handlers that failed: errors of the twin, not of the code under test
    """

    def __init__(self, apis: Sequence[Api[Any]], world: "World", *, latency: float) -> None:
        self.apis = apis
        self.world = world
        self.latency = latency
        self.faults = Faults()
        self.record = Record()
        self.failures: list[str] = []
        self._routers: dict[str, tuple[Api[Any], Router[Api[Any]]]] = {}

    def knows(self, host: str) -> bool:
        """Return whether an API has this host name now."""
        if host == LOOPBACK:
            return False
        return any(api.answers_for(host) and api.serves(host, self.world.state(api.state)) for api in self.apis)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Serve one request."""
        call = await _read_call(scope, receive)
        if call is None:
            return
        target = self._find(call)
        api = target.api
        if api.name == UNRECORDED:
            reply = self._respond(call, target)
            await _send_reply(send, reply, *reply.encode(), date=self._date())
            return
        exchange = self.record.open(call, api.secret_fields)
        try:
            reply, fault = await self._work(call, target)
            exchange.fault = fault.id if fault else None
            await self._deliver(_Connection(scope[TRANSPORT], receive, send), _Open(call, api, exchange), reply, fault)
        finally:
            self._settle(_Open(call, api, exchange), "dropped")

    def answer(self, call: Call) -> Reply:
        """Answer a part of a batch: without latency and without a record.

        Faults that replace the answer fire here, too, before or after the work; others become 503.
        """
        target = self._find(call)
        try:
            early = self.faults.strike(call, "before")
            reply = Reply(503) if early else self._respond(call, target)
            if reply.later is not None:
                reply = Reply(501, {"simulatorFailure": f"{call.method} {call.path} is not played inside a batch"})
            fault = early or self.faults.strike(call, "after")
            return _replace(Reply(503), fault, call, target.api) if fault else reply
        finally:
            call.finish()

    async def work_in_background(self, api: Api[Any]) -> None:
        """Do the background work of an API until it is cancelled; note it as a failure of the twin if it ends."""
        if api.background is None:
            return
        try:
            await api.background(self.world)
        except Exception:
            self.failures.append(traceback.format_exc())
            logger.exception("the background work of %s failed", api.name)

    def _find(self, call: Call) -> "_Target":
        """Find the API and handler for a call; where no route matches, the first API of the host answers."""
        if call.host not in self._routers:
            apis = [api for api in self.apis if api.answers_for(call.host)]
            self._routers[call.host] = (apis[0], Router((api, api.routes) for api in apis))
        first, router = self._routers[call.host]
        found = router.find(call.method, call.path)
        api = first if isinstance(found, Miss) else found.api
        call.api = api.name
        call.ask = self.answer
        return _Target(api, found)

    async def _work(self, call: Call, target: "_Target") -> tuple[Reply, Fault | None]:
        """Make the answer: fault before the handler, admission, latency, handler, fault after the handler."""
        early = self.faults.strike(call, "before")
        if early is not None and not isinstance(early.action, Delay):
            return _replace(Reply(503), early, call, target.api), early
        if early is not None and isinstance(early.action, Delay):
            await asyncio.sleep(early.action.seconds)
        refusal = self._guard(call, lambda: self._admit(call, target.api))
        if self.latency:
            await asyncio.sleep(self.latency)
        reply = refusal or self._guard(call, lambda: self._handle(call, target)) or Reply(204)
        reply = target.api.stamp(call, await self._complete(call, reply))
        late = self.faults.strike(call, "after")
        if late is not None and isinstance(late.action, Delay):
            await asyncio.sleep(late.action.seconds)
        return (_replace(reply, late, call, target.api), late) if late is not None else (reply, early)

    def _respond(self, call: Call, target: "_Target") -> Reply:
        reply = self._guard(call, lambda: self._admit(call, target.api) or self._handle(call, target))
        return target.api.stamp(call, reply or Reply(204))

    def _admit(self, call: Call, api: Api[Any]) -> Reply | None:
        return api.admit(call, self.world.state(api.state))

    def _handle(self, call: Call, target: "_Target") -> Reply:
        state = self.world.state(target.api.state)
        if isinstance(target.found, Miss):
            return target.api.miss(call, target.found, state)
        call.params = target.found.params
        return target.found.route.handler(call, state)

    def _guard(self, call: Call, work: Callable[[], Reply | None]) -> Reply | None:
        try:
            return work()
        except Refusal as refusal:
            return refusal.render(call)
        except Exception:  # noqa: BLE001 - whatever it is, it is noted
            return self._note_failure(call)

    async def _complete(self, call: Call, reply: Reply) -> Reply:
        """Return the answer itself: of a handler that has to ask others first, when they have answered."""
        if reply.later is None:
            return reply
        try:
            return await reply.later()
        except Refusal as refusal:
            return refusal.render(call)
        except Exception:  # noqa: BLE001 - whatever it is, it is noted
            return self._note_failure(call)

    def _note_failure(self, call: Call) -> Reply:
        """Note the exception at hand: an error of a handler must not look like an error of the simulated service."""
        self.failures.append(traceback.format_exc())
        logger.error("the twin failed at %s %s\n%s", call.method, call.path, self.failures[-1])
        return Reply(500, {"simulatorFailure": f"{call.method} {call.path}; see the twin's log"})

    async def _deliver(self, connection: "_Connection", opened: "_Open", reply: Reply, fault: Fault | None) -> None:
        """Send the answer, or act out the fault. The exchange is recorded first: who has the answer finds the record.

        A stream is recorded before its last piece; until then the exchange counts as under way.
        """
        body, content_type = reply.encode()
        match fault.action if fault else None:
            case Drop():
                self._settle(opened, "dropped")
                connection.transport.abort()
            case Hang():
                opened.exchange.outcome = "hung"
            case Cut(share):
                self._settle(opened, "cut", reply, len(body))
                await _send_reply(connection.send, reply, body, content_type, date=self._date(), share=share)
                connection.transport.close()
            case _:

                def settle() -> None:
                    self._settle(opened, "answered", reply, len(body))

                await _send_reply(connection.send, reply, body, content_type, date=self._date(), before_end=settle)
                return
        await _await_disconnect(connection.receive)
        self._settle(opened, opened.exchange.outcome)

    def _date(self) -> str:
        """Return the header Date: the services' clocks agree, and show the world's time."""
        return formatdate(self.world.clock.now().timestamp(), usegmt=True)

    def _settle(self, opened: "_Open", outcome: str, reply: Reply | None = None, size: int = 0) -> None:
        """End an exchange once: release what it holds and record the outcome."""
        if opened.exchange.ended:
            return
        opened.call.finish()
        fields = opened.api.secret_fields
        self.record.close(opened.exchange, reply, outcome=outcome, size=size, secret_fields=fields)


@dataclass(frozen=True, slots=True)
class _Connection:
    """The connection to the client."""

    transport: asyncio.Transport
    receive: Receive
    send: Send


@dataclass(frozen=True, slots=True)
class _Open:
    """An exchange with the call it came from."""

    call: Call
    api: Api[Any]
    exchange: Exchange


@dataclass(frozen=True, slots=True)
class _Target:
    api: Api[Any]
    found: Found[Api[Any]] | Miss


def _replace(reply: Reply, fault: Fault, call: Call, api: Api[Any]) -> Reply:
    match fault.action:
        case Answer(status, headers, body):
            return Reply(status, api.outage(call, status) if body is None else body, headers)
        case Garble(text):
            return Reply(200, text)
        case _:
            return reply


async def _read_call(scope: Any, receive: Receive) -> Call | None:
    """Read the request; None when the client disconnected before it was complete."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    raw_path = scope["raw_path"].decode("latin-1")
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1")
        text = value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return Call(
        host=scope.get(HOST, LOOPBACK),
        method=scope["method"],
        path=unquote(raw_path),
        raw_path=raw_path,
        query_string=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=body,
    )


async def _send_reply(
    send: Send,
    reply: Reply,
    body: bytes | Stream,
    content_type: str | None,
    *,
    date: str,
    share: float = 1.0,
    before_end: Callable[[], None] = lambda: None,
) -> None:
    headers = {"date": date}
    if reply.status != HTTPStatus.NO_CONTENT:
        headers["content-length"] = str(len(body))
    if content_type is not None:
        headers["content-type"] = content_type
    headers |= {name.lower(): value for name, value in reply.headers.items()}
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    if not isinstance(body, Stream) or not body.size:
        before_end()
    await send({"type": "http.response.start", "status": reply.status, "headers": encoded})
    left = int(len(body) * share)
    for piece in body.read() if isinstance(body, Stream) else ():
        if not left:
            break
        if left <= len(piece):
            before_end()
        await send({"type": "http.response.body", "body": piece[:left], "more_body": True})
        left = max(0, left - len(piece))
        await asyncio.sleep(0)  # a long stream must not keep others waiting
    rest = body[:left] if isinstance(body, bytes) else b""
    await send({"type": "http.response.body", "body": rest, "more_body": share < 1.0})


async def _await_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
