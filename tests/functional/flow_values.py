"""Values of a flow's expressions, for the functions that the sample flows of support mail use.

Source: Microsoft Learn, "Reference guide to functions in expressions for Azure Logic Apps". A member of null is null if
it is asked for with `?`, and a name such as `body/html` leads through two objects.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from devkit.flows.expressions import Literal, Member, Node, find_interpolations, parse_expression

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "and": lambda *values: all(values),
    "not": lambda value: not value,
    "or": lambda *values: any(values),
    "equals": lambda left, right: left == right,
    "greater": lambda left, right: left > right,
    "lessOrEquals": lambda left, right: left <= right,
    "empty": lambda value: not value,
    "length": len,
    "coalesce": lambda *values: next((one for one in values if one is not None), None),
    "concat": lambda *values: "".join("" if one is None else str(one) for one in values),
    "replace": lambda text, old, new: text.replace(old, new),
    "take": lambda value, count: value[:count],
    "join": lambda values, between: between.join(values),
    "decodeUriComponent": unquote,
    "json": lambda text: {"[]": []}[text],
}


@dataclass
class Values:
    """What the steps of one run gave: the trigger's outputs, and outputs by the name of the step."""

    trigger: Any
    outputs: dict[str, Any] = field(default_factory=dict)

    def read(self, text: Any, item: Any = None) -> Any:
        """Return the value of a text of the definition; `item` is the member of a list that it is about."""
        if not isinstance(text, str) or "@" not in text:
            return text
        if text.startswith("@") and not text.startswith("@{"):
            return self._evaluate(parse_expression(text[1:]), item)
        for start, end in reversed(find_interpolations(text)):
            text = f"{text[:start]}{self._evaluate(parse_expression(text[start + 2 : end - 1]), item)}{text[end:]}"
        return text

    def run_data_step(self, name: str, step: Mapping[str, Any]) -> Any:
        """Run a step that only works on data, and return its result: Query, Select or Compose."""
        inputs = step["inputs"]
        if step["type"] == "Compose":
            self.outputs[name] = self.read(inputs)
            return self.outputs[name]
        members = self.read(inputs["from"])
        if step["type"] == "Query":
            result = [one for one in members if self.read(inputs["where"], one)]
        else:
            assert step["type"] == "Select"
            result = [self.read(inputs["select"], one) for one in members]
        self.outputs[name] = {"body": result}
        return result

    def _evaluate(self, node: Node, item: Any) -> Any:
        if isinstance(node, Literal):
            return node.value
        if isinstance(node, Member):
            return _member(self._evaluate(node.owner, item), self._evaluate(node.key, item))
        if node.name == "if":  # the other branch may be an error
            condition, then, otherwise = node.arguments
            return self._evaluate(then if self._evaluate(condition, item) else otherwise, item)
        arguments = [self._evaluate(one, item) for one in node.arguments]
        of_the_run: dict[str, Callable[..., Any]] = {
            "item": lambda: item,
            "items": lambda _: item,
            "triggerOutputs": lambda: self.trigger,
            "outputs": lambda name: self.outputs[name],
            "body": lambda name: self.outputs[name]["body"],
        }
        return (_FUNCTIONS | of_the_run)[node.name](*arguments)


def _member(owner: Any, key: Any) -> Any:
    if isinstance(key, str) and "/" in key:
        for part in key.split("/"):
            owner = _member(owner, part)
        return owner
    return None if owner is None else owner.get(key)
