"""Functions that read the run: its trigger, actions, variables and loops."""

from collections.abc import Callable, Mapping
from typing import Any

from devkit.flow_runs.failures import TemplateFailure, name_type, refuse
from devkit.flow_runs.members import find_name
from devkit.flow_runs.scope import NO_ITEM, Scope


def read_parameter(scope: Scope, name: Any) -> Any:
    """parameters('name')."""
    return _look_up("parameters", "workflow parameter", scope.parameters, name)


def read_variable(scope: Scope, name: Any) -> Any:
    """variables('name')."""
    return _look_up("variables", "variable", scope.variables, name)


def read_trigger(scope: Scope) -> Any:
    """trigger()."""
    return scope.trigger


def read_trigger_outputs(scope: Scope) -> Any:
    """triggerOutputs()."""
    return scope.trigger.get("outputs")


def read_trigger_body(scope: Scope) -> Any:
    """triggerBody()."""
    return _read_body(read_trigger_outputs(scope))


def read_action(scope: Scope, name: Any) -> Any:
    """actions('name')."""
    return _look_up("actions", "action", scope.actions, name)


def read_outputs(scope: Scope, name: Any) -> Any:
    """outputs('name'): null if the action was skipped."""
    return _look_up("outputs", "action", scope.actions, name).get("outputs")


def read_body(scope: Scope, name: Any) -> Any:
    """body('name'): the body of its outputs."""
    return _read_body(_look_up("body", "action", scope.actions, name).get("outputs"))


def read_result(scope: Scope, name: Any) -> Any:
    """result('name'): a record for each action right inside a scope, loop or condition."""
    return list(_look_up("result", "scope", scope.results, name))


def read_item(scope: Scope) -> Any:
    """item()."""
    if scope.item is NO_ITEM:
        raise TemplateFailure("The template function 'item' is not expected at this location.")
    return scope.item


def read_items(scope: Scope, name: Any) -> Any:
    """items('loop')."""
    return _look_up("items", "loop", scope.items, name)


def read_turn(scope: Scope, name: Any) -> Any:
    """iterationIndexes('loop')."""
    return _look_up("iterationIndexes", "loop", scope.indexes, name)


def read_workflow(scope: Scope) -> Any:
    """workflow()."""
    return scope.workflow


def _look_up(function: str, kind: str, values: Mapping[str, Any], name: Any) -> Any:
    if not isinstance(name, str):
        raise refuse(function, 0, "a string", name)
    if (found := find_name(values, name)) is None:
        raise TemplateFailure(f"The template function '{function}' cannot be evaluated: there is no {kind} '{name}'.")
    return values[found]


def _read_body(outputs: Any) -> Any:
    if outputs is None:
        return None
    if not isinstance(outputs, Mapping):
        raise TemplateFailure(f"The outputs are of type '{name_type(outputs)}' and have no body.")
    return outputs.get("body")


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "parameters": read_parameter, "variables": read_variable, "trigger": read_trigger, "actions": read_action,
    "triggerOutputs": read_trigger_outputs, "triggerBody": read_trigger_body, "outputs": read_outputs,
    "body": read_body, "result": read_result, "item": read_item, "items": read_items,
    "iterationIndexes": read_turn, "workflow": read_workflow,
}  # fmt: skip
