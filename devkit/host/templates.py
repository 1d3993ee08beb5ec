"""Route templates of literal segments and whole parameters, ``mailboxes/{name}/mails``, and of a rest: ``{*path}``.

ASP.NET Core, which routes for the platform, knows more: constraints, defaults, optional parameters, and several parts
in one segment (https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-templates). Of these the app uses one
form, ``{name:maxlength(0)?}`` at the end, which stands for nothing. So a function is at the root: an empty route would
be the function's name (https://github.com/Azure/Azure-Functions/issues/2473). This host refuses to start an app that
uses others, and what ASP.NET Core cannot read, such as ``/items``: on the platform one such template makes every route
answer 503.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from devkit.host.errors import UnsupportedError

_SEGMENT = re.compile(r"(?P<literal>[\w.~-]+)|\{(?P<parameter>\w+)\}|\{\*(?P<rest>\w+)\}", re.ASCII)
_NOTHING = re.compile(r"(.*)/\{\w+:maxlength\(0\)\?\}", re.ASCII)


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
        """Read a template. Raises UnsupportedError for what this host does not know."""
        root = _NOTHING.fullmatch(text)
        found = [_SEGMENT.fullmatch(part) for part in (root[1] if root else text).split("/")]
        rest = found[-1]["rest"] if found[-1] else None
        segments = found[:-1] if rest else found
        names = [name.lower() for each in found if each and (name := each["parameter"] or each["rest"])]
        if not all(each and not each["rest"] for each in segments) or len(set(names)) != len(names):
            raise UnsupportedError(
                f"The route '{text}' is none that the local host knows: literals of letters, digits and . _ ~ -, "
                "{name}, and {*name} or {name:maxlength(0)?} at the end, between single slashes, no name twice."
            )
        pairs = [(each["literal"], each["parameter"]) for each in segments if each]
        return cls(text, tuple(Segment(literal and literal.lower(), name) for literal, name in pairs), rest)

    def match(self, path: Sequence[str]) -> dict[str, str] | None:
        """Return the route values for the path's decoded segments, or None. Literals compare without case.

        A last segment "" stands for a slash at the end, which does not count, except in the value of a rest.
        """
        own, more = path[: len(self.segments)], path[len(self.segments) :]
        is_end = not more or list(more) == [""]
        if len(own) < len(self.segments) or not all(own) or not (is_end or (self.rest and more[0])):
            return None
        pairs = list(zip(self.segments, own, strict=True))
        if any(segment.literal and not (text.isascii() and text.lower() == segment.literal) for segment, text in pairs):
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
