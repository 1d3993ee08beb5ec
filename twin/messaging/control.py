"""Control routes of queues and topics: what was sent, and who may send."""

import json

from twin.core.control import read_object
from twin.core.routes import Routes
from twin.core.wire import Call, Json, Reply
from twin.messaging.state import Entity, Messaging

control = Routes[Messaging]("/messaging")


@control.get("")
def show_hosts(call: Call, state: Messaging) -> Reply:
    """Show every namespace and topic with what was sent to it."""
    _ = call
    return Reply(
        200,
        {
            name: {
                "senders": sorted(host.senders),
                "entities": {entity: _describe(found) for entity, found in host.entities.items()},
                "events": host.events,
            }
            for name, host in state.hosts.items()
        },
    )


@control.patch("/{host}")
def change_senders(call: Call, state: Messaging) -> Reply:
    """Say who may send: {"senders": ["<object id>"]}."""
    state.hosts[call["host"]].senders = {str(one) for one in read_object(call)["senders"]}
    return Reply(204)


def _describe(entity: Entity) -> list[Json]:
    return [{"properties": one.properties, "json": json.loads(one.body)} for one in entity.messages]
