"""What may be null or empty by the gateway's definition may be so in all that a flow reads: no run fails of it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

import pytest

from devkit.flow_runs.connections import Connections
from devkit.flow_runs.failure_table import Case, Trial
from devkit.flow_runs.host import Answer, Call, HttpCall
from devkit.flow_runs.missing_values import vary
from devkit.flow_runs.records import FAILED, SUCCEEDED, TIMED_OUT, Record
from devkit.flows.calls import find_operation
from devkit.flows.connectors import GATEWAY, Operation, Schema, load_connectors
from devkit.flows.shapes import cut_address
from devkit.flows.sources import FLOWS
from tests.functional.conftest import Gateway
from tests.functional.flow_scenarios import Scenarios

NAMES = sorted(path.stem for path in FLOWS.glob("*.json"))
CONNECTOR = load_connectors()[GATEWAY]
_NEVER = {
    "support-mail-ticket": {"attachments/omitted"},  # a false answer: there are no bytes, whatever is said
    "appointment-cancelled": {"serviceId"},  # nobody can say whether its time is free: the run fails and says so
}
"""Gaps that are not made in a flow."""


@dataclass
class ChangedAnswers:
    """Connections whose answers to one step are another value; `answers` keeps the genuine ones."""

    connections: Connections
    step: str = ""
    body: Any = None

    def __post_init__(self) -> None:
        self.answers: dict[str, tuple[Operation, Any]] = {}

    def call(self, call: Call) -> Answer:
        answer = self.connections.call(call)
        if call.connector != GATEWAY:
            return answer
        return self._change(call.step, CONNECTOR.operations[call.operation], answer)

    def follow(self, call: Call, link: str) -> Answer:
        return self.connections.follow(call, link)

    def http(self, call: HttpCall) -> Answer:
        found = find_operation(CONNECTOR, call.method, cut_address(call.uri))
        assert found is not None
        return self._change(call.step, found[0], self.connections.http(call))

    def refuse(self, connector: str, status: int, message: str) -> Answer:
        return self.connections.refuse(connector, status, message)

    def _change(self, step: str, operation: Operation, answer: Answer) -> Answer:
        if not answer.is_success:
            return answer
        self.answers[step] = (operation, answer.body)
        return replace(answer, body=self.body) if step == self.step else answer


def run(case: Case, step: str = "", body: Any = None) -> tuple[list[Record], ChangedAnswers]:
    """Run a case; return the failed steps, and what the gateway answered."""
    trial = Trial(case, reads_both_branches=True)
    answers = ChangedAnswers(trial.host.connections, step, body)
    trial.host.connections = answers  # type: ignore[assignment]  # it answers as connections do
    ended = trial.run()
    case.clean_up()
    is_bad = (
        ended.status != SUCCEEDED if ended.answer is None else ended.answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    )
    failed = [record for record in ended.history if record["status"] in (FAILED, TIMED_OUT)]
    return [record for record in failed if is_bad or record.get("error", {}).get("code") == "InvalidTemplate"], answers


def list_variants(case: Case) -> Iterator[tuple[str, list[Record]]]:
    """Run a case with each gap; yield where it was, and the steps that failed of it."""
    text, never = json.dumps(case.flow.definition), _NEVER.get(case.flow.name, set())
    failed, answers = run(case)
    yield "nothing", failed
    trigger = case.flow.trigger[1].get("inputs", {}).get("host", {}).get("operationId")
    if trigger in CONNECTOR.operations:
        schema = _answer_of(CONNECTOR.operations[trigger])["properties"]["value"]["items"]
        for place, body in vary(case.trigger["outputs"]["body"], schema, CONNECTOR, text, never):
            yield f"trigger {place}", run(_begin_with(case, body))[0]
    if case.flow.trigger[1]["type"] == "Request":
        yield from ((f"request {place}", run(changed)[0]) for place, changed in _list_requests(case))
    for step, (operation, body) in answers.answers.items():
        for place, changed_body in vary(body, _answer_of(operation), CONNECTOR, text, never):
            yield f"{step} {place}", run(case, step, changed_body)[0]


def _list_requests(case: Case) -> Iterator[tuple[str, Case]]:
    """Yield the case with each part of its request missing; such a request may be refused, with a reason."""
    body = case.trigger["outputs"]["body"]
    for name in body:
        yield f"{name} missing", _begin_with(case, {key: value for key, value in body.items() if key != name})
        for value in (None, ""):
            yield f"{name} {value!r}", _begin_with(case, body | {name: value})
    yield "empty", _begin_with(case, {})
    yield "without a body", _begin_with(case, None)


def _begin_with(case: Case, body: Any) -> Case:
    return replace(case, trigger={**case.trigger, "outputs": {**case.trigger["outputs"], "body": body}})


def _answer_of(operation: Operation) -> Schema:
    assert operation.response is not None
    return CONNECTOR.resolve(operation.response)


@pytest.mark.slow(reason="runs each flow some ten times")
@pytest.mark.parametrize("name", NAMES)
def test_what_may_be_missing_fails_no_run(gateway_process: Gateway, name: str) -> None:
    found = [
        f"{case.name}, {place}: {record['name']}: {record.get('error') or record['outputs']['body']}"
        for case in Scenarios(gateway_process).cases(name)
        for place, failed in list_variants(case)
        for record in failed
    ]
    assert found == []
