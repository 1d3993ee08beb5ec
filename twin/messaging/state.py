"""Queues and topics of Service Bus, topics of Event Grid, who may send to them, and what was sent."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from twin.core.wire import Json
from twin.entra.state import Entra
from twin.entra.tokens import read_token

if TYPE_CHECKING:
    from twin.world import World

SERVICE_BUS_RESOURCE = "https://servicebus.azure.net"
EVENT_GRID_RESOURCE = "https://eventgrid.azure.net"
SERVICE_BUS_SUFFIX = "servicebus.windows.net"
EVENT_GRID_SUFFIX = "westeurope-1.eventgrid.azure.net"


@dataclass(frozen=True, slots=True)
class Message:
    """A message in a queue or topic: its broker properties, content type and body."""

    properties: Json
    content_type: str
    body: bytes


@dataclass(slots=True)
class Entity:
    """A queue or topic of Service Bus.

    needs_session       refuses messages without SessionId
    detects_duplicates  drops a MessageId that it has seen; the sender is not told
    """

    needs_session: bool = False
    detects_duplicates: bool = False
    messages: list[Message] = field(default_factory=list)

    def add(self, message: Message) -> None:
        """Take a message in."""
        known = {one.properties.get("MessageId") for one in self.messages}
        if not (self.detects_duplicates and message.properties.get("MessageId") in known):
            self.messages.append(message)


@dataclass(slots=True)
class Host:
    """A namespace of Service Bus with its entities, or a topic of Event Grid with its events."""

    tenant_id: str
    senders: set[str] = field(default_factory=set)
    entities: dict[str, Entity] = field(default_factory=dict)
    events: list[Json] = field(default_factory=list)


class Messaging:
    """All namespaces and topics, by host name."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.hosts: dict[str, Host] = {}

    def add_host(self, host: str, tenant_id: str, *senders: str) -> Host:
        """Add a namespace or topic; `senders`: object ids with the role of a data sender."""
        made = Host(tenant_id, set(senders))
        self.hosts = {**self.hosts, host: made}
        return made

    def find_sender(self, authorization: str, host: Host, resource: str) -> str | None:
        """Return the object id of a sender, or None if its token is not valid here."""
        scheme, _, token = authorization.partition(" ")
        try:
            claims: dict[str, Any] = read_token(self.world.state(Entra), token) if scheme.lower() == "bearer" else {}
        except ValueError:
            return None
        is_valid = (str(claims.get("aud")).rstrip("/"), claims.get("tid")) == (resource, host.tenant_id)
        return str(claims.get("oid")) if is_valid else None
