"""The target Event Grid: each event is published to a custom topic with the CloudEvents schema, as the app's identity.

Event Grid keeps no order: a handler that needs it goes by the event's time.

Source: "Publish events to Azure Event Grid custom topics", "CloudEvents schema" (a list as
application/cloudevents-batch+json; 200; 400, 401, 404, 413).
"""

from collections.abc import Callable

from event_subscriptions.targets.azure import AzureKind
from event_subscriptions.targets.exchange import never_gone, post
from event_subscriptions.targets.protocol import OutgoingEvent, SendOutcome, Target
from shared.json_text import Json
from shared.settings.event_targets import AllowedTargets, AzureTarget
from shared.transport import Transport

RESOURCE = "https://eventgrid.azure.net"
CONTENT_TYPE = "application/cloudevents-batch+json; charset=utf-8"
_PATH = "/api/events?api-version=2018-01-01"


class EventGridKind(AzureKind):
    """Custom topics as targets; `read_token` returns a token for a resource."""

    def __init__(self, transport: Transport, read_token: Callable[[str], str], allowed: AllowedTargets) -> None:
        super().__init__(AzureTarget.EVENT_GRID, "url", allowed)
        self._transport = transport
        self._read_token = read_token

    def open(self, settings: Json, subscription: str) -> Target:
        """Return the topic. Raises NoTargetError if the settings do not allow it any more."""
        del subscription
        return _Topic(self._transport, self._read_token, self.find_address(settings))


class _Topic:
    def __init__(self, transport: Transport, read_token: Callable[[str], str], url: str) -> None:
        self._transport = transport
        self._read_token = read_token
        self._url = make_url(url)

    def send(self, event: OutgoingEvent) -> SendOutcome:
        """Publish one event."""
        return post(
            self._transport,
            self._url,
            headers={"Content-Type": CONTENT_TYPE},
            body=b"[" + event.body + b"]",
            is_gone=never_gone,
            authorization=f"Bearer {self._read_token(RESOURCE)}",
        )


def make_url(address: str) -> str:
    """Return where events are published."""
    return f"{address}{_PATH}"
