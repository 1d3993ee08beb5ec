"""Checks of what a flow calls and reads: operations, inputs, and every name in every expression exist."""

from collections.abc import Iterator
from typing import Any

from devkit.flows.calls import find_operation
from devkit.flows.complaints import Complaint
from devkit.flows.connectors import GATEWAY, Connector, Input, Operation
from devkit.flows.expressions import Call, ExpressionError, Literal, Node, find_expressions, parse_expression, walk
from devkit.flows.functions import FUNCTIONS
from devkit.flows.order import find_earlier
from devkit.flows.shapes import ReadingError, Shapes, cut_address
from devkit.flows.sources import CONNECTED, Flow, Json, Step, find_texts, strip_branches

_STEP_READERS = ("body", "outputs", "actions", "result", "items")
_BATCH = "batch"

type Found = tuple[str, str, str]  # rule, place, message


def check_reads(flow: Flow, connectors: dict[str, Connector]) -> list[Complaint]:
    """Return every operation, input, expression and path that does not exist."""
    shapes = Shapes(flow, connectors)
    found = [
        *_check_references(flow, connectors),
        *_check_operations(flow, shapes),
        *_check_raw_requests(flow, connectors[GATEWAY]),
        *_check_split(flow, shapes),
        *_check_expressions(flow, shapes),
    ]
    return [Complaint(flow.name, *each) for each in found]


def _check_references(flow: Flow, connectors: dict[str, Connector]) -> Iterator[Found]:
    hosts = {name: thing["inputs"]["host"] for name, thing in _list_steps(flow) if thing["type"] in CONNECTED}
    used = {str(host.get("connectionName")) for host in hosts.values()}
    for key, reference in flow.references.items():
        if key not in used:
            yield "reference", key, "no step uses this connection"
        api = reference.get("api", {}).get("name")
        if api not in connectors:
            yield "known", key, f"nothing is known of the connector “{api}”"
        if reference.get("runtimeSource") != "embedded":
            yield "reference", key, "runtimeSource must be embedded; otherwise the flow asks each user for a connection"
        if not reference.get("connection", {}).get("connectionReferenceLogicalName"):
            yield "reference", key, "has no logical name"
    for name, host in hosts.items():
        key = str(host.get("connectionName"))
        if key not in flow.references:
            yield "reference", name, f"uses the connection “{key}”, which is not among the references"
        elif host.get("apiId") != (api := f"/providers/Microsoft.PowerApps/apis/{flow.references[key]['api']['name']}"):
            yield "reference", name, f"apiId is “{host.get('apiId')}”, its connection is one of {api}"


def _check_operations(flow: Flow, shapes: Shapes) -> Iterator[Found]:
    for name, thing in _list_steps(flow):
        if thing["type"] not in CONNECTED:
            continue
        host = thing["inputs"]["host"]
        if (connector := shapes.find_connector(host)) is None:
            continue  # reported by _check_references
        if (operation := connector.operations.get(str(host.get("operationId")))) is None:
            yield "operation", name, f"{connector.title} has no operation “{host.get('operationId')}”"
            continue
        is_trigger = name == flow.trigger[0]
        if is_trigger != bool(operation.trigger):
            kind = "a trigger" if operation.trigger else "an action"
            yield "operation", name, f"{operation.id} is {kind}"
        if "paginationPolicy" in thing.get("runtimeConfiguration", {}) and not operation.is_pageable:
            yield "operation", name, f"{operation.id} has no pages to follow: pagination"
        given = thing["inputs"].get("parameters", {})
        for message in _check_inputs(connector, operation, given):
            yield "input", name, message


def _check_inputs(connector: Connector, operation: Operation, given: Json) -> Iterator[str]:
    inputs = connector.list_inputs(operation)
    for name, value in given.items():
        if (known := _find_input(inputs, name)) is None:
            yield f"{operation.id} has no input “{name}”"
        elif known.is_internal:
            yield f"“{name}” is internal and never given"
        elif name == known.name and known.schema.get("type") == "array" and not _is_list(value):
            yield f"“{name}” is a list, not “{value}”"
        elif name == known.name and not _is_allowed(known, value):
            yield f"“{name}” is one of {', '.join(map(str, known.schema['enum']))}, not “{value}”"
    for known in inputs.values():
        if known.is_required and not known.is_internal and not _is_given(known, given):
            yield f"{operation.id} needs “{known.name}”"


def _find_input(inputs: dict[str, Input], name: str) -> Input | None:
    if name in inputs:
        return inputs[name]
    above = (inputs.get(name.rsplit("/", count)[0]) for count in range(1, name.count("/") + 1))
    found = next((each for each in above if each is not None), None)
    if found is not None:
        return found if found.is_open else None
    # the whole of what is otherwise given property by property
    return next((each for each in inputs.values() if each.name.startswith(f"{name}/")), None)


def _is_given(known: Input, given: Json) -> bool:
    for name, value in given.items():
        if name == known.name or name.startswith(f"{known.name}/") or known.name.startswith(f"{name}/"):
            return value not in ("", None)
    return False


def _is_allowed(known: Input, value: Any) -> bool:
    if "enum" not in known.schema or (isinstance(value, str) and "@" in value):
        return True
    return value in known.schema["enum"]


def _is_list(value: Any) -> bool:
    """Return whether a value may be a list: one, or an expression that is not part of a text."""
    is_expression = isinstance(value, str) and value.startswith("@") and value[1:2] not in ("{", "@")
    return is_expression or isinstance(value, list)


def _check_raw_requests(flow: Flow, gateway: Connector) -> Iterator[Found]:
    for name, thing in _list_steps(flow):
        if thing["type"] != "Http":
            continue
        inputs = thing["inputs"]
        found = find_operation(gateway, str(inputs["method"]), cut_address(str(inputs["uri"])))
        if found is None:
            yield "operation", name, f"the gateway has no {inputs['method']} at {inputs['uri']}"
            continue
        operation, in_address = found
        known = {each["name"] for each in operation.parameters if each["in"] == "query"}
        for query in (*in_address, *inputs.get("queries", {})):
            if not query.startswith("@{") and query not in known:
                yield "input", name, f"{operation.id} has no parameter “{query}”"


def _check_split(flow: Flow, shapes: Shapes) -> Iterator[Found]:
    name, trigger = flow.trigger
    if trigger["type"] not in CONNECTED:
        return
    if (found := shapes.find_called(trigger["inputs"]["host"])) is None:
        return
    _, operation = found
    split = trigger.get("splitOn")
    if operation.trigger == _BATCH and split is None:
        yield "split", name, "answers with a list and says nothing of splitOn: one run would get all items"
    if split is None:
        return
    try:
        shape = shapes.shape(parse_expression(find_expressions(split)[0]), whole=True)
    except (ExpressionError, ReadingError, IndexError) as error:
        yield "split", name, f"splitOn “{split}”: {error}"
        return
    if shape.resolved.get("type") != "array":
        yield "split", name, f"splitOn “{split}” is no list"


def _check_expressions(flow: Flow, shapes: Shapes) -> Iterator[Found]:
    earlier = find_earlier(flow)
    name, trigger = flow.trigger
    for place, text in find_texts({key: value for key, value in trigger.items() if key != "splitOn"}):
        yield from (
            (rule, f"{name}/{place}", message) for rule, message in _check_text(text, flow, shapes, None, set())
        )
    for step in flow.steps:
        allowed = earlier[step.name] | {parent.name for parent in step.parents}
        for place, text in find_texts(strip_branches(step.action)):
            own = allowed | {step.name} if place.startswith("trackedProperties") else allowed
            yield from (
                (rule, f"{step.name}/{place}", message) for rule, message in _check_text(text, flow, shapes, step, own)
            )


def _check_text(
    text: str, flow: Flow, shapes: Shapes, step: Step | None, allowed: set[str]
) -> Iterator[tuple[str, str]]:
    try:
        nodes = [parse_expression(expression) for expression in find_expressions(text)]
    except ExpressionError as error:
        yield "expression", str(error)
        return
    for node in nodes:
        yield from _check_calls(node, flow, allowed)
        for below in walk(node):
            try:
                shapes.shape(below, step)
            except ReadingError as error:
                yield "path", str(error)
                break


def _check_calls(node: Node, flow: Flow, allowed: set[str]) -> Iterator[tuple[str, str]]:
    for call in walk(node):
        if not isinstance(call, Call):
            continue
        if call.name not in FUNCTIONS:
            yield "expression", f"there is no function {call.name}"
            continue
        least, most = FUNCTIONS[call.name]
        if not least <= len(call.arguments) <= most:
            yield "expression", f"{call.name} takes {least} to {most} arguments, this gives {len(call.arguments)}"
        first = call.arguments[0].value if call.arguments and isinstance(call.arguments[0], Literal) else None
        if call.name == "parameters" and first not in flow.definition.get("parameters", {}):
            yield "setting", f"there is no parameter “{first}”"
        if call.name in _STEP_READERS and first in {step.name for step in flow.steps} - allowed:
            yield "order", f"reads “{first}”, which need not have ended before"
        if call.name == "variables" and first not in _find_variables(flow):
            yield "expression", f"there is no variable “{first}”"


def _find_variables(flow: Flow) -> set[str]:
    made = [step.action["inputs"]["variables"] for step in flow.steps if step.action["type"] == "InitializeVariable"]
    return {str(variable["name"]) for variables in made for variable in variables}


def _list_steps(flow: Flow) -> list[tuple[str, Json]]:
    return [flow.trigger, *((step.name, step.action) for step in flow.steps)]
