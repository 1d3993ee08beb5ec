"""Compare answers of the running app with the connector's definition, field by field, in both directions.

A property that the definition does not describe is a complaint, too.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import unquote

import jsonschema

from devkit.connector.files import DEFINITION
from devkit.connector.operations import list_operations

type Json = dict[str, Any]

_ANY_SEGMENT = "[^/]+"
_JSON = "application/json"


@cache
def load_definition() -> "Definition":
    """Return the definition that the app serves, without the app's address."""
    return Definition(json.loads(DEFINITION.read_text()))


class Definition:
    """The definition, with questions about calls."""

    def __init__(self, document: Json) -> None:
        self.document = document
        self._validators: dict[str, jsonschema.Draft7Validator] = {}
        self._enumerated: dict[str, frozenset[str]] = {}
        self._good: set[tuple[str, Any]] = set()
        self._patterns = {
            path: re.compile(re.sub(r"\\{\w+\\}", _ANY_SEGMENT, re.escape(path))) for path in document["paths"]
        }

    def operations(self) -> dict[str, tuple[str, str, Json]]:
        """Return every operation by its id: method in capitals, path, description."""
        return {
            operation["operationId"]: (method.upper(), path, operation)
            for path, item in self.document["paths"].items()
            for method, operation in list_operations(item).items()
        }

    def find(self, method: str, path: str) -> Json | None:
        """Return the operation that a path below /api belongs to."""
        for template, pattern in self._patterns.items():
            if pattern.fullmatch(path) and method.lower() in self.document["paths"][template]:
                found: Json = self.document["paths"][template][method.lower()]
                return found
        return None

    def parameters(self, operation: Json) -> list[Json]:
        """Return the operation's parameters, references filled in."""
        return [self.resolve(one) for one in operation.get("parameters", [])]

    def complaints(self, method: str, path: str, status: int, content_type: str, body: bytes) -> list[str]:
        """Return the differences between an answer and the definition; none for routes that are not described."""
        operation = self.find(method, unquote(path))
        if operation is None or method == "HEAD":
            return []
        responses = operation["responses"]
        if str(status) not in responses:
            return [f"{operation['operationId']}: {status} is not listed"]
        schema = self.resolve(responses[str(status)]).get("schema")
        name = f"{operation['operationId']} {status}"
        if schema is not None and schema.get("format") == "binary":
            kinds = operation["produces"]
            return [] if content_type in kinds else [f"{name} comes as {content_type}, not as {' or '.join(kinds)}"]
        if schema is None or not content_type.startswith(_JSON):
            return []
        if name not in self._validators:
            strict = self.strict(schema)
            self._validators[name] = jsonschema.Draft7Validator(strict)
            self._enumerated[name] = frozenset(_find_enumerated(strict))
        answer = json.loads(body)
        shape = (name, shape_of(answer, self._enumerated[name]))
        if shape in self._good:
            return []
        found = [
            f"{name} at {'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
            for error in self._validators[name].iter_errors(answer)
        ]
        if not found:
            self._good.add(shape)
        return found

    def strict(self, schema: Json) -> Json:
        """Return the schema as JSON Schema: references resolved, null allowed where marked, no other properties."""
        schema = self.resolve(schema)
        shown = {name: value for name, value in schema.items() if name in ("type", "enum", "required")}
        if "properties" in schema:
            shown["properties"] = {name: self.strict(inner) for name, inner in schema["properties"].items()}
            # a schema as such is open, and so are objects that the page's questions fill
            shown["additionalProperties"] = not schema["properties"]
        if isinstance(schema.get("additionalProperties"), dict):
            shown["additionalProperties"] = self.strict(schema["additionalProperties"])
        if "items" in schema:
            shown["items"] = self.strict(schema["items"])
        return {"anyOf": [shown, {"type": "null"}]} if schema.get("x-nullable") else shown

    def resolve(self, node: Json) -> Json:
        """Return what a reference leads to."""
        while "$ref" in node:
            found: Any = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
        return node


def _find_enumerated(schema: Json) -> Iterator[str]:
    """Yield every text that some `enum` of a schema lists."""
    yield from (each for each in schema.get("enum", ()) if isinstance(each, str))
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    inner += [schema[name] for name in ("items", "additionalProperties") if isinstance(schema.get(name), dict)]
    for each in inner:
        yield from _find_enumerated(each)


def shape_of(value: Any, enumerated: frozenset[str], patterns: tuple[str, ...] = ()) -> Any:
    """Return the parts of a value that decide whether a schema accepts it, as a cache key.

    Such schemas know types, names, texts that are enumerated, and patterns: other texts and numbers stand for their
    type.
    """
    match value:
        case dict():
            return frozenset((name, shape_of(inner, enumerated, patterns)) for name, inner in value.items())
        case list():
            return (list, frozenset(shape_of(inner, enumerated, patterns) for inner in value))
        case str() if value in enumerated:
            return value
        case str() if patterns:
            return tuple(re.search(pattern, value) is not None for pattern in patterns)
        case float() if value.is_integer():  # JSON Schema counts 1.0 as an integer
            return int
        case _:
            return type(value)
