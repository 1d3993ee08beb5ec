"""The target Service Bus: each event is one message in a queue or topic, sent over HTTPS as the app's identity.

MessageId is the event's id, so that a queue or topic that detects duplicates drops a second sending; SessionId is what
must stay in order, so that entities with sessions hand it out in order and others are not hurt. The body is the event
as CloudEvents JSON.

Source: Service Bus REST, "Send Message" (201; 400, 401, 403, 410, 500) and "Message headers and properties" (at most
128 characters for ids).
"""

import hashlib
import json
from collections.abc import Callable

from event_subscriptions.targets.azure import AzureKind
from event_subscriptions.targets.exchange import never_gone, post
from event_subscriptions.targets.protocol import OutgoingEvent, SendOutcome, Target
from shared.json_text import Json
from shared.settings.event_targets import AllowedTargets, AzureTarget
from shared.transport import Transport

RESOURCE = "https://servicebus.azure.net"
CONTENT_TYPE = "application/cloudevents+json"
_LONGEST_ID = 128


class ServiceBusKind(AzureKind):
    """Queues and topics as targets; `read_token` returns a token for a resource."""

    def __init__(self, transport: Transport, read_token: Callable[[str], str], allowed: AllowedTargets) -> None:
        super().__init__(AzureTarget.SERVICE_BUS, "url", allowed)
        self._transport = transport
        self._read_token = read_token

    def open(self, settings: Json, subscription: str) -> Target:
        """Return the queue or topic. Raises NoTargetError if the settings do not allow it any more."""
        del subscription
        return _Entity(self._transport, self._read_token, self.find_address(settings))


class _Entity:
    def __init__(self, transport: Transport, read_token: Callable[[str], str], url: str) -> None:
        self._transport = transport
        self._read_token = read_token
        self._url = make_url(url)

    def send(self, event: OutgoingEvent) -> SendOutcome:
        """Send one message."""
        order = _shorten(event.order)
        properties = {"MessageId": _shorten(event.id), "SessionId": order, "PartitionKey": order, "Label": event.type}
        headers = {"Content-Type": CONTENT_TYPE, "BrokerProperties": json.dumps(properties)}
        return post(
            self._transport,
            self._url,
            headers=headers,
            body=event.body,
            is_gone=never_gone,
            authorization=f"Bearer {self._read_token(RESOURCE)}",
        )


def make_url(address: str) -> str:
    """Return where messages are sent to."""
    return f"{address}/messages"


def _shorten(text: str) -> str:
    """Return an id that is short enough, the same for the same text."""
    return text if len(text) <= _LONGEST_ID and text.isascii() else hashlib.sha256(text.encode()).hexdigest()
