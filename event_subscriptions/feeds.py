"""What the engine needs of the feeds that subscriptions follow; the feeds themselves belong to their features."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from event_subscriptions.subscription import EventSubscription
from event_subscriptions.targets.protocol import OutgoingEvent

type Place = Sequence[Any]


class PlaceLostError(Exception):
    """Events behind a place are not kept any more, or the feed began anew."""


class NotAllowedError(Exception):
    """The settings have the business or the mailbox of a subscription no more."""


@dataclass(frozen=True)
class Page:
    """Events in order, each with the place behind it; the place to go on from, and whether more are waiting."""

    events: Sequence[tuple[OutgoingEvent, Place]]
    place: Place
    has_more: bool


class Reader(Protocol):
    """Reads feeds as they stood when it first looked: for one run, whose subscriptions share what it reads."""

    def read(self, subscription: EventSubscription, limit: int) -> Page:
        """Return the events behind the subscription's place. Raises PlaceLostError and NotAllowedError."""

    def is_behind(self, subscription: EventSubscription) -> bool:
        """Return whether its feed has grown behind its place. Raises NotAllowedError."""


class Feeds(Protocol):
    """The feeds of all connections."""

    def open(self) -> Reader:
        """Return a reader that has read nothing yet."""

    def begin(self, subscription: EventSubscription, since: datetime | None) -> Place:
        """Return where a subscription begins: behind the newest event, or before those since a moment.

        Raises Invalid for a moment before which events are not kept, and what the feed raises.
        """

    def keep(self, subscriptions: Sequence[EventSubscription]) -> None:
        """Let the feeds of these subscriptions be kept, also while nobody else asks for them."""
