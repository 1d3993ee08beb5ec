"""The instant triggers: the events and filters of the polling triggers, sent to a flow's callback as they happen.

Described from the polling ones, so that a kind has its words, its parameters and its items once. Designers know such a
trigger by the marked property of the body, and take what a run gets from `x-ms-notification-content` of the path.
"""

from collections.abc import Mapping
from typing import Any

from bookings.changes.kinds import UPCOMING
from devkit.connector import trigger_operations
from devkit.connector.operations import Operation, body, describe
from devkit.connector.parameters import path
from devkit.connector.shapes import Shape, text, thing

_POLLING, _INSTANT = "/triggers/", "/instant-triggers/"
_ONLY_POLLING = {"Expand", "TriggerState"}  # parameters
_ENDS = f"{_INSTANT}{{subscription}}"
_CALLED = "The flow is called as soon as the gateway knows."
_BODY = thing(
    {
        "callbackUrl": text(
            "Callback URL",
            "Where the flow is called, which is a secret of the flow's.",
            visibility="internal",
        )
        | {"x-ms-notification-url": True}
    },
    name="FlowCallback",
    required=["callbackUrl"],
)
_ANSWER = thing(
    {"subscription": text("Subscription", "The subscription that was made, for operators.")}, name="InstantTrigger"
)


def _list_polling() -> dict[str, Operation]:
    """Return the polling triggers that have an instant one, by path: that somebody starts soon is no event."""
    found = trigger_operations.OPERATIONS.items()
    return {path: item["get"] for path, item in found if not path.endswith(f"/{UPCOMING}")}


def _subscribe(polling: Operation) -> Operation:
    return describe(
        f"{polling['operationId']}Instantly",
        f"{polling['summary']} (instant)",
        f"{polling['description']} {_CALLED}",
        _ANSWER,
        parameters=[
            *(each for each in polling["parameters"] if each.get("$ref", "").rpartition("/")[2] not in _ONLY_POLLING),
            body(_BODY),
        ],
        status=201,
        answer_text="The flow is called from now on.",
        writes=True,
        x_ms_trigger="single",
        x_ms_trigger_hint=polling["x-ms-trigger-hint"],
    )


def _describe_item(polling: Operation) -> Shape:
    """Return what one run gets: one of the items that the polling trigger answers with."""
    items = polling["responses"]["200"]["schema"]["properties"]["value"]["items"]
    return {"description": "What happened; the flow runs once for it.", "schema": items}


OPERATIONS: dict[str, dict[str, Operation]] = {
    path.replace(_POLLING, _INSTANT): {"post": _subscribe(polling)} for path, polling in _list_polling().items()
} | {
    _ENDS: {
        "delete": describe(
            "EndInstantTrigger",
            "End an instant trigger",
            "Ends the calls to a flow, when it is turned off, changed or deleted.",
            None,
            parameters=[path("subscription", "Subscription", "The subscription, as its Location names it.")],
            status=204,
            answer_text="The flow is not called any more.",
            visibility="internal",
            failing=(400, 404, 429, 500, 503),
            tags=["For designers"],
        )
    }
}
NOTIFICATIONS: Mapping[str, dict[str, Any]] = {
    path.replace(_POLLING, _INSTANT): _describe_item(polling) for path, polling in _list_polling().items()
}
