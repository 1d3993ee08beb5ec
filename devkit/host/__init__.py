"""A local host for Python v2 function apps: HTTP, timer and queue triggers on this machine.

Indexing, decoding and invoking are Microsoft's own worker library; this package supplies what the Functions host adds
around it, with its surprising rules kept: alphabetical routing, 404 for a wrong method, past-due timers, poison queues.
It is a developer's tool: loopback only, no scale, no blob or Event Grid triggers, no durable functions, no Easy Auth,
no CORS, and in routes literal segments, ``{name}`` and ``{*name}`` only. What it does not know stops the start with a
sentence.

    host = LocalHost.load(Path("."), settings_file=None, environ=os.environ, keys=Keys.generate())
    server = serve_in_thread(host)
    host.start()
    ...
    server.stop()
    host.stop()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devkit.host.errors import (
        FunctionError,
        HostError,
        IndexingError,
        KeysError,
        SettingsError,
        UnsupportedError,
    )
    from devkit.host.functions import HostFunction
    from devkit.host.host import LocalHost
    from devkit.host.keys import Keys, Level
    from devkit.host.router import Route, hidden_routes
    from devkit.host.server import RunningServer, serve_in_thread
    from devkit.host.worker import Outcome

_PLACES = {
    "HostFunction": "functions",
    "Keys": "keys",
    "Level": "keys",
    "LocalHost": "host",
    "Outcome": "worker",
    "Route": "router",
    "RunningServer": "server",
    "hidden_routes": "router",
    "serve_in_thread": "server",
}

__all__ = [
    "FunctionError",
    "HostError",
    "HostFunction",
    "IndexingError",
    "Keys",
    "KeysError",
    "Level",
    "LocalHost",
    "Outcome",
    "Route",
    "RunningServer",
    "SettingsError",
    "UnsupportedError",
    "hidden_routes",
    "serve_in_thread",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is first used: a command that needs a key does not load the worker."""
    if name not in __all__:
        raise AttributeError(name)
    return getattr(import_module("devkit.host." + _PLACES.get(name, "errors")), name)
