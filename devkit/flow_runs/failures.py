"""The failure of an expression, in the words of the platform."""

from typing import Any

_PLACES = ("first", "second", "third", "fourth")


class TemplateFailure(ValueError):  # noqa: N818 - named by what happened to the step: it failed
    """An expression cannot be evaluated; the step that reads it fails with the code InvalidTemplate."""

    code = "InvalidTemplate"


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
