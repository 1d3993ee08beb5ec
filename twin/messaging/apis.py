"""Two APIs on one state: sending to Service Bus, and publishing to Event Grid."""

import json
from typing import Any

from twin.core.api import Api
from twin.core.routes import Routes
from twin.core.wire import Call, Json, Refusal, Reply
from twin.messaging.control import control
from twin.messaging.state import (
    EVENT_GRID_RESOURCE,
    EVENT_GRID_SUFFIX,
    SERVICE_BUS_RESOURCE,
    SERVICE_BUS_SUFFIX,
    Message,
    Messaging,
)

_bus = Routes[Messaging]()
_grid = Routes[Messaging]()

_LARGEST_MESSAGE = 256 * 1024  # of the standard tier, headers included
_LARGEST_EVENT = 1024 * 1024
_LONGEST_ID = 128
_API_VERSION = "2018-01-01"
_BATCH, _SINGLE = "application/cloudevents-batch+json", "application/cloudevents+json"
_REQUIRED = ("id", "source", "type", "specversion")


@_bus.post("/{entity}/messages")
def send_message(call: Call, state: Messaging) -> Reply:
    """Send a message to a queue or topic."""
    host = state.hosts[call.host]
    sender = state.find_sender(call.headers.get("authorization", ""), host, SERVICE_BUS_RESOURCE)
    where = f"sb://{call.host}/{call['entity']}"
    if sender is None:
        raise _refuse_message(call, 401, "InvalidIssuer: Token issuer is invalid.")
    if sender not in host.senders:
        text = f"Unauthorized access. 'Send' claim(s) are required to perform this operation. Resource: '{where}'."
        raise _refuse_message(call, 401, text)
    entity = host.entities.get(call["entity"].lower())
    if entity is None:
        raise _refuse_message(call, 410, f"The messaging entity '{where}' could not be found.")
    properties = _read_properties(call)
    if entity.needs_session and not properties.get("SessionId"):
        raise _refuse_message(call, 400, "The SessionId was not set on a message, and it cannot be sent to the entity.")
    if len(call.body) + len(call.headers.get("brokerproperties", "")) > _LARGEST_MESSAGE:
        raise _refuse_message(call, 403, "The received message (delivery-id:0) exceeds the limit (262144 bytes).")
    entity.add(Message(properties, call.headers.get("content-type", ""), call.body))
    return Reply(201, None)


def _read_properties(call: Call) -> Json:
    try:
        found = json.loads(call.headers.get("brokerproperties") or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise _refuse_message(call, 400, "The BrokerProperties header is not valid JSON.")
    session, partition = found.get("SessionId"), found.get("PartitionKey")
    too_long = [name for name in ("MessageId", "SessionId", "PartitionKey") if len(found.get(name) or "") > _LONGEST_ID]
    if too_long or (session and partition and session != partition):
        raise _refuse_message(call, 400, f"A broker property is not valid: {too_long or ['PartitionKey']}.")
    return found


@_grid.post("/api/events")
def publish_events(call: Call, state: Messaging) -> Reply:
    """Publish CloudEvents to a topic."""
    host = state.hosts[call.host]
    sender = state.find_sender(call.headers.get("authorization", ""), host, EVENT_GRID_RESOURCE)
    if call.option("api-version") != _API_VERSION:
        raise _refuse_events(400, "BadRequest", "The api-version is missing or not supported.")
    if sender is None:
        raise _refuse_events(401, "Unauthorized", "The request did not contain a valid authorization token.")
    if sender not in host.senders:
        raise _refuse_events(
            403, "Forbidden", "The principal associated with access token presented does not have access."
        )
    if len(call.body) > _LARGEST_EVENT:
        raise _refuse_events(413, "RequestEntityTooLarge", "The maximum size (1048576) has been exceeded.")
    host.events += _read_events(call)
    return Reply(200, None)


def _read_events(call: Call) -> list[Json]:
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    text = (
        "This resource is configured to receive event in 'CloudEventV10' schema. The JSON received does not conform to "
        "the expected schema."
    )
    try:
        found: Any = call.json()
    except ValueError as error:
        raise _refuse_events(400, "InputJsonInvalid", text) from error
    events = found if isinstance(found, list) and kind == _BATCH else [found] if kind == _SINGLE else []
    is_whole = all(isinstance(one, dict) and all(one.get(name) for name in _REQUIRED) for one in events)
    if not events or not is_whole:
        raise _refuse_events(400, "InputJsonInvalid", text)
    return events


def _refuse_message(call: Call, status: int, detail: str) -> Refusal:
    where = f"TrackingId:{call.request_id}, SystemTracker:{call.host}, Timestamp:2026-01-01T00:00:00"
    text = f"<Error><Code>{status}</Code><Detail>{detail} {where}</Detail></Error>"
    return Refusal(Reply(status, text, {"content-type": "application/xml; charset=utf-8"}))


def _refuse_events(status: int, code: str, message: str) -> Refusal:
    error = {"code": code, "message": message, "details": [{"code": code, "message": message}]}
    return Refusal(Reply(status, {"error": error}))


def _exists(host: str, state: Messaging) -> bool:
    return host in state.hosts


SERVICE_BUS = Api(
    name="service-bus",
    hosts=(f"*.{SERVICE_BUS_SUFFIX}",),
    state=Messaging,
    routes=_bus,
    control=control,
    serves=_exists,
)
EVENT_GRID = Api(
    name="event-grid",
    hosts=(f"*.{EVENT_GRID_SUFFIX}",),
    state=Messaging,
    routes=_grid,
    serves=_exists,
)
