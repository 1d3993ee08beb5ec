"""Checks recorded exchanges against an OpenAPI 3.0.3 document: operation, query, bodies, and every name in them.

The validator checks types, enums, patterns and required properties. It accepts misspelt properties, because the
documents allow additional ones; so names are checked here, through references, allOf, anyOf and discriminators.
"""

import re
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any
from urllib.parse import unquote

from openapi_schema_validator import OAS30Validator, oas30_format_checker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from tests.contract.slice_metadata import read_slice
from twin.core.record import Exchange

_BASE = "urn:contract"
_METHODS = ("get", "put", "post", "patch", "delete")
_LINK_OPTIONS = frozenset({"$skiptoken", "$skip"})
_NO_CONTENT = 204
_ERROR = 400


@cache
def load_contract(name: str) -> "Contract":
    """Return the metadata of one part of Graph: "bookings", "mail" or "subscriptions"."""
    return Contract(read_slice(name))


@dataclass(frozen=True)
class Operation:
    """One operation of a document."""

    method: str
    template: str
    definition: dict[str, Any]
    shared_parameters: tuple[Any, ...]

    @property
    def is_documented(self) -> bool:
        return bool(self.definition.get("x-documented", True))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        parts = [r"[^/]+" if part.startswith("{") else re.escape(part) for part in self.template.split("/")]
        return re.compile("/".join(parts), re.IGNORECASE)

    def __str__(self) -> str:
        return f"{self.method} {self.template}"


class Contract:
    """An OpenAPI 3.0.3 document."""

    def __init__(self, document: dict[str, Any], *, prefix: str = "/v1.0") -> None:
        self.document = document
        self.prefix = prefix
        resource = Resource.from_contents(document, default_specification=DRAFT4)
        self._registry: Any = Registry().with_resource(_BASE, resource)
        self._formats = copy(oas30_format_checker)
        # times of day may have decimals, which the format does not know; their pattern checks them
        self._formats.checkers = {name: one for name, one in self._formats.checkers.items() if name != "time"}

    @cached_property
    def operations(self) -> list[Operation]:
        """Return every operation, those with fewer path parameters first: a literal path goes before a template."""
        found = [
            Operation(method.upper(), template, item[method], tuple(item.get("parameters", ())))
            for template, item in self.document["paths"].items()
            for method in _METHODS
            if method in item
        ]
        return sorted(found, key=lambda one: one.template.count("{"))

    def find_operation(self, method: str, path: str) -> Operation | None:
        """Return the operation of a request, if the document has it. Functions may be called without brackets."""
        inner = re.sub("/+", "/", path).removeprefix(self.prefix)
        inner = re.sub("/delta$", "/delta()", inner)
        for operation in self.operations:
            if operation.method == method and operation.pattern.fullmatch(inner):
                return operation
        return None

    def check(self, exchange: Exchange) -> list[str]:
        """Return what is wrong with an exchange.

        If a request was refused, only the answer is checked, because the request may well be wrong.
        """
        operation = self.find_operation(exchange.method, exchange.path)
        if operation is None:
            return [] if exchange.status >= _ERROR else [f"{exchange.method} {unquote(exchange.path)}: unknown path"]
        problems = list(self._check_answer(operation, exchange))
        if exchange.status < _ERROR:
            problems += self._check_query(operation, exchange)
            problems += self._check_request_body(operation, exchange)
        return [f"{operation}: {problem}" for problem in problems]

    def check_value(self, value: Any, schema: dict[str, Any], where: str = "$") -> list[str]:
        """Return what is wrong with the types and names of a value."""
        validator = OAS30Validator(
            _absolute(schema),
            registry=self._registry,
            format_checker=self._formats,
        )
        problems = [f"{where}{error.json_path[1:]}: {error.message}" for error in validator.iter_errors(value)]
        return problems + list(self._check_names(value, schema, where))

    def check_schema(self, value: Any, name: str) -> list[str]:
        """Return what is wrong with a value of a named schema."""
        return self.check_value(value, {"$ref": f"#/components/schemas/{name}"})

    def resolve(self, part: dict[str, Any]) -> dict[str, Any]:
        """Return a part of the document, with references followed."""
        while "$ref" in part:
            found: Any = self.document
            for step in part["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            part = found
        return part

    def _check_query(self, operation: Operation, exchange: Exchange) -> Iterator[str]:
        declared = {
            one["name"]: one
            for one in map(self.resolve, [*operation.shared_parameters, *operation.definition.get("parameters", ())])
            if one["in"] == "query"
        }
        pageable = "x-ms-pageable" in operation.definition
        for name, value in exchange.query:
            if name not in declared:
                if not (pageable and name in _LINK_OPTIONS):
                    yield f"unknown query option {name}"
                continue
            schema = self.resolve(declared[name]["schema"])
            allowed = schema.get("items", {}).get("enum")
            if allowed is not None:
                yield from (f"{name}: {part} is not allowed" for part in value.split(",") if part not in allowed)
        for name, one in declared.items():
            if one.get("required") and exchange.option(name) is None:
                yield f"query option {name} is missing"

    def _check_request_body(self, operation: Operation, exchange: Exchange) -> Iterator[str]:
        body = operation.definition.get("requestBody")
        if body is None:
            if exchange.request_json is not None:
                yield "a body was sent, none is declared"
            return
        if exchange.request_json is None:
            if body.get("required"):
                yield "the body is missing"
            return
        yield from self.check_value(exchange.request_json, body["content"]["application/json"]["schema"], "request")

    def _check_answer(self, operation: Operation, exchange: Exchange) -> Iterator[str]:
        responses = operation.definition["responses"]
        status = str(exchange.status)
        declared = next((key for key in (status, f"{status[0]}XX", "default") if key in responses), None)
        if declared is None:
            yield f"status {status} is not declared"
            return
        content = self.resolve(responses[declared]).get("content")
        if content is not None and "application/json" not in content:
            return  # bytes, which the record does not keep
        if exchange.response_json is None:
            if content is not None and exchange.status != _NO_CONTENT:
                yield f"status {status} came without its body"
        elif content is None:
            yield f"status {status} came with a body, none is declared"
        else:
            yield from self.check_value(exchange.response_json, content["application/json"]["schema"], "answer")

    def _check_names(self, value: Any, schema: dict[str, Any], where: str) -> Iterator[str]:
        found = self.resolve(schema)
        if isinstance(value, list):
            for number, item in enumerate(value):
                yield from self._check_names(item, found.get("items", {}), f"{where}[{number}]")
            return
        if not isinstance(value, dict):
            return
        for branch in (*found.get("anyOf", ()), *found.get("oneOf", ())):
            if "$ref" in branch:
                # the other branch is "any object or null": an object must fit this one
                yield from self.check_value(value, branch, where)
                return
        derived = self._find_derived(found, value)
        if derived is not None and self.resolve(derived) is not found:
            yield from self.check_value(value, derived, where)
            return
        properties, is_open = self._collect_properties(found)
        for name, inner in value.items():
            if name in properties:
                yield from self._check_names(inner, properties[name], f"{where}.{name}")
            elif not is_open and not name.startswith("@odata.") and "@odata." not in name:
                yield f"{where}: unknown property {name}"

    def _find_derived(self, schema: dict[str, Any], value: dict[str, Any]) -> dict[str, Any] | None:
        """Return the schema that the discriminator of a value names."""
        parts = [schema, *map(self.resolve, schema.get("allOf", ()))]
        for part in parts:
            discriminator = part.get("discriminator")
            if discriminator and value.get(discriminator["propertyName"]) in discriminator.get("mapping", {}):
                return {"$ref": discriminator["mapping"][value[discriminator["propertyName"]]]}
        return None

    def _collect_properties(self, schema: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """Return all properties of a schema with its bases, and whether it allows others."""
        found = self.resolve(schema)
        properties: dict[str, Any] = {}
        is_open = bool(found.get("additionalProperties"))
        for part in found.get("allOf", ()):
            inner, inner_open = self._collect_properties(part)
            properties |= inner
            is_open = is_open or inner_open
        return properties | found.get("properties", {}), is_open


def _absolute(schema: Any) -> Any:
    """Return the schema with absolute references."""
    if isinstance(schema, dict):
        return {
            key: f"{_BASE}{value}" if key == "$ref" and isinstance(value, str) else _absolute(value)
            for key, value in schema.items()
        }
    return [_absolute(item) for item in schema] if isinstance(schema, list) else schema
