"""Each check of sample flows sees the fault that it is for, and has nothing to say about a flow without one."""

from typing import Any

import pytest

from devkit.flows.check import check_flows
from devkit.flows.check_failures import WORK
from devkit.flows.check_form import check_form
from devkit.flows.connectors import GATEWAY
from devkit.flows.errors import FlowFileError
from devkit.flows.logic_apps import build_workflow
from devkit.flows.sources import Flow, find_texts, load_flow
from tests.unit.flow_bench import CONNECTORS, DOCUMENT, KEY, PAGE, Spoil, complaints_about, make_flow

type Place = dict[str, Any]


def put(path: str, value: Any) -> Spoil:
    """A fault: something else at a place of the definition; None takes away what is there."""

    def spoil(definition: Place) -> None:
        *above, last = path.split("|")
        place: Any = definition
        for part in above:
            place = place[part]
        if value is None:
            del place[last]
        else:
            place[last] = value

    return spoil


TRIGGER = "triggers|When_a_thing_comes"
LIST = "actions|List"
MAKE = "actions|Each|actions|Make"
SEND = "actions|Tell|inputs|parameters"
ASK = "actions|Alone|actions|Ask"
COMPOSE = {"type": "Compose", "description": "More.", "inputs": "text", "runAfter": {}}

FAULTS: list[tuple[str, Spoil, str]] = [
    # one trigger, often enough, and not too often
    (
        "trigger",
        put(
            "triggers|Another",
            {"type": "Recurrence", "description": "Two.", "recurrence": {"frequency": "Day", "interval": 1}},
        ),
        "has 2",
    ),
    ("trigger", put(f"{TRIGGER}|recurrence", {"frequency": "Second", "interval": 30}), "every 30 seconds"),
    ("trigger", put(f"{TRIGGER}|recurrence", None), "recurrence"),
    (
        "trigger",
        put(
            "actions|Answer", {"type": "Response", "description": "No.", "inputs": {"statusCode": 200}, "runAfter": {}}
        ),
        "none starts",
    ),
    # order
    ("order", put("actions|Names|runAfter", {"Lsit": ["Succeeded"]}), "“Lsit”"),
    ("order", put(f"{MAKE}|runAfter", {"List": ["Succeeded"]}), "“List”"),
    ("order", put("actions|Names|runAfter", {"List": ["Suceeded"]}), "no such outcome"),
    ("order", put(f"{LIST}|runAfter", {"Tell": ["Succeeded"]}), "wait for one another"),
    ("order", put("actions|Names|runAfter", {}), "reads “List”"),
    # names and descriptions
    ("name", put(f"actions|{'N' * 81}", COMPOSE), "81 characters"),
    ("name", put("actions|What?", COMPOSE), "letters, digits"),
    ("name", put("actions|Each|actions|List", COMPOSE), "another of that name"),
    ("known", put("file|topic", "things"), "say one of appointments"),
    ("name", put("file|displayName", "T" * 81), "81 characters"),
    ("explained", put(f"{LIST}|description", None), "what it is for"),
    ("description", put(f"{TRIGGER}|description", "D" * 257), "257 characters"),
    ("explained", put("definition|description", ""), "what it is for"),
    # sizes
    ("size", put("actions|Long", COMPOSE | {"inputs": "@concat('" + "x" * 8192 + "')"}), "8203 characters"),
    # retries and concurrency
    ("retry", put(f"{ASK}|inputs|retryPolicy|count", 91), "91 retries"),
    ("retry", put(f"{ASK}|inputs|retryPolicy|interval", "PT4S"), "PT4S"),
    ("retry", put(f"{ASK}|inputs|retryPolicy|interval", "P2D"), "P2D"),
    ("retry", put(f"{ASK}|inputs|retryPolicy|interval", None), "interval"),
    ("retry", put(f"{ASK}|inputs|retryPolicy|type", "linear"), "linear"),
    ("twice", put("actions|Tell|inputs|retryPolicy|count", 2), "sent 3 times"),
    ("twice", put("actions|Tell|inputs|retryPolicy", None), "sent 5 times"),
    ("concurrency", put(f"{TRIGGER}|runtimeConfiguration|concurrency|runs", 101), "runs is 101"),
    ("preset", put(f"{TRIGGER}|runtimeConfiguration|concurrency|runs", 10), "cannot be taken back"),
    ("preset", put(f"{TRIGGER}|description", "Several at once."), "One run at a time"),
    ("concurrency", put("actions|Each|runtimeConfiguration|concurrency|repetitions", 51), "repetitions is 51"),
    (
        "concurrency",
        put(
            "actions|Until",
            {
                "type": "Until",
                "description": "Long.",
                "expression": "@equals(1,2)",
                "limit": {"count": 6000},
                "actions": {},
                "runAfter": {},
            },
        ),
        "6000 times",
    ),
    # what calls need
    ("authentication", put(f"{LIST}|inputs|authentication", None), "finds no connection"),
    ("secret", put(f"{TRIGGER}|runtimeConfiguration|secureData", {"properties": ["inputs"]}), "cannot keep"),
    ("secret", put("actions|Names|runtimeConfiguration", {"secureData": {"properties": ["outputs"]}}), "cannot keep"),
    ("secret", put(f"{ASK}|runtimeConfiguration", None), "run history"),
    (
        "secret",
        put(f"{ASK}|inputs|uri", "https://gateway.example.com/api/pages/p/things?code=abc"),
        "header x-functions-key",
    ),
    ("secret", put(f"parameters|{KEY}|defaultValue", "abc"), "no default"),
    ("secret", put(f"{LIST}|runtimeConfiguration", {"secureData": {"properties": ["outputs"]}}), "a scope of its own"),
    ("secret", put(f"{TRIGGER}|inputs|parameters|page", f"@parameters('{KEY}')"), "trigger's history"),
    # operations and inputs
    ("operation", put(f"{LIST}|inputs|host|operationId", "ListThingies"), "ListThingies"),
    ("operation", put(f"{LIST}|inputs|host|operationId", "OnThing"), "is a trigger"),
    ("operation", put(f"{TRIGGER}|inputs|host|operationId", "ListThings"), "is an action"),
    ("operation", put(f"{ASK}|inputs|uri", "https://gateway.example.com/api/page/p/things"), "has no GET"),
    ("operation", put(f"{ASK}|inputs|method", "DELETE"), "has no DELETE"),
    ("operation", put(f"{LIST}|runtimeConfiguration", {"paginationPolicy": {"minimumItemCount": 10}}), "no pages"),
    ("input", put(f"{ASK}|inputs|uri", "https://gateway.example.com/api/pages/p/things?sort=up"), "“sort”"),
    ("input", put(f"{ASK}|inputs|queries", {"sort": "up"}), "“sort”"),
    ("input", put(f"{LIST}|inputs|parameters|sort", "up"), "“sort”"),
    ("input", put(f"{LIST}|inputs|parameters|page", None), "needs “page”"),
    ("input", put(f"{LIST}|inputs|parameters|page", ""), "needs “page”"),
    ("input", put(f"{MAKE}|inputs|parameters|body/name", None), "needs “body/name”"),
    ("input", put(f"{MAKE}|inputs|parameters|body/owner/phone", "1"), "“body/owner/phone”"),
    ("input", put(f"{TRIGGER}|inputs|parameters|kind", "huge"), "one of big, small"),
    ("input", put(f"{LIST}|inputs|parameters|tags", "red,blue"), "“tags” is a list"),
    ("input", put(f"{LIST}|inputs|parameters|tags", "@{triggerBody()?['id']}"), "“tags” is a list"),
    ("input", put(f"{TRIGGER}|inputs|parameters|state", "x"), "internal"),
    # splitting
    ("split", put(f"{TRIGGER}|splitOn", None), "one run would get all"),
    ("split", put(f"{TRIGGER}|splitOn", "@triggerOutputs()?['body/items']"), "no “items”"),
    ("split", put(f"{TRIGGER}|splitOn", "@triggerOutputs()?['body']"), "is no list"),
    # expressions
    ("expression", put(f"{SEND}|emailMessage/Subject", "@{concat('a'}"), "was expected"),
    ("expression", put(f"{SEND}|emailMessage/Subject", "@{triggerBody()?['id']"), "does not end"),
    ("expression", put(f"{SEND}|emailMessage/Subject", "@concatenate('a')"), "no function concatenate"),
    ("expression", put(f"{SEND}|emailMessage/Subject", "@replace('a','b')"), "3 to 3 arguments"),
    ("expression", put(f"{SEND}|emailMessage/Subject", "@variables('count')"), "no variable “count”"),
    # paths
    ("path", put(f"{SEND}|emailMessage/Subject", "@triggerOutputs()?['body/nmae']"), "no “nmae”"),
    ("path", put(f"{SEND}|emailMessage/Subject", "@triggerOutputs()?['body/who/nmae']"), "no “nmae”"),
    ("path", put(f"{SEND}|emailMessage/Subject", "@triggerBody()?['nmae']"), "no “nmae”"),
    ("path", put(f"{SEND}|emailMessage/Subject", "@triggerBody()?['id']?['part']"), "of type string"),
    ("path", put(f"{SEND}|emailMessage/Subject", "@body('List')?['things']"), "no “things”"),
    ("path", put(f"{SEND}|emailMessage/Subject", "@outputs('List')?['body/value/id']"), "of type array"),
    ("path", put(f"{SEND}|emailMessage/Subject", "@first(outputs('List')?['body/value'])?['nmae']"), "no “nmae”"),
    ("path", put(f"{SEND}|emailMessage/Subject", "@body('Lsit')?['value']"), "no such action"),
    ("path", put(f"{SEND}|emailMessage/Subject", "@body('Each')"), "has none"),
    ("path", put(f"{SEND}|emailMessage/Subject", "@body('Ask')?['values']"), "no “values”"),
    ("path", put("actions|Names|inputs|select", {"name": "@item()?['nmae']"}), "no “nmae”"),
    ("path", put(f"{MAKE}|inputs|parameters|body/name", "@items('Each')?['nmae']"), "no “nmae”"),
    ("path", put("actions|Each|foreach", "@triggerBody()?['id']"), "a list was expected"),
    ("path", put(f"{SEND}|emailMessage/Subject", "@item()"), "no list around"),
    # connections
    (
        "reference",
        put("file|connectionReferences|spare", DOCUMENT["properties"]["connectionReferences"][GATEWAY]),
        "no step uses",
    ),
    ("reference", put(f"file|connectionReferences|{GATEWAY}|runtimeSource", "invoker"), "embedded"),
    ("known", put(f"file|connectionReferences|{GATEWAY}|api", {"name": "shared_none"}), "shared_none"),
    ("reference", put(f"file|connectionReferences|{GATEWAY}|connection", {}), "no logical name"),
    ("reference", put(f"{LIST}|inputs|host|connectionName", "other"), "not among the references"),
    ("reference", put(f"{LIST}|inputs|host|apiId", "/providers/Microsoft.PowerApps/apis/shared_teams"), "shared_teams"),
    # settings
    ("setting", put(f"{LIST}|inputs|parameters|page", "@parameters('Pgae')"), "no parameter “Pgae”"),
    (
        "asked",
        put(
            "parameters|Spare (ggw_Spare)",
            {"type": "String", "defaultValue": "", "metadata": {"schemaName": "ggw_Spare", "description": "S."}},
        ),
        "never used",
    ),
    ("named", put("parameters|spare", {"type": "String"}), "named “Title (ggw_Name)”"),
    ("named", put(f"parameters|{PAGE}|metadata", {"schemaName": "ggw_Other", "description": "O."}), "not ggw_Page"),
    ("explained", put(f"parameters|{PAGE}|metadata|description", ""), "what to choose"),
    ("setting", put("parameters|$connections", None), "is missing"),
    # the world
    ("real", put(f"{SEND}|emailMessage/To", "alex@fabrikam.com"), "alex@fabrikam.com"),
    ("real", put(f"{ASK}|inputs|headers|tenant", "8c1f2e6a-0d2b-4f7c-9a51-3b6d7e8f9012"), "8c1f2e6a"),
    (
        "real",
        put(f"parameters|{PAGE}|defaultValue", "https://fabrikam.sharepoint.com/sites/it"),
        "fabrikam.sharepoint.com",
    ),
    ("real", put(f"{LIST}|description", "See https://intranet.fabrikam.com."), "intranet.fabrikam.com"),
    ("markup", put(f"{SEND}|emailMessage/Body", "<p>@{triggerBody()?['id']}</p>"), "replace & and <"),
]


def test_a_flow_without_fault_is_not_complained_about() -> None:
    assert complaints_about() == []


@pytest.mark.parametrize(("rule", "spoil", "words"), FAULTS, ids=[f"{rule}: {words}" for rule, _, words in FAULTS])
def test_a_fault_is_seen(rule: str, spoil: Spoil, words: str) -> None:
    found = complaints_about(spoil)
    assert any(kind == rule and words in message for kind, message in found), found


@pytest.mark.parametrize("tags", [[], ["red", "@triggerBody()?['id']"], "@createArray('red', 'blue')"])
def test_a_list_may_be_given_item_by_item_or_by_an_expression(tags: Any) -> None:
    assert complaints_about(put(f"{LIST}|inputs|parameters|tags", tags)) == []


@pytest.mark.parametrize(
    ("tags", "sent"),
    [
        (["red", "@triggerBody()?['id']"], "red,@{triggerBody()?['id']}"),
        (["a-@{triggerBody()?['id']}"], "@{concat('a-', triggerBody()?['id'])}"),
        ("@createArray('red', 'blue')", "@{join(createArray('red', 'blue'), ',')}"),
    ],
)
def test_workflows_of_logic_apps_send_a_list_as_one_text(tags: Any, sent: str) -> None:
    flow = make_flow(put(f"{LIST}|inputs|parameters|tags", tags))
    workflow = build_workflow(flow, CONNECTORS)
    [sending] = [text for place, text in find_texts(workflow["definition"]) if place.endswith("/queries/tags")]
    assert sending == sent


def test_flows_of_ones_own_may_limit_their_runs() -> None:
    spoil = put(f"{TRIGGER}|runtimeConfiguration|concurrency|runs", 10)
    assert complaints_about(spoil)
    assert check_flows([make_flow(spoil)], CONNECTORS, are_shipped=False) == []


def test_flows_of_ones_own_need_no_report_of_failures_but_may_not_hide_them() -> None:
    flow = make_flow()
    actions = flow.document["properties"]["definition"]["actions"]
    actions.pop(next(name for name in actions if name != WORK))
    own = Flow(flow.name, flow.document)
    assert {"failure", "silent"} <= {found.rule for found in check_flows([own], CONNECTORS)}
    assert check_flows([own], CONNECTORS, are_shipped=False) == []
    actions["After"] = COMPOSE | {"runAfter": {WORK: ["Succeeded", "Failed"]}}
    own = Flow(flow.name, flow.document)
    assert {found.rule for found in check_flows([own], CONNECTORS, are_shipped=False)} == {"failed"}


def test_nesting_has_an_end() -> None:
    def bury(definition: Place) -> None:
        actions = definition["actions"]
        for depth in range(9):
            actions[f"Scope_{depth}"] = {"type": "Scope", "description": "Deeper.", "actions": {}, "runAfter": {}}
            actions = actions[f"Scope_{depth}"]["actions"]

    assert any(rule == "size" and "8 deep" in message for rule, message in complaints_about(bury))


def test_too_many_actions_are_counted_at_any_depth() -> None:
    def fill(definition: Place) -> None:
        definition["actions"]["Each"]["actions"] |= {f"More_{number}": COMPOSE for number in range(500)}

    # the checks of outcomes and values, which are not about it, take long for so many
    complaints = check_form(make_flow(fill))
    assert any(one.rule == "size" and "500 are allowed" in one.message for one in complaints)


def test_two_flows_mean_the_same_by_one_setting() -> None:
    other = make_flow(put(f"parameters|{PAGE}|defaultValue", ""))
    named = Flow("others", other.document)
    rules = {(found.flow, found.rule) for found in check_flows([make_flow(), named], CONNECTORS)}
    assert rules == {("others", "setting"), ("others", "name")}


def test_a_failed_call_of_the_gateway_may_be_asked_for_its_error() -> None:
    error = "@coalesce(body('List')?['error']?['message'],body('Ask')?['error']?['code'],'')"
    assert complaints_about(put(f"{SEND}|emailMessage/Subject", error)) == []
    assert complaints_about(put(f"{SEND}|emailMessage/Subject", error.replace("message", "text")))


def test_results_of_a_scope_show_how_each_step_ended() -> None:
    def catch(definition: Place) -> None:
        actions = definition["actions"]
        actions["Try"] = {"type": "Scope", "description": "Try.", "actions": {}, "runAfter": {}}
        actions["Failed"] = {
            "type": "Query", "description": "Failed.", "runAfter": {"Try": ["Failed"]},
            "inputs": {"from": "@result('Try')", "where": "@equals(item()?['status'],'Failed')"},
        }  # fmt: skip
        actions["More"] = COMPOSE | {"runAfter": {"Try": ["Succeeded"]}}

    assert complaints_about(catch) == []


def test_the_schema_of_the_format_is_asked_when_it_is_at_hand() -> None:
    contract = {"definitions": {"flowFile": {"type": "object", "required": ["properties", "seal"]}}}
    [found] = check_flows([make_flow()], CONNECTORS, contract)
    assert (found.rule, found.message) == ("schema", "'seal' is a required property")


def test_a_file_that_is_no_flow_is_named(tmp_path: Any) -> None:
    (tmp_path / "half.json").write_text('{"properties": {"connectionReferences": {}}}')
    with pytest.raises(FlowFileError, match=r"half\.json is no flow"):
        load_flow(tmp_path / "half.json")
