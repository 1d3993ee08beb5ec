"""A key of a flow in a solution: read where its failure is reported, and not needed to turn the flow on."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import pytest

from devkit.flow_runs.doubles.dataverse import Dataverse
from devkit.flow_runs.engine import Beginning, Run, run_flow
from devkit.flow_runs.host import Answer, Call, HttpCall
from devkit.flow_runs.records import FAILED, SKIPPED, SUCCEEDED
from devkit.flows.calls import Request
from devkit.flows.names import make_identity
from devkit.flows.solution import bind_flow
from devkit.flows.sources import Flow, Json

KEY = "Gateway key (ggw_GatewayKey)"
READING = "Read_the_gateway_key"
ASK = {
    "type": "Http",
    "inputs": {"method": "GET", "uri": "https://x", "headers": {"x-functions-key": f"@parameters('{KEY}')"}},
    "runtimeConfiguration": {"secureData": {"properties": ["inputs"]}},
    "runAfter": {"Begin": [SUCCEEDED]},
}
BEGIN = {"type": "Compose", "inputs": "1", "runAfter": {}}
REPORT = {"type": "Compose", "inputs": "@result('Work')", "runAfter": {"Work": [FAILED, SKIPPED]}}
IN_A_SCOPE: Json = {
    "Work": {"type": "Scope", "actions": {"Begin": BEGIN, "Ask": ASK}, "runAfter": {}},
    "Report": REPORT,
}  # fmt: skip


class World:
    """Dataverse with these secrets, and a service that notes the headers of requests."""

    def __init__(self, **secrets: str) -> None:
        self.dataverse = Dataverse(secrets)
        self.requests: list[HttpCall] = []

    def call(self, call: Call) -> Answer:
        given = {key.rpartition("/")[2]: value for key, value in call.parameters.items() if key.startswith("item/")}
        return self.dataverse.answer(call.operation, call.parameters, Request("POST", "", body=given))

    def follow(self, call: Call, link: str) -> Answer:
        raise AssertionError(link, call)

    def http(self, call: HttpCall) -> Answer:
        self.requests.append(call)
        return Answer(HTTPStatus.OK, {})


def bind(actions: Json) -> Flow:
    """A flow with a key, as a solution holds it."""
    parameters = {
        "$connections": {"defaultValue": {}, "type": "Object"},
        "$authentication": {"defaultValue": {}, "type": "SecureObject"},
        KEY: {"type": "SecureString", "defaultValue": "", "metadata": {"schemaName": "ggw_GatewayKey"}},
    }
    trigger = {"Daily": {"type": "Recurrence", "recurrence": {"frequency": "Day", "interval": 1}}}
    definition = {"parameters": parameters, "triggers": trigger, "actions": actions}
    document = {"properties": {"connectionReferences": {}, "definition": definition, "displayName": "A flow"}}
    return Flow("flow", bind_flow(Flow("flow", document), make_identity("Graph Gateway")))


def run(flow: Flow, world: World) -> Run:
    trigger = {"name": "Daily", "status": SUCCEEDED, "outputs": {}}
    return run_flow(flow, Beginning(trigger, {"$authentication": {}}, datetime(2026, 5, 5, tzinfo=UTC)), world)


@pytest.mark.parametrize("actions", [IN_A_SCOPE, {"Begin": BEGIN, "Ask": ASK}], ids=["scope", "top"])
def test_the_key_is_sent_and_stays_out_of_the_history(actions: Json) -> None:
    world = World(ggw_GatewayKey="s3cret")
    done = run(bind(actions), world)
    assert done.status == SUCCEEDED
    assert [request.headers["x-functions-key"] for request in world.requests] == ["s3cret"]
    assert "s3cret" not in str(done.history)


def test_without_its_key_the_flow_has_no_parameter_that_would_keep_it_off() -> None:
    definition: dict[str, Any] = bind(IN_A_SCOPE).definition
    assert set(definition["parameters"]) == {"$connections", "$authentication"}


def test_a_missing_key_is_reported_as_what_it_is() -> None:
    """The step that reads it stands in the scope of the step that needs it, so that the branch for failures runs."""
    flow = bind(IN_A_SCOPE)
    assert next(iter(flow.definition["actions"]["Work"]["actions"])) == READING
    world = World()
    done = run(flow, world)
    statuses = {name: record["status"] for name, record in done.actions.items()}
    assert statuses == {READING: FAILED, "Begin": SKIPPED, "Ask": SKIPPED, "Work": FAILED, "Report": SUCCEEDED}
    assert world.requests == []
    assert "ggw_GatewayKey" in str(done.actions["Report"]["outputs"])
