"""An event subscription: what it is about, where its events go, and how it stands."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.json_text import Json


class State(StrEnum):
    """How a subscription stands. The values are stored and shown."""

    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class Reason(StrEnum):
    """Why a subscription is paused or has ended. The values are stored and shown."""

    BY_HAND = "byHand"
    TARGET_UNAVAILABLE = "targetUnavailable"
    """Nothing was accepted for three days."""
    EVENTS_LOST = "eventsLost"
    """Events that were not delivered are not kept any more: `replay` says where to go on."""
    KEY_CHANGED = "signingKeyChanged"
    """The state key was replaced: a new secret has to be made."""
    NOT_ALLOWED = "notAllowed"
    """The settings allow the business, the mailbox or the target no more."""
    TARGET_GONE = "targetGone"
    """The target wants no more events."""


@dataclass(frozen=True)
class EventSubscription:
    """One subscription. `feed` names the feed that it follows (`event_subscriptions.feeds`).

    `events`: types such as `appointment.created`. `filters`: texts by name, such as `service`. `place` is where the
    next event is looked for: JSON that its feed understands. `failing_since` and `failures`: of the event that waits.
    `due`: not tried before. `deliveries`: how many entries its list of deliveries ever had. `last_event`: the type of
    the event that was tried last.
    """

    id: str
    connection: str
    feed: str
    events: tuple[str, ...]
    filters: Mapping[str, str]
    target_kind: str
    target: Json = field(repr=False)
    created: datetime
    expires: datetime | None
    place: Sequence[Any]
    state: State = State.ACTIVE
    reason: Reason | None = None
    state_since: datetime | None = None
    due: datetime | None = None
    failing_since: datetime | None = None
    failures: int = 0
    deliveries: int = 0
    delivered_at: datetime | None = None
    last_event: str | None = None
    last_answer: str | None = None


def new_id() -> str:
    """Return an id that nobody can guess."""
    return secrets.token_hex(16)
