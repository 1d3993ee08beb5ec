"""Rules for schemas, of the kinds that Microsoft's validator (certification-swagger-validator-rules) names."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from devkit.connector.standard_walk import METHODS, Json, list_calls, list_schemas

type Checked = Iterator[tuple[str, str | None]]

_SHAPE = frozenset({
    "$ref", "type", "format", "description", "title", "default", "enum", "items", "properties", "required",
    "additionalProperties", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength",
    "minItems", "maxItems", "pattern", "multipleOf", "readOnly", "example", "allOf",
})  # fmt: skip
_PARAMETER = frozenset({"name", "in", "required", "collectionFormat", "allowEmptyValue"})
_BODY = frozenset({"name", "in", "required", "description", "schema"})
_OPERATION = frozenset({
    "tags", "summary", "description", "operationId", "consumes", "produces", "parameters", "responses", "schemes",
    "deprecated", "security",
})  # fmt: skip
_RESPONSE = frozenset({"description", "schema", "headers", "examples", "$ref"})
_PAIRS = (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems"))
_FILE = ("string", "binary")


def check_keywords(definition: Json) -> Checked:
    """Allow only keywords of Swagger 2.0 and extensions (SwaggerKeywordNotSupported, ExtensionNameNotValid)."""
    for path, item in definition["paths"].items():
        yield path, _name_unknown(item, METHODS)  # no $ref, and no parameters of a path
    for call in list_calls(definition):
        yield call.place, _name_unknown(call.operation, _OPERATION)
        for parameter in call.operation["parameters"]:
            yield f"{call.place} parameters", _check_parameter(parameter)
        for status, response in call.operation["responses"].items():
            yield f"{call.place} {status}", _name_unknown(response, _RESPONSE)
    for name, parameter in definition["parameters"].items():
        yield f"parameters/{name}", _check_parameter(parameter)
    for place, shape, *_ in list_schemas(definition):
        if "in" not in shape:
            yield place, _name_unknown(shape, _SHAPE)


def _check_parameter(parameter: Json) -> str | None:
    if "$ref" in parameter:
        return None
    return _name_unknown(parameter, _BODY if parameter["in"] == "body" else _SHAPE | _PARAMETER)


def _name_unknown(shape: Json, known: frozenset[str]) -> str | None:
    unknown = sorted(key for key in shape if key not in known and not key.startswith("x-"))
    return f"the platform does not know {', '.join(unknown)}" if unknown else None


def check_unique_values(definition: Json) -> Checked:
    """Allow no value twice in a list (ArrayDuplicateValue, DuplicateEnumValuesInExtension)."""
    lists = [(name, definition.get(name, [])) for name in ("schemes", "consumes", "produces")]
    for call in list_calls(definition):
        lists += [(f"{call.place}/{name}", call.operation.get(name, [])) for name in ("tags", "consumes", "produces")]
    for place, shape, *_ in list_schemas(definition):
        for name in ("enum", "required"):
            if isinstance(shape.get(name), list):
                lists.append((f"{place}/{name}", shape[name]))
        lists.append((f"{place}/x-ms-enum-values", [one["value"] for one in shape.get("x-ms-enum-values", [])]))
    for place, values in lists:
        if values:
            written = [json.dumps(value) for value in values]
            yield place, None if len(set(written)) == len(written) else "holds a value twice"


def check_choices(definition: Json) -> Checked:
    """Require values in lists of them, and names for these only (InvalidEnumValuesExtensionValue)."""
    for place, shape, *_ in list_schemas(definition):
        if "enum" in shape:
            yield place, None if shape["enum"] else "has an empty list of values"
            if "default" in shape:
                yield place, None if shape["default"] in shape["enum"] else "has a default that its list does not hold"
        for named in shape.get("x-ms-enum-values", []):
            is_right = named.get("displayName") and named["value"] in shape.get("enum", [])
            yield place, None if is_right else f"{named} has no name, or is no value of the list"


def check_required(definition: Json) -> Checked:
    """Require only what exists and can be given (RequiredPropertyArrayEmpty, …NotOnObject, …ReadOnly…)."""
    for place, shape, is_input, _ in list_schemas(definition):
        if not isinstance(shape.get("required"), list):
            continue
        members = shape.get("properties", {})
        yield place, None if shape["required"] else "requires an empty list of members"
        yield place, None if shape.get("type") == "object" else "requires members and is no object"
        for name in shape["required"]:
            yield f"{place}/{name}", None if name in members else "is required and not there"
            fixed = is_input and members.get(name, {}).get("readOnly")
            yield f"{place}/{name}", "is required and read-only" if fixed else None


def check_bounds(definition: Json) -> Checked:
    """Require bounds that make sense (MinimumShouldBeLessThanOrEqualToMaximum, PatternShouldBeValid… and so on)."""
    for place, shape, *_ in list_schemas(definition):
        for message in _check_bounds_of(shape):
            yield place, message


def _check_bounds_of(shape: Json) -> Iterator[str | None]:
    for least, most in _PAIRS:
        if least in shape and most in shape:
            yield None if shape[least] <= shape[most] else f"{least} is above {most}"
    if "default" in shape and "minimum" in shape:
        is_within = shape["minimum"] <= shape["default"] <= shape.get("maximum", shape["default"])
        yield None if is_within else "has a default outside its bounds"
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if exclusive in shape:
            yield None if bound in shape else f"{exclusive} without {bound}"
    for name in ("minLength", "maxLength", "minItems", "maxItems"):
        if name in shape:
            yield None if shape[name] >= 0 else f"{name} is negative"
    if "multipleOf" in shape:
        yield None if shape["multipleOf"] > 0 else "multipleOf is not above zero"
    if "pattern" in shape:
        yield _try_pattern(str(shape["pattern"]))


def _try_pattern(pattern: str) -> str | None:
    try:
        re.compile(pattern)
    except re.error as error:
        return f"has a pattern that cannot be read: {error}"
    return None


def check_empty_objects(definition: Json) -> Checked:
    """Require members of objects whose names are not dynamic ("Remove empty properties")."""
    for place, shape, *_ in list_schemas(definition):
        if shape.get("type") == "object":
            is_filled = shape.get("properties") or shape.get("additionalProperties") or "x-ms-dynamic-schema" in shape
            is_schema = place.rsplit("/", 1)[-1] == "schema"  # what designers read: a schema itself, open by what it is
            yield place, None if is_filled or is_schema else "is an object without members"
        if shape.get("type") == "array":
            yield place, None if shape.get("items") else "is a list of nothing (ArrayHasNoItems)"


def check_files(definition: Json) -> Checked:
    """Allow bytes as a whole body or answer only (InvalidStringBinaryProperty), dictionaries with values only."""
    for place, shape, _, is_root in list_schemas(definition):
        if (shape.get("type"), shape.get("format")) == _FILE:
            yield place, None if is_root or shape.get("in") == "formData" else "holds bytes beside other values"
        if shape.get("x-ms-editor") == "dictionary":
            is_right = shape.get("type") == "object" and shape.get("additionalProperties")
            yield place, None if is_right else "is edited as a dictionary and is none"


def check_shared_schemas(definition: Json) -> Checked:
    """Require that an answer of several operations is defined once (coding-standards, "Definitions and parameters")."""
    places: dict[str, list[str]] = defaultdict(list)
    for call in list_calls(definition):
        for response in call.operation["responses"].values():
            schema: Any = response.get("schema", {})
            if schema.get("properties"):
                places[json.dumps(schema, sort_keys=True)].append(call.place)
    for found in places.values():
        yield found[0], f"has the same answer as {', '.join(found[1:])}: define it once" if len(found) > 1 else None
