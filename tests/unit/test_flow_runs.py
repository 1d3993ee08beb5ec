"""The engine of flows keeps to what Microsoft documents, and to what records of real runs show."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from devkit.flow_runs.data_steps import BadStepError
from devkit.flow_runs.engine import Beginning, Run, run_flow
from devkit.flow_runs.host import Answer, Call, HttpCall
from devkit.flow_runs.triggers import begin_runs
from devkit.flows.sources import Flow

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)
type Actions = Mapping[str, Any]


@dataclass
class Services:
    """Answers each step with what is planned for it, the last answer again and again."""

    plan: Mapping[str, list[Answer]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def call(self, call: Call) -> Answer:
        return self._answer(call.step)

    def follow(self, call: Call, link: str) -> Answer:
        return self._answer(f"{call.step} {link}")

    def http(self, call: HttpCall) -> Answer:
        return self._answer(call.step)

    def _answer(self, step: str) -> Answer:
        self.calls.append(step)
        planned = self.plan.get(step, [Answer(200, {})])
        return planned[min(self.calls.count(step), len(planned)) - 1]


def compose(inputs: Any = "x", **after: list[str]) -> dict[str, Any]:
    return {"type": "Compose", "inputs": inputs, "runAfter": after}


def call(*, retry: Any = None, limit: str | None = None, **after: list[str]) -> dict[str, Any]:
    inputs: dict[str, Any] = {"host": {"connectionName": "shared_x", "operationId": "Do"}, "parameters": {}}
    inputs |= {"retryPolicy": retry} if retry else {}
    return {"type": "OpenApiConnection", "inputs": inputs, "runAfter": after} | (
        {"limit": {"timeout": limit}} if limit else {}
    )


def contain(kind: str, actions: Actions, more: Mapping[str, Any] | None = None, **after: list[str]) -> dict[str, Any]:
    return {"type": kind, "actions": actions, "runAfter": after} | dict(more or {})


BAD = ["Failed", "TimedOut"]
ALL = ["Succeeded", "Failed", "Skipped", "TimedOut"]


def run(
    actions: Actions,
    plan: Mapping[str, list[Answer]] | None = None,
    trigger: Mapping[str, Any] | None = None,
    services: Services | None = None,
    **beginning: Any,
) -> Run:
    definition = {"triggers": {"Begin": trigger or {"type": "Recurrence"}}, "actions": actions}
    flow = Flow("test", {"properties": {"connectionReferences": {}, "definition": definition}})
    given = Beginning({"outputs": {"body": {}}}, {}, NOW, **beginning)
    return run_flow(flow, given, services or Services(plan or {}))


def statuses(ended: Run) -> dict[str, str]:
    return {name: record["status"] for name, record in ended.actions.items()}


def seconds(ended: Run) -> float:
    return (ended.end - ended.start).total_seconds()


# -- how runs and scopes end ----------------------------------------------------------------------------------------


def test_what_follows_a_failure_is_skipped_and_the_run_fails() -> None:
    ended = run({"A": compose("@triggerBody()['no']"), "B": compose(A=["Succeeded"]), "C": compose(B=["Succeeded"])})
    assert statuses(ended) == {"A": "Failed", "B": "Skipped", "C": "Skipped"}
    assert ended.status == "Failed"
    assert "Expected status values 'Succeeded' and actual value 'Failed'" in ended.actions["B"]["error"]["message"]


def test_a_failure_that_is_followed_by_a_step_for_failures_is_none_any_more() -> None:
    tried = {"Boom": compose("@triggerBody()['no']"), "Mend": compose(Boom=BAD)}
    ended = run({"Try": contain("Scope", tried), "Catch": compose(Try=BAD)})
    assert statuses(ended) == {"Boom": "Failed", "Mend": "Succeeded", "Try": "Succeeded", "Catch": "Skipped"}
    assert ended.status == "Succeeded"


def test_a_catcher_that_ends_well_makes_the_run_green_unless_it_terminates() -> None:
    actions = {"Try": contain("Scope", {"Boom": compose("@triggerBody()['no']")}), "Catch": compose(Try=BAD)}
    assert run(actions).status == "Succeeded"
    red = {"type": "Terminate", "inputs": {"runStatus": "Failed", "runError": {"message": "@{outputs('Catch')}!"}}}
    ended = run(actions | {"End": red | {"runAfter": {"Catch": ["Succeeded"]}}, "After": compose(End=["Succeeded"])})
    assert (ended.status, ended.error) == ("Failed", {"message": "x!"})
    assert statuses(ended)["After"] == "Skipped"


def test_another_branch_that_failed_makes_the_run_fail() -> None:
    ended = run({"A": compose(), "B": compose("@triggerBody()['no']", A=["Succeeded"]), "C": compose(A=["Succeeded"])})
    assert (statuses(ended)["C"], ended.status) == ("Succeeded", "Failed")


def test_a_branch_of_success_beside_a_branch_for_failures_fails_with_its_last_step_before() -> None:
    ended = run({"A": compose("@triggerBody()['no']"), "Mend": compose(A=BAD), "Go_on": compose(A=["Succeeded"])})
    assert (statuses(ended)["Mend"], ended.status) == ("Succeeded", "Failed")


def test_terminate_cancels_what_is_around_it() -> None:
    inner = {"End": {"type": "Terminate", "inputs": {"runStatus": "Succeeded"}, "runAfter": {}}}
    ended = run({"Try": contain("Scope", inner), "Catch": compose(Try=ALL)})
    assert (ended.status, statuses(ended)) == (
        "Succeeded", {"End": "Succeeded", "Try": "Cancelled", "Catch": "Skipped"},
    )  # fmt: skip


def test_result_shows_what_is_right_inside_and_a_container_says_nothing_of_its_failure() -> None:
    condition = contain("If", {"Boom": compose("@triggerBody()['no']")}, {"expression": {"equals": [1, 1]}})
    actions = {
        "Try": contain("Scope", {"First": compose(), "If": condition, "Last": compose(If=["Succeeded"])}),
        "Look": compose("@result('Try')", Try=BAD),
    }
    first, inner, last = run(actions).actions["Look"]["outputs"]
    assert (first["name"], first["outputs"], first["code"]) == ("First", "x", "OK")
    assert (inner["name"], inner["inputs"]) == ("If", {"expressionResult": True})
    assert inner["error"]["message"] == "An action failed. No dependent actions succeeded."
    assert (last["status"], last["code"]) == ("Skipped", "ActionSkipped")


def test_a_failed_call_stands_in_outputs_and_a_failed_expression_in_error() -> None:
    nested, flat = Answer(404, {"error": {"message": "Gone."}}), Answer(400, {"status": 400, "message": "Bad."})
    actions = {
        "Try": contain("Scope", {"A": call(), "B": call(A=BAD), "C": compose("@triggerBody()['no']", B=BAD)}),
        "Look": compose("@result('Try')", Try=BAD),
    }
    a, b, c = run(actions, {"A": [nested], "B": [flat]}).actions["Look"]["outputs"]
    assert (a["outputs"]["statusCode"], a["outputs"]["body"]["error"]["message"], a["code"]) == (
        404,
        "Gone.",
        "NotFound",
    )
    assert b["outputs"]["body"]["message"] == "Bad."
    assert "error" not in a
    assert "error" not in b
    assert "outputs" not in c
    assert c["error"]["code"] == "InvalidTemplate"


# -- conditions and loops -------------------------------------------------------------------------------------------


def test_the_branch_that_is_not_taken_is_skipped_whole() -> None:
    inner = {"Deep": contain("Scope", {"Deeper": compose()})}
    more = {"expression": {"and": [{"not": {"equals": ["@{1}", "2"]}}, "@greater(2,1)"]}, "else": {"actions": inner}}
    ended = run({"If": contain("If", {"Then": compose()}, more)})
    assert statuses(ended) == {"Deep": "Skipped", "Deeper": "Skipped", "Then": "Succeeded", "If": "Succeeded"}


def test_a_condition_that_cannot_be_read_fails_with_both_branches_skipped() -> None:
    more = {"expression": "@greater(triggerBody()?['no'],1)", "else": {"actions": {"Else": compose()}}}
    ended = run({"If": contain("If", {"Then": compose()}, more)})
    assert statuses(ended) == {"Then": "Skipped", "Else": "Skipped", "If": "Failed"}
    assert ended.actions["If"]["error"]["code"] == "InvalidTemplate"


def test_a_switch_takes_its_case_or_the_default() -> None:
    cases = {"One": {"case": "one", "actions": {"A": compose()}}, "Two": {"case": "two", "actions": {"B": compose()}}}
    for value, taken in (("two", "B"), ("three", "C")):
        more = {"expression": value, "cases": cases, "default": {"actions": {"C": compose()}}}
        ended = run({"Switch": contain("Switch", {}, more)})
        assert [name for name in "ABC" if statuses(ended)[name] == "Succeeded"] == [taken]


def test_a_loop_goes_on_after_a_turn_that_failed_and_fails() -> None:
    more = {"foreach": [{"name": 1}, {}, {"name": 3}], "runtimeConfiguration": {"concurrency": {"repetitions": 1}}}
    inner = {"Read": compose("@item()['name']")}
    ended = run({"Loop": contain("Foreach", inner, more), "Next": compose(Loop=["Succeeded"])})
    assert statuses(ended)["Loop"] == "Failed"
    assert statuses(ended)["Next"] == "Skipped"
    assert len([record for record in ended.history if record["name"] == "Read"]) == 3


def test_turns_side_by_side_run_last_first_and_share_the_time() -> None:
    for at_once, order, length in ((1, ["a", "b"], 20), (20, ["b", "a"], 10)):
        more = {"foreach": ["a", "b"], "runtimeConfiguration": {"concurrency": {"repetitions": at_once}}}
        inner = {"Note": compose("@item()"), "Do": call(Note=["Succeeded"])}
        ended = run({"Loop": contain("Foreach", inner, more)}, {"Do": [Answer(200, seconds=10)]})
        assert [record["outputs"] for record in ended.history if record["name"] == "Note"] == order
        assert seconds(ended) == length


def test_outputs_of_a_loop_are_lists_outside_of_it() -> None:
    more = {"foreach": ["a", "b"], "runtimeConfiguration": {"concurrency": {"repetitions": 1}}}
    inner = {"Note": compose("@item()"), "Same": compose("@outputs('Note')", Note=["Succeeded"])}
    look = compose("@outputs('Same')", Loop=["Succeeded"])
    ended = run({"Loop": contain("Foreach", inner, more), "Look": look})
    assert ended.actions["Look"]["outputs"] == ["a", "b"]
    assert [record["outputs"] for record in ended.history if record["name"] == "Same"] == ["a", "b"]


def test_a_loop_over_nothing_succeeds_and_over_null_fails() -> None:
    assert run({"Loop": contain("Foreach", {"A": compose()}, {"foreach": []})}).status == "Succeeded"
    ended = run({"Loop": contain("Foreach", {"A": compose()}, {"foreach": "@triggerBody()?['no']"})})
    assert "is of type 'Null'. The result must be a valid array" in ended.actions["Loop"]["error"]["message"]


def test_an_until_loop_ends_by_its_condition_or_its_limit() -> None:
    start = {"type": "InitializeVariable", "inputs": {"variables": [{"name": "n", "type": "integer"}]}, "runAfter": {}}
    turn = {"More": {"type": "IncrementVariable", "inputs": {"name": "n"}, "runAfter": {}}}
    for expression, count, turns in (("@equals(variables('n'),3)", 60, 3), ("@equals(1,2)", 5, 5)):
        more = {"expression": expression, "limit": {"count": count}}
        ended = run({"Start": start, "Until": contain("Until", turn, more, Start=["Succeeded"])})
        assert len([record for record in ended.history if record["name"] == "More"]) == turns
        assert ended.status == "Succeeded"


def test_branches_side_by_side_take_the_time_of_the_longest() -> None:
    wait = {"type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Minute"}}, "runAfter": {}}
    ended = run({"Wait": wait, "A": compose("@utcNow()"), "B": compose("@utcNow()", Wait=["Succeeded"])})
    assert seconds(ended) == 60
    assert [ended.actions[name]["outputs"][:19] for name in "AB"] == ["2026-05-04T10:00:00", "2026-05-04T10:01:00"]


# -- data -----------------------------------------------------------------------------------------------------------


def test_steps_on_data() -> None:
    people = [{"name": "Ann", "age": 3}, {"name": "<B>", "age": 4}]
    ended = run(
        {
            "Query": {"type": "Query", "inputs": {"from": people, "where": "@greater(item()?['age'],3)"}},
            "Select": {"type": "Select", "inputs": {"from": people, "select": {"N": "@item()?['name']"}}},
            "Join": {"type": "Join", "inputs": {"from": [1, 2], "joinWith": "-"}},
            "Csv": {"type": "Table", "inputs": {"from": people, "format": "CSV"}},
            "Html": {"type": "Table", "inputs": {"from": people, "format": "HTML",
                                                 "columns": [{"header": "N", "value": "@item()?['name']"}]}},
            "Parse": {"type": "ParseJson", "inputs": {"content": '{"a":1}', "schema": {"required": ["a"]}}},
        }
    )  # fmt: skip
    bodies = {name: record["outputs"]["body"] for name, record in ended.actions.items()}
    assert bodies["Query"] == [people[1]]
    assert bodies["Select"] == [{"N": "Ann"}, {"N": "<B>"}]
    assert (bodies["Join"], bodies["Parse"]) == ("1-2", {"a": 1})
    assert bodies["Csv"] == "name,age\r\nAnn,3\r\n<B>,4\r\n"
    assert bodies["Html"].endswith("<tbody><tr><td>Ann</td></tr><tr><td>&lt;B&gt;</td></tr></tbody></table>")


@pytest.mark.parametrize(
    "step",
    [
        {"type": "Query", "inputs": {"from": None, "where": True}},
        {"type": "Query", "inputs": {"from": [1], "where": "@item()"}},
        {"type": "Select", "inputs": {"from": "@triggerBody()", "select": 1}},
        {"type": "ParseJson", "inputs": {"content": "{}", "schema": {"required": ["a"]}}},
        {"type": "ParseJson", "inputs": {"content": "{", "schema": {}}},
        {"type": "ParseJson", "inputs": {"content": None, "schema": {}}},
    ],
)
def test_steps_on_data_refuse_what_does_not_fit(step: dict[str, Any]) -> None:
    ended = run({"A": step})
    assert statuses(ended) == {"A": "Failed"}
    assert ended.actions["A"]["error"]["message"]


def test_variables_change_in_order() -> None:
    def change(kind: str, value: Any, **after: list[str]) -> dict[str, Any]:
        return {"type": kind, "inputs": {"name": "v", "value": value}, "runAfter": after}

    start = {"type": "InitializeVariable", "inputs": {"variables": [{"name": "v", "type": "array"}]}, "runAfter": {}}
    ended = run(
        {
            "Start": start,
            "More": change("AppendToArrayVariable", "a", Start=["Succeeded"]),
            "Show": compose("@variables('v')", More=["Succeeded"]),
            "Set": change("SetVariable", "b", Show=["Succeeded"]),
            "Text": change("AppendToStringVariable", "c", Set=["Succeeded"]),
            "End": compose("@variables('v')", Text=["Succeeded"]),
        }
    )
    assert (ended.actions["Show"]["outputs"], ended.actions["End"]["outputs"]) == (["a"], "bc")
    with pytest.raises(BadStepError, match="not initialized"):
        run({"A": change("SetVariable", 1)})


# -- calls, retries, time -------------------------------------------------------------------------------------------

_EXPONENTIAL = {
    "type": "exponential", "count": 3, "interval": "PT10S", "minimumInterval": "PT10S", "maximumInterval": "PT30S",
}  # fmt: skip


@pytest.mark.parametrize(
    ("retry", "answer", "calls", "length"),
    [
        (None, Answer(503), 5, 5 + 7.5 + 15 + 30 + 45),
        (None, Answer(0), 5, 5 + 7.5 + 15 + 30 + 45),
        (None, Answer(404), 1, 1),
        (None, Answer(429, headers={"Retry-After": "60"}), 5, 5 + 240),
        ({"type": "none"}, Answer(503), 1, 1),
        ({"type": "fixed", "interval": "PT2S", "count": 2}, Answer(408), 3, 3 + 4),
        (_EXPONENTIAL, Answer(500), 4, 4 + 10 + 20 + 30),
    ],
)
def test_only_what_may_pass_is_tried_again(retry: Any, answer: Answer, calls: int, length: float) -> None:
    services = Services({"A": [answer]})
    ended = run({"A": call(retry=retry)}, services=services)
    assert (len(services.calls), seconds(ended), statuses(ended)["A"]) == (calls, length, "Failed")


def test_a_call_that_recovers_succeeds() -> None:
    ended = run({"A": call()}, {"A": [Answer(503), Answer(429), Answer(200, {"a": 1})]})
    assert (ended.status, ended.actions["A"]["outputs"]["body"]) == ("Succeeded", {"a": 1})


def test_a_time_limit_ends_the_tries() -> None:
    ended = run({"A": call(limit="PT30S"), "B": compose(A=["TimedOut"])}, {"A": [Answer(503, seconds=9)]})
    assert statuses(ended) == {"A": "TimedOut", "B": "Succeeded"}
    assert seconds(ended) == 30


def test_pages_are_followed_up_to_the_threshold() -> None:
    pages = {
        "A": [Answer(200, {"value": [1, 2], "nextLink": "2"})],
        "A 2": [Answer(503), Answer(200, {"value": [3], "nextLink": "3"})],
        "A 3": [Answer(200, {"value": [4], "nextLink": "4"})],
    }
    step = call() | {"runtimeConfiguration": {"paginationPolicy": {"minimumItemCount": 4}}}
    assert run({"A": step}, pages).actions["A"]["outputs"]["body"] == {"value": [1, 2, 3, 4]}
    assert run({"A": step}, pages | {"A 3": [Answer(403)]}).status == "Failed"


def test_workflows_of_logic_apps_send_requests_to_their_connections() -> None:
    connection = {"connection": {"name": "@parameters('$connections')['x']['connectionId']"}}
    path = "/sites/@{encodeURIComponent(encodeURIComponent('a/b c'))}/items/@{encodeURIComponent(7)}"
    inputs = {"host": connection, "method": "get", "path": path, "queries": {"$top": 1, "no": None}}
    seen: list[Call] = []

    class Api(Services):
        def call(self, call: Call) -> Answer:
            seen.append(call)
            return Answer(200, {"value": []})

    actions = {"A": {"type": "ApiConnection", "inputs": inputs, "runAfter": {}}}
    definition = {"triggers": {"T": {"type": "Recurrence"}}, "actions": actions}
    properties = {"connectionReferences": {"key": {"api": {"name": "shared_x"}}}, "definition": definition}
    beginning = Beginning({"outputs": {}}, {"$connections": {"x": {"connectionId": "key"}}}, NOW)
    ended = run_flow(Flow("test", {"properties": properties}), beginning, Api())
    assert (ended.status, seen[0].connector, seen[0].step) == ("Succeeded", "shared_x", "A")
    assert seen[0].request is not None
    assert (seen[0].request.method, seen[0].request.path) == ("GET", "/sites/a%252Fb%2520c/items/7")


def test_http_sends_what_is_given_and_its_secret_is_not_shown() -> None:
    step = {
        "type": "Http",
        "inputs": {"method": "get", "uri": "https://x/a?b=1", "queries": {"c": "ä"}, "headers": {"key": "secret"}},
        "runtimeConfiguration": {"secureData": {"properties": ["inputs"]}},
    }

    class Http(Services):
        def http(self, call: HttpCall) -> Answer:
            assert (call.method, call.uri, call.headers) == ("GET", "https://x/a?b=1&c=%C3%A4", {"key": "secret"})
            return Answer(200, "yes")

    ended = run({"A": step, "B": compose("@body('A')", A=["Succeeded"])}, services=Http())
    assert ended.actions["B"]["outputs"] == "yes"
    assert "secret" not in str(ended.history)


# -- callers that wait ----------------------------------------------------------------------------------------------

REQUEST = {"type": "Request", "kind": "Http"}


def respond(status: Any = 200, **after: list[str]) -> dict[str, Any]:
    return {"type": "Response", "inputs": {"statusCode": status, "body": "@body('A')"}, "runAfter": after}


def answer_of(ended: Run) -> tuple[int, Any]:
    assert ended.answer is not None
    return ended.answer.status, ended.answer.body


def test_a_caller_is_answered_in_time_or_not_at_all() -> None:
    actions = {"A": call(), "Respond": respond(A=ALL)}
    assert answer_of(run(actions, {"A": [Answer(200, "ok")]}, REQUEST)) == (200, "ok")
    late = run(actions, {"A": [Answer(503, seconds=30)]}, REQUEST)
    assert answer_of(late)[0] == 504
    assert late.actions["Respond"]["error"]["code"] == "ActionResponseTimedOut"
    assert late.status == "Failed"


def test_a_caller_hears_of_a_run_that_never_responds() -> None:
    ended = run({"A": call(), "Respond": respond(A=["Succeeded"])}, {"A": [Answer(400)]}, REQUEST)
    status, body = answer_of(ended)
    assert (status, body["error"]["code"]) == (502, "NoResponse")
    assert answer_of(run({"A": call()}, {}, REQUEST))[0] == 202


def test_a_second_response_fails() -> None:
    ended = run({"A": call(), "One": respond(A=["Succeeded"]), "Two": respond(One=["Succeeded"])}, {}, REQUEST)
    assert statuses(ended) == {"A": "Succeeded", "One": "Succeeded", "Two": "Failed"}
    assert run({"A": call(), "One": respond("x", A=["Succeeded"])}, {}, REQUEST).status == "Failed"


# -- beginnings -----------------------------------------------------------------------------------------------------


def test_a_trigger_starts_a_run_for_each_item_that_its_conditions_let_through() -> None:
    trigger = {
        "type": "OpenApiConnection",
        "splitOn": "@triggerOutputs()?['body/value']",
        "conditions": [{"expression": "@greater(triggerBody()?['n'],1)"}],
    }
    document = {"properties": {"connectionReferences": {}, "definition": {"triggers": {"T": trigger}, "actions": {}}}}
    runs = begin_runs(Flow("x", document), {"value": [{"n": 1}, {"n": 2}, {"n": 3}]}, NOW, {})
    assert [one["outputs"]["body"]["n"] for one in runs] == [2, 3]


@pytest.mark.parametrize(
    ("actions", "match"),
    [
        ({"A": compose(B=["Succeeded"]), "B": compose(A=["Succeeded"])}, "wait for one another"),
        ({"A": {"type": "Unheard", "runAfter": {}}}, "not known here"),
    ],
)
def test_what_the_platform_would_not_save_is_no_run(actions: Actions, match: str) -> None:
    with pytest.raises(BadStepError, match=match):
        run(actions)


def test_a_step_can_be_made_to_fail() -> None:
    assert run({"A": compose(), "B": compose(A=["Succeeded"])}, broken_steps=frozenset({"A"})).status == "Failed"
