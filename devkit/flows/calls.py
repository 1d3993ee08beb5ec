"""Convert between operations and requests: the inputs of an operation as a request, and a request's operation."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from devkit.connector.document import ROUTES
from devkit.flows.connectors import Connector, Operation

_TEMPLATE = re.compile(r"\{(\w+)\}")
_DOUBLE = "double"
_ANYTHING = "_"  # stands for an interpolation
_ADDRESS = re.compile(r"(?P<path>[^?]*)(?:\?(?P<query>.*))?", re.DOTALL)


@dataclass
class Request:
    """One request to a connector's service, below its base path. Values may still be expressions."""

    method: str
    path: str
    queries: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, Any] = field(default_factory=dict)
    body: Any = None


def build_request(
    connector: Connector,
    operation: Operation,
    given: Mapping[str, Any],
    escape: Callable[[Any, int], str],
) -> Request:
    """Convert the inputs of a step, under the names that flows use, into a request.

    `escape` writes a value into the path, escaped as often as it says. KeyError if an input of the path is missing.
    """
    inputs = connector.list_inputs(operation)
    twice = {each["name"] for each in operation.parameters if each.get("x-ms-url-encoding") == _DOUBLE}

    def fill(found: re.Match[str]) -> str:
        return escape(given[found[1]], 2 if found[1] in twice else 1)

    request = Request(operation.method.upper(), _TEMPLATE.sub(fill, operation.path))
    for name, value in given.items():
        place = inputs[name].place if name in inputs else "body"
        if place == "query":
            request.queries[name] = value
        elif place == "header":
            request.headers[name] = value
    if (body := operation.body) is not None:
        request.body = _nest(str(body["name"]), given)
    return request


def find_operation(connector: Connector, method: str, address: str) -> tuple[Operation, list[str]] | None:
    """Return the operation that a raw request goes to, and the names in its query; None for an unknown one.

    The address begins behind the host and may hold interpolations, each of which stands for any one segment.
    """
    found = _ADDRESS.fullmatch(_hide_interpolations(address))
    if found is None or not found["path"].startswith(f"{ROUTES}/"):
        return None
    segments = found["path"].removeprefix(ROUTES).strip("/").split("/")
    parts = [part for part in (found["query"] or "").split("&") if part not in ("", _ANYTHING)]
    names = [part.partition("=")[0] for part in parts]
    for operation in connector.operations.values():
        if operation.method == method.lower() and _fits(operation.path.strip("/").split("/"), segments):
            return operation, names
    return None


def _fits(template: list[str], segments: list[str]) -> bool:
    return len(template) == len(segments) and all(
        wanted == given or _TEMPLATE.fullmatch(wanted) is not None
        for wanted, given in zip(template, segments, strict=True)
    )


def _hide_interpolations(address: str) -> str:
    return re.sub(r"@\{(?:[^{}']|'[^']*')*\}", _ANYTHING, address)


def _nest(name: str, given: Mapping[str, Any]) -> Any:
    """Combine inputs such as `body/a/b` into one body; a body that is one value stays unchanged."""
    if name in given:
        return given[name]
    body: dict[str, Any] = {}
    for key, value in given.items():
        first, *path = key.split("/")
        if first != name or not path:
            continue
        place = body
        for part in path[:-1]:
            place = place.setdefault(part, {})
        place[path[-1]] = value
    return body or None
