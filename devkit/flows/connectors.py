"""Connectors, read from their definitions (Swagger 2.0): operations, inputs, outputs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from devkit.bootstrap import ROOT

GATEWAY = "shared_gateway"  # what the flows call our own connector until its name in an environment is known
DEFINITION = ROOT / "power-automate" / "apiDefinition.swagger.json"
_FOREIGN = Path(__file__).parent / "foreign"
_METHODS = ("get", "put", "post", "patch", "delete")
_INTERNAL = "internal"
_SUCCESS = "2"

type Schema = dict[str, Any]


@dataclass(frozen=True)
class Input:
    """One input of an operation as a flow names it: `business`, or `body/customer/name` for a property of the body."""

    name: str
    place: str  # query, path, header or body
    schema: Schema
    is_required: bool
    is_internal: bool = False
    is_open: bool = False  # names below it are not known beforehand


@dataclass(frozen=True)
class Operation:
    """One operation of a connector."""

    id: str
    method: str
    path: str
    summary: str
    trigger: str | None  # batch, single, or None for an action
    parameters: tuple[Schema, ...]
    response: Schema | None  # references resolved by its connector
    is_pageable: bool = False

    @property
    def body(self) -> Schema | None:
        """The body parameter, if there is one."""
        return next((each for each in self.parameters if each["in"] == "body"), None)


class Connector:
    """One connector: `name` as flows call it, `title` as people do, operations by id."""

    def __init__(self, name: str, document: Schema) -> None:
        self.name = name
        self.document = document
        self.title = str(document["info"]["title"])

    @cached_property
    def operations(self) -> Mapping[str, Operation]:
        """Every operation by its id."""
        return {operation.id: operation for operation in self._read_operations()}

    def resolve(self, schema: Schema) -> Schema:
        """Return what a schema's reference refers to."""
        while "$ref" in schema:
            _, kind, name = str(schema["$ref"]).split("/")
            schema = self.document[kind][name]
        return schema

    def list_inputs(self, operation: Operation) -> dict[str, Input]:
        """Return the inputs of an operation by the names that flows use; properties of the body are `BODY/a/b`.

        Arrays are given whole. A required property counts as required only where everything above it is.
        """
        found: dict[str, Input] = {}
        for each in operation.parameters:
            name, needed = str(each["name"]), bool(each.get("required"))
            internal = each.get("x-ms-visibility") == _INTERNAL
            if each["in"] != "body":
                found[name] = Input(name, str(each["in"]), each, needed, internal)
            else:
                found |= {entry.name: entry for entry in self._list_below(name, each["schema"], needed=needed)}
        return found

    def find_property(self, schema: Schema, name: str) -> Schema | None:
        """Return the schema of a property: an empty one if anything is allowed, None if it does not exist."""
        schema = self.resolve(schema)
        for part in schema.get("allOf", ()):
            if (found := self.find_property(part, name)) is not None:
                return found
        if name in (properties := schema.get("properties", {})):
            return dict(properties[name])
        return {} if is_open(schema) else None

    def _list_below(self, name: str, schema: Schema, *, needed: bool) -> Iterator[Input]:
        schema = self.resolve(schema)
        internal = schema.get("x-ms-visibility") == _INTERNAL
        properties = schema.get("properties")
        if schema.get("type", "object") != "object" or not properties:
            yield Input(name, "body", schema, needed, internal, is_open(schema))
            return
        for key, below in properties.items():
            yield from self._list_below(f"{name}/{key}", below, needed=needed and key in schema.get("required", ()))

    def _read_operations(self) -> Iterator[Operation]:
        for path, item in self.document["paths"].items():
            shared = tuple(item.get("parameters", ()))
            for method in _METHODS:
                if (entry := item.get(method)) is None:
                    continue
                yield Operation(
                    id=str(entry["operationId"]),
                    method=method,
                    path=str(path),
                    summary=str(entry.get("summary", "")),
                    trigger=entry.get("x-ms-trigger"),
                    parameters=tuple(self.resolve(each) for each in (*shared, *entry.get("parameters", ()))),
                    response=self._find_response(entry, item),
                    is_pageable="x-ms-pageable" in entry,
                )

    def _find_response(self, entry: Schema, item: Schema) -> Schema | None:
        if (content := item.get("x-ms-notification-content")) is not None:
            return self.resolve(content["schema"])
        for status, response in sorted(entry["responses"].items()):
            if status.startswith(_SUCCESS) and "schema" in (answer := self.resolve(response)):
                return self.resolve(answer["schema"])
        return None


def is_open(schema: Schema) -> bool:
    """Return whether a schema allows names that it does not list, or gives no type."""
    if "x-ms-dynamic-schema" in schema or "x-ms-dynamic-properties" in schema or schema.get("additionalProperties"):
        return True
    return schema.get("type", "object") == "object" and not schema.get("properties") and "allOf" not in schema


def load_connectors(definition: Path = DEFINITION) -> dict[str, Connector]:
    """Return our own connector and those of Microsoft that the flows use, by name.

    FileNotFoundError when there is no definition at the path.
    """
    found = {GATEWAY: Connector(GATEWAY, _read(definition))}
    for path in sorted(_FOREIGN.glob("*.json")):
        found[path.stem] = Connector(path.stem, _read(path))
    return found


def _read(path: Path) -> Schema:
    document: Schema = json.loads(path.read_text(encoding="utf-8"))
    return document
