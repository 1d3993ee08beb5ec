"""Values of a definition are evaluated as the platform evaluates them."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from devkit.flow_runs.values import Scope, TemplateFailure, evaluate

NOW = datetime(2026, 5, 5, 9, 30, 15, 123456, tzinfo=UTC)
SCOPE = Scope(
    now=NOW,
    parameters={"Zone": "UTC", "count": 3, "nothing": None},
    trigger={"name": "T", "outputs": {"headers": {"Location": "/1"}, "body": {"subject": "Hi", "who": {"mail": "a"}}}},
    actions={
        "Get_it": {"status": "Succeeded", "outputs": {"statusCode": 200, "body": {"value": [{"ID": 7}, {"ID": 8}]}}},
        "Left_out": {"status": "Skipped"},
        "Text": {"status": "Succeeded", "outputs": "plain"},
    },
    results={"Try": [{"name": "Get_it", "status": "Succeeded"}]},
    variables={"total": 1.5, "yes": True},
    items={"For_each": {"Name": "n", "a/b": 1}},
    indexes={"Until": 2},
    item={"size": 5},
    workflow={"run": {"name": "08585"}},
)


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("plain", "plain"),
        ("", ""),
        (5, 5),
        (None, None),
        ("@null", None),
        ("@true", True),
        ("@'it''s'", "it's"),
        ("@parameters('count')", 3),
        ("@PARAMETERS('ZONE')", "UTC"),
        ("@triggerOutputs()?['body/who/mail']", "a"),
        ("@triggerOutputs()['BODY']['Subject']", "Hi"),
        ("@triggerOutputs()?['body/nothing/below']", None),
        ("@triggerBody()?['who'].mail", "a"),
        ("@trigger().outputs.headers.location", "/1"),
        ("@outputs('Get_it')?['body/value']", [{"ID": 7}, {"ID": 8}]),
        ("@outputs('Get_it')?['body/value/1/ID']", 8),
        ("@body('get_IT')['value'][0]['ID']", 7),
        ("@body('Get_it')?['value']?[5]", None),
        ("@outputs('Left_out')", None),
        ("@body('Left_out')?['x']?['y']", None),
        ("@actions('Left_out')?['status']", "Skipped"),
        ("@outputs('Text')", "plain"),
        ("@result('Try')[0].status", "Succeeded"),
        ("@items('For_each')?['name']", "n"),
        ("@item()?['size']", 5),
        ("@iterationIndexes('Until')", 2),
        ("@variables('total')", 1.5),
        ("@workflow()?['run']?['name']", "08585"),
        ("@{parameters('count')}", "3"),
        ("a @{parameters('count')} b @{variables('total')}", "a 3 b 1.5"),
        ("<@{parameters('nothing')}|@{variables('yes')}|@{outputs('Get_it')?['body/value']}>",
         '<|True|[{"ID":7},{"ID":8}]>'),
        ("@@", "@"),
        ("@@literal", "@literal"),
        ("mail @@{not} @{'it'}", "mail @{not} it"),
        ("someone@example.com", "someone@example.com"),
        ("two@@signs", "two@@signs"),
        (["@item()?['size']", {"k@{variables('total')}": "@null", "n": [1]}], [5, {"k1.5": None, "n": [1]}]),
    ],
)  # fmt: skip
def test_a_value_is_evaluated(template: Any, value: Any) -> None:
    result = evaluate(template, SCOPE)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("@parameters('other')", "there is no workflow parameter 'other'"),
        ("@outputs('Later')", "there is no action 'Later'"),
        ("@outputs(null)", "expects its first parameter to be a string. The provided value is of type 'Null'"),
        ("@body('Text')", "have no body"),
        ("@items('Other')", "there is no loop 'Other'"),
        ("@triggerBody()['other']", "property 'other' doesn't exist, available properties are 'subject, who'"),
        ("@triggerBody()?['nothing']['below']", "not supported on values of type 'Null'"),
        ("@parameters('Zone')?['x']", "not supported on values of type 'String'"),
        ("@outputs('Get_it')?['body/value']?['ID']", "only be selected using an integer index"),
        ("@outputs('Get_it')['body/value'][2]", "outside bounds (0, 1)"),
        ("@nonsense()", "'nonsense' is not defined"),
        ("@outputs()", "expects 1 to 1 parameters, it was invoked with 0"),
        ("@outputs('x'", "not valid"),
        ("a @{outputs('x'", "not valid"),
    ],
)
def test_a_value_that_the_platform_cannot_evaluate_fails(template: str, why: str) -> None:
    with pytest.raises(TemplateFailure, match=re.escape(why)):
        evaluate(template, SCOPE)


def test_outside_of_loops_there_is_no_item() -> None:
    with pytest.raises(TemplateFailure, match="not expected at this location"):
        evaluate("@item()", Scope(now=NOW))
