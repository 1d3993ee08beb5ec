"""Run a flow from its trigger's outputs to its end, on a clock of its own: nothing waits.

- An action begins when all that it runs after have ended, with a status that `runAfter` names for each; otherwise it is
  skipped, with all that is inside it. Branches side by side run at the same time.
- A scope, and the run, ends as its last actions do: one that failed or took too long makes it Failed. For one that was
  skipped those before it count. So a failure that is followed by an action for failures is no failure any more.
- A condition ends as the branch that it takes; a loop fails if one of its turns did.
- Terminate ends the run at once, with the status that it names.
- A Response answers the caller, if it comes within 120 seconds and is the first; otherwise it fails.
- Turns of a loop that may run side by side are run last first, so that nothing can rely on their order. From outside
  of a loop, the outputs of an action in it are a list: one entry for each turn.

Sources: Microsoft Learn, "Workflow actions and triggers reference", "Handle errors and exceptions", "Limits and
configuration"; for Terminate inside a scope, handled failures and `result`, records of real runs that makers published.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from devkit.flow_runs import records
from devkit.flow_runs.calling import call_connector, call_service, send_request
from devkit.flow_runs.conditions import decide
from devkit.flow_runs.data_steps import STEPS, BadStepError
from devkit.flow_runs.failures import TemplateFailure, name_type
from devkit.flow_runs.host import Answer, Host
from devkit.flow_runs.records import CANCELLED, FAILED, FAILING, SKIPPED, SUCCEEDED, Outcome, Record
from devkit.flow_runs.values import Scope, evaluate
from devkit.flows.durations import read_seconds
from devkit.flows.sources import Flow, Json, find_branches

LONGEST_RESPONSE = 120.0
_MOST_TURNS = 60
_BROKEN = "The value cannot be converted to the target type."
_LONGEST_UNTIL = "PT1H"
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}


@dataclass
class Run:
    """One run: how it ended, every record, and what its caller was answered (flows that begin with a request)."""

    id: str
    start: datetime
    end: datetime
    status: str = "Running"
    error: Mapping[str, Any] | None = None
    actions: dict[str, Record] = field(default_factory=dict)  # in loops: the last turn, with the outputs of all
    history: list[Record] = field(default_factory=list)  # as people see it, without secure inputs and outputs
    response: Answer | None = None
    answer: Answer | None = None  # what the caller got in the end


@dataclass(frozen=True)
class Beginning:
    """What a run begins with."""

    trigger: Record
    parameters: Mapping[str, Any]
    now: datetime
    run_id: str = "08584321"
    reads_both_branches: bool = False
    broken_steps: frozenset[str] = frozenset()  # steps whose expressions fail, whatever they are


class _TerminatedError(Exception):
    """A Terminate ended the run."""

    def __init__(self, end: datetime, status: str, error: Mapping[str, Any] | None) -> None:
        super().__init__(status)
        self.end, self.status, self.error = end, status, error


def run_flow(flow: Flow, beginning: Beginning, host: Host) -> Run:
    """Run a flow to its end."""
    return _Engine(flow, beginning, host).run()


class _Engine:
    def __init__(self, flow: Flow, beginning: Beginning, host: Host) -> None:
        self._flow, self._host, self._broken = flow, host, beginning.broken_steps
        self._definition = flow.definition
        self._run = Run(beginning.run_id, beginning.now, beginning.now)
        self._results: dict[str, list[Record]] = {}
        self._variables: dict[str, Any] = {}
        self._collected: list[list[Record]] = []
        name = {"name": beginning.run_id, "id": f"/workflows/{flow.name}/runs/{beginning.run_id}"}
        tags = {"flowDisplayName": flow.title, "environmentName": "Default-00000000"}
        self._scope = Scope(
            now=beginning.now, parameters=beginning.parameters, trigger=beginning.trigger, actions=self._run.actions,
            results=self._results, variables=self._variables, reads_both_branches=beginning.reads_both_branches,
            workflow={"name": flow.name, "id": f"/workflows/{flow.name}", "tags": tags, "run": name},
        )  # fmt: skip

    def run(self) -> Run:
        run = self._run
        try:
            run.status, run.end = self._run_actions(self._definition["actions"], self._scope)
            if run.status != SUCCEEDED:
                run.error = {"code": "ActionFailed", "message": "An action failed. No dependent actions succeeded."}
        except _TerminatedError as ended:
            run.status, run.end, run.error = ended.status, ended.end, ended.error
        for step in self._flow.steps:
            if step.name not in run.actions:
                self._note(step.name, step.action, run.end, Outcome(run.end, SKIPPED, code="Terminated"))
        run.answer = self._answer_caller()
        return run

    # -- actions beside one another ---------------------------------------------------------------------------------

    def _run_actions(self, actions: Mapping[str, Json], scope: Scope) -> tuple[str, datetime]:
        """Run actions in their order; return how they ended together, and when."""
        left = list(actions)
        ends: dict[str, datetime] = {}
        while left:
            ready = [name for name in left if not set(actions[name].get("runAfter", {})) - set(ends)]
            if not ready:
                raise BadStepError(f"{', '.join(left)} wait for one another, or for what is not there")
            starts = {
                name: max([scope.now, *(ends[one] for one in actions[name].get("runAfter", {}))]) for name in ready
            }
            name = min(ready, key=lambda one: starts[one])
            left.remove(name)
            ends[name] = self._begin(name, actions[name], replace(scope, now=starts[name]))
        return self._judge(actions), max(ends.values(), default=scope.now)

    def _judge(self, actions: Mapping[str, Json]) -> str:
        """Return the status of a group: that of its last actions."""
        followed = {before for action in actions.values() for before in action.get("runAfter", {})}
        is_failed = any(self._is_failed(name, actions) for name in actions if name not in followed)
        return FAILED if is_failed else SUCCEEDED

    def _is_failed(self, name: str, actions: Mapping[str, Json]) -> bool:
        status = self._run.actions[name]["status"]
        if status == SKIPPED:
            return any(self._is_failed(before, actions) for before in actions[name].get("runAfter", {}))
        return status in FAILING

    def _begin(self, name: str, action: Json, scope: Scope) -> datetime:
        for before, wanted in action.get("runAfter", {}).items():
            found = self._run.actions[before]["status"]
            if found not in wanted:
                self._skip(name, action, records.skip(name, scope.now, before, wanted, found))
                return scope.now
        outcome = self._run_action(name, action, scope)
        self._note(name, action, scope.now, outcome)
        return outcome.end

    def _skip(self, name: str, action: Json, outcome: Outcome) -> None:
        with self._collect(name):
            for branch in find_branches(action):
                for inner, below in branch.items():
                    self._skip(inner, below, records.skip_branch(inner, outcome.end))
        self._note(name, action, outcome.end, outcome)

    def _note(self, name: str, action: Json, start: datetime, outcome: Outcome) -> None:
        record = outcome.describe(name, start, self._run.id)
        self._run.actions[name] = record
        secure = action.get("runtimeConfiguration", {}).get("secureData", {}).get("properties", ())
        self._run.history.append(record | {key: records.HIDDEN for key in secure if key in record})
        if self._collected:
            self._collected[-1].append(record)

    @contextmanager
    def _collect(self, name: str) -> Iterator[None]:
        """Collect what runs right inside an action, for `result`."""
        self._collected.append([])
        try:
            yield
        finally:
            self._results[name] = self._collected.pop()

    # -- one action -------------------------------------------------------------------------------------------------

    def _run_action(self, name: str, action: Json, scope: Scope) -> Outcome:
        simple: Mapping[str, Callable[[], Outcome]] = {
            "OpenApiConnection": lambda: call_connector(name, action, scope, self._host, self._flow.references),
            "ApiConnection": lambda: call_service(name, action, scope, self._host, self._flow.references),
            "Http": lambda: send_request(name, action, scope, self._host),
            "Response": lambda: self._respond(name, action, scope),
            "Terminate": lambda: self._terminate(name, action, scope),
            "Wait": lambda: _wait(action, scope),
        }
        kind = action["type"]
        if kind not in simple and kind not in STEPS:
            return self._run_container(name, action, scope)
        if name in self._broken:
            return records.fail_template(name, scope.now, TemplateFailure(_BROKEN))
        try:
            return STEPS[kind](name, action, scope, self._variables) if kind in STEPS else simple[kind]()
        except TemplateFailure as failure:
            return records.fail_template(name, scope.now, failure)

    def _respond(self, name: str, action: Json, scope: Scope) -> Outcome:
        inputs = evaluate(action["inputs"], scope)
        if self._run.response is not None:
            return records.fail(scope.now, "Conflict", f"'{name}': the request was answered before.", inputs)
        if (scope.now - self._run.start).total_seconds() > LONGEST_RESPONSE:
            message = (
                f"The execution of template action '{name}' is failed: the client application timed out waiting for a "
                "response from service. This means that workflow took longer to respond than the alloted timeout value."
            )
            return records.fail(scope.now, "ActionResponseTimedOut", message, inputs)
        try:
            status = int(inputs.get("statusCode", HTTPStatus.OK))
        except (TypeError, ValueError):
            return records.fail(scope.now, "BadRequest", f"'{name}': the status code is not valid.", inputs)
        self._run.response = Answer(status, inputs.get("body"), inputs.get("headers") or {})
        outputs = {"statusCode": status, "headers": inputs.get("headers") or {}, "body": inputs.get("body")}
        return Outcome(scope.now, inputs=inputs, outputs=outputs)

    def _answer_caller(self) -> Answer | None:
        """Return what the caller of a flow that begins with a request gets."""
        [trigger] = self._definition["triggers"].values()
        if trigger["type"] != "Request":
            return None
        if all(step.action["type"] != "Response" for step in self._flow.steps):
            return Answer(HTTPStatus.ACCEPTED)
        if self._run.response is not None:
            return self._run.response
        if (self._run.end - self._run.start).total_seconds() > LONGEST_RESPONSE:
            error = {
                "code": "GatewayTimeout",
                "message": "The workflow did not respond in time.",
            }
            return Answer(HTTPStatus.GATEWAY_TIMEOUT, {"error": error}, seconds=LONGEST_RESPONSE)
        error = {"code": "NoResponse", "message": "The server did not receive a response from an upstream server."}
        return Answer(HTTPStatus.BAD_GATEWAY, {"error": error})

    def _terminate(self, name: str, action: Json, scope: Scope) -> Outcome:
        inputs = evaluate(action["inputs"], scope)
        self._note(name, action, scope.now, Outcome(scope.now, inputs=inputs, code=None))
        raise _TerminatedError(scope.now, str(inputs["runStatus"]), inputs.get("runError"))

    # -- scopes, conditions, loops ----------------------------------------------------------------------------------

    def _run_container(self, name: str, action: Json, scope: Scope) -> Outcome:
        containers = {
            "Scope": self._run_scope, "If": self._run_condition, "Switch": self._run_switch,
            "Foreach": self._run_foreach, "Until": self._run_until,
        }  # fmt: skip
        if action["type"] not in containers:
            raise BadStepError(f"{name}: actions of the type {action['type']} are not known here")
        try:
            with self._collect(name):
                return containers[action["type"]](name, action, scope)
        except TemplateFailure as failure:
            outcome = records.fail_template(name, scope.now, failure, "for action '{}'")
            with self._collect(name):
                self._skip_inside(action, outcome.end)
            return outcome
        except _TerminatedError as ended:
            self._note(name, action, scope.now, Outcome(ended.end, CANCELLED, code="Terminated"))
            raise

    def _run_scope(self, _: str, action: Json, scope: Scope) -> Outcome:
        status, end = self._run_actions(action.get("actions", {}), scope)
        return records.contain(end, status)

    def _run_condition(self, _: str, action: Json, scope: Scope) -> Outcome:
        result = decide(action["expression"], scope)
        branches = (action.get("else", {}).get("actions", {}), action.get("actions", {}))
        status, end = self._run_branch(branches[result], [branches[not result]], scope)
        return records.contain(end, status, {"expressionResult": result})

    def _run_switch(self, _: str, action: Json, scope: Scope) -> Outcome:
        value = evaluate(action["expression"], scope)
        branches = {case["case"]: case["actions"] for case in action.get("cases", {}).values()}
        otherwise = action.get("default", {}).get("actions", {})
        taken = branches.get(value, otherwise) if isinstance(value, str | int) else otherwise
        others = [branch for branch in (*branches.values(), otherwise) if branch is not taken]
        status, end = self._run_branch(taken, others, scope)
        return records.contain(end, status, {"expressionResult": value})

    def _run_branch(
        self, taken: Mapping[str, Json], others: list[Mapping[str, Json]], scope: Scope
    ) -> tuple[str, datetime]:
        for branch in others:
            for inner, below in branch.items():
                self._skip(inner, below, records.skip_branch(inner, scope.now))
        return self._run_actions(taken, scope)

    def _run_foreach(self, name: str, action: Json, scope: Scope) -> Outcome:
        members = evaluate(action["foreach"], scope)
        if not isinstance(members, list):
            self._skip_inside(action, scope.now)
            message = (
                f"The execution of template action '{name}' failed: the result of the evaluation of 'foreach' "
                f"expression '{action['foreach']}' is of type '{name_type(members)}'. The result must be a valid array."
            )
            return records.fail(scope.now, "ExpressionEvaluationFailed", message)
        if not members:
            self._skip_inside(action, scope.now)
        at_once = int(
            action.get("runtimeConfiguration", {}).get("concurrency", {}).get("repetitions", len(members) or 1)
        )
        is_in_order = at_once == 1 or action.get("operationOptions") == "Sequential"
        status, now, last = SUCCEEDED, scope.now, scope.now
        turns: list[dict[str, Any]] = []
        for member in members if is_in_order else reversed(members):
            turn = replace(scope, now=now, item=member, items={**scope.items, name: member})
            ended, end = self._run_turn(action, turn)
            status = FAILED if FAILED in (status, ended) else SUCCEEDED
            last = max(last, end)
            now = end if is_in_order else now
            turns.append({inner: self._run.actions[inner].get("outputs") for inner in _list_names(action)})
        for inner in _list_names(action) if turns else ():
            outputs = [turn[inner] for turn in turns]
            self._run.actions[inner] = self._run.actions[inner] | {"outputs": outputs}
        return records.contain(last, status)

    def _run_until(self, name: str, action: Json, scope: Scope) -> Outcome:
        limit = action.get("limit", {})
        latest = scope.now + timedelta(seconds=read_seconds(limit.get("timeout", _LONGEST_UNTIL)))
        now = scope.now
        for turn in range(int(limit.get("count", _MOST_TURNS))):
            status, now = self._run_turn(action, replace(scope, now=now, indexes={**scope.indexes, name: turn}))
            if status == FAILED:
                return records.contain(now, FAILED)
            if decide(action["expression"], replace(scope, now=now)):
                return records.contain(now, SUCCEEDED)
            if now > latest:
                break
        if action.get("operationOptions") == "FailWhenLimitsReached":
            return records.fail(now, "LimitsReached", f"The limits of '{name}' were reached.")
        return records.contain(now, SUCCEEDED)

    def _run_turn(self, action: Json, scope: Scope) -> tuple[str, datetime]:
        """Run one turn of a loop; nothing of the turn before can be read in it."""
        for inner in _list_names(action):
            self._run.actions.pop(inner, None)
            self._results.pop(inner, None)
        return self._run_actions(action.get("actions", {}), scope)

    def _skip_inside(self, action: Json, at: datetime) -> None:
        for branch in find_branches(action):
            for inner, below in branch.items():
                if inner not in self._run.actions:
                    self._skip(inner, below, records.skip_branch(inner, at))


def _list_names(action: Json) -> Iterator[str]:
    for branch in find_branches(action):
        for name, below in branch.items():
            yield name
            yield from _list_names(below)


def _wait(action: Json, scope: Scope) -> Outcome:
    inputs = evaluate(action["inputs"], scope)
    if "until" in inputs:
        moment = datetime.fromisoformat(str(inputs["until"]["timestamp"]))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return Outcome(max(scope.now, moment), inputs=inputs)
    length = int(inputs["interval"]["count"]) * _UNITS[str(inputs["interval"]["unit"]).lower()]
    return Outcome(scope.now + timedelta(seconds=length), inputs=inputs)
