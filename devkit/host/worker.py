"""The one door to Microsoft's worker library: index an app, call its functions, read what they return.

``azure-functions-runtime`` is what the platform's worker process runs on Python 3.13. Its module
``native_invocation`` (undocumented, present in 1.3.0 only, hence the pin) takes and gives plain ``Datum`` values
instead of protobuf. Indexing, decoding and invoking are therefore the platform's own code; nothing else in this
package imports that library. Source: https://pypi.org/project/azure-functions-runtime/
"""

import asyncio
import importlib
import inspect
import json
import os
import re
import secrets
import sys
import threading
import uuid
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import azure_functions_runtime
from azure_functions_runtime import handle_event, loader, native_invocation, otel
from azure_functions_runtime.bindings import meta
from azure_functions_runtime.bindings.datumdef import Datum
from azure_functions_runtime.http_v2 import HttpV2Registry
from azure_functions_runtime.utils import constants, threadpool
from azure_functions_runtime.utils.app_setting_manager import is_envvar_true

from devkit.host.errors import IndexingError, UnsupportedError

_PROTOS = SimpleNamespace(BindingInfo=SimpleNamespace(undefined=0, inout=2, out=1))
"""The only protobuf names that indexing reads."""

_REGISTRY: dict[str, Any] = handle_event._functions._functions  # noqa: SLF001  the library has no way to forget an app
_POOL: ContextVar[ThreadPoolExecutor | None] = ContextVar("functions_pool", default=None)
native_invocation.get_threadpool_executor = _POOL.get  # the library's own pool is one for all apps of a process

_TRIGGERS = frozenset({"httpTrigger", "timerTrigger", "queueTrigger"})
_THREADS = "function-of-the-app"
_TRACE_PARENT = re.compile("[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})")


@dataclass(frozen=True)
class IndexedFunction:
    """One function as the worker library sees it."""

    name: str
    function_id: str
    bindings: tuple[Mapping[str, Any], ...]
    """Like the ``bindings`` of a function.json; ``%NAME%`` is not expanded."""

    @property
    def trigger(self) -> Mapping[str, Any]:
        """The trigger's binding."""
        return next(binding for binding in self.bindings if binding["type"] in _TRIGGERS)


@dataclass(frozen=True)
class HttpReply:
    """What an HTTP function returned; names and values of headers as the function gave them."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True)
class Call:
    """One invocation: the function, its trigger's value and metadata."""

    function: IndexedFunction
    value: Any
    metadata: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    trace_parent: str = ""
    invocation_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True)
class Outcome:
    """How a call ended. ``value`` is an HttpReply, or what the platform would make an answer of in its own ways."""

    ok: bool
    value: Any = None
    error: str | None = None
    traceback: str | None = None
    stopped: bool = False
    """The host stopped before the call ended; how it would have ended is unknown."""


STOPPED = Outcome(ok=False, error="The host stopped.", stopped=True)


class Worker:
    """The worker library with an event loop in a thread of its own, as the platform keeps it in a process of its own.

    The loop serves HTTP as well (``devkit.host.server``): a request needs no other thread than the function's own.
    Loading imports the app's script afresh, but modules that it imports stay as Python has cached them; to see edits,
    use a new process. Several apps may be loaded at once in one process, for tests: calls and threads are kept apart,
    while the working directory, ``sys.path`` and the script's name in ``sys.modules`` are those of the last one loaded.
    """

    def __init__(self, functions: tuple[IndexedFunction, ...], traces: "_Traces") -> None:
        self.functions = functions
        self._traces = traces
        self._pool = ThreadPoolExecutor(threadpool._get_max_workers(), _THREADS)  # noqa: SLF001  reads the setting
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="functions-worker", daemon=True)
        self._running: dict[str, str] = {}
        self._thread.start()

    @classmethod
    def load(cls, app_dir: Path, script_file: str = "function_app.py") -> Self:
        """Import and index the app in ``app_dir``. Settings must be in ``os.environ`` before: user code reads them.

        Raises IndexingError with the worker's reason, and UnsupportedError for what this host does not speak.
        """
        script = app_dir / script_file
        if not script.is_file():
            raise IndexingError(f"There is no {script_file} in {app_dir}.")
        _start_telemetry()
        traces = _Traces(script)
        try:
            return cls(_index(script, traces.ids), traces)
        except BaseException:
            traces.remove()
            raise

    def begin[Result](self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        """Start what the loop is to do, and return at once. Raises RuntimeError after ``close``."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def submit(self, call: Call) -> Future[Outcome]:
        """Start a call from any thread and return at once."""
        if self._loop.is_closed():
            refused: Future[Outcome] = Future()
            refused.set_result(STOPPED)
            return refused
        return self.begin(self.invoke(call))

    async def invoke(self, call: Call) -> Outcome:
        """Run a call. Everything that goes wrong in it, decoding included, is an Outcome."""
        self._running[call.invocation_id] = call.function.name
        _POOL.set(self._pool)
        try:
            ok, value, _, error, traceback = await native_invocation.invocation_request_native(
                call.invocation_id,
                call.function.function_id,
                [(call.function.trigger["name"], call.value)],
                dict(call.metadata),
                trace_parent=make_trace_parent(call.trace_parent),
            )
            return Outcome(ok, _read(value), error, traceback)
        finally:
            del self._running[call.invocation_id]

    def find_function_name(self, invocation_id: str | None) -> str | None:
        """Return the name of the function that a running invocation belongs to."""
        return self._running.get(invocation_id or "")

    @property
    def is_busy(self) -> bool:
        """Whether calls are still running."""
        return bool(self._running)

    def close(self) -> None:
        """Take no more calls and forget the app. A sync function that still runs keeps its thread: none can be killed.

        The working directory, ``sys.path`` and ``sys.modules`` become what they were.
        """
        if self._loop.is_closed():
            return
        self._pool.shutdown(wait=not self._running, cancel_futures=True)
        asyncio.run_coroutine_threadsafe(_cancel_others(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._traces.remove()


def _start_telemetry() -> None:
    """Let the library configure OpenTelemetry where a setting asks for it: before user code, as the worker does."""
    wanted = is_envvar_true(constants.PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY)
    if wanted and not otel.otel_manager.get_azure_monitor_available():
        otel.initialize_azure_monitor()


class _Traces:
    """What loading an app leaves in the process, and how to remove it."""

    def __init__(self, script: Path) -> None:
        self.ids: list[str] = []
        self._module = script.stem
        self._folder = str(script.parent)
        self._working_dir = Path.cwd()
        self._shadowed = sys.modules.pop(self._module, None)
        os.chdir(self._folder)
        sys.path.insert(0, self._folder)

    def remove(self) -> None:
        for function_id in self.ids:
            del _REGISTRY[function_id]
        os.chdir(self._working_dir)
        sys.path.remove(self._folder)
        sys.modules.pop(self._module, None)
        if self._shadowed is not None:
            sys.modules[self._module] = self._shadowed


def make_http_value(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    query: Mapping[str, str],
    params: Mapping[str, str],
    body: bytes,
) -> Any:
    """Return an HTTP trigger's value. The body is always bytes, for JSON too, as the platform sends it."""
    return Datum(
        {
            "method": _text(method),
            "url": _text(url),
            "headers": {name: _text(value) for name, value in headers.items()},
            "params": {name: _text(value) for name, value in params.items()},
            "query": {name: _text(value) for name, value in query.items()},
            "body": Datum(body, "bytes"),
        },
        "http",
    )


def make_timer_value(status: Mapping[str, str] | None, *, past_due: bool) -> Any:
    """Return a timer trigger's value. ``status``: ``Last``, ``Next``, ``LastUpdated``, ISO text; None: unmonitored."""
    info = {"IsPastDue": past_due, "ScheduleStatus": status, "Schedule": {"AdjustForDST": True}}
    return Datum(json.dumps(info), "json")


def make_text(value: str) -> Any:
    """Return text, the value of a queue trigger and of most metadata."""
    return _text(value)


def make_json(value: Any) -> Any:
    """Return JSON metadata."""
    return Datum(json.dumps(value), "json")


def make_trace_parent(received: str) -> str:
    """Return a W3C traceparent with a new span in the caller's trace, or in a new trace."""
    match = _TRACE_PARENT.fullmatch(received)
    trace, flags = (match[1], match[2]) if match else (secrets.token_hex(16), "00")
    return f"00-{trace}-{secrets.token_hex(8)}-{flags}"


def current_invocation() -> str | None:
    """Return the id of the invocation whose function is running in this thread.

    A function's other threads belong to no invocation, with a copied context neither: the platform loses their lines.
    """
    value = azure_functions_runtime.invocation_id_cv.get()
    return str(value) if value is not None and threading.current_thread().name.startswith(_THREADS) else None


def _index(script: Path, ids: list[str]) -> tuple[IndexedFunction, ...]:
    """Import and index the app; add to ``ids`` what has been put into the library's registry."""
    importlib.invalidate_caches()
    meta.load_binding_registry()
    try:
        indexed = [_register(function, ids) for function in loader.index_function_app(str(script))]
    except UnsupportedError:
        raise
    except Exception as error:  # the app's own module runs here and may raise anything
        if HttpV2Registry.http_v2_enabled():
            raise UnsupportedError(_STREAMING) from error
        raise IndexingError(f"{type(error).__name__}: {str(error).partition('. Current sys.path')[0]}") from error
    if HttpV2Registry.http_v2_enabled():
        raise UnsupportedError(_STREAMING)
    return tuple(indexed)


def _register(function: Any, ids: list[str]) -> IndexedFunction:
    info = handle_event._functions.add_indexed_function(function=function, protos=_PROTOS)  # noqa: SLF001  the library's own door
    # The library derives the id from the name alone; a fresh one keeps functions of two apps apart.
    ids.append(str(uuid.uuid4()))
    _REGISTRY[ids[-1]] = _REGISTRY.pop(info.function_id)
    bindings = tuple(json.loads(binding) for binding in function.get_raw_bindings())
    _refuse_unsupported(info, bindings)
    for refused, what in (
        (loader.get_retry_settings(function) is not None, "has a retry policy"),
        (asyncio.iscoroutinefunction(inspect.unwrap(function.get_user_function())), "is an async function"),
    ):
        if refused:
            raise UnsupportedError(f"The function {info.name} {what}; the local host does not know those.")
    return IndexedFunction(info.name, ids[-1], bindings)


_STREAMING = "The app uses HTTP streaming (azurefunctions-extensions-http-*); the local host does not speak it."


def _refuse_unsupported(info: Any, bindings: Sequence[Mapping[str, Any]]) -> None:
    if info.deferred_bindings_enabled:
        raise UnsupportedError(
            f"The function {info.name} uses SDK-type (deferred) bindings; the local host does not speak them."
        )
    for binding in bindings:
        is_output = binding["direction"] == "OUT"
        if (binding["type"], binding["name"]) != ("http", "$return") if is_output else binding["type"] not in _TRIGGERS:
            raise UnsupportedError(
                f"The function {info.name} has a {binding['type']} binding '{binding['name']}'; the local host knows "
                "HTTP, timer and queue triggers and returned HTTP answers only."
            )


def _text(value: str) -> Any:
    return Datum(value, "string")


def _read(datum: Any) -> Any:
    """Turn a Datum into an HttpReply, text or None."""
    if datum is None or datum.type is None:
        return None
    if datum.type == "http":
        parts = datum.value
        headers = [(name, str(value.value)) for name, value in parts["headers"].items()]
        cookies = [("Set-Cookie", "")] if parts["cookies"] else []
        return HttpReply(int(parts["status_code"].value), (*headers, *cookies), parts["body"].value)
    return datum.value


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
