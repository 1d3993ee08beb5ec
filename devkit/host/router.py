"""From method and path to a function, in the platform's order: alphabetical by function name, first match wins.

The host sorts functions by name ignoring case (``StringComparer.OrdinalIgnoreCase``, FunctionMetadataManager.cs in
azure-functions-host), which compares upper-cased letters: ``_`` comes after every letter. A more specific route does
not win; see ``hidden_routes``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Self

from devkit.host.errors import FunctionError
from devkit.host.templates import Template

_RESERVED = ("admin", "runtime")


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
        """Build a route from a trigger's ``route`` (none: the function's name) and ``methods`` (none: all).

        Raises FunctionError for a route that begins with ``admin`` or ``runtime``: the host keeps those for itself,
        ``administration`` included (ScriptHost.ValidateHttpFunction). Raises UnsupportedError for a template that this
        host does not know.
        """
        own = route or function
        if own.lower().startswith(_RESERVED):
            raise FunctionError(f"The route '{own}' conflicts with one or more built in routes.")
        allowed = None if methods is None else frozenset(method.upper() for method in methods)
        return cls(function, Template.parse(f"{prefix}/{own}" if prefix else own), allowed)

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

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """Return the first route in order and its values, or None (also for a wrong method: never 405)."""
        segments = path.removeprefix("/").split("/")
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
