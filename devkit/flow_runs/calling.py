"""Actions that ask somebody: an operation of a connector, or an HTTP request; with retries, pages and time limits."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from devkit.flow_runs.host import Answer, Call, Host, HttpCall
from devkit.flow_runs.records import FAILED, SUCCEEDED, TIMED_OUT, Outcome, fail, name_status
from devkit.flow_runs.retries import Asked, ask, read_policy
from devkit.flow_runs.texts import as_text
from devkit.flow_runs.values import Scope, evaluate
from devkit.flows.calls import Request
from devkit.flows.durations import read_seconds
from devkit.flows.sources import Json

_NO_ANSWER = "Http request failed: the server did not respond within the timeout limit."


def call_connector(name: str, action: Json, scope: Scope, host: Host, references: Mapping[str, Json]) -> Outcome:
    """Call an operation. Raises TemplateFailure for inputs that cannot be evaluated."""
    inputs = action["inputs"]
    connection = inputs["host"]["connectionName"]
    connector = references[connection]["api"]["name"] if connection in references else connection
    given = {key: evaluate(value, scope) for key, value in inputs.get("parameters", {}).items()}
    call = Call(name, connector, inputs["host"]["operationId"], given)
    return _call(action, scope, host, call, {"host": inputs["host"], "parameters": given})


def call_service(name: str, action: Json, scope: Scope, host: Host, references: Mapping[str, Json]) -> Outcome:
    """Send a request to a connector's service, as workflows of Logic Apps do. Raises TemplateFailure."""
    inputs = evaluate({key: value for key, value in action["inputs"].items() if key != "retryPolicy"}, scope)
    connector = references[inputs["host"]["connection"]["name"]]["api"]["name"]
    request = Request(
        str(inputs["method"]).upper(), inputs["path"], inputs.get("queries") or {}, inputs.get("headers") or {},
        inputs.get("body"),
    )  # fmt: skip
    return _call(action, scope, host, Call(name, connector, request=request), inputs)


def _call(action: Json, scope: Scope, host: Host, call: Call, shown: Json) -> Outcome:
    asked = _ask(action, scope, lambda: host.call(call))
    wanted = int(action.get("runtimeConfiguration", {}).get("paginationPolicy", {}).get("minimumItemCount", 0))
    if wanted and asked.answer.is_success:
        asked = _follow_pages(asked, wanted, lambda link: host.follow(call, link))
    return _conclude(call.step, asked, shown)


def send_request(name: str, action: Json, scope: Scope, host: Host) -> Outcome:
    """Send a request. Raises TemplateFailure for inputs that cannot be evaluated."""
    given = {key: value for key, value in action["inputs"].items() if key != "retryPolicy"}
    inputs = evaluate(given, scope)
    queries = {key: value for key, value in (inputs.get("queries") or {}).items() if value is not None}
    address = as_text(inputs["uri"])
    if queries:
        address += ("&" if "?" in address else "?") + urlencode({key: as_text(one) for key, one in queries.items()})
    headers = {key: as_text(value) for key, value in (inputs.get("headers") or {}).items() if value is not None}
    call = HttpCall(name, str(inputs["method"]).upper(), address, headers, queries, inputs.get("body"))
    return _conclude(name, _ask(action, scope, lambda: host.http(call)), inputs)


def _ask(action: Json, scope: Scope, once: Callable[[], Answer]) -> Asked:
    limit = action.get("limit", {}).get("timeout")
    policy = read_policy(evaluate(action["inputs"].get("retryPolicy"), scope))
    return ask(once, scope.now, policy, read_seconds(limit) if limit else None)


def _follow_pages(asked: Asked, wanted: int, follow: Callable[[str], Answer]) -> Asked:
    found, answer, end = list(asked.answer.body["value"]), asked.answer, asked.end
    while (link := answer.body.get("nextLink")) and len(found) < wanted:
        next_page = ask(lambda link=link: follow(link), end, read_policy(None), None)  # type: ignore[misc]
        if not next_page.answer.is_success:
            return next_page
        answer, end = next_page.answer, next_page.end
        found += answer.body["value"]
    return Asked(Answer(answer.status, {"value": found}, answer.headers), end, asked.tries)


def _conclude(name: str, asked: Asked, inputs: Any) -> Outcome:
    answer = asked.answer
    if asked.is_timed_out:
        message = f"The execution of template action '{name}' timed out."
        return fail(asked.end, "ActionTimedOut", message, inputs, TIMED_OUT)
    if answer.status == 0:
        return fail(asked.end, "RequestTimeout", _NO_ANSWER, inputs)
    outputs = {"statusCode": answer.status, "headers": dict(answer.headers), "body": answer.body}
    status = SUCCEEDED if answer.is_success else FAILED
    return Outcome(asked.end, status, inputs, outputs, name_status(answer.status))
