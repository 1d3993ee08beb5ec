"""Finds the handler for a path, or says which part of the path is unknown."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from twin.core.wire import Call, Reply

_KEYED = re.compile(r"(\w+)\((\w+)='([^']*)'\)")
"""OData's alternate key: things(name='value'), which routes write as things(name)/{value}."""

type Handler[S] = Callable[[Call, S], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """One line of an API's table. In a pattern, {name} stands for one segment."""

    method: str
    pattern: str
    handler: Callable[[Call, Any], Reply]


class Routes[S]:
    """An API's table of handlers. A handler is synchronous: no await, so each one is a transaction on the state."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.table: list[Route] = []

    def add(self, method: str, pattern: str) -> Callable[[Handler[S]], Handler[S]]:
        """Decorate a handler with its method and path pattern."""

        def register(handler: Handler[S]) -> Handler[S]:
            self.table.append(Route(method, self.prefix + pattern, handler))
            return handler

        return register

    def get(self, pattern: str) -> Callable[[Handler[S]], Handler[S]]:
        """Register a handler for GET."""
        return self.add("GET", pattern)

    def post(self, pattern: str) -> Callable[[Handler[S]], Handler[S]]:
        """Register a handler for POST."""
        return self.add("POST", pattern)

    def put(self, pattern: str) -> Callable[[Handler[S]], Handler[S]]:
        """Register a handler for PUT."""
        return self.add("PUT", pattern)

    def patch(self, pattern: str) -> Callable[[Handler[S]], Handler[S]]:
        """Register a handler for PATCH."""
        return self.add("PATCH", pattern)

    def delete(self, pattern: str) -> Callable[[Handler[S]], Handler[S]]:
        """Register a handler for DELETE."""
        return self.add("DELETE", pattern)


@dataclass(frozen=True, slots=True)
class Found[R]:
    """A handler, the API it belongs to and the path parameters."""

    api: R
    route: Route
    params: dict[str, str]


@dataclass(frozen=True, slots=True)
class Miss:
    """Why there is no handler: the first unknown segment, or an empty one where the path has other methods only."""

    segment: str
    allowed: tuple[str, ...] = ()


@dataclass(slots=True)
class _Node[R]:
    literals: dict[str, "_Node[R]"] = field(default_factory=dict)
    wildcard: "_Node[R] | None" = None
    routes: dict[str, tuple[R, Route]] = field(default_factory=dict)


class Router[R]:
    """The tables of all APIs of one host. Literal segments match in any letter case, and before {name}."""

    def __init__(self, apis: Iterable[tuple[R, Routes[Any]]]) -> None:
        self._root = _Node[R]()
        for api, routes in apis:
            for route in routes.table:
                self._plant(api, route)

    def find(self, method: str, path: str) -> Found[R] | Miss:
        """Look up a path that is percent-decoded already; empty segments (a trailing slash) do not count."""
        plain = _KEYED.sub(r"\1(\2)/\3", path) if "='" in path else path
        segments = [segment for segment in plain.split("/") if segment]
        best = Miss(segments[0] if segments else "/")
        deepest = 0
        for node, values, depth in self._walk(self._root, segments):
            if depth == len(segments) and method in node.routes:
                api, route = node.routes[method]
                return Found(api, route, dict(zip(_parameter_names(route.pattern), values, strict=True)))
            if depth == len(segments) and node.routes:
                best, deepest = Miss("", tuple(sorted(node.routes))), depth + 1
            elif depth >= deepest:
                best, deepest = Miss(segments[min(depth, len(segments) - 1)] if segments else "/"), depth
        return best

    def _walk(self, node: _Node[R], segments: list[str]) -> Iterator[tuple[_Node[R], list[str], int]]:
        """Yield every node where the path ends or does not go on, literal segments before placeholders."""
        waiting: list[tuple[_Node[R], list[str], int]] = [(node, [], 0)]
        while waiting:
            node, values, depth = waiting.pop()
            segment = segments[depth] if depth < len(segments) else None
            turnings: list[tuple[_Node[R], list[str], int]] = []
            if segment is not None and node.wildcard is not None:
                turnings.append((node.wildcard, [*values, segment], depth + 1))
            if segment is not None and segment.lower() in node.literals:
                turnings.append((node.literals[segment.lower()], values, depth + 1))
            waiting.extend(turnings)
            if not turnings:
                yield node, values, depth

    def _plant(self, api: R, route: Route) -> None:
        node = self._root
        for segment in route.pattern.split("/"):
            if not segment:
                continue
            if segment.startswith("{"):
                node.wildcard = node.wildcard or _Node()
                node = node.wildcard
            else:
                node = node.literals.setdefault(segment.lower(), _Node())
        if route.method in node.routes:
            raise ValueError(f"{route.method} {route.pattern} is answered twice")
        node.routes[route.method] = (api, route)


def _parameter_names(pattern: str) -> list[str]:
    return [segment[1:-1] for segment in pattern.split("/") if segment.startswith("{")]
