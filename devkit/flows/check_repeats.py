"""Check that what is done is not done again because an answer got lost.

The engine repeats a call after 408, 429, 5xx and a broken connection, as often as the retry policy says, whatever the
call does ("Handle errors and exceptions in Azure Logic Apps"). What creates something must say by a key that it is the
same call, or not be repeated: then the run fails, and a resubmitted one looks first. One message too many does less
harm than one too few, so these may be repeated once.
"""

from collections.abc import Iterator

from devkit.flows.complaints import Complaint
from devkit.flows.connectors import GATEWAY, Connector, Operation
from devkit.flows.outcomes import find_outcomes
from devkit.flows.shapes import Shapes
from devkit.flows.sources import CONNECTED, Flow, Json

MESSAGES = frozenset({"SendEmailV2", "SharedMailboxSendEmailV2", "PostMessageToConversation", "SendSupportMail"})
_READING = frozenset({"PerformUnboundAction"})
_KEY = "Idempotency-Key"
_BY_DEFAULT = 4

type Found = tuple[str, str, str]  # rule, place, message


def check_repeats(flow: Flow, connectors: dict[str, Connector]) -> list[Complaint]:
    """Return the steps that may do something several times. Steps for failures only are left out."""
    return [Complaint(flow.name, *found) for found in _check_calls(flow, Shapes(flow, connectors))]


def _check_calls(flow: Flow, shapes: Shapes) -> Iterator[Found]:
    usual = {name for outcome in find_outcomes(flow, {}) for name in outcome.steps if outcome.has_run(name)}
    for step in flow.steps:
        if step.action["type"] not in CONNECTED or step.name not in usual:
            continue
        inputs = step.action["inputs"]
        found = shapes.find_called(inputs["host"])
        if found is None or found[1].method != "post":
            continue
        message = _judge(*found, inputs)
        if message:
            yield "twice", step.name, message


def _judge(connector: Connector, operation: Operation, inputs: Json) -> str:
    repeats = _count_repeats(inputs)
    if connector.name == GATEWAY:
        needs_key = _KEY in connector.list_inputs(operation) and not inputs.get("parameters", {}).get(_KEY)
        return f"is repeated by the engine, and without {_KEY} it would be done again" if needs_key and repeats else ""
    if operation.id in MESSAGES:
        return f"may be sent {repeats + 1} times: one retry at most" if repeats > 1 else ""
    if operation.id not in _READING and repeats:
        return f"may be done {repeats + 1} times if answers get lost: retryPolicy none, and look first"
    return ""


def _count_repeats(inputs: Json) -> int:
    policy = inputs.get("retryPolicy", {})
    kind = str(policy.get("type", "default")).lower()
    return 0 if kind == "none" else _BY_DEFAULT if kind == "default" else int(policy.get("count", _BY_DEFAULT))
