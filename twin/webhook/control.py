"""Control routes of the receivers: list deliveries, set answers."""

from twin.core.control import read_object
from twin.core.routes import Routes
from twin.core.wire import Call, Json, Reply
from twin.webhook.flow import Workflow
from twin.webhook.state import ANYWHERE, Answer, Webhooks, describe

control = Routes[Webhooks]("/webhook")

_CHANGEABLE = ("schema", "response", "state", "too_slow")


@control.get("")
def show_receivers(call: Call, state: Webhooks) -> Reply:
    """Show what is answered, whether signatures are checked, and the workflows."""
    _ = call
    return Reply(
        200,
        {
            "deliveries": len(state.deliveries),
            "answers": [_describe_answer(one) for one in state.answers],
            "secrets": len(state.secrets),
            "refusesUnsigned": state.refuses_unsigned,
            "workflows": [_describe_workflow(one) for one in state.workflows.values()],
        },
    )


@control.get("/deliveries")
def list_deliveries(call: Call, state: Webhooks) -> Reply:
    """List deliveries, refused ones too; ?path=, ?id= and ?since= (a number) narrow the list."""
    path, event, since = call.option("path"), call.option("id"), int(call.option("since") or 0)
    found = [
        one for one in state.deliveries if one.number > since and path in (None, one.path) and event in (None, one.id)
    ]
    return Reply(200, {"count": len(found), "deliveries": [describe(one) for one in found]})


@control.delete("/deliveries")
def clear_deliveries(call: Call, state: Webhooks) -> Reply:
    """Delete all deliveries; numbers go on."""
    _ = call
    state.clear()
    return Reply(204)


@control.get("/duplicates")
def list_duplicates(call: Call, state: Webhooks) -> Reply:
    """List the ids that were accepted more than once."""
    _ = call
    return Reply(200, {"duplicates": state.duplicates()})


@control.post("/answers")
def add_answer(call: Call, state: Webhooks) -> Reply:
    """Set another answer than 204: {"status", "body"?, "headers"?, "path"?, "times"?}."""
    wish = read_object(call)
    made = state.answer(
        int(wish.get("status", 200)),
        wish.get("body"),
        path=str(wish.get("path", ANYWHERE)),
        headers={str(name): str(value) for name, value in wish.get("headers", {}).items()},
        times=wish.get("times"),
    )
    return Reply(201, _describe_answer(made))


@control.delete("/answers")
def forget_answers(call: Call, state: Webhooks) -> Reply:
    """Answer 204 again."""
    _ = call
    state.forget_answers()
    return Reply(204)


@control.put("/signatures")
def check_signatures(call: Call, state: Webhooks) -> Reply:
    """Check signatures: {"secrets": ["whsec_..."], "refuse": true}; an empty list ends it."""
    wish = read_object(call)
    state.check_signatures(wish["secrets"], refuse=bool(wish.get("refuse", False)))
    return Reply(200, {"secrets": len(state.secrets), "refuse": state.refuses_unsigned})


@control.patch("/workflows/{workflow}")
def change_workflow(call: Call, state: Webhooks) -> Reply:
    """Change a workflow: {"response": {"status": 200, "body": {...}}, "schema", "state", "too_slow"}."""
    workflow, wish = state.workflows[call["workflow"]], read_object(call)
    unknown = [name for name in wish if name not in _CHANGEABLE]
    if unknown:
        raise ValueError(f"no property {unknown[0]!r}; there are {', '.join(_CHANGEABLE)}")
    for name, value in wish.items():
        setattr(workflow, name, value)
    return Reply(200, _describe_workflow(workflow))


def _describe_answer(answer: Answer) -> Json:
    return {
        "path": answer.path,
        "status": answer.status,
        "headers": dict(answer.headers),
        "body": answer.body,
        "times": answer.times,
        "used": answer.used,
    }


def _describe_workflow(workflow: Workflow) -> Json:
    return {
        "id": workflow.id,
        "runs": len(workflow.runs),
        "schema": workflow.schema,
        "response": workflow.response,
        "state": workflow.state,
        "too_slow": workflow.too_slow,
    }
