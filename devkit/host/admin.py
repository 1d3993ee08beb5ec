"""The host's own endpoints under ``/admin``; no function ever gets these paths.

Source: FunctionsController.cs and HostController.cs in azure-functions-host;
https://learn.microsoft.com/azure/azure-functions/functions-manually-run-non-http
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from devkit.host.functions import HostFunction
from devkit.host.web import Request, Response

_FUNCTIONS = "/admin/functions"
_OK, _ACCEPTED, _BAD_REQUEST, _UNAUTHORIZED, _NOT_FOUND = 200, 202, 400, 401, 404


@dataclass(frozen=True)
class AdminApi:
    """Answers ping, the list of functions, and the request to run one now."""

    functions: Sequence[HostFunction]
    fire: Callable[[HostFunction, str], object]
    """Runs a function in the background with a text as input."""

    def answer(self, request: Request, body: bytes, *, authorized: bool) -> Response:
        """Answer one request; ``authorized``: it showed the master key."""
        path = request.path.rstrip("/").lower()
        if path == "/admin/host/ping":
            return Response(_OK if request.method in {"GET", "POST"} else _NOT_FOUND)
        if not authorized:
            return Response(_UNAUTHORIZED)
        if request.method == "GET" and path == _FUNCTIONS:
            return _json([self._describe(each, request) for each in self.functions])
        name = path.removeprefix(f"{_FUNCTIONS}/")
        if request.method == "POST" and name != path and "/" not in name:
            return self._run(next((each for each in self.functions if each.name.lower() == name), None), body)
        return Response(_NOT_FOUND)

    def _run(self, function: HostFunction | None, body: bytes) -> Response:
        try:
            text = json.loads(body)["input"]
        except KeyError:
            text = None
        except (ValueError, TypeError):
            return Response(_BAD_REQUEST)
        if isinstance(text, dict | list):
            return Response(_BAD_REQUEST)
        if function is None or function.error is not None:
            return Response(_NOT_FOUND)
        self.fire(function, "" if text is None else text if isinstance(text, str) else json.dumps(text))
        return Response(_ACCEPTED)

    def _describe(self, function: HostFunction, request: Request) -> dict[str, Any]:
        base = request.url.partition("/admin")[0]
        route = function.route
        return {
            "name": function.name,
            "config": {"bindings": list(function.bindings)},
            "invoke_url_template": f"{base}/{route.template.text}" if route else None,
            "isDisabled": function.disabled,
            "error": function.error,
        }


def _json(data: Any) -> Response:
    return Response(_OK, (("Content-Type", "application/json; charset=utf-8"),), json.dumps(data).encode())
