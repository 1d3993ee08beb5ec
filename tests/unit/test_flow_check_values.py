"""Expressions that fail, or mean something else, because of a value that is missing, too long, or holds a quote."""

from typing import Any

import pytest

from devkit.flows.check_values import check_values
from devkit.flows.connectors import load_connectors
from devkit.flows.sources import Flow, load_flows

CONNECTORS = load_connectors()
ID = "triggerBody()?['id']"
LISTS = "shared_sharepointonline"


def step(kind: str, inputs: Any, **after: list[str]) -> dict[str, Any]:
    return {"type": kind, "inputs": inputs, "runAfter": after}


def write(operation: str, **parameters: str) -> dict[str, Any]:
    host = {"connectionName": LISTS, "operationId": operation}
    return step("OpenApiConnection", {"host": host, "parameters": {**parameters}})


def complaints(**actions: dict[str, Any]) -> list[str]:
    reference = {LISTS: {"api": {"name": LISTS}}}
    definition = {"triggers": {"Begin": {"type": "Request"}}, "actions": actions}
    flow = Flow("small", {"properties": {"definition": definition, "connectionReferences": reference}})
    return [f"{found.place}: {found.message} [{found.rule}]" for found in check_values(flow, CONNECTORS)]


@pytest.mark.parametrize(
    ("expression", "function"),
    [
        (f"@if(empty({ID}),'',formatDateTime({ID},'d'))", "formatDateTime"),
        (f"@if(empty({ID}),'',formatDateTime(coalesce({ID},utcNow()),'d'))", None),
        (f"@{{if(true,'',encodeURIComponent({ID}))}}", "encodeURIComponent"),
        (f"@if(true,'',concat('a',replace(coalesce({ID}),'a','b')))", "replace"),
        (f"@if(true,'',replace(string({ID}),'a',{ID}))", "replace"),
        (f"@if(contains({ID},'a'),'b','c')", "contains"),
        (f"@if(true,'',take(if(true,{ID},'a'),3))", "take"),
        (f"@if(true,'',take(if(true,coalesce({ID},'b'),'a'),3))", None),
        (f"@if(greater({ID},3),'b','c')", "greater"),
        (f"@if(equals({ID},null),concat({ID},'b'),'c')", None),
        (f"@formatDateTime({ID},'d')", None),  # nothing there says that it may be missing
        ("@if(true,'',join(body('Names'),','))", None),
        ("@if(true,'',join(body('Names_of_names'),','))", None),
        ("@if(true,'',take(outputs('Text'),3))", None),
        ("@if(true,'',take(outputs('Value'),3))", "take"),
        ("@if(true,'',length(body('Unknown')))", "length"),
    ],
)
def test_what_if_reads_is_guarded(expression: str, function: str | None) -> None:
    found = complaints(
        Names=step("Select", {"from": "@triggerBody()?['list']", "select": {"name": "@string(item())"}}),
        Names_of_names=step("Select", {"from": "@body('Names')", "select": "@if(true,'',take(item()?['name'],3))"},
                            Names=["Succeeded"]),
        Text=step("Compose", "A @{triggerBody()}", Names_of_names=["Succeeded"]),
        Value=step("Compose", "@triggerBody()?['id']", Text=["Succeeded"]),
        Read=step("Compose", expression, Value=["Succeeded"]),
    )  # fmt: skip
    if function is None:
        assert found == []
    else:
        assert [one.partition("(")[0] for one in found] == [f"Read/inputs: {function}"]


def test_what_a_select_makes_of_nothing_is_nothing() -> None:
    found = complaints(
        Names=step("Select", {"from": "@triggerBody()?['list']", "select": {"name": "@item()"}}),
        Read=step("Select", {"from": "@body('Names')", "select": "@if(true,'',take(item()?['name'],3))"},
                  Names=["Succeeded"]),
    )  # fmt: skip
    assert len(found) == 1


@pytest.mark.parametrize("status", ["Failed", "TimedOut", "Skipped"])
def test_a_step_that_runs_after_a_failure_reads_nothing_of_what_failed(status: str) -> None:
    found = complaints(
        Ask=step("Compose", "text"),
        Names=step("Select", {"from": [], "select": "@item()"}, Ask=["Succeeded"]),
        Read=step("Compose", "@if(true,'',join(body('Names'),','))", Names=["Succeeded", status]),
    )
    assert len(found) == (0 if status == "TimedOut" else 1)  # a step without a call has no time to run out of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"Title eq '@{{{ID}}}'", "a quote in a value"),
        (f"Title eq '@{{replace({ID},'''','''''')}}'", None),
        (f"Title eq '@{{replace(coalesce({ID},''),'''','''''')}}' and ID eq @{{int({ID})}}", None),
        (f"Title eq '@{{replace({ID},'a','b')}}'", "a quote in a value"),
        (f"@concat('ID eq ',{ID})", "as a text with"),
        (f"ID eq @{{if(isInt({ID}),{ID},'0')}}", None),
        (f"ID eq @{{if(isInt({ID}),triggerBody(),'0')}}", "a quote in a value"),
        (f"ID eq @{{if(empty({ID}),'0',{ID})}}", "a quote in a value"),
        ("Title eq 'Tickets'", None),
    ],
)
def test_quotes_in_filters_are_doubled(text: str, words: str | None) -> None:
    found = complaints(Find=write("GetItems", **{"$filter": text}))
    assert (found == []) if words is None else (words in found[0] and "[quotes]" in found[0])


@pytest.mark.parametrize(
    ("text", "is_short"),
    [
        ("@take(triggerBody(),255)", True),
        ("@{take(concat('a',triggerBody()),255)}", True),
        ("@take(triggerBody(),256)", False),
        ("@triggerBody()", False),
        ("New: @{take(triggerBody(),255)}", False),
        ("@{take(triggerBody(),255)} and more", False),
        ("@first(body('Find')?['value'])?['Title']", True),
        ("@first(body('Find')?['value'])?['Notes']", False),
        ("@parameters('Page (ggw_Page)')", True),
        ("Ticket", True),
        ("T" * 256, False),
    ],
)
@pytest.mark.parametrize("column", ["Title", "Requester"])
def test_texts_of_one_line_are_cut(column: str, text: str, is_short: bool) -> None:
    found = complaints(Find=write("GetItems"), Note=write("PostItem", **{f"item/{column}": text, "item/Notes": text}))
    assert (found == []) if is_short else (f"“item/{column}” takes 255" in found[0] and len(found) == 1)


def test_the_shipped_flows_write_filters_titles_and_choices() -> None:
    """Otherwise nothing of the above would be held against them."""
    texts = [str(flow.document) for flow in load_flows()]
    for word in ("$filter", "item/Title", "if("):
        assert sum(word in text for text in texts) > 2
