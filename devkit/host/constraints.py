"""Route constraints, as ASP.NET Core applies them to the text of one route parameter.

Source: https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-constraints
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from devkit.host.errors import FunctionError

_INT_BITS, _LONG_BITS = 32, 64
_INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)
_DECIMAL = re.compile(r"\s*[+-]?(?:[0-9][0-9,]*\.?[0-9]*|\.[0-9]+)\s*", re.ASCII)
_FLOAT = re.compile(
    r"\s*[+-]?(?:(?:[0-9][0-9,]*\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|infinity|∞|nan)\s*", re.ASCII | re.IGNORECASE
)
_GUID = re.compile(
    r"(?:[0-9a-f]{32}|(?P<o>[({]?)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?P<c>[)}]?))", re.IGNORECASE
)
_DATE_FORMATS = ("%m/%d/%Y", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%d %B %Y", "%B %d, %Y")


@dataclass(frozen=True)
class Constraint:
    """One constraint: its text in the template, its test, and values near its edges for comparing routes."""

    text: str
    accepts: Callable[[str], bool]
    samples: tuple[str, ...] = ()


def parse_constraint(text: str) -> Constraint:
    """Read ``int``, ``length(1,5)``, ``regex(^a)`` ... Raises FunctionError for one that does not exist."""
    name, bracket, rest = text.partition("(")
    argument = rest.removesuffix(")") if bracket else None
    key = name.strip().lower()
    try:
        if argument is None and key in _SIMPLE:
            return Constraint(text, *_SIMPLE[key])
        if argument is not None and key in _WITH_ARGUMENT and rest.endswith(")"):
            return _WITH_ARGUMENT[key](text, argument)
    except (ValueError, re.error) as error:
        raise FunctionError(f"The route constraint '{text}' is invalid: {error}.") from None
    raise FunctionError(f"The route constraint '{text}' does not exist.")


def _is_whole(value: str, bits: int) -> bool:
    return _INTEGER.fullmatch(value) is not None and -(2 ** (bits - 1)) <= int(value) < 2 ** (bits - 1)


def _is_guid(value: str) -> bool:
    match = _GUID.fullmatch(value.strip())
    return match is not None and ((match["o"] or "") + (match["c"] or "")) in {"", "()", "{}"}


def _is_date(value: str) -> bool:
    """Cover ISO 8601 and the common invariant forms; .NET accepts further spellings."""
    try:
        datetime.fromisoformat(value.strip())
    except ValueError:
        return any(_has_format(value.strip(), form) for form in _DATE_FORMATS)
    return re.fullmatch("[0-9]+", value.strip()) is None


def _has_format(value: str, form: str) -> bool:
    try:
        datetime.strptime(value, form)  # noqa: DTZ007  only the spelling counts
    except ValueError:
        return False
    return True


def _make_length(text: str, argument: str) -> Constraint:
    low, _, high = argument.partition(",")
    least, most = int(low), int(high or low)
    return Constraint(text, lambda value: least <= len(value) <= most, ("a" * least, "1" * least, "a" * most))


def _make_min_length(text: str, argument: str) -> Constraint:
    least = int(argument)
    return Constraint(text, lambda value: len(value) >= least, ("a" * max(least, 1), "1" * max(least, 1)))


def _make_max_length(text: str, argument: str) -> Constraint:
    most = int(argument)
    return Constraint(text, lambda value: len(value) <= most, ("a" * most, "1" * most, "a" * (most + 1)))


def _make_range(text: str, argument: str) -> Constraint:
    low, high = (int(part) for part in argument.split(","))
    return Constraint(
        text,
        lambda value: _is_whole(value, _LONG_BITS) and low <= int(value) <= high,
        (str(low), str(high), str(low - 1), str(high + 1)),
    )


def _make_min(text: str, argument: str) -> Constraint:
    low = int(argument)
    return Constraint(text, lambda value: _is_whole(value, _LONG_BITS) and int(value) >= low, (str(low), str(low - 1)))


def _make_max(text: str, argument: str) -> Constraint:
    high = int(argument)
    return Constraint(
        text, lambda value: _is_whole(value, _LONG_BITS) and int(value) <= high, (str(high), str(high + 1))
    )


def _make_regex(text: str, argument: str) -> Constraint:
    pattern = re.compile(argument, re.IGNORECASE)
    literals = tuple(re.findall(r"[A-Za-z0-9_-]+", argument))
    return Constraint(text, lambda value: pattern.search(value) is not None, literals)


_SIMPLE: dict[str, tuple[Callable[[str], bool], tuple[str, ...]]] = {
    "int": (lambda value: _is_whole(value, _INT_BITS), ("0", "-7", "2147483647")),
    "long": (lambda value: _is_whole(value, _LONG_BITS), ("2147483648",)),
    "bool": (lambda value: value.strip().lower() in {"true", "false"}, ("true", "FALSE")),
    "double": (lambda value: _FLOAT.fullmatch(value) is not None, ("1.5e3", "NaN")),
    "float": (lambda value: _FLOAT.fullmatch(value) is not None, ("1.5e3", "NaN")),
    "decimal": (lambda value: _DECIMAL.fullmatch(value) is not None, ("1.5", "99999999999999999999")),
    "guid": (_is_guid, ("6f9619ff-8b86-d011-b42d-00cf4fc964ff", "0123456789abcdef0123456789abcdef")),
    "datetime": (_is_date, ("2026-01-31", "2026-01-31T10:00:00", "01/31/2026")),
    "alpha": (lambda value: re.fullmatch("[a-z]*", value, re.IGNORECASE | re.ASCII) is not None, ("abc", "z")),
    "required": (lambda value: value != "", ()),
}

_WITH_ARGUMENT: dict[str, Callable[[str, str], Constraint]] = {
    "length": _make_length,
    "minlength": _make_min_length,
    "maxlength": _make_max_length,
    "min": _make_min,
    "max": _make_max,
    "range": _make_range,
    "regex": _make_regex,
}
