"""HTTP as the platform serves it: routing, keys, limits, invocation, answers. An ASGI application.

Rules: https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger and the middleware of
azure-functions-host. No headers are added to requests: those of the platform's front ends (``x-forwarded-for`` and
the like) are no part of the host, and Core Tools adds none either.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from devkit.host import worker
from devkit.host.admin import AdminApi
from devkit.host.functions import HostFunction
from devkit.host.invoker import Invoker
from devkit.host.keys import KEY_HEADER, Keys, Level
from devkit.host.router import Router
from devkit.host.settings import HttpSettings
from devkit.host.web import BodyTooLargeError, Message, Receive, Request, Response, Send, read_body
from devkit.host.worker import Call, HttpReply, Outcome

_LOGGER = logging.getLogger("devkit.host.http")
_ACCESS = logging.getLogger("devkit.host.access")
_OK, _NO_CONTENT, _UNAUTHORIZED, _NOT_FOUND, _TOO_LARGE, _TOO_MANY = 200, 204, 401, 404, 413, 429
_FAILED = Response(500)
_STATUS_RANGE = range(200, 1000)
_WELCOME = b"The local functions host is running.\n"


@dataclass(frozen=True)
class Access:
    """Whether keys are checked, and against which."""

    keys: Keys
    check: bool

    def find_level(self, request: Request, function: str | None) -> Level:
        """Return what the request's key opens; the header wins over ``?code=`` even when it is wrong."""
        presented = request.headers.get(KEY_HEADER)
        return self.keys.find_level(request.find_query("code") if presented is None else presented, function)


class HttpApp:
    """The ASGI application. One event loop at a time may serve it."""

    def __init__(
        self,
        *,
        settings: HttpSettings,
        functions: Mapping[str, HostFunction],
        access: Access,
        invoker: Invoker,
        admin: AdminApi,
    ) -> None:
        self._settings = settings
        self._functions = functions
        self._router = Router(each.route for each in functions.values() if each.route is not None)
        self._access = access
        self._invoker = invoker
        self._admin = admin
        self._throttle = _Throttle(settings.max_outstanding, settings.max_concurrent)

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await _answer_lifespan(receive, send)
            return
        started = time.monotonic()
        request = Request.read(scope)
        extra: list[tuple[str, str]] = []
        try:
            response, extra = await self._answer(request, receive)
            await response.send(send, extra)
        except Exception:  # a fault of the host or a header that cannot be sent must still be answered
            _LOGGER.exception("The host could not answer.")
            response = _FAILED
            await response.send(send, ())
        milliseconds = round((time.monotonic() - started) * 1000)
        _ACCESS.info(
            "%s %s -> %s %d in %d ms",
            request.method,
            request.raw_path,
            response.function,
            response.status,
            milliseconds,
        )

    async def _answer(self, request: Request, receive: Receive) -> tuple[Response, list[tuple[str, str]]]:
        try:
            path = unquote(request.raw_path).lower()
            if path == "/admin" or path.startswith("/admin/"):
                return await self._answer_admin(request, receive), []
            async with self._throttle.admit() as admitted:
                response = await self._answer_function(request, receive) if admitted else Response(_TOO_MANY)
        except BodyTooLargeError:
            response = Response(_TOO_LARGE)
        own = {name.lower() for name, _ in response.headers}
        extra = self._settings.custom_headers.items()  # a function's own header wins
        return response, [(name, value) for name, value in extra if name.lower() not in own]

    async def _answer_admin(self, request: Request, receive: Receive) -> Response:
        authorized = not self._access.check or self._access.find_level(request, None) >= Level.ADMIN
        body = await read_body(request, receive, self._settings.body_limit)
        return self._admin.answer(request, body, authorized=authorized)

    async def _answer_function(self, request: Request, receive: Receive) -> Response:
        found = self._router.find(request.method, request.raw_path)
        if found is None:
            return Response(_OK, (), _WELCOME) if request.raw_path == "/" else Response(_NOT_FOUND)
        route, params = found
        function = self._functions[route.function]
        level = self._access.find_level(request, function.name)
        if self._access.check and level < function.level:
            return Response(_UNAUTHORIZED, function=function.name)
        if function.disabled and level < Level.ADMIN:
            return Response(_NOT_FOUND, function=function.name)
        body = await read_body(request, receive, self._settings.body_limit)
        if request.is_chunked and body:
            _LOGGER.warning(
                "%s: a chunked body without Content-Length is delivered here; on Azure it may arrive EMPTY.",
                function.name,
            )
        value = worker.make_http_value(
            request.method, request.url, headers=request.headers, query=request.query, params=params, body=body
        )
        call = Call(
            function.indexed,
            value,
            reason="This function was programmatically called via the host APIs.",
            trace_parent=request.headers.get("traceparent", ""),
        )
        return replace(_read_outcome(function, await self._invoker.run_async(call)), function=function.name)


class _Throttle:
    """``maxConcurrentRequests`` run at once; of those and the waiting ones no more than ``maxOutstandingRequests``."""

    def __init__(self, outstanding: int | None, concurrent: int | None) -> None:
        self._outstanding = outstanding
        self._running = asyncio.Semaphore(concurrent) if concurrent else None
        self._count = 0

    @contextlib.asynccontextmanager
    async def admit(self) -> AsyncIterator[bool]:
        if self._outstanding is not None and self._count >= self._outstanding:
            yield False
            return
        self._count += 1
        try:
            async with self._running or contextlib.nullcontext():
                yield True
        finally:
            self._count -= 1


def _read_outcome(function: HostFunction, outcome: Outcome) -> Response:
    """Turn what a function returned into the answer the platform would give."""
    if not outcome.ok:
        return _FAILED
    binding = next((each for each in function.bindings if each["type"] == "http"), None)
    name = binding["name"] if binding else "$return"
    value = outcome.value if name == "$return" else outcome.outputs.get(name)
    match value:
        case HttpReply(status, headers, body) if status in _STATUS_RANGE:
            return Response(status, headers, body)
        case HttpReply(status):
            _LOGGER.error("%s: %d is no status that a function can answer.", function.name, status)
            return _FAILED
        case str(text):
            return Response(_OK, (("Content-Type", "text/plain; charset=utf-8"),), text.encode())
        case _:
            return Response(_NO_CONTENT)


async def _answer_lifespan(receive: Receive, send: Send) -> None:
    message: Message = {"type": ""}
    while message["type"] != "lifespan.shutdown":
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
