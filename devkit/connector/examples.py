"""Examples in both descriptions of the API: calls and answers that were recorded in the sample world.

`reference.py` records them. An operation that is not recorded gets an example made of its schema, whose values are
those that were recorded under the same names.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from devkit.connector.files import EXAMPLES

type Json = dict[str, Any]
type Find = Callable[[str], Json]
"""Returns what a $ref names."""

_JSON = "application/json"
_DEEPEST = 8
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict,
}  # fmt: skip
_FORMATS = {"date-time": "2026-05-05T09:00:00Z", "date": "2026-05-05", "date-no-tz": "2026-05-05T10:00:00"}
_SUBSCRIPTION: Json = {
    "events": ["appointment.created", "appointment.cancelled"], "business": "ithelpdesk@contoso.com",
    "target": {"kind": "https", "url": "https://desk.example.com/hook"},
}  # fmt: skip
_MADE: Json = _SUBSCRIPTION | {
    "id": "5f0c1e2ab6d94f3c8a7e1d2c3b4a5968", "state": "active", "createdDateTime": "2026-05-05T09:00:00Z",
    "expiresDateTime": None, "stateSinceDateTime": "2026-05-05T09:00:00Z", "deliveredDateTime": None,
    "lastAnswer": None, "failures": 0, "failingSinceDateTime": None, "nextAttemptDateTime": None,
}  # fmt: skip
# What no trial calls: it needs a target in the internet, or a key with more rights.
_WRITTEN: Mapping[str, Json] = {
    "CreateSubscription": {"given": _SUBSCRIPTION, "answer": _MADE | {"secret": "whsec_YOUR-SECRET"}},
    "GetSubscription": {"given": {"subscription": _MADE["id"]}, "answer": _MADE},
    "ListSubscriptions": {"given": {}, "answer": {"value": [_MADE]}},
    "GetHealth": {"given": {}, "answer": {"status": "ok"}},
    "ExamineGateway": {
        "given": {"refusedMailbox": "ceo@contoso.com"},
        "answer": {
            "status": "warn",
            "steps": [{"step": "sign-in", "about": "default", "status": "ok", "message": "Signed in.", "remedy": None}],
        },
    },
}
# Values of fields that no recorded call has, or has for something else.
_OWN: Mapping[str, Any] = {
    "cursor": "CURSOR",
    "number": "1",
    "subscription": _MADE["id"],
    "secret": "whsec_YOUR-SECRET",
}


class Examples:
    """What was recorded, by operation, and the values of its fields, by name."""

    def __init__(self, recorded: Mapping[str, Json]) -> None:
        self._recorded = {**recorded, **_WRITTEN}
        self._values: dict[str, list[Any]] = {}
        given = [one["given"] for one in recorded.values()]
        for name, value in _walk([*given, *(one["answer"] for one in recorded.values())]):
            self._values.setdefault(name, []).append(value)

    def parameter(self, operation: str | None, shape: Json, find: Find) -> Any:
        """Return a value for a parameter, of a call of this operation if there is one; None if no value is known."""
        name = shape["name"]
        given = self._recorded.get(operation or "", {}).get("given", {}).get(name)
        if given is None and not shape.get("required") and operation is not None:
            return None  # a call needs no more than was given
        inner = {**shape, **shape.get("schema", {})}
        inner = find(inner["$ref"]) if "$ref" in inner else inner
        if given is not None and isinstance(given, list) == (inner["type"] == "array"):
            return given
        return self.make(inner, name, find)

    def body(self, operation: str, schema: Json, parameters: list[str], find: Find) -> Any:
        """Return the body that was sent, or one that is made of the schema."""
        given = self._recorded.get(operation, {}).get("given", {})
        sent = {name: value for name, value in given.items() if name not in parameters}
        return sent or self.make(schema, "", find)

    def answer(self, operation: str, schema: Json, find: Find) -> Any:
        """Return the answer that came, or one that is made of the schema."""
        came = self._recorded.get(operation, {}).get("answer")
        return came if isinstance(came, dict) else self.make(schema, "", find)

    def make(self, schema: Json, name: str, find: Find, depth: int = 0) -> Any:
        """Return an example that keeps to a schema."""
        if "$ref" in schema:
            return self.make(find(schema["$ref"]), name, find, depth)
        if "oneOf" in schema:
            return self.make(schema["oneOf"][0], name, find, depth)
        if "object" in schema["type"]:
            members = schema.get("properties", {}) if depth < _DEEPEST else {}
            return {key: self.make(inner, key, find, depth + 1) for key, inner in members.items()}
        if "array" in schema["type"]:
            of_each = name if name in self._values else name.removesuffix("s")
            return [self.make(schema["items"], of_each, find, depth + 1)]
        return self._leaf(schema, name)

    def _leaf(self, shape: Json, name: str) -> Any:
        kind = shape["type"] if isinstance(shape["type"], str) else shape["type"][0]
        choices = [each for each in shape.get("enum", ()) if each is not None]
        known = [_OWN[name]] if name in _OWN and not choices else self._values.get(name, [])
        fitting = (each for each in known if _fits(each, kind, choices, shape))
        default = choices[0] if choices else _default_of(kind, shape, name)
        return next(fitting, default)


def _fits(value: Any, kind: str, choices: list[Any], shape: Json) -> bool:
    if not isinstance(value, _KINDS[kind]) or (kind != "boolean" and isinstance(value, bool)):
        return False
    if kind in ("integer", "number"):
        return bool(shape.get("minimum", value) <= value <= shape.get("maximum", value))
    form = _FORMATS["date-no-tz"] if "pattern" in shape else _FORMATS.get(shape.get("format", ""))
    return value in choices if choices else form is None or len(str(value)) == len(form)


def _default_of(kind: str, shape: Json, name: str) -> Any:
    if kind == "boolean":
        return False
    if kind in ("integer", "number"):
        return shape.get("minimum", 1)
    if "pattern" in shape:
        return _FORMATS["date-no-tz"]
    return _FORMATS.get(shape.get("format", ""), name or "text")


def _walk(node: Any) -> Iterator[tuple[str, Any]]:
    """Yield each text, number and truth value with its name, those of a list one by one."""
    if isinstance(node, dict):
        for name, value in node.items():
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, str | int | float):
                    yield name, each
            yield from _walk(value)
    elif isinstance(node, list):
        for each in node:
            yield from _walk(each)


@cache
def load_examples() -> Examples:
    """Return what was recorded."""
    return Examples(json.loads(EXAMPLES.read_text(encoding="utf-8")))


def add_to_description(document: Json) -> None:
    """Put examples into the OpenAPI 3.1 text."""
    examples = load_examples()
    shared = document["components"]

    def find(reference: str) -> Json:
        kind, name = reference.removeprefix("#/components/").split("/")
        found: Json = shared[kind][name]
        return found

    for one in shared["parameters"].values():
        _set(one, "example", examples.parameter(None, one, find))
    for operation in _list_operations(document):
        name, parameters = operation["operationId"], operation["parameters"]
        for one in parameters:
            if "$ref" not in one:
                _set(one, "example", examples.parameter(name, one, find))
        names = [(find(one["$ref"]) if "$ref" in one else one)["name"] for one in parameters]
        if "requestBody" in operation:
            content = operation["requestBody"]["content"][_JSON]
            content["example"] = examples.body(name, content["schema"], names, find)
        for status, response in operation["responses"].items():
            content = response.get("content", {}).get(_JSON)
            if content and status.startswith("2"):
                content["example"] = examples.answer(name, content["schema"], find)


def add_to_definition(document: Json) -> None:
    """Put examples into a Swagger 2.0 text. A form is filled with what a call needs, and with no more."""
    examples = load_examples()

    def find(reference: str) -> Json:
        kind, name = reference.removeprefix("#/").split("/")
        found: Json = document[kind][name]
        return found

    for one in document["parameters"].values():
        if one["required"]:
            _set(one, "x-example", examples.parameter(None, one, find))
    for operation in _list_operations(document):
        name = operation["operationId"]
        parameters = [find(one["$ref"]) if "$ref" in one else one for one in operation["parameters"]]
        names = [one["name"] for one in parameters if one["in"] != "body"]
        for one in parameters:
            if one["in"] == "body":
                one["schema"] = one["schema"] | {"example": examples.body(name, one["schema"], names, find)}
            elif one["required"] and "x-example" not in one:
                _set(one, "x-example", examples.parameter(name, one, find))
        for status, response in operation["responses"].items():
            if "schema" in response and status.startswith("2") and "produces" not in operation:
                response["examples"] = {_JSON: examples.answer(name, response["schema"], find)}


def _list_operations(document: Json) -> Iterator[Json]:
    for item in document["paths"].values():
        yield from (operation for operation in item.values() if isinstance(operation, dict))


def _set(node: Json, key: str, value: Any) -> None:
    if value is not None:
        node[key] = value
