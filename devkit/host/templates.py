"""Route templates of literal segments and whole parameters, ``mailboxes/{name}/mails``, and of a rest: ``{*path}``.

ASP.NET Core, which routes for the platform, knows more: constraints, defaults, optional parameters, and several parts
in one segment (https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-templates). The app uses none of
them, and this host refuses to start an app that does.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from devkit.host.errors import FunctionError, UnsupportedError

_SEGMENT = re.compile(r"(?P<literal>[^{}]+)|\{(?P<parameter>\w+)\}|\{\*(?P<rest>\w+)\}")


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
    rest: str | None
    """The name of the parameter for all that follows the segments, ``{*name}``; None if nothing may follow."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a template; slashes at both ends do not count.

        Raises FunctionError for what the platform refuses and UnsupportedError for what only this host does not know.
        """
        stripped = text.strip("/")
        parts = stripped.split("/") if stripped else []
        last = _SEGMENT.fullmatch(parts[-1]) if parts else None
        rest = last["rest"] if last else None
        segments = tuple(_parse_segment(part, stripped) for part in (parts[:-1] if rest else parts))
        names = [name.casefold() for name in (*(each.parameter for each in segments), rest) if name]
        if len(set(names)) != len(names):
            raise FunctionError(f"The route '{text}' uses a parameter name twice.")
        return cls(stripped, segments, rest)

    def match(self, path: Sequence[str]) -> dict[str, str] | None:
        """Return the route values for the path's decoded segments, or None. Literals compare without case.

        A last segment "" stands for a slash at the end, which does not count, except in the value of a rest.
        """
        own, more = path[: len(self.segments)], path[len(self.segments) :]
        is_end = not more or list(more) == [""]
        if len(own) < len(self.segments) or not all(own) or not (is_end or (self.rest and more[0])):
            return None
        pairs = list(zip(self.segments, own, strict=True))
        if any(segment.literal not in (None, text.lower()) for segment, text in pairs):
            return None
        values = {segment.parameter: text for segment, text in pairs if segment.parameter}
        return values if is_end or not self.rest else values | {self.rest: "/".join(more)}

    def overlaps(self, other: Self) -> bool:
        """Say whether some path matches both."""
        return (
            self._may_reach(other)
            and other._may_reach(self)
            and all(mine.overlaps(theirs) for mine, theirs in zip(self.segments, other.segments, strict=False))
        )

    def includes(self, other: Self) -> bool:
        """Say whether every path that matches the other matches this one."""
        return (
            self._may_reach(other)
            and bool(self.rest or not other.rest)
            and len(self.segments) <= len(other.segments)
            and all(mine.includes(theirs) for mine, theirs in zip(self.segments, other.segments, strict=False))
        )

    def _may_reach(self, other: Self) -> bool:
        """Say whether a path as long as the other's segments, or longer if they may be, is not too long for this."""
        return self.rest is not None or len(other.segments) <= len(self.segments)


def _parse_segment(text: str, route: str) -> Segment:
    if not text:
        raise FunctionError(f"The route '{route}' has an empty segment.")
    found = _SEGMENT.fullmatch(text)
    if found is not None and found["rest"]:
        raise FunctionError(f"The route '{route}' has more after its catch-all parameter.")
    if found is None:
        raise UnsupportedError(
            f"The route '{route}' has the segment '{text}'. The local host knows literal segments, {{name}}, and "
            "{{*name}} at the end: no constraints, no defaults, no optional parameters, and no mixtures."
        )
    literal = found["literal"]
    return Segment(literal.lower() if literal else None, found["parameter"])
