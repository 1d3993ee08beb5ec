"""Answers of the running app against the connector's definition: field by field, in both directions.

A property that the definition does not know is a complaint, too: so nothing can be answered that is not described.
"""

import json
import re
from functools import cache
from typing import Any
from urllib.parse import unquote

import jsonschema

from devkit.bootstrap import ROOT

type Json = dict[str, Any]

_ANY_SEGMENT = "[^/]+"
_JSON = "application/json"


@cache
def load_definition() -> "Definition":
    """Return the definition as the app serves it, but for its address."""
    return Definition(json.loads((ROOT / "viewer/openapi.json").read_text()))


class Definition:
    """The definition, asked about calls."""

    def __init__(self, document: Json) -> None:
        self.document = document
        self._validators: dict[str, jsonschema.Draft7Validator] = {}
        self._patterns = {
            path: re.compile(re.sub(r"\\{\w+\\}", _ANY_SEGMENT, re.escape(path))) for path in document["paths"]
        }

    def operations(self) -> dict[str, tuple[str, str, Json]]:
        """Return every operation by its id: method in capitals, path, description."""
        return {
            operation["operationId"]: (method.upper(), path, operation)
            for path, item in self.document["paths"].items()
            for method, operation in item.items()
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
        return [self._resolve(one) for one in operation.get("parameters", [])]

    def complaints(self, method: str, path: str, status: int, content_type: str, body: bytes) -> list[str]:
        """Return what an answer says and the definition does not, or the other way round; nothing for other routes."""
        operation = self.find(method, unquote(path))
        if operation is None or method == "HEAD":
            return []
        responses = operation["responses"]
        if str(status) not in responses:
            return [f"{operation['operationId']}: {status} is not listed"]
        schema = self._resolve(responses[str(status)]).get("schema")
        if schema is None or schema.get("format") == "binary" or not content_type.startswith(_JSON):
            return []
        name = f"{operation['operationId']} {status}"
        if name not in self._validators:
            self._validators[name] = jsonschema.Draft7Validator(self.strict(schema))
        return [
            f"{name} at {'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
            for error in self._validators[name].iter_errors(json.loads(body))
        ]

    def strict(self, schema: Json) -> Json:
        """Return the schema as JSON Schema: references filled in, null where it may come, and nothing else."""
        schema = self._resolve(schema)
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

    def _resolve(self, node: Json) -> Json:
        while "$ref" in node:
            found: Any = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
        return node
