"""From method and path to a function, in the platform's order: alphabetical by function name, first match wins.

The host sorts functions by name ignoring case (``StringComparer.OrdinalIgnoreCase``, FunctionMetadataManager.cs in
azure-functions-host), which compares upper-cased letters: ``_`` comes after every letter. A more specific route does
not win; see ``hidden_routes``.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Self
from urllib.parse import unquote

from devkit.host.errors import FunctionError
from devkit.host.templates import Template

_RESERVED = ("admin", "runtime")
_ENCODED_SLASH = re.compile("(%2f)", re.IGNORECASE)


def sort_key(function: str) -> str:
    """Return what orders function names on the platform."""
    return function.upper()


@dataclass(frozen=True)
class Route:
    """What one HTTP function answers to. ``methods`` None: every method."""

    function: str
    template: Template
    methods: frozenset[str] | None

    @classmethod
    def parse(
        cls, function: str, route: str | None = None, methods: Iterable[str] | None = None, prefix: str = "api"
    ) -> Self:
        """Build a route from a trigger's ``route`` (None: the function's name) and ``methods`` (none: all).

        Raises FunctionError for a broken template or a route that begins with ``admin`` or ``runtime``: the host keeps
        those for itself, ``administration`` included (ScriptHost.ValidateHttpFunction). Raises UnsupportedError for a
        template that this host does not know.
        """
        own = (function if route is None else route).strip("/")
        if own.lower().startswith(_RESERVED):
            raise FunctionError(f"The route '{own}' conflicts with one or more built in routes.")
        allowed = frozenset(method.upper() for method in methods or ())
        return cls(function, Template.parse(f"{prefix.strip('/')}/{own}"), allowed or None)

    def allows(self, method: str) -> bool:
        """Say whether the method is among the route's; HEAD is not implied by GET."""
        return self.methods is None or method.upper() in self.methods

    def shares_a_method_with(self, other: "Route") -> bool:
        """Say whether some method is allowed by both."""
        return self.methods is None or other.methods is None or bool(self.methods & other.methods)

    def conflicts_with(self, other: "Route") -> bool:
        """Say whether both have the same text and a common method; the platform refuses to start the second."""
        same = self.template.text.casefold() == other.template.text.casefold()
        return same and self.shares_a_method_with(other)


class Router:
    """Finds the function for a request."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(sorted(routes, key=lambda route: sort_key(route.function)))

    def find(self, method: str, raw_path: str) -> tuple[Route, dict[str, str]] | None:
        """Return the first route in order and its values, or None (also for a wrong method: never 405).

        ``raw_path`` is the path as sent. Values are URL-decoded except ``%2F``, which stays as written, as ASP.NET
        Core leaves it (https://github.com/dotnet/aspnetcore/issues/11544).
        """
        path = raw_path.removeprefix("/")
        segments = [_decode(segment) for segment in path.split("/")] if path else []
        for route in self.routes:
            if route.allows(method) and (values := route.template.match(segments)) is not None:
                return route, values
        return None


def hidden_routes(routes: Iterable[Route]) -> list[tuple[str, str]]:
    """Return (hidden function, hiding function) pairs: the first never gets requests that its route describes.

    The platform tries functions in alphabetical order, not the most specific route first: ``items/{id}`` of
    ``get_item`` takes ``items/recent`` away from ``recent_items``. Two routes count when a common method and a common
    path exist, unless the first is the narrower one: it is the intended exception before the general case.
    """
    return [
        (late.function, early.function)
        for early, late in combinations(Router(routes).routes, 2)
        if early.shares_a_method_with(late)
        and early.template.overlaps(late.template)
        and (early.template.includes(late.template) or not late.template.includes(early.template))
    ]


def _decode(segment: str) -> str:
    return "".join(piece if index % 2 else unquote(piece) for index, piece in enumerate(_ENCODED_SLASH.split(segment)))
