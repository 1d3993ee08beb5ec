"""The routes of the app, as its blueprints give them to the platform: what a request that none of them takes is told.

The platform tells a function nothing about the others, so each blueprint notes its own routes here.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import azure.functions as func

ROOT = "{nothing:maxlength(0)?}"
"""The route of the function at the root: an empty route would be the function's name."""
_LEAST_LIKENESS = 0.75


class KnownRoute(NamedTuple):
    """One function's route: its path below /api, such as `mailboxes/{mailbox}/mails`, its methods, the function."""

    path: str
    methods: tuple[str, ...]
    function: Callable[[func.HttpRequest], func.HttpResponse]

    @property
    def segments(self) -> tuple[str, ...]:
        """What stands between the slashes."""
        return tuple(self.path.split("/")) if self.path != ROOT else ("",)

    def takes(self, segments: Sequence[str]) -> bool:
        """Return whether the platform would lead a path here; letters of either case are the same to it."""
        return len(segments) == len(self.segments) and all(
            bool(given) if _is_parameter(own) else own.casefold() == given.casefold()
            for own, given in zip(self.segments, segments, strict=True)
        )

    def read_parameters(self, segments: Sequence[str]) -> dict[str, str]:
        """Return what a path that the route takes has in the places of its parameters."""
        pairs = zip(self.segments, segments, strict=True)
        return {own.strip("{}"): given for own, given in pairs if _is_parameter(own)}


_routes: list[KnownRoute] = []


class Blueprint(func.Blueprint):
    """A blueprint that notes its routes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def route(self, route: str | None = None, *args: Any, **more: Any) -> Callable[..., Any]:
        """Give a function a route, as the library's own decorator does."""
        decorate = super().route(route, *args, **more)

        def note(function: Any) -> Any:
            if route and more.get("methods"):
                _routes.append(KnownRoute(route, tuple(more["methods"]), function))
            return decorate(function)

        return note


def find_methods(path: str) -> tuple[str, ...]:
    """Return the methods of all routes that a path leads to; none for an unknown path."""
    segments = path.strip("/").split("/")
    return tuple(sorted({method for route in _routes if route.takes(segments) for method in route.methods}))


def find_route(path: str, method: str) -> KnownRoute | None:
    """Return the route of a function by its path as it is written in the code, such as `mailboxes/{mailbox}`."""
    return next((route for route in _routes if route.path == path and method in route.methods), None)


def find_nearest(path: str) -> str | None:
    """Return the known path that is most like an unknown one, or None if none is."""
    from difflib import SequenceMatcher

    segments = path.strip("/").casefold().split("/")

    def measure(route: KnownRoute) -> float:
        filled = "/".join(_fill(route.segments, segments))
        return SequenceMatcher(None, filled, "/".join(segments)).ratio()

    likeness = {route.path: measure(route) for route in _routes}
    nearest = max(likeness, key=likeness.__getitem__, default=None)
    return nearest if nearest and likeness[nearest] >= _LEAST_LIKENESS else None


def _fill(route: Sequence[str], given: Sequence[str]) -> list[str]:
    """Return a route with what a path has in the places of its parameters."""
    return [
        given[place] if _is_parameter(own) and place < len(given) else own.casefold() for place, own in enumerate(route)
    ]


def _is_parameter(segment: str) -> bool:
    return segment.startswith("{")
