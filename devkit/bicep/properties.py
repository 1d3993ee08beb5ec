"""A resource's properties against the class that Azure's own library has for it: names, kinds, allowed words, gaps."""

from collections.abc import Iterator, Mapping
from typing import Any

from devkit.bicep.reading import Models

# Bicep's own, beside what the resource has.
_LANGUAGE = {"name", "parent", "scope", "dependsOn"}
_EXPRESSION = {"$ref", "operator", "function"}
_PYTHON = {"str": str, "int": int, "bool": bool}


def unwrap(config: Any) -> dict[str, Any]:
    """Return what stands inside loops and conditions."""
    while isinstance(config, dict) and "config" in config and ("condition" in config or "loop_type" in config):
        config = config["config"]
    found: dict[str, Any] = config
    return found


def find_wrong_properties(config: Mapping[str, Any], model: str, models: Models) -> Iterator[str]:
    """Yield a sentence for each property that the resource does not have, that has the wrong kind, or that it lacks."""
    own = {name: value for name, value in config.items() if name not in _LANGUAGE}
    yield from _compare_fields(own, models[model], models, "")


def _compare_fields(given: Mapping[str, Any], fields: Mapping[str, Any], models: Models, path: str) -> Iterator[str]:
    for name in sorted(set(fields.get("$required", ())) - set(given)):
        if path or name not in _LANGUAGE:
            yield f"{path}{name} is missing"
    for name, value in given.items():
        where = f"{path}{name}"
        if name not in fields:
            yield f"{where} does not exist"
        else:
            yield from _compare(value, fields[name], models, where)


def _compare(value: Any, kind: Any, models: Models, where: str) -> Iterator[str]:
    value = unwrap(value)
    if value is None or kind == "any" or (isinstance(value, dict) and len(value) == 1 and _EXPRESSION & set(value)):
        return
    if isinstance(kind, str) or "enum" in kind:
        yield from _compare_plain(value, kind, where)
    elif "list" in kind:
        if isinstance(value, list):
            for number, each in enumerate(value):
                yield from _compare(each, kind["list"], models, f"{where}[{number}]")
        else:
            yield f"{where} must be a list"
    elif not isinstance(value, dict):
        yield f"{where} must be an object"
    elif "map" in kind:
        for name, each in value.items():
            yield from _compare(each, kind["map"], models, f"{where}.{name}")
    else:
        fields = kind["fields"] if "fields" in kind else models[kind["class"]]
        yield from _compare_fields(value, fields, models, f"{where}.")


def _compare_plain(value: Any, kind: Any, where: str) -> Iterator[str]:
    wanted = kind if isinstance(kind, str) else "str"
    if type(value) is not _PYTHON[wanted]:
        yield f"{where} must be {wanted}"
    elif isinstance(kind, dict) and "${" not in str(value) and value not in kind["enum"]:
        yield f"{where} must be one of {', '.join(kind['enum'])}"
