"""Read a member of a value: `['name']`, `?['name']`, `[0]`."""

from collections.abc import Mapping
from typing import Any

from devkit.flow_runs.failures import TemplateFailure, name_type
from devkit.flow_runs.texts import as_text


def read_member(owner: Any, key: Any, *, is_optional: bool) -> Any:
    """Return a member; what is missing is null if `is_optional`, and fails otherwise.

    A `/` in a name parts levels. Of a text or a number nothing can be selected, optional or not.
    """
    if isinstance(key, str) and "/" in key:
        for part in key.split("/"):
            is_index = isinstance(owner, list) and part.isdecimal()
            owner = read_member(owner, int(part) if is_index else part, is_optional=is_optional)
        return owner
    if owner is None and is_optional:
        return None
    if isinstance(owner, Mapping) and isinstance(key, str):
        return _read_property(owner, key, is_optional=is_optional)
    if isinstance(owner, list):
        return _read_element(owner, key, is_optional=is_optional)
    raise TemplateFailure(
        f"The template language expression cannot be evaluated because property '{as_text(key)}' cannot be selected. "
        f"Property selection is not supported on values of type '{name_type(owner)}'."
    )


def find_name(values: Mapping[str, Any], name: str) -> str | None:
    """Return the name of a property as it is spelt in the object; case counts only if two differ in nothing else."""
    if name in values:
        return name
    return next((each for each in values if each.lower() == name.lower()), None)


def _read_property(owner: Mapping[str, Any], key: str, *, is_optional: bool) -> Any:
    if (name := find_name(owner, key)) is not None:
        return owner[name]
    if is_optional:
        return None
    raise TemplateFailure(
        f"The template language expression cannot be evaluated because property '{key}' doesn't exist, "
        f"available properties are '{', '.join(owner)}'."
    )


def _read_element(owner: list[Any], key: Any, *, is_optional: bool) -> Any:
    if not isinstance(key, int) or isinstance(key, bool):
        raise TemplateFailure(
            f"The template language expression cannot be evaluated because property '{as_text(key)}' cannot be "
            "selected. Array elements can only be selected using an integer index."
        )
    if 0 <= key < len(owner):
        return owner[key]
    if is_optional:
        return None
    raise TemplateFailure(
        f"The template language expression cannot be evaluated because array index '{key}' is outside bounds "
        f"(0, {len(owner) - 1}) of array."
    )
