"""The failures of expressions, in the words of the platform where they are known."""

from typing import Any

_PLACES = ("first", "second", "third", "fourth")


class TemplateFailure(ValueError):  # noqa: N818 - named by what happened to the step: it failed
    """An expression cannot be evaluated; the step that reads it fails with the code InvalidTemplate."""

    code = "InvalidTemplate"


class UnknownFunctionError(LookupError):
    """A flow calls a function that cannot be called here: no verdict about the flow."""


def name_type(value: Any) -> str:
    """Return what the platform calls the type of a value."""
    if value is None:
        return "Null"
    if isinstance(value, bool):
        return "Boolean"
    names = {str: "String", int: "Integer", float: "Float", list: "Array", dict: "Object"}
    return next((name for kind, name in names.items() if isinstance(value, kind)), type(value).__name__)


def refuse(function: str, place: int, wanted: str, value: Any) -> TemplateFailure:
    """Return the failure of a function whose parameter (0 is the first) is of another type than `wanted`."""
    which = _PLACES[place] if place < len(_PLACES) else f"{place + 1}th"
    return TemplateFailure(
        f"The template language function '{function}' expects its {which} parameter to be {wanted}. "
        f"The provided value is of type '{name_type(value)}'."
    )


def refuse_value(function: str, why: str) -> TemplateFailure:
    """Return the failure of a function whose parameters have the right types and values that it cannot use."""
    return TemplateFailure(
        f"The template language function '{function}' was invoked with values that it refuses: {why}."
    )


def need_text(function: str, place: int, value: Any) -> str:
    """Return a parameter that must be a text."""
    if isinstance(value, str):
        return value
    raise refuse(function, place, "a string", value)


def need_integer(function: str, place: int, value: Any) -> int:
    """Return a parameter that must be a whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise refuse(function, place, "an integer", value)


def need_number(function: str, place: int, value: Any) -> int | float:
    """Return a parameter that must be a number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise refuse(function, place, "an integer or a decimal number", value)


def need_boolean(function: str, place: int, value: Any) -> bool:
    """Return a parameter that must be true or false."""
    if isinstance(value, bool):
        return value
    raise refuse(function, place, "of type boolean", value)


def need_list(function: str, place: int, value: Any) -> list[Any]:
    """Return a parameter that must be an array."""
    if isinstance(value, list):
        return value
    raise refuse(function, place, "an array", value)


def need_object(function: str, place: int, value: Any) -> dict[str, Any]:
    """Return a parameter that must be an object."""
    if isinstance(value, dict):
        return value
    raise refuse(function, place, "an object", value)


def need_sequence(function: str, place: int, value: Any) -> list[Any] | str:
    """Return a parameter that must be an array or a text."""
    if isinstance(value, list | str):
        return value
    raise refuse(function, place, "an array or a string", value)


def need_english(function: str, place: int, locale: Any) -> None:
    """Refuse to guess how another language writes something. Raises UnknownFunctionError."""
    if need_text(function, place, locale).lower() != "en-us":
        raise UnknownFunctionError(f"{function}() in “{locale}”: only en-US is known here")
