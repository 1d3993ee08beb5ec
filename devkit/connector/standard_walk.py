"""Ways through a definition (Swagger 2.0) for rules: operations, parameters, schemas and texts, with their places."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

type Json = Mapping[str, Any]

INTERNAL = "internal"
METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch"})
TEXTS = ("summary", "x-ms-summary", "title", "description", "x-ms-trigger-hint")


class Call(NamedTuple):
    """An operation with its place, such as `GET /status`."""

    place: str
    path: str
    operation: Json


class Shaped(NamedTuple):
    """A schema (or a parameter, which has the keywords of one) with its place."""

    place: str
    shape: Json
    is_input: bool
    is_root: bool  # the whole body or answer


def list_calls(definition: Json) -> Iterator[Call]:
    """Return every operation."""
    for path, item in definition["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield Call(f"{method.upper()} {path}", path, operation)


def is_hidden(shape: Json) -> bool:
    """Return whether makers do not see an operation, parameter or property."""
    return shape.get("x-ms-visibility") == INTERNAL


def follow(definition: Json, shape: Json) -> Json:
    """Return what a reference leads to; anything else unchanged."""
    while "$ref" in shape:
        _, section, name = str(shape["$ref"]).split("/")
        shape = definition[section][name]
    return shape


def list_parameters(definition: Json, operation: Json) -> list[Json]:
    """Return the parameters of an operation, references followed."""
    return [follow(definition, each) for each in operation.get("parameters", [])]


def list_schemas(definition: Json) -> Iterator[Shaped]:
    """Return every schema and every parameter but bodies, each once, where it is written."""
    for call in list_calls(definition):
        for parameter in call.operation.get("parameters", []):
            yield from _list_of_parameter(f"{call.place} {parameter.get('name')}", parameter)
        for status, response in call.operation["responses"].items():
            if "schema" in response:
                yield from _list_within(f"{call.place} {status}", response["schema"], is_input=False, is_root=True)
    for name, parameter in definition.get("parameters", {}).items():
        yield from _list_of_parameter(f"parameters/{name}", parameter)
    for name, schema in definition.get("definitions", {}).items():
        yield from _list_within(f"definitions/{name}", schema, is_input=False, is_root=False)


def _list_of_parameter(place: str, parameter: Json) -> Iterator[Shaped]:
    if "schema" in parameter:
        yield from _list_within(place, parameter["schema"], is_input=True, is_root=True)
    elif "$ref" not in parameter:
        yield from _list_within(place, parameter, is_input=True, is_root=False)


def _list_within(place: str, shape: Json, *, is_input: bool, is_root: bool) -> Iterator[Shaped]:
    yield Shaped(place, shape, is_input, is_root)
    for name, inner in shape.get("properties", {}).items():
        yield from _list_within(f"{place}/{name}", inner, is_input=is_input, is_root=False)
    for key in ("items", "additionalProperties"):
        if isinstance(shape.get(key), Mapping):
            yield from _list_within(f"{place}/{key}", shape[key], is_input=is_input, is_root=False)


def list_texts(node: Any, place: str = "") -> Iterator[tuple[str, str, str]]:
    """Return every text for people as its place, the keyword and the text."""
    if isinstance(node, Mapping):
        for key, inner in node.items():
            if key in TEXTS and isinstance(inner, str):
                yield place, key, inner
            else:
                yield from list_texts(inner, f"{place}/{key}")
    elif isinstance(node, list):
        for number, inner in enumerate(node):
            yield from list_texts(inner, f"{place}/{number}")
