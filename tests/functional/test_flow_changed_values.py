"""A sample flow does its work whatever the gateway may answer: values missing, and texts that people can write."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Any

import pytest

from devkit.flow_runs.changed_values import exchange_texts, leave_out
from devkit.flow_runs.connections import Connections
from devkit.flow_runs.engine import Run
from devkit.flow_runs.failure_table import Case, Trial
from devkit.flow_runs.host import Answer, Call, HttpCall
from devkit.flow_runs.records import FAILED, SUCCEEDED, TIMED_OUT, Record
from devkit.flow_runs.world import FlowWorld
from devkit.flows.calls import find_operation
from devkit.flows.connectors import GATEWAY, Operation, Schema, load_connectors
from devkit.flows.shapes import cut_address
from devkit.flows.sources import FLOWS
from tests.functional.conftest import Gateway
from tests.functional.flow_scenarios import Scenarios

pytestmark = pytest.mark.usefixtures("rows_in_memory")

NAMES = sorted(path.stem for path in FLOWS.glob("*.json"))
CONNECTOR = load_connectors()[GATEWAY]
ODD = 'O\'Neil & <i>Söhne</i> "x" \\ {y} [z] %0A @{w} \U0001f600'
LONG = ODD + "y" * 400
_RAW = "<i>Söhne"
_NEVER_MISSING = {
    "support-mail-ticket": {"attachments/omitted"},  # a false answer: there are no bytes, whatever is said
    "appointment-cancelled": {"serviceId"},  # nobody can say whether its time is free: the run fails and says so
}
_SAFE = {"html", "safeName"}  # what the gateway has made safe: markup without scripts, and names of files
_SHORT = {"eventId", "appointmentId", "reference"}  # ids, which fit into a line of a list

type Change = Callable[[Any, Schema], Iterator[tuple[str, Any]]]


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


@dataclass
class Tried:
    """One run with one change."""

    name: str
    run: Run
    world: FlowWorld
    answers: ChangedAnswers

    @property
    def failed(self) -> list[Record]:
        return [record for record in self.run.history if record["status"] in (FAILED, TIMED_OUT)]

    @property
    def is_bad(self) -> bool:
        if self.run.answer is None:
            return self.run.status != SUCCEEDED
        return self.run.answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR

    def list_faults(self) -> Iterator[str]:
        """Yield each failed step of a run that did not do its work, and each step whose expressions failed."""
        for record in self.failed:
            if self.is_bad or _is_template(record):
                yield f"{self.name}: {record['name']}: {record.get('error') or record['outputs']['body']}"


def try_changes(case: Case, change: Change) -> Iterator[Tried]:
    """Run a case as it is, and with each change of its trigger's item and of the gateway's answers."""
    genuine = _run(case, "no change")
    yield genuine
    trigger = case.flow.trigger[1].get("inputs", {}).get("host", {}).get("operationId")
    if trigger in CONNECTOR.operations:
        for place, body in change(case.trigger["outputs"]["body"], _item_of(CONNECTOR.operations[trigger])):
            yield _run(_begin_with(case, body), f"trigger {place}")
    for step, (operation, body) in genuine.answers.answers.items():
        for place, changed in change(body, _answer_of(operation)):
            yield _run(case, f"{step} {place}", step, changed)


def try_requests(case: Case) -> Iterator[Tried]:
    """Run a case with each part of its request missing; such a request may be refused, with a reason."""
    body = case.trigger["outputs"]["body"]
    for name in body:
        yield _run(_begin_with(case, {key: value for key, value in body.items() if key != name}), f"{name} missing")
        for value in (None, "", ODD):
            yield _run(_begin_with(case, body | {name: value}), f"{name} {value!r}")
    yield _run(_begin_with(case, {}), "empty")
    yield _run(_begin_with(case, None), "without a body")


def _run(case: Case, name: str, step: str = "", body: Any = None) -> Tried:
    trial = Trial(case, reads_both_branches=True)
    answers = ChangedAnswers(trial.host.connections, step, body)
    trial.host.connections = answers  # type: ignore[assignment]  # it answers as connections do
    run = trial.run()
    case.clean_up()
    return Tried(f"{case.name}, {name}", run, trial.world, answers)


def _begin_with(case: Case, body: Any) -> Case:
    return replace(case, trigger={**case.trigger, "outputs": {**case.trigger["outputs"], "body": body}})


def _answer_of(operation: Operation) -> Schema:
    assert operation.response is not None
    return CONNECTOR.resolve(operation.response)


def _item_of(trigger: Operation) -> Schema:
    """Return what one run of a flow gets: an instant trigger brings it alone."""
    answer = _answer_of(trigger)
    item: Schema = answer["properties"]["value"]["items"] if trigger.trigger == "batch" else answer
    return item


def _is_template(record: Record) -> bool:
    return bool(record.get("error", {}).get("code") == "InvalidTemplate")


def _find_foreign_faults(case: Case, tried: Tried) -> Iterator[str]:
    """Yield what failed but what the gateway refuses, as it does where the text is an id of something."""
    steps = {step.name: step.action for step in case.flow.steps}
    for record in tried.failed:
        connection = steps[record["name"]].get("inputs", {}).get("host", {}).get("connectionName")
        is_foreign = connection is not None and case.flow.references[connection]["api"]["name"] != GATEWAY
        if is_foreign or _is_template(record):
            yield f"{tried.name}: {record['name']}: {record.get('error') or record['outputs']['body']}"


@pytest.mark.slow(reason="runs each flow some ten times")
@pytest.mark.parametrize("name", NAMES)
def test_what_may_be_missing_fails_no_run(gateway_process: Gateway, name: str) -> None:
    faults = []
    for case in Scenarios(gateway_process).cases(name):
        text, never = json.dumps(case.flow.definition), _NEVER_MISSING.get(name, set())
        change = partial(leave_out, connector=CONNECTOR, text=text, never=never)
        faults += [fault for tried in try_changes(case, change) for fault in tried.list_faults()]
        if case.flow.trigger[1]["type"] == "Request":
            faults += [fault for tried in try_requests(case) for fault in tried.list_faults()]
    assert faults == []


@pytest.mark.slow(reason="runs each flow some ten times")
@pytest.mark.parametrize("name", NAMES)
def test_what_people_write_fails_no_run_and_stays_text(gateway_process: Gateway, name: str) -> None:
    faults = []
    for case in Scenarios(gateway_process).cases(name):
        exchange = partial(exchange_texts, connector=CONNECTOR, text=json.dumps(case.flow.definition))
        for change in (partial(exchange, new=ODD, never=_SAFE), partial(exchange, new=LONG, never=_SAFE | _SHORT)):
            for tried in try_changes(case, change):
                faults += [f"{tried.name}: markup: {one}" for one in _list_rich_texts(tried.world) if _RAW in one]
                faults += _find_foreign_faults(case, tried)
    assert faults == []


def _list_rich_texts(world: FlowWorld) -> list[str]:
    return [
        *(mail.body for mail in world.outlook.mails),
        *(message.body for message in world.teams.messages),
        *(str(item.values["Description"]) for item in world.tickets.items.values()),
    ]
