"""Functions that compare and decide.

All of them evaluate every argument first: `and` and `or` look at the types of all ("expects all of its parameters to be
booleans"), so none is left out. Only `if` is known in two readings (`devkit.flow_runs.values`).
"""

from collections.abc import Callable
from typing import Any

from devkit.flow_runs.failures import TemplateFailure, name_type, need_boolean


def are_equal(one: Any, other: Any) -> bool:
    """Compare values: numbers by value, true is 1, texts with case, arrays and objects member by member.

    Values of other types differ; null is no empty text.
    """
    return bool(one == other)


def choose(condition: Any, then: Any, otherwise: Any) -> Any:
    """if(): both values are there already."""
    return then if need_boolean("if", 0, condition) else otherwise


def are_all_true(*values: Any) -> bool:
    """and()."""
    return all(_need_booleans("and", values))


def is_any_true(*values: Any) -> bool:
    """or()."""
    return any(_need_booleans("or", values))


def compare(function: str, decide: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Make one of greater, less and their siblings; it takes two numbers or two texts."""

    def call(one: Any, other: Any) -> bool:
        kinds = [_name_order(value) for value in (one, other)]
        if kinds[0] is None or kinds[0] != kinds[1]:
            raise TemplateFailure(
                f"The template language function '{function}' expects two parameters of matching types. The function "
                f"was invoked with values of type '{name_type(one)}' and '{name_type(other)}' that do not match."
            )
        return decide(one, other)

    return call


def _name_order(value: Any) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number"
    return "text" if isinstance(value, str) else None


def _need_booleans(function: str, values: tuple[Any, ...]) -> tuple[bool, ...]:
    if wrong := [name_type(value) for value in values if not isinstance(value, bool)]:
        raise TemplateFailure(
            f"The template language function '{function}' expects all of its parameters to be booleans. "
            f"Found invalid parameter types: '{', '.join(wrong)}'."
        )
    return values


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "if": choose, "and": are_all_true, "or": is_any_true, "equals": are_equal,
    "not": lambda value: not need_boolean("not", 0, value),
    "coalesce": lambda *values: next((value for value in values if value is not None), None),
    "greater": compare("greater", lambda one, other: one > other),
    "greaterOrEquals": compare("greaterOrEquals", lambda one, other: one >= other),
    "less": compare("less", lambda one, other: one < other),
    "lessOrEquals": compare("lessOrEquals", lambda one, other: one <= other),
}  # fmt: skip
