"""Two APIs on one state: the receiver of webhooks, and the address of workflows."""

from twin.core.api import Api
from twin.core.routes import Miss, Routes
from twin.core.wire import Call, Json, Refusal, Reply
from twin.webhook.control import control
from twin.webhook.flow import FLOW_HOST, check_key, describe_outage
from twin.webhook.state import Webhooks

HOOKS_HOST = "hooks.contoso.com"

_anything = Routes[Webhooks]()
_flows = Routes[Webhooks]()


def _receive(call: Call, miss: Miss, state: Webhooks) -> Reply:
    """Accept a delivery under any path."""
    _ = miss
    if call.method == "OPTIONS":
        return _agree(call, state)
    delivery = state.note(call)
    reply = state.find_answer(delivery)
    if delivery.verified is False and state.refuses_unsigned:
        reply = Reply(401, _describe_problem(401, "The signature does not fit"), _PROBLEM)
    delivery.status = reply.status
    return reply


def _agree(call: Call, state: Webhooks) -> Reply:
    """Answer the question whether events may be sent (abuse protection of CloudEvents)."""
    origin = call.headers.get("webhook-request-origin", "")
    state.asked.append((call.path, origin))
    if not state.agrees:
        return Reply(405)
    return Reply(200, None, {"webhook-allowed-origin": origin, "webhook-allowed-rate": "*"})


@_flows.post("/workflows/{workflow}/triggers/{trigger}/paths/invoke")
def start_workflow(call: Call, state: Webhooks) -> Reply:
    """Start a run of a workflow that begins with a request."""
    return _start(call, state, None)


@_flows.post("/workflows/{workflow}/triggers/{trigger}/versions/{version}/run")
def call_back(call: Call, state: Webhooks) -> Reply:
    """Start a run of a workflow with an instant trigger."""
    return _start(call, state, call["version"])


def _start(call: Call, state: Webhooks, version: str | None) -> Reply:
    delivery = state.note(call)
    try:
        found = state.workflows.get(call["workflow"])
        is_meant = found is not None and (found.version, found.trigger) == (version, call["trigger"])
        workflow = check_key(call, found if is_meant else None)
        delivery.trigger_body, reply = workflow.run(call)
    except Refusal as refusal:
        delivery.status = refusal.render(call).status
        raise
    delivery.status = reply.status
    return reply


_PROBLEM = {"content-type": "application/problem+json"}


def _describe_problem(status: int, title: str) -> Json:
    return {"type": "about:blank", "title": title, "status": status}


def _describe_failure(call: Call, status: int) -> Json:
    _ = call
    return _describe_problem(status, "injected")


HOOKS = Api(
    name="webhook",
    hosts=(HOOKS_HOST,),
    state=Webhooks,
    routes=_anything,
    control=control,
    miss=_receive,
    outage=_describe_failure,
)
FLOWS = Api(
    name="flow",
    hosts=(FLOW_HOST,),
    state=Webhooks,
    routes=_flows,
    outage=describe_outage,
)
