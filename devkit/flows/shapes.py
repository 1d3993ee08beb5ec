"""Find the schema of an expression's value: the schema of an answer, followed along the names that are read."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from devkit.flows.calls import find_operation
from devkit.flows.connectors import GATEWAY, Connector, Operation, Schema, is_open
from devkit.flows.expressions import Call, Literal, Member, Node, find_expressions, parse_expression
from devkit.flows.sources import CONNECTED, Flow, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devkit.flows.connectors import Input

_TEXT: Schema = {"type": "string"}
_ANY: Schema = {}
_SAME_LIST = {"take", "skip", "reverse", "sort", "union", "intersection"}
_ELEMENT = {"first", "last"}
_ERROR: Schema = {
    "type": "object",
    "properties": {"code": _TEXT, "message": _TEXT, "target": _TEXT, "requestId": _TEXT},
}
_RUN: Schema = {"type": "object", "properties": {"name": _TEXT, "id": _TEXT, "type": _TEXT}}
_WORKFLOW: Schema = {"type": "object", "properties": {"name": _TEXT, "id": _TEXT, "tags": _ANY, "run": _RUN}}
_STEP: Schema = {
    "type": "object",
    "properties": {
        "name": _TEXT, "status": _TEXT, "code": _TEXT, "startTime": _TEXT, "endTime": _TEXT, "trackingId": _TEXT,
        "inputs": _ANY, "outputs": _ANY, "error": _ERROR, "clientTrackingId": _TEXT,
    },
}  # fmt: skip
_SILENT = {"Scope", "If", "Switch", "Foreach", "Until", "Terminate", "Response", "Wait"}


class ReadingError(ValueError):
    """The expression reads something that does not exist; the message names it and what exists."""


@dataclass(frozen=True)
class Shape:
    """A schema and the connector whose definitions it refers to; an empty schema allows anything."""

    schema: Schema
    connector: Connector | None = None

    @property
    def resolved(self) -> Schema:
        """The schema, its reference followed."""
        return self.connector.resolve(self.schema) if self.connector else self.schema


ANYTHING = Shape(_ANY)


class Shapes:
    """Shapes of one flow's expressions."""

    def __init__(self, flow: Flow, connectors: dict[str, Connector]) -> None:
        self._flow = flow
        self._connectors = connectors
        self._steps = {step.name: step for step in flow.steps}
        # by node and step, with both, which therefore stay what they are: a node is asked for below each one around it
        self._known: dict[tuple[int, int, bool], tuple[Node, Step | None, Shape]] = {}

    def shape(self, node: Node, step: Step | None = None, *, whole: bool = False) -> Shape:
        """Return the shape of an expression's value in a step (None: in the trigger). Raises ReadingError.

        `whole`: the trigger's answer as it comes, before it is split.
        """
        if isinstance(node, Literal):
            return Shape(_TEXT) if isinstance(node.value, str) else ANYTHING
        key = (id(node), id(step), whole)
        if key not in self._known:
            if isinstance(node, Member):
                found = self._find_member(node, self.shape(node.owner, step, whole=whole))
            else:
                found = self._call(node, step, whole=whole)
            self._known[key] = (node, step, found)
        return self._known[key][2]

    def find_connector(self, host: dict[str, Any]) -> Connector | None:
        """Return the connector of a step's host."""
        reference = self._flow.references.get(str(host.get("connectionName")), {})
        return self._connectors.get(str(reference.get("api", {}).get("name")))

    def find_called(self, host: dict[str, Any]) -> tuple[Connector, Operation] | None:
        """Return connector and operation of a step's host, None if either is unknown."""
        connector = self.find_connector(host)
        operation = connector.operations.get(str(host.get("operationId"))) if connector else None
        return (connector, operation) if connector and operation else None

    def list_texts(self) -> "Iterator[tuple[Step, str, Input, str]]":
        """Yield the texts that steps give to connectors: the step, the input by name and description, the text."""
        for step in self._flow.steps:
            if step.action["type"] not in CONNECTED:
                continue
            if (found := self.find_called(step.action["inputs"]["host"])) is None:
                continue
            connector, operation = found
            given = step.action["inputs"].get("parameters", {})
            for name, known in connector.list_inputs(operation).items():
                if isinstance(text := given.get(name), str):
                    yield step, name, known, text

    def _call(self, node: Call, step: Step | None, *, whole: bool) -> Shape:
        fixed: dict[str, Callable[[], Shape]] = {
            "triggerOutputs": lambda: _wrap(self._trigger_body(whole=whole)),
            "triggerBody": lambda: self._trigger_body(whole=whole),
            "workflow": lambda: Shape(_WORKFLOW),
            "item": lambda: self._find_item(step),
        }
        named: dict[str, Callable[[str], Shape]] = {
            "body": self._body,
            "outputs": self._outputs,
            "actions": lambda _name: Shape(_STEP),
            "result": lambda _name: Shape({"type": "array", "items": _STEP}),
            "items": self._loop_item,
        }
        if node.name in fixed:
            return fixed[node.name]()
        if node.name in named and node.arguments and isinstance(node.arguments[0], Literal):
            name = str(node.arguments[0].value)
            if name not in self._steps:
                raise ReadingError(f"{node.name}('{name}'): there is no such action")
            return named[node.name](name)
        shapes = [self.shape(argument, step, whole=whole) for argument in node.arguments]
        if node.name in _ELEMENT:
            return _element(shapes[0])
        if node.name in _SAME_LIST or node.name == "coalesce":
            return shapes[0]
        if node.name == "if":
            return shapes[1]
        return ANYTHING

    def _find_member(self, node: Member, owner: Shape) -> Shape:
        if not isinstance(node.key, Literal):
            return ANYTHING
        if not isinstance(node.key.value, str):
            return _element(owner)
        flat = isinstance(node.owner, Call) and node.owner.name in ("outputs", "triggerOutputs")
        for name in node.key.value.split("/") if flat else [node.key.value]:
            owner = _property(owner, name)
        return owner

    def _trigger_body(self, *, whole: bool) -> Shape:
        _, trigger = self._flow.trigger
        inputs = trigger.get("inputs", {})
        if trigger["type"] == "Request":
            return Shape(inputs.get("schema", _ANY))
        if trigger["type"] not in CONNECTED:
            return ANYTHING
        body = self._answer(inputs.get("host", {}))
        if whole or "splitOn" not in trigger:
            return body
        split = self.shape(parse_expression(find_expressions(trigger["splitOn"])[0]), whole=True)
        return _element(split)

    def _body(self, name: str) -> Shape:
        action = self._steps[name].action
        kind = action["type"]
        if kind in _SILENT:
            raise ReadingError(f"body('{name}'): an action of type {kind} has none")
        if kind in CONNECTED:
            return self._answer(action["inputs"].get("host", {}))
        if kind == "Http":
            return self._http_answer(action["inputs"])
        if kind == "ParseJson":
            return Shape(action["inputs"]["schema"])
        if kind in ("Query", "Select"):
            return self._list_of(self._steps[name])
        return Shape(_TEXT) if kind in ("Join", "Table") else ANYTHING

    def _outputs(self, name: str) -> Shape:
        step = self._steps[name]
        if step.action["type"] != "Compose":
            return _wrap(self._body(name))
        inputs = step.action["inputs"]
        if isinstance(inputs, dict):
            return Shape({"type": "object", "properties": dict.fromkeys(inputs, _ANY)})
        if isinstance(inputs, str) and inputs.startswith("@") and not inputs.startswith(("@{", "@@")):
            return self.shape(parse_expression(inputs[1:]), step)
        return Shape(_TEXT) if isinstance(inputs, str) else ANYTHING

    def _answer(self, host: dict[str, Any]) -> Shape:
        found = self.find_called(host)
        return _response(*found) if found else ANYTHING

    def _http_answer(self, inputs: dict[str, Any]) -> Shape:
        gateway = self._connectors[GATEWAY]
        found = find_operation(gateway, str(inputs["method"]), cut_address(str(inputs["uri"])))
        return _response(gateway, found[0]) if found else ANYTHING

    def _list_of(self, step: Step) -> Shape:
        if step.action["type"] == "Query":
            item = self._find_item(step)
            return Shape({"type": "array", "items": item.schema}, item.connector)
        chosen = step.action["inputs"].get("select")
        names = dict.fromkeys(chosen, _ANY) if isinstance(chosen, dict) else {}
        return Shape({"type": "array", "items": {"type": "object", "properties": names} if names else _ANY})

    def _find_item(self, step: Step | None) -> Shape:
        if step is not None and step.action["type"] in ("Query", "Select"):
            return _element(self._read(step.action["inputs"]["from"], step, ignoring_own_item=True))
        for parent in reversed(step.parents if step else ()):
            if parent.action["type"] == "Foreach":
                return self._loop_item(parent.name)
        raise ReadingError("item(): there is no list around it")

    def _loop_item(self, name: str) -> Shape:
        loop = self._steps[name]
        if loop.action["type"] != "Foreach":
            raise ReadingError(f"items('{name}'): {name} is not a loop")
        return _element(self._read(loop.action["foreach"], loop))

    def _read(self, text: str, step: Step, *, ignoring_own_item: bool = False) -> Shape:
        expressions = find_expressions(text)
        if len(expressions) != 1:
            return ANYTHING
        around = Step(step.name, {"type": "Scope"}, step.siblings, step.parents) if ignoring_own_item else step
        return self.shape(parse_expression(expressions[0]), around)


def cut_address(uri: str) -> str:
    """Return an address without its host, which may be a literal or an interpolation."""
    if uri.startswith("@{"):
        return uri[uri.find("}") + 1 :]
    _, _, rest = uri.partition("://")
    return rest[rest.find("/") :] if "/" in rest else uri


def _response(connector: Connector, operation: Operation) -> Shape:
    return Shape(operation.response, connector) if operation.response is not None else ANYTHING


def _wrap(body: Shape) -> Shape:
    """Put a body into the outputs of a step."""
    names = {"body": body.schema, "headers": _ANY, "statusCode": {"type": "integer"}, "queries": _ANY}
    return Shape({"type": "object", "properties": names}, body.connector)


def _element(shape: Shape) -> Shape:
    schema = shape.resolved
    if schema.get("type") == "array":
        return Shape(schema.get("items", _ANY), shape.connector)
    if is_open(schema):
        return ANYTHING
    raise ReadingError(f"a list was expected, this is {_describe(schema)}")


def _property(owner: Shape, name: str) -> Shape:
    schema = owner.resolved
    if schema.get("type", "object") != "object":
        raise ReadingError(f"“{name}” is read from {_describe(schema)}")
    if owner.connector is not None:
        found = owner.connector.find_property(schema, name)
    else:
        found = schema.get("properties", {}).get(name, _ANY if is_open(schema) else None)
    if found is not None:
        return Shape(found, owner.connector)
    if name == "error" and owner.connector is not None and owner.connector.name == GATEWAY:
        return Shape(_ERROR)
    raise ReadingError(f"there is no “{name}” in {_describe(schema)}")


def _describe(schema: Schema) -> str:
    if schema.get("type", "object") == "object":
        return "an object of " + ", ".join(sorted(schema.get("properties", {}))[:12])
    return f"a value of type {schema['type']}"
