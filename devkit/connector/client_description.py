"""Build the OpenAPI 3.1 text, which generators of clients and the API page read, from the connector's descriptions.

Every object has one name and stands once, below components. What only Power Automate understands is left out.
"""

from collections.abc import Mapping
from typing import Any

from devkit.connector import failures
from devkit.connector.failures import header
from devkit.connector.shapes import NAME, Shape

type Json = dict[str, Any]

# An address that leads nowhere: each gateway has its own, which is filled in where the text is handed out.
SERVER = "https://gateway.example.com/api"
_JSON = "application/json"
_LINK = "303"
_KEPT = ("type", "format", "enum", "minimum", "maximum", "maxLength", "default", "required")
# Formats that others do not know, as a pattern with an example.
_PATTERNS: Mapping[str, Json] = {
    "date-no-tz": {"pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$", "examples": ["2026-05-05T10:00:00"]},
}
_CONNECTION: Json = {
    "name": "connection",
    "in": "query",
    "description": "The connection to a tenant, by its name in the gateway's settings; left out: default.",
    "schema": {"type": "string"},
}


class DescriptionError(Exception):
    """Two different things have one name; the text says which."""


def build_client_description(source: Json, definitions: Mapping[str, Shape]) -> Json:
    """Return the text. `source` is the connector's definition with names; `definitions`: all that a name may mean."""
    schemas = _Schemas({**definitions, **failures.SHAPES})
    parameters = {name: _convert_parameter(one, schemas) for name, one in source["parameters"].items()}
    paths = {path: _convert_path(item, schemas) for path, item in source["paths"].items()}
    schemas.refer("Failure")
    schemas.found["FailureDetails"]["properties"]["code"]["examples"] = failures.list_codes()
    info = {name: source["info"][name] for name in ("title", "description", "version")}
    info["contact"] = {"name": source["info"]["contact"]["name"]}
    return {
        "openapi": "3.1.0",
        "info": info | {"license": {"name": "MIT License", "identifier": "MIT"}},
        "servers": [{"url": SERVER}],
        "tags": source["tags"],
        "security": source["security"],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.found.items())),
            "parameters": {**parameters, "Connection": _CONNECTION},
            "headers": failures.HEADERS,
            "responses": failures.build_responses(),
            "securitySchemes": source["securityDefinitions"],
        },
    }


class _Schemas:
    """The named schemas that were met so far."""

    def __init__(self, definitions: Mapping[str, Shape]) -> None:
        self.found: dict[str, Json] = {}
        self._definitions = definitions
        self._outlines: dict[str, Any] = {}

    def refer(self, name: str) -> Json:
        """Refer to one of the definitions."""
        if name not in self.found:
            self.found[name] = {}  # one that refers to itself finds its name taken
            self.found[name] = self._convert_object(self._definitions[name], name)
            self._outlines[name] = outline(self._definitions[name])
        return {"$ref": f"#/components/schemas/{name}"}

    def convert(self, shape: Shape, place: str) -> Json:
        """Convert a schema; `place` names an object that has no name of its own."""
        if "$ref" in shape:
            referred = self.refer(shape["$ref"].rpartition("/")[2])
            return {"oneOf": [referred, {"type": "null"}]} if shape.get("x-nullable") else referred
        if shape["type"] != "object" and NAME not in shape:
            return self._convert_leaf(shape, place)
        converted = self._refer_to_named(shape, shape.get(NAME, place))
        if shape.get("x-nullable"):
            converted = {"oneOf": [converted, {"type": "null"}]}
        if "description" in shape:
            converted["description"] = shape["description"]
        return converted

    def _refer_to_named(self, shape: Shape, name: str) -> Json:
        if name in self._definitions:
            converted = self.refer(name)
        else:
            converted = {"$ref": f"#/components/schemas/{name}"}
            made = self._convert_object(shape, name) if shape["type"] == "object" else _convert_choices(shape)
            if self.found.setdefault(name, made) != made:
                raise DescriptionError(
                    f"{name} is described in several ways. Give different things different names; if only the texts "
                    f"differ, add {name} with general ones to DEFINITIONS."
                )
        if self._outlines.setdefault(name, outline(shape)) != outline(shape):
            raise DescriptionError(f"{name} is the name of several things: give each its own.")
        return converted

    def _convert_object(self, shape: Shape, name: str) -> Json:
        converted: Json = {"type": "object"}
        if shape.get("properties"):
            converted["properties"] = {
                key: self.convert(inner, name + _capitalise(key)) for key, inner in shape["properties"].items()
            }
        if "required" in shape:
            converted["required"] = shape["required"]
        if "additionalProperties" in shape:
            converted["additionalProperties"] = self.convert(shape["additionalProperties"], f"{name}Value")
        return converted

    def _convert_leaf(self, shape: Shape, place: str) -> Json:
        converted = {key: shape[key] for key in _KEPT if key in shape}
        if converted.get("format") in _PATTERNS:
            converted |= _PATTERNS[converted.pop("format")]
        if "items" in shape:
            converted["items"] = self.convert(shape["items"], place.removesuffix("s"))
        if "description" in shape:
            converted["description"] = shape["description"]
        if shape.get("x-nullable"):
            converted["type"] = [shape["type"], "null"]
            if "enum" in converted:
                converted["enum"] = [*shape["enum"], None]
        return converted


def _convert_choices(shape: Shape) -> Json:
    return {"type": shape["type"], "enum": shape["enum"]}


def outline(shape: Shape) -> Any:
    """Return what makes an object what it is: names and types, no texts. Null belongs to the place where it stands."""
    if "$ref" in shape:
        return shape["$ref"]
    kept = {key: shape[key] for key in ("type", "format", "enum", "required", NAME) if key in shape}
    inner = {key: (outline(each), bool(each.get("x-nullable"))) for key, each in shape.get("properties", {}).items()}
    more = {key: outline(shape[key]) for key in ("items", "additionalProperties") if key in shape}
    return {**kept, **more, "properties": inner}


def _convert_path(item: Mapping[str, Json], schemas: _Schemas) -> Json:
    converted = {method: _convert_operation(operation, schemas) for method, operation in item.items()}
    if any(operation.get("security") == [] for operation in item.values()):
        return converted  # without a key nothing is asked of a tenant
    return {"parameters": [{"$ref": "#/components/parameters/Connection"}], **converted}


def _convert_operation(operation: Json, schemas: _Schemas) -> Json:
    name = operation["operationId"]
    converted: Json = {key: operation[key] for key in ("operationId", "tags", "summary", "description")}
    if "security" in operation:
        converted["security"] = operation["security"]
    asked = [one for one in operation["parameters"] if one.get("in") != "body"]
    converted["parameters"] = [_convert_parameter(one, schemas) for one in asked]
    for one in operation["parameters"]:
        if one.get("in") == "body":
            schema = schemas.convert(one["schema"], f"{name}Body")
            converted["requestBody"] = {"required": one["required"], "content": {_JSON: {"schema": schema}}}
    headers = _list_headers(operation)
    converted["responses"] = {
        status: _convert_response(status, response, operation, headers, schemas)
        for status, response in operation["responses"].items()
    }
    return converted


def _list_headers(operation: Json) -> Json:
    """Return the headers of successful answers."""
    headers = header("x-request-id")
    if {"$ref": "#/parameters/IdempotencyKey"} in operation["parameters"]:
        headers |= header("Idempotency-Replayed")
    if "x-ms-trigger" in operation:
        headers |= header("Location") | header("Retry-After")
    return headers


def _convert_response(status: str, response: Json, operation: Json, headers: Json, schemas: _Schemas) -> Json:
    if "$ref" in response:
        return {"$ref": response["$ref"].replace("#/responses/", "#/components/responses/")}
    converted: Json = {"description": response["description"], "headers": headers | response.get("headers", {})}
    if status == _LINK:  # to a file, in place of it
        return converted | {"headers": converted["headers"] | header("Location")}
    if "produces" in operation:  # a file, whole or in part
        content = {"schema": {"type": "string", "format": "binary"}}
        return converted | {"content": dict.fromkeys(operation["produces"], content)}
    if "schema" in response:
        schema = schemas.convert(response["schema"], f"{operation['operationId']}Answer")
        converted["content"] = {_JSON: {"schema": schema}}
    return converted


def _convert_parameter(shape: Shape, schemas: _Schemas) -> Json:
    if "$ref" in shape:
        return {"$ref": shape["$ref"].replace("#/parameters/", "#/components/parameters/")}
    converted = {key: shape[key] for key in ("name", "in", "description")}
    inner = {key: value for key, value in shape.items() if key not in ("description", "required")}
    return converted | {"required": shape["required"], "schema": schemas.convert(inner, shape["name"])}


def _capitalise(name: str) -> str:
    return name[:1].upper() + name[1:]
