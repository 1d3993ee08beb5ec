"""The expression of a condition or of a loop's end: objects of comparisons, or one expression."""

from typing import Any

from devkit.flow_runs.failures import TemplateFailure, name_type
from devkit.flow_runs.functions import call_function
from devkit.flow_runs.values import Scope, evaluate

_GROUPS = {"and": all, "or": any}


def decide(expression: Any, scope: Scope) -> bool:
    """Return what a condition gives; all of its parts are read. Raises TemplateFailure."""
    if isinstance(expression, dict) and len(expression) == 1:
        [(name, given)] = expression.items()
        if name in _GROUPS:
            return _GROUPS[name]([decide(part, scope) for part in given])
        if name == "not":
            return not decide(given, scope)
        arguments = given if isinstance(given, list) else [given]
        return _need_boolean(call_function(name, [evaluate(one, scope) for one in arguments], scope))
    return _need_boolean(evaluate(expression, scope))


def _need_boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TemplateFailure(f"A condition must give a value of type 'Boolean', not '{name_type(value)}'.")
    return value
