"""A resource's properties against the class that Azure's own library has for it: names, kinds, allowed words, gaps."""

from collections.abc import Iterator, Mapping
from typing import Any

from devkit.bicep.reading import Models

# Bicep's own, beside what the resource has.
_LANGUAGE = {"name", "parent", "scope", "dependsOn"}
_SHAPES: tuple[Any, Any] = (dict, list)
_PYTHON = {"str": str, "int": int, "bool": bool}


def is_code(value: Any) -> bool:
    """Return whether an expression stands there, whose value is not known."""
    return isinstance(value, dict) and [*value] == ["code"]


def find_wrong_properties(config: Mapping[str, Any], model: str, models: Models) -> Iterator[str]:
    """Yield a sentence for each property that the resource does not have, that has the wrong kind, or that it lacks."""
    own = {name: value for name, value in config.items() if name not in _LANGUAGE}
    return _compare_fields(own, models[model], models, "")


def _compare_fields(given: Mapping[str, Any], fields: Mapping[str, Any], models: Models, path: str) -> Iterator[str]:
    for name in sorted(set(fields.get("$required", ())) - set(given)):
        if path or name not in _LANGUAGE:
            yield f"{path}{name} is missing"
    for name, value in given.items():
        if name in fields:
            yield from _compare(value, fields[name], models, f"{path}{name}")
        else:
            yield f"{path}{name} does not exist"


def _compare(value: Any, kind: Any, models: Models, where: str) -> Iterator[str]:
    if value is None or kind == "any" or is_code(value):
        return
    if isinstance(kind, str) or "enum" in kind:
        wanted = kind if isinstance(kind, str) else "str"
        if type(value) is not _PYTHON[wanted]:
            yield f"{where} must be {wanted}"
        elif isinstance(kind, dict) and value not in kind["enum"]:
            yield f"{where} must be one of {', '.join(kind['enum'])}"
    elif not isinstance(value, _SHAPES["list" in kind]):
        yield f"{where} must be {'a list' if 'list' in kind else 'an object'}"
    elif "list" in kind:
        for number, each in enumerate(value):
            yield from _compare(each, kind["list"], models, f"{where}[{number}]")
    elif "map" in kind:
        for name, each in value.items():
            yield from _compare(each, kind["map"], models, f"{where}.{name}")
    else:
        yield from _compare_fields(value, kind.get("fields") or models[kind["class"]], models, f"{where}.")
