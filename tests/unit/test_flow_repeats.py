"""What a step creates is not created again because an answer got lost."""

from typing import Any

import pytest

from devkit.flows.check_repeats import check_repeats
from devkit.flows.connectors import load_connectors
from devkit.flows.sources import Flow

CONNECTORS = load_connectors()
NEVER = {"type": "none"}
KEY = {"Idempotency-Key": "@workflow()?['run']?['name']"}


def complaints(name: str, operation: str, policy: Any = None, **parameters: Any) -> list[str]:
    inputs = {"host": {"connectionName": name, "operationId": operation}, "parameters": parameters}
    step = {"type": "OpenApiConnection", "inputs": inputs | ({"retryPolicy": policy} if policy else {}), "runAfter": {}}
    later = {"type": "Scope", "actions": {"Again": step}, "runAfter": {"Step": ["Failed"]}}
    definition = {"triggers": {"Begin": {"type": "Request"}}, "actions": {"Step": step, "Later": later}}
    references = {name: {"api": {"name": name}}}
    flow = Flow("small", {"properties": {"definition": definition, "connectionReferences": references}})
    found = check_repeats(flow, CONNECTORS)
    assert {one.place for one in found} <= {"Step"}, "what runs after a failure only tells of it"
    return [one.message for one in found]


def fixed(count: int) -> dict[str, Any]:
    return {"type": "fixed", "count": count, "interval": "PT20S"}


@pytest.mark.parametrize(
    ("name", "operation", "policy", "parameters", "words"),
    [
        ("shared_sharepointonline", "PostItem", None, {}, "done 5 times"),
        ("shared_sharepointonline", "PostItem", fixed(1), {}, "done 2 times"),
        ("shared_sharepointonline", "PostItem", NEVER, {}, None),
        ("shared_sharepointonline", "CreateAttachment", None, {}, "done 5 times"),
        ("shared_sharepointonline", "PatchItem", None, {}, None),
        ("shared_sharepointonline", "GetItems", None, {}, None),
        ("shared_office365", "SendEmailV2", None, {}, "sent 5 times"),
        ("shared_office365", "SendEmailV2", fixed(2), {}, "sent 3 times"),
        ("shared_office365", "SendEmailV2", fixed(1), {}, None),
        ("shared_teams", "PostMessageToConversation", NEVER, {}, None),
        ("shared_commondataserviceforapps", "PerformUnboundAction", None, {}, None),
        ("shared_gateway", "CreateAppointment", None, {}, "without Idempotency-Key"),
        ("shared_gateway", "CreateAppointment", NEVER, {}, None),
        ("shared_gateway", "CreateAppointment", fixed(2), KEY, None),
        ("shared_gateway", "PollMailbox", None, {}, None),
    ],
)
def test_what_may_be_done_twice_is_seen(
    name: str, operation: str, policy: Any, parameters: dict[str, Any], words: str | None
) -> None:
    found = complaints(name, operation, policy, **parameters)
    assert (found == []) if words is None else words in found[0]
