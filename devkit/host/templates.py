"""Route templates: ``bookings/{id:int}/{view?}``, ``files/{name}.{kind}``, ``{*rest}``.

Grammar and matching follow ASP.NET Core, which routes for the platform
(https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-templates).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from devkit.host.constraints import Constraint, parse_constraint
from devkit.host.errors import FunctionError


@dataclass(frozen=True)
class Parameter:
    """One ``{...}`` of a template."""

    name: str
    constraints: tuple[Constraint, ...]
    default: str | None
    optional: bool
    catch_all: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text between the braces. Raises FunctionError."""
        stars = len(text) - len(text.lstrip("*"))
        body, default = text[stars:], None
        name, *others = _split_outside_brackets(body, ":")
        head, equals, tail = (others[-1] if others else name).partition("=")
        if equals and "(" not in tail.partition(")")[0]:
            default = tail
            name, others = (name, [*others[:-1], head]) if others else (head, [])
        optional = default is None and body.endswith("?")
        if optional:
            name, others = (name, [*others[:-1], others[-1][:-1]]) if others else (name[:-1], [])
        if not name or re.search(r"[/{}?*]", name) or stars > 2 or (optional and stars):  # noqa: PLR2004  * or **
            raise FunctionError(f"The route parameter '{{{text}}}' is invalid.")
        return cls(name, tuple(parse_constraint(other) for other in others), default, optional, stars > 0)

    def accepts(self, value: str) -> bool:
        """Say whether all constraints allow ``value`` (decoded text of the path)."""
        return all(constraint.accepts(value) for constraint in self.constraints)


@dataclass(frozen=True)
class Segment:
    """What stands between two slashes: a literal, a parameter, or a mixture such as ``{name}.json``."""

    parts: tuple[str | Parameter, ...]

    @property
    def literal(self) -> str | None:
        """The literal text when there is no parameter."""
        return self.parts[0] if len(self.parts) == 1 and isinstance(self.parts[0], str) else None

    @property
    def parameter(self) -> Parameter | None:
        """The parameter when it stands alone."""
        return self.parts[0] if len(self.parts) == 1 and isinstance(self.parts[0], Parameter) else None

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters, in order."""
        return tuple(part for part in self.parts if isinstance(part, Parameter))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        pieces = (re.escape(part) if isinstance(part, str) else "(.+)" for part in self.parts)
        return re.compile("".join(pieces), re.IGNORECASE | re.DOTALL)

    def match(self, text: str) -> dict[str, str] | None:
        """Return the parameter values that ``text`` gives (literals compare without case), or None."""
        found = self._pattern.fullmatch(text)
        if found is None:
            return None
        values = dict(zip((parameter.name for parameter in self.parameters), found.groups(), strict=True))
        return values if all(parameter.accepts(values[parameter.name]) for parameter in self.parameters) else None


@dataclass(frozen=True)
class Template:
    """A parsed route template."""

    text: str
    segments: tuple[Segment, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a template; slashes at both ends do not count. Raises FunctionError that says what is wrong."""
        stripped = text.strip("/")
        segments = tuple(Segment(tuple(parts)) for parts in _tokenize(stripped)) if stripped else ()
        names = [parameter.name.casefold() for segment in segments for parameter in segment.parameters]
        if len(set(names)) != len(names):
            raise FunctionError(f"The route '{text}' uses a parameter name twice.")
        for position, segment in enumerate(segments):
            last = position == len(segments) - 1
            for parameter in segment.parameters:
                lone = segment.parameter is not None
                if (parameter.catch_all or parameter.optional) and not (last and lone):
                    raise FunctionError(f"In the route '{text}', '{parameter.name}' must be the last segment, alone.")
        return cls(stripped, segments)

    def match(self, path: Sequence[str]) -> dict[str, str] | None:
        """Return the route values for the path's decoded segments, or None.

        Optional parameters that the path leaves out are absent; defaults are filled in.
        """
        values: dict[str, str] = {}
        if len(path) > len(self.segments) and not self.has_rest:
            return None
        for position, segment in enumerate(self.segments):
            lone = segment.parameter
            if lone is not None and (lone.catch_all or position >= len(path)):
                value = "/".join(path[position:]) or lone.default
                if value is None and not (lone.optional or lone.catch_all):
                    return None
                if value is not None:
                    if not lone.accepts(value):
                        return None
                    values[lone.name] = value
                continue
            found = segment.match(path[position]) if position < len(path) else None
            if found is None:
                return None
            values |= found
        return values

    @property
    def has_rest(self) -> bool:
        """Whether the template ends in a catch-all such as ``{*rest}``."""
        return any(parameter.catch_all for parameter in (self.segments[-1].parameters if self.segments else ()))


def _split_outside_brackets(text: str, separator: str) -> list[str]:
    pieces, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == separator and depth <= 0:
            pieces.append("")
        else:
            pieces[-1] += character
    return pieces


def _tokenize(text: str) -> Iterator[list[str | Parameter]]:
    """Yield the parts of each segment; doubled braces stand for themselves."""
    parts: list[str | Parameter] = []
    literal = ""
    position = 0
    while position <= len(text):
        character = text[position : position + 1]
        if text[position : position + 2] in {"{{", "}}"}:
            literal += character
            position += 2
        elif character in {"/", ""}:
            parts += [literal] if literal else []
            if not parts:
                raise FunctionError(f"The route '{text}' has an empty segment.")
            yield parts
            parts, literal = [], ""
            position += 1
        elif character == "{":
            parts += [literal] if literal else []
            if parts and isinstance(parts[-1], Parameter):
                raise FunctionError(f"The route '{text}' needs literal text between two parameters.")
            end = _find_closing_brace(text, position + 1)
            parts.append(Parameter.parse(text[position + 1 : end].replace("{{", "{").replace("}}", "}")))
            literal = ""
            position = end + 1
        elif character == "}":
            raise FunctionError(f"The route '{text}' closes a brace that it did not open.")
        else:
            literal += character
            position += 1


def _find_closing_brace(text: str, position: int) -> int:
    while position < len(text):
        if text[position : position + 2] in {"{{", "}}"}:
            position += 2
        elif text[position] == "}":
            return position
        else:
            position += 1
    raise FunctionError(f"The route '{text}' opens a brace that it does not close.")
