"""Filters of SharePoint lists: the part of OData that flows use, parsed as strictly as SharePoint does."""

import re
from collections.abc import Callable, Mapping
from typing import Any

type Item = Mapping[str, Any]
type Filter = Callable[[Item], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<sign>[(),]))"
)
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
    "gt": lambda left, right: left > right,
    "ge": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "le": lambda left, right: left <= right,
}
_ORDERED = {"gt", "ge", "lt", "le"}
_FUNCTIONS: Mapping[str, tuple[int, Callable[[str, str], bool]]] = {  # where the column stands
    "startswith": (0, lambda column, text: column.lower().startswith(text.lower())),
    "substringof": (1, lambda column, text: text.lower() in column.lower()),
}
_WORDS = {"null": None, "true": True, "false": False}


class FilterError(ValueError):
    """The text is no filter."""


class ColumnError(ValueError):
    """A filter names a column that the list does not have; the message is its name."""


def parse_filter(text: str, columns: frozenset[str]) -> Filter:
    """Return whether items pass. Raises FilterError and ColumnError."""
    reader = _Reader(text, columns)
    found = reader.read_any()
    reader.expect_end()
    return found


class _Reader:
    def __init__(self, text: str, columns: frozenset[str]) -> None:
        self._columns = columns
        self._tokens: list[tuple[str, str]] = []
        place = 0
        while text[place:].strip():
            found = _TOKEN.match(text, place)
            if found is None or found.lastgroup is None:
                raise FilterError(text)
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            place = found.end()

    def read_any(self) -> Filter:
        parts = [self._read_all()]
        while self._take("or"):
            parts.append(self._read_all())
        return lambda item: any(part(item) for part in parts)

    def expect_end(self) -> None:
        if self._tokens:
            raise FilterError(self._tokens[0][1])

    def _read_all(self) -> Filter:
        parts = [self._read_one()]
        while self._take("and"):
            parts.append(self._read_one())
        return lambda item: all(part(item) for part in parts)

    def _read_one(self) -> Filter:
        if self._take("("):
            found = self.read_any()
            self._need(")")
            return found
        if self._take("not"):
            found = self._read_one()
            return lambda item: not found(item)
        kind, name = self._next()
        if kind != "name":
            raise FilterError(name)
        return self._read_function(name) if name in _FUNCTIONS else self._read_comparison(name)

    def _read_function(self, name: str) -> Filter:
        self._need("(")
        first = self._next()
        self._need(",")
        second = self._next()
        self._need(")")
        place, test = _FUNCTIONS[name]
        column, text = ((first, second), (second, first))[place]
        if column[0] != "name" or text[0] != "text":
            raise FilterError(name)
        field, value = self._column(column[1]), _unquote(text[1])
        return lambda item: test(str(item.get(field) or ""), value)

    def _read_comparison(self, name: str) -> Filter:
        column = self._column(name)
        kind, operator = self._next()
        if kind != "name" or operator not in _COMPARE:
            raise FilterError(operator)
        value = self._value()
        compare = _COMPARE[operator]

        def test(item: Item) -> bool:
            found = item.get(column)
            if operator in _ORDERED and (found is None or value is None):
                return False
            if isinstance(found, str) and isinstance(value, str):  # SharePoint's lists do not tell cases apart
                return compare(found.lower(), value.lower())
            return compare(found, value)

        return test

    def _value(self) -> Any:
        kind, token = self._next()
        if kind == "text":
            return _unquote(token)
        if kind == "number":
            return float(token) if "." in token else int(token)
        if kind == "name" and token in _WORDS:
            return _WORDS[token]
        raise FilterError(token)

    def _column(self, name: str) -> str:
        if name not in self._columns:
            raise ColumnError(name)
        return name

    def _next(self) -> tuple[str, str]:
        if not self._tokens:
            raise FilterError("the end")
        return self._tokens.pop(0)

    def _take(self, token: str) -> bool:
        if self._tokens and self._tokens[0][1] == token and self._tokens[0][0] != "text":
            self._tokens.pop(0)
            return True
        return False

    def _need(self, token: str) -> None:
        if not self._take(token):
            raise FilterError(token)


def _unquote(token: str) -> str:
    return token[1:-1].replace("''", "'")
