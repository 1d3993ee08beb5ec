"""The contract between the engine of event subscriptions and the targets to which it sends events.

The engine calls `Target.send` for one event after the other, never for two of one subscription at once. An event whose
outcome is not `ACCEPTED` is sent again with the same id, before any later one. `send` raises nothing for what the
target answers or fails to answer: that is its `SendOutcome`. A GatewayError means that the gateway could not try.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from event_subscriptions.subscription import Reason
from shared.cloud_events import make_event, write_event
from shared.json_text import Json


class Verdict(StrEnum):
    """What is known of one attempt to send an event. The values are stored and shown."""

    ACCEPTED = "accepted"
    GONE = "gone"
    """The target wants no more events, for ever: the subscription ends."""
    UNAVAILABLE = "unavailable"
    """The target did not take the event, or could not be reached."""
    UNKNOWN = "outcomeUnknown"
    """Sent, but no answer to trust came back."""


@dataclass(frozen=True)
class OutgoingEvent:
    """One event as it is sent. `id` is the same at every attempt.

    `type`: such as `appointment.created`. `source` and `subject` say of what (`/gateway/bookings/{business}`, the id of
    the appointment). `order`: events with the same text must stay in order. `data`: what a polling trigger answers for
    it.
    """

    id: str
    type: str
    source: str
    subject: str
    time: datetime
    order: str
    data: Json = field(repr=False)

    @property
    def body(self) -> bytes:
        """The event as one CloudEvents 1.0 JSON object (structured mode)."""
        return write_event(
            make_event(
                id=self.id, source=self.source, type=self.type, time=self.time, subject=self.subject, data=self.data
            )
        )


@dataclass(frozen=True)
class SendOutcome:
    """How an attempt ended. `answer` is a short text for the list of event deliveries, without any secret.

    `retry_after`: for how many seconds the target asks to wait. `status`: of HTTP, where there is one.
    """

    verdict: Verdict
    answer: str
    status: int | None = None
    retry_after: float | None = None


class NoTargetError(Exception):
    """The target of a subscription cannot be used any more: the subscription is paused for this reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Target(Protocol):
    """Sends events to the target of one subscription."""

    def send(self, event: OutgoingEvent) -> SendOutcome:
        """Try once, within the time of the call (`shared.context`), ten seconds at most."""


class TargetKind(Protocol):
    """One kind of targets.

    `settings` is what the subscription's row keeps of the target: JSON, in which secrets are sealed.

    `is_public`: callers may name such a target in `POST subscriptions`.
    """

    is_public: bool

    def read(self, given: Json, subscription: str) -> Json:
        """Return the settings of what a caller sent in `target`, for the subscription with this id.

        Raises Invalid or Forbidden.
        """

    def verify(self, settings: Json, origin: str) -> None:
        """Prove that the target wants events of this gateway (`origin`: its host). Raises Invalid or Unavailable."""

    def open(self, settings: Json, subscription: str) -> Target:
        """Return the target of the subscription with this id. Opens no connection. Raises NoTargetError."""

    def describe(self, settings: Json) -> Json:
        """Return what callers may see of the settings, without `kind`."""

    def show_secret(self, settings: Json, subscription: str) -> str | None:
        """Return the secret by which the target knows the gateway, for the answer that makes it; None without one."""

    def rotate(self, settings: Json, subscription: str) -> Json:
        """Return the settings with a new secret, beside which the old one holds for a day. Raises Invalid."""
