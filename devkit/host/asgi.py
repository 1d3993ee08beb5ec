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

from devkit.host import worker
from devkit.host.admin import AdminApi
from devkit.host.functions import HostFunction
from devkit.host.invoker import Invoker
from devkit.host.keys import KEY_HEADER, Keys, Level
from devkit.host.router import Router
from devkit.host.settings import HttpSettings
from devkit.host.web import (
    Message,
    Receive,
    RefusedRequestError,
    Request,
    Response,
    Send,
    UnsupportedReplyError,
    read_body,
)
from devkit.host.worker import Call, HttpReply, Outcome

_LOGGER = logging.getLogger("devkit.host.http")
_ACCESS = logging.getLogger("devkit.host.access")
_OK, _UNAUTHORIZED, _NOT_FOUND, _TOO_MANY = 200, 401, 404, 429
_FAILED = Response(500)
_WELCOME = b"The local functions host is running.\n"


@dataclass(frozen=True)
class Access:
    """Whether keys are checked, and against which."""

    keys: Keys
    check: bool

    def find_level(self, request: Request) -> Level:
        """Return what the request's key opens; the header wins over ``?code=`` even when it is wrong."""
        presented = request.headers.get(KEY_HEADER)
        return self.keys.find_level(request.find_query("code") if presented is None else presented)


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
        try:
            request = Request.read(scope)
            response = await self._answer(request, receive)
            await response.send(send, self._settings.custom_headers.items())
        except RefusedRequestError as refusal:
            response = Response(refusal.status)
            await response.send(send, close=True)
        except Exception:  # a fault of the host must still be answered
            _LOGGER.exception("The host could not answer.")
            response = _FAILED
            await response.send(send)
        _ACCESS.info(
            "%s %s -> %s %d in %d ms",
            scope["method"],
            scope["raw_path"].decode("latin-1"),
            response.function,
            response.status,
            round((time.monotonic() - started) * 1000),
        )

    async def _answer(self, request: Request, receive: Receive) -> Response:
        path = request.path.lower()
        if path == "/admin" or path.startswith("/admin/"):
            return await self._answer_admin(request, receive)
        async with self._throttle.admit() as admitted:
            return await self._answer_function(request, receive) if admitted else Response(_TOO_MANY)

    async def _answer_admin(self, request: Request, receive: Receive) -> Response:
        authorized = not self._access.check or self._access.find_level(request) >= Level.ADMIN
        body = await read_body(request, receive, self._settings.body_limit)
        return self._admin.answer(request, body, authorized=authorized)

    async def _answer_function(self, request: Request, receive: Receive) -> Response:
        found = self._router.find(request.method, request.path)
        if found is None:
            return Response(_OK, (), _WELCOME) if request.path == "/" else Response(_NOT_FOUND)
        route, params = found
        function = self._functions[route.function]
        level = self._access.find_level(request)
        if self._access.check and level < function.level:
            return Response(_UNAUTHORIZED, function=function.name)
        if function.disabled and level < Level.ADMIN:
            return Response(_NOT_FOUND, function=function.name)
        body = await read_body(request, receive, self._settings.body_limit)
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
    if not isinstance(outcome.value, HttpReply):
        _LOGGER.error("%s: the local host takes a func.HttpResponse only, not %r.", function.name, outcome.value)
        return _FAILED
    response = Response(outcome.value.status, outcome.value.headers, outcome.value.body)
    try:
        response.check()
    except UnsupportedReplyError as error:
        _LOGGER.error("%s: %s.", function.name, error)  # noqa: TRY400  no traceback helps here
        return _FAILED
    return response


async def _answer_lifespan(receive: Receive, send: Send) -> None:
    message: Message = {"type": ""}
    while message["type"] != "lifespan.shutdown":
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
