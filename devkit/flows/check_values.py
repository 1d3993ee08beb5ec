"""Checks of what expressions make of values that may be missing, too long, or hold a quote.

What functions do with null: "Reference guide to functions in expressions for Azure Logic Apps". Whether `if()`
evaluates both of its branches is not documented, and reports differ: here both must be fine.
"""

from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise

from devkit.flows.complaints import Complaint
from devkit.flows.connectors import Connector
from devkit.flows.expressions import (
    Call,
    ExpressionError,
    Literal,
    Member,
    Node,
    find_expressions,
    find_interpolations,
    parse_expression,
    walk,
)  # fmt: skip
from devkit.flows.outcomes import find_certain
from devkit.flows.shapes import ReadingError, Shapes
from devkit.flows.sources import CONNECTED, Flow, Step, find_texts, strip_branches

# Functions that fail on null, with the numbers of the arguments that must not be null.
_STRICT: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(
        (
            "addDays", "addHours", "addMinutes", "addSeconds", "addToTime", "base64", "base64ToString", "chunk",
            "contains", "convertFromUtc", "convertTimeZone", "convertToUtc", "dataUri", "dayOfMonth", "dayOfWeek",
            "dayOfYear", "decimal", "decodeUriComponent", "encodeURIComponent", "encodeUriComponent", "endsWith",
            "first", "float", "formatDateTime", "formatNumber", "indexOf", "int", "join", "json", "last",
            "lastIndexOf", "length", "parseDateTime",
            "reverse", "skip", "slice", "sort", "split", "startOfDay", "startOfHour", "startOfMonth", "startsWith",
            "substring", "subtractFromTime", "take", "ticks", "toLower", "toUpper", "trim", "uriComponent",
            "uriComponentToString", "uriHost", "uriPath", "uriQuery", "xml",
        ),
        (0,),
    ),
    **dict.fromkeys(
        (
            "add", "dateDifference", "div", "greater", "greaterOrEquals", "intersection", "less", "lessOrEquals", "mod",
            "mul", "sub", "union",
        ),
        (0, 1),
    ),
    "replace": (0, 1, 2),
}  # fmt: skip
_READ = frozenset(
    {
        "action", "actions", "first", "item", "items", "json", "last", "trigger", "triggerBody", "triggerFormDataValue",
        "triggerOutputs", "variables", "workflow", "xpath",
    }
)  # fmt: skip
_FILTER = "$filter"

type Found = tuple[str, str, str]  # rule, place, message


def check_values(flow: Flow, connectors: dict[str, Connector]) -> list[Complaint]:
    """Return the expressions that fail, or mean something else, because of a value that nobody thought of."""
    found = [*_check_guards(flow), *_check_quotes(flow), *_check_lengths(Shapes(flow, connectors))]
    return [Complaint(flow.name, *each) for each in sorted(set(found))]


def _check_guards(flow: Flow) -> Iterator[Found]:
    nulls = _Nulls(flow)
    for step in flow.steps:
        for place, text in find_texts(strip_branches(step.action)):
            for node in _parse_all(text):
                for choice in walk(node):
                    if isinstance(choice, Call) and choice.name == "if":
                        for message in _find_unguarded(choice, step, nulls):
                            yield "guard", f"{step.name}/{place}", message


def _find_unguarded(choice: Call, step: Step, nulls: "_Nulls") -> Iterator[str]:
    for argument in choice.arguments:
        for call in walk(argument):
            if not isinstance(call, Call):
                continue
            for number in _STRICT.get(call.name, ()):
                if number < len(call.arguments) and nulls.may_be(call.arguments[number], step):
                    yield f"{call.name}() fails on null, and if() may evaluate it in any case: coalesce() inside"


class _Nulls:
    """Finds out which values may be null where a step reads them."""

    def __init__(self, flow: Flow) -> None:
        self._steps = {step.name: step for step in flow.steps}
        self._flow = flow

    @cached_property
    def _certain(self) -> dict[str, set[str]]:
        return find_certain(self._flow)

    def may_be(self, node: Node, reader: Step) -> bool:
        """Return whether a value may be null in a step that reads it."""
        if isinstance(node, Literal):
            return node.value is None
        if isinstance(node, Member):
            return self._may_member_be(node, reader)
        if node.name == "coalesce":
            return all(self.may_be(argument, reader) for argument in node.arguments)
        if node.name == "if":
            return any(self.may_be(argument, reader) for argument in node.arguments[1:])
        first = node.arguments[0] if node.arguments else None
        if node.name in ("body", "outputs") and isinstance(first, Literal):
            name = str(first.value)
            return name not in self._certain.get(reader.name, ()) or self._may_give(self._steps[name])
        return node.name in _READ and not (node.name == "json" and isinstance(first, Literal))

    def _may_give(self, step: Step) -> bool:
        """Return whether a step that succeeded may give null."""
        if step.action["type"] in ("Select", "Query", "Join"):
            return False
        if step.action["type"] != "Compose":
            return True
        inputs = step.action["inputs"]
        if not isinstance(inputs, str) or not inputs.startswith("@") or inputs.startswith(("@{", "@@")):
            return inputs is None
        return any(self.may_be(node, step) for node in _parse_all(inputs))

    def _may_member_be(self, node: Member, reader: Step) -> bool:
        """Return whether a member may be null: none of item() is that a Select before has made of something."""
        is_item = isinstance(node.owner, Call) and node.owner.name == "item"
        if not is_item or not isinstance(node.key, Literal) or reader.action["type"] not in ("Select", "Query"):
            return True
        for source in _parse_all(str(reader.action["inputs"]["from"])):
            if isinstance(source, Call) and source.name == "body" and isinstance(source.arguments[0], Literal):
                maker = self._steps.get(str(source.arguments[0].value))
                made = maker.action["inputs"].get("select") if maker and maker.action["type"] == "Select" else None
                value = made.get(str(node.key.value)) if isinstance(made, dict) else None
                if maker is not None and isinstance(value, str):
                    return any(self.may_be(below, maker) for below in _parse_all(value))
        return True


def _check_quotes(flow: Flow) -> Iterator[Found]:
    """Find filters whose literal a quote in a value would end: it must be doubled."""
    for step in flow.steps:
        if step.action["type"] not in CONNECTED:
            continue
        text = step.action["inputs"].get("parameters", {}).get(_FILTER)
        if not isinstance(text, str):
            continue
        if text.startswith("@") and not text.startswith(("@{", "@@")):
            yield "quotes", step.name, "write the filter as a text with @{…}, so that each value in it can be seen"
            continue
        for node in _parse_all(text):
            if not _doubles_quotes(node):
                yield "quotes", step.name, f"a quote in a value breaks “{text}”: replace(…,'''','''''')"


def _doubles_quotes(node: Node) -> bool:
    """Return whether no single quote is left in a value: it is a number, or replace() doubles them."""
    if isinstance(node, Literal):
        return "'" not in str(node.value)
    if not isinstance(node, Call):
        return False
    if node.name == "if":
        condition, *branches = node.arguments
        numbers = condition.arguments if isinstance(condition, Call) and condition.name == "isInt" else ()
        return all(branch in numbers or _doubles_quotes(branch) for branch in branches)
    if node.name in ("int", "length"):
        return True
    return node.name == "replace" and node.arguments[1:] == (Literal("'"), Literal("''"))


def _check_lengths(shapes: Shapes) -> Iterator[Found]:
    """Find texts that a column of one line may refuse, and with them the whole item, because they are too long."""
    for step, name, known, text in shapes.list_texts():
        most = known.schema.get("maxLength") if known.place == "body" else None
        if most is not None and not _is_short(text, int(most), shapes, step):
            yield "length", step.name, f"“{name}” takes {most} characters: take(…,{most})"


def _is_short(text: str, most: int, shapes: Shapes, step: Step) -> bool:
    nodes = _parse_all(text)
    if not nodes:
        return len(text) <= most
    if not text.startswith("@") or (text.startswith("@{") and _count_texts(text) > 1):
        return False
    [node] = nodes
    if isinstance(node, Call) and node.name in ("parameters", "utcNow"):
        return True  # chosen by the maker, or short
    if isinstance(node, Call) and node.name == "take" and isinstance(node.arguments[1], Literal):
        return int(str(node.arguments[1].value)) <= most
    try:
        shape = shapes.shape(node, step).resolved
    except ReadingError:
        return True  # reported by the check of what is read
    return int(shape.get("maxLength", most + 1)) <= most


def _count_texts(text: str) -> int:
    """Return how many parts a text with interpolations has: each of them, and what stands between them."""
    edges = [0, *(edge for span in find_interpolations(text) for edge in span), len(text)]
    return sum(1 for start, end in pairwise(edges) if end > start)


def _parse_all(text: str) -> list[Node]:
    try:
        return [parse_expression(expression) for expression in find_expressions(text)]
    except ExpressionError:
        return []  # reported by the check of expressions
