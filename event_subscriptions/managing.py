"""What callers do with subscriptions: make, list, pause, resume, replay and delete them, and see what was delivered."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from event_subscriptions.feeds import Feeds, NotAllowedError
from event_subscriptions.store import Entry, SubscriptionStore
from event_subscriptions.subscription import EventSubscription, Reason, State, new_id
from event_subscriptions.targets.protocol import TargetKind
from event_subscriptions.waking import Waker
from shared.errors import Conflict, Forbidden, GatewayError, Invalid, NotFound
from shared.json_text import Json
from shared.time_zones.zones import utc_text

_log = logging.getLogger("gateway.subscriptions")

_NEEDS_A_PLACE = frozenset({Reason.EVENTS_LOST})


@dataclass(frozen=True)
class WantedSubscription:
    """What a caller wants to be told of, and where.

    `target`: what the caller sent of it, without `kind`. `since`: begin with the events since then, not with the next
    one. `id`: where it is not to be a new one.
    """

    connection: str
    feed: str
    events: tuple[str, ...]
    filters: Mapping[str, str]
    target_kind: str
    target: Json
    expires: datetime | None = None
    since: datetime | None = None
    id: str | None = None


@dataclass(frozen=True)
class Subscriptions:
    """The subscriptions of all connections, as callers handle them."""

    store: SubscriptionStore
    feeds: Feeds
    kinds: Mapping[str, TargetKind]
    waker: Waker

    def create(self, wanted: WantedSubscription, origin: str) -> EventSubscription:
        """Make a subscription, or return the one that has its id already. `origin`: the host of this gateway.

        The target is asked first whether it wants events. Raises what the kind of target and the feed raise.
        """
        if wanted.id is not None and (known := self.store.find(wanted.connection, wanted.id)) is not None:
            return known.subscription
        name, kind = wanted.id or new_id(), self.find_kind(wanted.target_kind)
        target = kind.read(wanted.target, name)
        kind.verify(target, origin)
        draft = EventSubscription(
            id=name,
            connection=wanted.connection,
            feed=wanted.feed,
            events=wanted.events,
            filters=wanted.filters,
            target_kind=wanted.target_kind,
            target=target,
            created=datetime.now(UTC),
            expires=wanted.expires,
            place=(),
        )
        subscription = replace(draft, place=self.feeds.begin(draft, wanted.since))
        if not self.store.create(subscription):
            return self.store.get(wanted.connection, name).subscription
        if wanted.since is not None:
            self._wake(subscription)
        return subscription

    def find_kind(self, name: str) -> TargetKind:
        """Return a kind of targets. Raises Invalid for an unknown one."""
        if name not in self.kinds:
            raise Invalid("There are no targets of this kind. Send https.", code="InvalidChoice", target="target.kind")
        return self.kinds[name]

    def get(self, connection: str, name: str) -> EventSubscription:
        """Return a subscription. Raises NotFound."""
        return self.store.get(connection, name).subscription

    def list_from(self, connection: str, after: str, limit: int) -> tuple[list[EventSubscription], str | None]:
        """Return subscriptions behind an id, and the id to go on from, None at the end."""
        found = [one.subscription for one in self.store.list_from(connection, after, limit + 1)]
        return found[:limit], found[limit - 1].id if len(found) > limit else None

    def delete(self, connection: str, name: str) -> None:
        """Remove a subscription and all that belongs to it; one that is not there stays so."""
        self.store.delete(connection, name)

    def pause(self, connection: str, name: str) -> EventSubscription:
        """Send nothing until somebody resumes it."""
        subscription = self._get_unended(connection, name)
        if subscription.state is State.PAUSED:
            return subscription
        now = datetime.now(UTC)
        return self.store.change(connection, name, state=State.PAUSED, reason=Reason.BY_HAND, state_since=now)

    def resume(self, connection: str, name: str) -> EventSubscription:
        """Go on where it stands, at once. Raises Conflict if events there are not kept any more."""
        subscription = self._get_unended(connection, name)
        if subscription.reason in _NEEDS_A_PLACE:
            raise Conflict(
                "Events were lost, because they are kept for 30 days. Use replay to say where to go on.",
                code="EventsLost",
            )
        self.feeds.keep([subscription])
        return self._activate(connection, name)

    def replay(self, connection: str, name: str, since: datetime) -> EventSubscription:
        """Send all events since a moment again, at once, and go on from there."""
        subscription = self._get_unended(connection, name)
        try:
            place = self.feeds.begin(subscription, since)
        except NotAllowedError as error:
            raise Forbidden(
                "The settings have the business or mailbox of this subscription no more. Let an administrator add it.",
                code="SubscriptionNotAllowed",
            ) from error
        return self._activate(connection, name, place=place)

    def rotate(self, connection: str, name: str) -> EventSubscription:
        """Give the target a new secret, beside which the old one holds for a day. Raises Invalid if it has none."""
        subscription = self._get_unended(connection, name)
        target = self.find_kind(subscription.target_kind).rotate(subscription.target, name)
        if subscription.reason is Reason.KEY_CHANGED:
            return self._activate(connection, name, target=target)
        return self.store.change(connection, name, target=target)

    def list_entries(self, connection: str, name: str, before: int | None, limit: int) -> list[Entry]:
        """Return entries of its list of deliveries, the latest first. Raises NotFound."""
        return self.store.list_entries(self.get(connection, name), before, limit)

    def show_secret(self, subscription: EventSubscription) -> str | None:
        """Return the secret by which its target knows the gateway; None without one."""
        return self.find_kind(subscription.target_kind).show_secret(subscription.target, subscription.id)

    def describe(self, subscription: EventSubscription) -> Json:
        """Return what callers see of a subscription."""
        kind = self.kinds.get(subscription.target_kind)
        target = kind.describe(subscription.target) if kind else {}
        return {
            "id": subscription.id,
            "state": subscription.state.value,
            **({"reason": subscription.reason.value} if subscription.reason else {}),
            "events": list(subscription.events),
            **subscription.filters,
            "target": {"kind": subscription.target_kind, **target},
            "createdDateTime": utc_text(subscription.created),
            "expiresDateTime": _text(subscription.expires),
            "stateSinceDateTime": _text(subscription.state_since or subscription.created),
            "deliveries": subscription.deliveries,
            "deliveredDateTime": _text(subscription.delivered_at),
            "lastEvent": subscription.last_event,
            "lastAnswer": subscription.last_answer,
            "failures": subscription.failures,
            "failingSinceDateTime": _text(subscription.failing_since),
            "nextAttemptDateTime": _text(subscription.due),
        }

    def _get_unended(self, connection: str, name: str) -> EventSubscription:
        subscription = self.get(connection, name)
        now = datetime.now(UTC)
        if subscription.expires is not None and subscription.expires <= now:
            raise NotFound("The subscription has expired. Make a new one.", code="SubscriptionNotFound", target="id")
        if subscription.state is State.ENDED:
            raise Conflict(
                "The subscription has ended, because its target wants no more events. Make a new one.",
                code="SubscriptionEnded",
            )
        return subscription

    def _activate(self, connection: str, name: str, **values: Any) -> EventSubscription:
        fresh = {"reason": None, "due": None, "failing_since": None, "failures": 0, "state_since": datetime.now(UTC)}
        changed = self.store.change(connection, name, state=State.ACTIVE, **(fresh | values))
        self._wake(changed)
        return changed

    def _wake(self, subscription: EventSubscription) -> None:
        """Ask for a run; if that fails, the timer does."""
        try:
            self.waker.ask_for(subscription.connection, [subscription.id])
        except GatewayError as error:
            _log.warning("a run of subscription %s could not be asked for: %s", subscription.id, error)


def describe_entry(entry: Entry) -> Json:
    """Return what callers see of an entry in the list of deliveries."""
    return {
        "number": entry.number,
        "eventId": entry.event,
        "type": entry.type,
        "outcome": entry.verdict,
        "answer": entry.answer,
        **({"status": entry.status} if entry.status is not None else {}),
        "attempts": entry.attempts,
        "attemptedDateTime": utc_text(entry.at),
    }


def _text(moment: datetime | None) -> str | None:
    return utc_text(moment) if moment else None
