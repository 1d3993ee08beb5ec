"""Check that texts of others fit where a flow puts them: quotes in filters, and what a list's columns hold.

In a filter of OData a quote ends the text, unless it is doubled: with "O'Neil" the filter is none, or another one. A
column of one line holds 255 characters in SharePoint, and an item with more is refused.
"""

import re
from collections.abc import Iterator

from devkit.flows.complaints import Complaint
from devkit.flows.expressions import ExpressionError, find_interpolations
from devkit.flows.sources import CONNECTED, Flow

_FILTER = "$filter"
_ONE_LINE = ("item/Title", "item/Requester")
_DOUBLED = "'''','''''')"
_STOOD_THERE = re.compile(r"\['(?:body/)?Title'\]")  # in such a column before
_READS = re.compile(r"\b(?:triggerOutputs|triggerBody|items|item|outputs|body)\(")

type Found = tuple[str, str, str]  # rule, place, message


def check_texts(flow: Flow) -> list[Complaint]:
    """Return the places where a text of others may not fit."""
    return [Complaint(flow.name, *found) for found in (*_check_filters(flow), *_check_lengths(flow))]


def _list_inputs(flow: Flow) -> Iterator[tuple[str, str, str]]:
    for step in flow.steps:
        if step.action["type"] in CONNECTED:
            for name, value in step.action["inputs"].get("parameters", {}).items():
                if isinstance(value, str):
                    yield step.name, name, value


def _check_filters(flow: Flow) -> Iterator[Found]:
    for step, name, value in _list_inputs(flow):
        if name != _FILTER:
            continue
        if value.startswith("@") and not value.startswith("@{"):
            yield "filter", step, "write the filter as a text with @{…} in it, so that its quotes can be seen"
            continue
        try:
            places = find_interpolations(value)
        except ExpressionError:
            continue  # told by the check of expressions
        for start, end in places:
            is_quoted = value[:start].endswith("'") and value[end:].startswith("'")
            if is_quoted and _DOUBLED not in value[start:end]:
                yield "filter", step, f"a quote in {value[start:end][:60]} would end the text: double it with replace"


def _check_lengths(flow: Flow) -> Iterator[Found]:
    for step, name, value in _list_inputs(flow):
        if name not in _ONE_LINE or not _READS.search(value):
            continue
        if value.startswith("@take(") or _STOOD_THERE.search(value):
            continue
        yield "long", step, f"“{name}” holds 255 characters: cut the whole with take(…,255)"
