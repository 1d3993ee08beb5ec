"""Parse expressions of the workflow definition language into trees, to find out what a flow reads.

Grammar (Microsoft, "Reference guide to functions in expressions for Azure Logic Apps"): a string that begins with `@`
is one expression, `@{…}` inside a string is interpolated, `@@` is a literal `@`. An expression is a literal, a call, or
either with members: `['name']`, `?['name']`, `[0]`, `.name`. Nothing is evaluated here; `devkit.flow_runs` does.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache


class ExpressionError(ValueError):
    """The text is not an expression; the message says where the fault is."""


@dataclass(frozen=True)
class Literal:
    """A string, number, true, false or null."""

    value: str | int | float | bool | None


@dataclass(frozen=True)
class Call:
    """A function and its arguments."""

    name: str
    arguments: tuple["Node", ...] = ()


@dataclass(frozen=True)
class Member:
    """A member of a value: by name, by number, or by the value of another expression."""

    owner: "Node"
    key: "Node"
    is_optional: bool = False  # `?` in front: null gives null


type Node = Literal | Call | Member

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_$][\w$]*)|(?P<sign>[()\[\],.?]))"
)
_WORDS = {"true": True, "false": False, "null": None}


@lru_cache(maxsize=4096)
def parse_expression(text: str) -> Node:
    """Read one expression, without its leading `@`. Raises ExpressionError.

    Trees do not change, and every check and every run reads the same texts again.
    """
    reader = _Reader(text)
    node = reader.read()
    reader.expect_end()
    return node


def find_expressions(text: str) -> list[str]:
    """Return the expressions of one string of a definition, without `@` and braces, in order.

    ExpressionError if an interpolation does not end.
    """
    if text.startswith("@") and not text.startswith(("@@", "@{")):
        return [text[1:]]
    return [text[start + 2 : end - 1] for start, end in find_interpolations(text)]


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and everything below it."""
    yield node
    if isinstance(node, Call):
        for argument in node.arguments:
            yield from walk(argument)
    elif isinstance(node, Member):
        yield from walk(node.owner)
        yield from walk(node.key)


def find_interpolations(text: str) -> list[tuple[int, int]]:
    """Return where each `@{…}` of a text begins and ends. Raises ExpressionError if one does not end."""
    found, position = [], 0
    while (start := text.find("@{", position)) >= 0:
        if start and text[start - 1] == "@":  # escaped
            position = start + 2
            continue
        end = _find_end(text, start + 2)
        found.append((start, end))
        position = end
    return found


def _find_end(text: str, position: int) -> int:
    """Return the place behind the brace that ends an interpolation; braces in strings do not count."""
    in_string = False
    for place in range(position, len(text)):
        if text[place] == "'":
            in_string = not in_string
        elif text[place] == "}" and not in_string:
            return place + 1
    raise ExpressionError(f"“{text[position - 2 :]}” does not end with }}")


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0

    def read(self) -> Node:
        node = self._read_primary()
        while True:
            is_optional = self._take("?")
            if is_optional and not self._peek_sign("[", "."):
                raise self._error("a member")
            if self._take("["):
                node = Member(node, self.read(), is_optional)
                self._need("]")
            elif self._take("."):
                node = Member(node, Literal(self._need_kind("name")), is_optional)
            else:
                return node

    def expect_end(self) -> None:
        if self._text[self._place :].strip():
            raise self._error("the end")

    def _read_primary(self) -> Node:
        kind, token = self._next()
        if kind == "string":
            return Literal(token[1:-1].replace("''", "'"))
        if kind == "number":
            return Literal(float(token) if "." in token else int(token))
        if kind == "name":
            if self._take("("):
                return Call(token, self._read_arguments())
            if token.lower() in _WORDS:
                return Literal(_WORDS[token.lower()])
        raise self._error("a value", before=token)

    def _read_arguments(self) -> tuple[Node, ...]:
        if self._take(")"):
            return ()
        arguments = [self.read()]
        while self._take(","):
            arguments.append(self.read())
        self._need(")")
        return tuple(arguments)

    def _match(self) -> re.Match[str] | None:
        return _TOKEN.match(self._text, self._place)

    def _next(self) -> tuple[str, str]:
        found = self._match()
        if found is None or found.lastgroup is None:
            raise self._error("a value")
        self._place = found.end()
        return found.lastgroup, found[found.lastgroup]

    def _peek_sign(self, *signs: str) -> bool:
        found = self._match()
        return found is not None and found["sign"] in signs

    def _take(self, sign: str) -> bool:
        if not self._peek_sign(sign):
            return False
        self._next()
        return True

    def _need(self, sign: str) -> None:
        if not self._take(sign):
            raise self._error(f"“{sign}”")

    def _need_kind(self, wanted: str) -> str:
        kind, token = self._next()
        if kind != wanted:
            raise self._error(f"a {wanted}", before=token)
        return token

    def _error(self, wanted: str, before: str = "") -> ExpressionError:
        rest = (before + self._text[self._place :]).strip() or "the end"
        return ExpressionError(f"“{self._text}”: {wanted} was expected at “{rest[:40]}”")
