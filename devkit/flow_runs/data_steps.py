"""Actions that only work on data: Compose, Select, Query, Join, Table, ParseJson, and those on variables."""

import csv
import html
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import jsonschema

from devkit.flow_runs.failures import TemplateFailure, name_type
from devkit.flow_runs.records import Outcome, fail
from devkit.flow_runs.texts import as_text
from devkit.flow_runs.values import Scope, evaluate
from devkit.flows.sources import Json

_EMPTY = {"string": "", "integer": 0, "float": 0.0, "boolean": False, "array": [], "object": {}}

type Variables = dict[str, Any]
type Step = Callable[[str, Json, Scope, Variables], Outcome]


class BadStepError(ValueError):
    """A definition that the platform would not save; the message says why."""


def compose(_: str, action: Json, scope: Scope, _variables: Variables) -> Outcome:
    """Compose: the value itself."""
    value = evaluate(action["inputs"], scope)
    return Outcome(scope.now, inputs=value, outputs=value)


def select(name: str, action: Json, scope: Scope, _variables: Variables) -> Outcome:
    """Select: something made of each member."""
    members = _read_members(name, "select", action, scope)
    if isinstance(members, Outcome):
        return members
    made = [evaluate(action["inputs"]["select"], replace(scope, item=member)) for member in members]
    return Outcome(scope.now, inputs={"from": members}, outputs={"body": made})


def query(name: str, action: Json, scope: Scope, _variables: Variables) -> Outcome:
    """Query: the members that pass."""
    members = _read_members(name, "query", action, scope)
    if isinstance(members, Outcome):
        return members
    kept = []
    for member in members:
        passes = evaluate(action["inputs"]["where"], replace(scope, item=member))
        if not isinstance(passes, bool):
            raise TemplateFailure(
                f"The 'where' expression gives a value of type '{name_type(passes)}'; it must give 'Boolean'."
            )
        if passes:
            kept.append(member)
    return Outcome(scope.now, inputs={"from": members}, outputs={"body": kept})


def join(name: str, action: Json, scope: Scope, _variables: Variables) -> Outcome:
    """Join: the members as one text."""
    members = _read_members(name, "join", action, scope)
    if isinstance(members, Outcome):
        return members
    between = as_text(evaluate(action["inputs"]["joinWith"], scope))
    return Outcome(scope.now, outputs={"body": between.join(as_text(member) for member in members)})


def table(name: str, action: Json, scope: Scope, _variables: Variables) -> Outcome:
    """Table: CSV or HTML."""
    members = _read_members(name, "table", action, scope)
    if isinstance(members, Outcome):
        return members
    columns = action["inputs"].get("columns")
    heads: list[str] = []
    rows: list[list[str]] = []
    for member in members:
        values = member if columns is None else _read_columns(columns, replace(scope, item=member))
        heads += [head for head in values if head not in heads]
        rows.append([as_text(values.get(head)) for head in heads])
    is_csv = str(action["inputs"]["format"]).upper() == "CSV"
    return Outcome(scope.now, outputs={"body": _write_csv(heads, rows) if is_csv else _write_html(heads, rows)})


def parse_json(_: str, action: Json, scope: Scope, _variables: Variables) -> Outcome:
    """ParseJson: a text as values that keep to a schema."""
    content = evaluate(action["inputs"]["content"], scope)
    if content is None:
        return fail(scope.now, "BadRequest", "Property 'content' must not be null.")
    try:
        value = json.loads(content) if isinstance(content, str) else content
        jsonschema.Draft4Validator(action["inputs"].get("schema", {})).validate(value)
    except json.JSONDecodeError as error:
        return fail(scope.now, "InvalidTemplate", f"The provided value cannot be parsed as JSON: {error}")
    except jsonschema.ValidationError as error:
        return fail(scope.now, "ValidationFailed", f"The schema validation failed. {error.message}", content)
    return Outcome(scope.now, inputs={"content": content}, outputs={"body": value})


def initialize_variable(_: str, action: Json, scope: Scope, variables: Variables) -> Outcome:
    """InitializeVariable; one without a value has an empty one of its type."""
    [given] = action["inputs"]["variables"]
    kind = str(given["type"]).lower()
    value = evaluate(given["value"], scope) if "value" in given else json.loads(json.dumps(_EMPTY[kind]))
    variables[given["name"]] = value
    return Outcome(scope.now, inputs={"variables": [given | {"value": value}]})


def set_variable(_: str, action: Json, scope: Scope, variables: Variables) -> Outcome:
    """SetVariable."""
    return _change(action, scope, variables, lambda _, new: new)


def append_to_array(_: str, action: Json, scope: Scope, variables: Variables) -> Outcome:
    """AppendToArrayVariable."""
    return _change(action, scope, variables, lambda old, new: [*old, new])


def append_to_string(_: str, action: Json, scope: Scope, variables: Variables) -> Outcome:
    """AppendToStringVariable."""
    return _change(action, scope, variables, lambda old, new: f"{old}{as_text(new)}")


def increment(_: str, action: Json, scope: Scope, variables: Variables) -> Outcome:
    """IncrementVariable."""
    return _change(action, scope, variables, lambda old, new: old + new, 1)


def decrement(_: str, action: Json, scope: Scope, variables: Variables) -> Outcome:
    """DecrementVariable."""
    return _change(action, scope, variables, lambda old, new: old - new, 1)


STEPS: Mapping[str, Step] = {
    "Compose": compose, "Select": select, "Query": query, "Join": join, "Table": table, "ParseJson": parse_json,
    "InitializeVariable": initialize_variable, "SetVariable": set_variable,
    "AppendToArrayVariable": append_to_array, "AppendToStringVariable": append_to_string,
    "IncrementVariable": increment, "DecrementVariable": decrement,
}  # fmt: skip


def _change(
    action: Json, scope: Scope, variables: Variables, combine: Callable[[Any, Any], Any], otherwise: Any = None
) -> Outcome:
    name = str(action["inputs"]["name"])
    if name not in variables:
        raise BadStepError(f"the variable {name} is not initialized")
    value = evaluate(action["inputs"].get("value", otherwise), scope)
    variables[name] = combine(variables[name], value)
    return Outcome(scope.now, inputs={"name": name, "value": value}, outputs={"body": {"name": name, "value": value}})


def _read_members(name: str, kind: str, action: Json, scope: Scope) -> list[Any] | Outcome:
    members = evaluate(action["inputs"]["from"], scope)
    if isinstance(members, list):
        return members
    message = (
        f"The 'from' property value in the '{kind}' action inputs is of type '{name_type(members)}'. "
        f"The value must be an array. (action '{name}')"
    )
    return fail(scope.now, "BadRequest", message, {"from": members})


def _read_columns(columns: list[Json], scope: Scope) -> dict[str, Any]:
    return {as_text(evaluate(one.get("header", ""), scope)): evaluate(one["value"], scope) for one in columns}


def _write_csv(heads: list[str], rows: list[list[str]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(heads)
    writer.writerows(rows)
    return file.getvalue()


def _write_html(heads: list[str], rows: list[list[str]]) -> str:
    def write(tag: str, cells: list[str]) -> str:
        return f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"

    return (
        f"<table><thead>{write('th', heads)}</thead><tbody>{''.join(write('td', row) for row in rows)}</tbody></table>"
    )
