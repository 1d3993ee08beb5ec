"""Route templates of literal segments and whole parameters: ``mailboxes/{name}/mails``.

ASP.NET Core, which routes for the platform, knows more: constraints, defaults, optional and catch-all parameters, and
several parts in one segment (https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-templates). The app
uses none of them, and this host refuses to start an app that does.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from devkit.host.errors import FunctionError, UnsupportedError

_SEGMENT = re.compile(r"(?P<literal>[^{}]+)|\{(?P<parameter>\w+)\}")


@dataclass(frozen=True)
class Segment:
    """What stands between two slashes: a literal in lower case, or the name of a parameter."""

    literal: str | None
    parameter: str | None

    def overlaps(self, other: Self) -> bool:
        """Say whether some text matches both."""
        return self.literal is None or other.literal is None or self.literal == other.literal

    def includes(self, other: Self) -> bool:
        """Say whether every text that matches the other matches this one."""
        return self.literal is None or self.literal == other.literal


@dataclass(frozen=True)
class Template:
    """A parsed route template."""

    text: str
    segments: tuple[Segment, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a template; slashes at both ends do not count.

        Raises FunctionError for what the platform refuses and UnsupportedError for what only this host does not know.
        """
        stripped = text.strip("/")
        segments = tuple(_parse_segment(part, stripped) for part in stripped.split("/")) if stripped else ()
        names = [segment.parameter.casefold() for segment in segments if segment.parameter]
        if len(set(names)) != len(names):
            raise FunctionError(f"The route '{text}' uses a parameter name twice.")
        return cls(stripped, segments)

    def match(self, path: Sequence[str]) -> dict[str, str] | None:
        """Return the route values for the path's decoded segments, or None. Literals compare without case."""
        if len(path) != len(self.segments) or not all(path):
            return None
        pairs = list(zip(self.segments, path, strict=True))
        if any(segment.literal not in (None, text.lower()) for segment, text in pairs):
            return None
        return {segment.parameter: text for segment, text in pairs if segment.parameter}

    def overlaps(self, other: Self) -> bool:
        """Say whether some path matches both."""
        return len(self.segments) == len(other.segments) and all(
            mine.overlaps(theirs) for mine, theirs in zip(self.segments, other.segments, strict=True)
        )

    def includes(self, other: Self) -> bool:
        """Say whether every path that matches the other matches this one."""
        return len(self.segments) == len(other.segments) and all(
            mine.includes(theirs) for mine, theirs in zip(self.segments, other.segments, strict=True)
        )


def _parse_segment(text: str, route: str) -> Segment:
    if not text:
        raise FunctionError(f"The route '{route}' has an empty segment.")
    found = _SEGMENT.fullmatch(text)
    if found is None:
        raise UnsupportedError(
            f"The route '{route}' has the segment '{text}'. The local host knows literal segments and {{name}} only: "
            "no constraints, defaults, optional or catch-all parameters, and no mixtures."
        )
    literal = found["literal"]
    return Segment(literal.lower() if literal else None, found["parameter"])
