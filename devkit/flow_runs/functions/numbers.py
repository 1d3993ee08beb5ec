"""Functions of numbers. Whole numbers stay whole: div cuts, mod has the sign of the dividend."""

import math
import random
from collections.abc import Callable
from typing import Any

from devkit.flow_runs.failures import need_integer, need_number, refuse_value

_LONGEST_RANGE = 100_000


def add(one: Any, other: Any) -> int | float:
    """Add two numbers."""
    return need_number("add", 0, one) + need_number("add", 1, other)


def subtract(one: Any, other: Any) -> int | float:
    """Subtract a number from another."""
    return need_number("sub", 0, one) - need_number("sub", 1, other)


def multiply(one: Any, other: Any) -> int | float:
    """Multiply two numbers."""
    return need_number("mul", 0, one) * need_number("mul", 1, other)


def divide(one: Any, other: Any) -> int | float:
    """div()."""
    dividend, divisor = _read_division("div", one, other)
    return dividend / divisor if _has_float(dividend, divisor) else _cut(dividend, divisor)


def find_remainder(one: Any, other: Any) -> int | float:
    """mod()."""
    dividend, divisor = _read_division("mod", one, other)
    if _has_float(dividend, divisor):
        return math.fmod(dividend, divisor)
    return int(dividend - divisor * _cut(dividend, divisor))


def make_range(start: Any, count: Any) -> list[int]:
    """range()."""
    first, length = need_integer("range", 0, start), need_integer("range", 1, count)
    if not 0 <= length <= _LONGEST_RANGE:
        raise refuse_value("range", f"a count of {length}")
    return list(range(first, first + length))


def choose_number(least: Any, below: Any) -> int:
    """rand()."""
    start, end = need_integer("rand", 0, least), need_integer("rand", 1, below)
    if start >= end:
        raise refuse_value("rand", f"there is no number from {start} to below {end}")
    return random.randrange(start, end)  # noqa: S311 - no secret


def find_extreme(function: str, pick: Callable[[list[Any]], Any]) -> Callable[..., Any]:
    """Make min() or max(); both take numbers, or one array of them."""

    def call(*values: Any) -> Any:
        numbers = values[0] if len(values) == 1 and isinstance(values[0], list) else list(values)
        if not numbers:
            raise refuse_value(function, "the array is empty")
        return pick([need_number(function, place, value) for place, value in enumerate(numbers)])

    return call


def _read_division(function: str, one: Any, other: Any) -> tuple[int | float, int | float]:
    dividend, divisor = need_number(function, 0, one), need_number(function, 1, other)
    if divisor == 0:
        raise refuse_value(function, "the divisor is zero")
    return dividend, divisor


def _has_float(*values: float) -> bool:
    return any(isinstance(value, float) for value in values)


def _cut(dividend: float, divisor: float) -> int:
    quotient = abs(dividend) // abs(divisor)
    return int(quotient if (dividend < 0) == (divisor < 0) else -quotient)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": add, "sub": subtract, "mul": multiply, "div": divide, "mod": find_remainder, "range": make_range,
    "rand": choose_number, "min": find_extreme("min", min), "max": find_extreme("max", max),
}  # fmt: skip
