"""Evaluate the values of a definition: strings with expressions, and lists and objects of them.

- A string that begins with `@` is one expression and gives its value as it is; `@{…}` inside a string gives text: null
  is empty, objects and lists are JSON; `@@` is the sign itself.
- `['name']` and `.name` of null, or of an object without that property, fail; `?['name']` gives null. Names of
  properties and functions are read without regard to case.
- A `/` in a name parts levels: `outputs('X')?['body/value']` reads `body` and of it `value`.
- `if` can be read in two ways, because Microsoft does not say which is right: only the chosen branch is evaluated, or
  both are (`Scope.reads_both_branches`). All other functions evaluate all their arguments, from left to right.

Sources: "Reference guide to functions in expressions", "Schema reference for the Workflow Definition Language".
"""

from collections.abc import Mapping
from typing import Any

from devkit.flow_runs.failures import TemplateFailure, UnknownFunctionError
from devkit.flow_runs.functions import call_function
from devkit.flow_runs.members import read_member
from devkit.flow_runs.scope import NO_ITEM, Scope
from devkit.flow_runs.texts import as_text
from devkit.flows.expressions import Call, ExpressionError, Literal, Member, Node, find_interpolations, parse_expression

__all__ = ["NO_ITEM", "Scope", "TemplateFailure", "UnknownFunctionError", "evaluate", "evaluate_expression"]


def evaluate(template: Any, scope: Scope) -> Any:
    """Return the value of any JSON of a definition.

    TemplateFailure where the platform fails; UnknownFunctionError where nobody can say what it would do.
    """
    if isinstance(template, str):
        return _evaluate_text(template, scope)
    if isinstance(template, Mapping):
        return {as_text(evaluate(key, scope)): evaluate(value, scope) for key, value in template.items()}
    if isinstance(template, list):
        return [evaluate(value, scope) for value in template]
    return template


def evaluate_expression(text: str, scope: Scope) -> Any:
    """Return the value of one expression without its `@`. Raises TemplateFailure."""
    try:
        node = parse_expression(text)
    except ExpressionError as error:
        raise TemplateFailure(f"The template language expression is not valid: {error}.") from error
    return _evaluate_node(node, scope)


def _evaluate_text(text: str, scope: Scope) -> Any:
    if text.startswith("@") and not text.startswith(("@@", "@{")):
        return evaluate_expression(text[1:], scope)
    try:
        places = find_interpolations(text)
    except ExpressionError as error:
        raise TemplateFailure(f"The template language expression is not valid: {error}.") from error
    parts, position = [], 0
    for start, end in places:
        parts.append(_unescape(text[position:start], is_first=position == 0))
        parts.append(as_text(evaluate_expression(text[start + 2 : end - 1], scope)))
        position = end
    return "".join([*parts, _unescape(text[position:], is_first=position == 0)])


def _unescape(text: str, *, is_first: bool) -> str:
    """`@@` stands for `@` where a text begins with it and before a brace; elsewhere both signs stay."""
    text = text.replace("@@{", "@{")
    return text[1:] if is_first and text.startswith("@@") else text


def _evaluate_node(node: Node, scope: Scope) -> Any:
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, Member):
        owner, key = _evaluate_node(node.owner, scope), _evaluate_node(node.key, scope)
        return read_member(owner, key, is_optional=node.is_optional)
    if node.name.lower() == "if" and not scope.reads_both_branches:
        return _choose_branch(node, scope)
    return call_function(node.name, [_evaluate_node(argument, scope) for argument in node.arguments], scope)


def _choose_branch(node: Call, scope: Scope) -> Any:
    condition = _evaluate_node(node.arguments[0], scope)
    checked = call_function("if", [condition, 1, 2], scope)
    return _evaluate_node(node.arguments[checked], scope)
