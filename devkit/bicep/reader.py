"""Runs in the tools' environment: reads {"texts", "classes"} from stdin, writes {"trees", "models"} to stdout.

A tree is pycep's, with {"$ref": name} where a name stands and not a text. A model is {property: kind}; a kind is str,
int, bool, any, {"enum": values}, {"list": kind}, {"map": kind} or {"class": model}; what must be given stands under
"$required". The management libraries come in two generations: fields with type hints, and `_attribute_map` with types
as texts.
"""

import enum
import importlib
import json
import re
import sys
import types
import typing
from typing import Any

_PLAIN = {"str": "str", "int": "int", "long": "int", "bool": "bool"}


def main() -> None:
    """Answer one request."""
    asked = json.load(sys.stdin)
    models: dict[str, dict[str, Any]] = {}
    for name in asked["classes"]:
        module, _, cls = name.partition(":")
        _describe(getattr(importlib.import_module(module), cls), importlib.import_module(module), models, name)
    parser = importlib.import_module("pycep").BicepParser()
    json.dump({"trees": [_parse(parser, text) for text in asked["texts"]], "models": models}, sys.stdout)


def _parse(parser: Any, text: str) -> dict[str, Any]:
    try:
        return {"tree": _plain(parser.parse(text=text))}
    except Exception as error:  # noqa: BLE001 - whatever the parser says is the finding
        return {"error": str(error).partition("Expected one of")[0].strip()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key).strip("'"): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, str) and type(value).__name__ == "BicepElement":
        return {"$ref": str(value)}
    return value


def _describe(cls: type, module: Any, models: dict[str, dict[str, Any]], name: str) -> None:
    if name in models:
        return
    models[name] = {}
    if hasattr(cls, "_attribute_map"):
        for each in cls._attribute_map.values():
            _put_old(models[name], each["key"].replace("\\.", "\0"), each["type"], module, models)
        for attribute, rules in getattr(cls, "_validation", {}).items():
            if rules.get("required"):
                _require(models[name], cls._attribute_map[attribute]["key"])
    else:
        _put_new(cls, module, models, name)


def _put_old(into: dict[str, Any], key: str, kind: str, module: Any, models: dict[str, dict[str, Any]]) -> None:
    """Put a flattened key such as properties.severity where it stands on the wire."""
    first, _, rest = key.partition(".")
    first = first.replace("\0", ".")
    if rest:
        inner = into.setdefault(first, {"fields": {}})
        if "fields" in inner:
            _put_old(inner["fields"], rest, kind, module, models)
    else:
        into[first] = _read_old(kind, module, models)


def _require(into: dict[str, Any], key: str) -> None:
    first, _, rest = key.partition(".")
    into.setdefault("$required", []).append(first)
    if rest:
        _require(into[first]["fields"], rest)


def _read_old(kind: str, module: Any, models: dict[str, dict[str, Any]]) -> Any:
    if found := re.fullmatch(r"\[(.+)\]", kind):
        return {"list": _read_old(found[1], module, models)}
    if found := re.fullmatch(r"\{(.+)\}", kind):
        return {"map": _read_old(found[1], module, models)}
    if kind in _PLAIN:
        return _PLAIN[kind]
    cls = getattr(module, kind, None)
    return _name_class(cls, module, models) if isinstance(cls, type) else "any"


def _put_new(cls: type, module: Any, models: dict[str, dict[str, Any]], name: str) -> None:
    for base in reversed(cls.__mro__):
        namespace = dict(vars(sys.modules[base.__module__])) | {"_models": module}
        for attribute, hint in getattr(base, "__annotations__", {}).items():
            field = vars(base).get(attribute)
            if field is None or type(field).__name__ != "_RestField":
                continue
            wire = field._rest_name_input or attribute  # noqa: SLF001 - the library keeps it nowhere else
            if type(None) not in typing.get_args(hint) and field._visibility != ["read"]:  # noqa: SLF001 - as above
                models[name].setdefault("$required", []).append(wire)
            try:
                one = type("One", (), {"__annotations__": {"kind": hint}})
                models[name][wire] = _read_new(typing.get_type_hints(one, namespace)["kind"], module, models)
            except (NameError, AttributeError, TypeError):
                models[name][wire] = "any"


def _read_new(hint: Any, module: Any, models: dict[str, dict[str, Any]]) -> Any:
    origin, arguments = typing.get_origin(hint), [each for each in typing.get_args(hint) if each is not type(None)]
    if origin in (typing.Union, types.UnionType):
        enums = [each for each in arguments if isinstance(each, type) and issubclass(each, enum.Enum)]
        return _read_new(enums[0] if enums else arguments[0], module, models)
    if origin is list:
        return {"list": _read_new(arguments[0], module, models)}
    if origin is dict:
        return {"map": _read_new(arguments[1], module, models)}
    if hint in (str, int, bool):
        return hint.__name__
    return _name_class(hint, module, models) if isinstance(hint, type) else "any"


def _name_class(cls: type, module: Any, models: dict[str, dict[str, Any]]) -> Any:
    if issubclass(cls, enum.Enum):
        return {"enum": [str(each.value) for each in cls]}
    if not cls.__module__.startswith("azure.mgmt"):
        return "any"
    name = f"{module.__name__}:{cls.__name__}"
    _describe(cls, module, models, name)
    return {"class": name}


if __name__ == "__main__":
    main()
