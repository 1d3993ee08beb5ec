"""Two APIs on one state: the receiver of webhooks, and the address of workflows."""

from twin.core.api import Api
from twin.core.routes import Miss, Routes
from twin.core.wire import Call, Json, Refusal, Reply
from twin.webhook.control import control
from twin.webhook.flow import check_key, describe_outage
from twin.webhook.state import Webhooks

HOOKS_HOST = "hooks.contoso.com"
FLOW_HOST = "prod-00.westeurope.logic.azure.com"

_anything = Routes[Webhooks]()
_flows = Routes[Webhooks]()


def _receive(call: Call, miss: Miss, state: Webhooks) -> Reply:
    """Accept a delivery under any path."""
    _ = miss
    delivery = state.note(call)
    reply = state.find_answer(delivery)
    if delivery.verified is False and state.refuses_unsigned:
        reply = Reply(401, _describe_problem(401, "The signature does not fit"), _PROBLEM)
    delivery.status = reply.status
    return reply


@_flows.post("/workflows/{workflow}/triggers/{trigger}/paths/invoke")
def start_workflow(call: Call, state: Webhooks) -> Reply:
    """Start a run of a workflow."""
    delivery = state.note(call)
    try:
        workflow = check_key(call, state.workflows.get(call["workflow"]))
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
