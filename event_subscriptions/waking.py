"""Who asks for runs: the feed that has grown, and the timer, which finds what was lost and what is over."""

import logging
from collections.abc import Iterable
from contextlib import suppress

from event_subscriptions import clock
from event_subscriptions.delivering import may_run
from event_subscriptions.feeds import Feeds, NotAllowedError
from event_subscriptions.messages import EventRequest, JsonQueue, share_requests
from event_subscriptions.store import Stored, SubscriptionStore
from event_subscriptions.subscription import EventSubscription, State
from shared.errors import Conflict, GatewayError, place_of

_log = logging.getLogger("gateway.subscriptions")


_MOST_AT_ONCE = 20


class Waker:
    """Asks for runs of the subscriptions of a feed that has grown."""

    def __init__(self, store: SubscriptionStore, queue: JsonQueue) -> None:
        self._store = store
        self._queue = queue

    def wake(self, connection: str, feed: str) -> None:
        """Ask for a run of each active subscription of a feed. A failure is logged: the timer asks later.

        If there are many, one message asks for all, so that whoever has noticed the change need not wait.
        """
        try:
            found = self._store.list_active(connection, feed)
            if len(found) > _MOST_AT_ONCE:
                self._queue.put(EventRequest(connection, (), feed=feed).to_json())
            else:
                self.ask_for(connection, found)
        except GatewayError as error:
            _log.warning("the subscriptions of %s, %s could not be woken: %s", connection, feed, error)

    def wake_each(self, connection: str, feed: str) -> None:
        """Ask for a run of each active subscription of a feed, however many there are."""
        self.ask_for(connection, self._store.list_active(connection, feed))

    def ask_for(self, connection: str, names: list[str]) -> None:
        """Ask for a run of each of these subscriptions."""
        for request in share_requests(connection, names):
            self._queue.put(request.to_json())


def sweep(store: SubscriptionStore, feeds: Feeds, waker: Waker, connections: Iterable[str]) -> None:
    """Do the timer's work: remove what is over, keep the feeds of the others, and ask for runs that are missing.

    A subscription without news costs the thousandth part of a request, and its feed one row.
    """
    for connection in connections:
        try:
            _sweep_connection(store, feeds, waker, connection)
        except GatewayError as error:
            _log.warning("the subscriptions of connection %s could not be looked at: %s", connection, error)
        except Exception as error:  # noqa: BLE001 - the other connections are not at fault
            _log.error("the subscriptions of connection %s could not be looked at: %s", connection, place_of(error))


def _sweep_connection(store: SubscriptionStore, feeds: Feeds, waker: Waker, connection: str) -> None:
    now = clock.now()
    active: list[Stored] = []
    kept: list[EventSubscription] = []
    for stored in store.list_from(connection, ""):
        subscription = stored.subscription
        if subscription.expires is not None and subscription.expires <= now:
            with suppress(Conflict):  # the next look deletes it
                store.delete(connection, subscription.id)
            continue
        kept += [subscription] if subscription.state is not State.ENDED else []
        active += [stored] if subscription.state is State.ACTIVE else []
    feeds.keep(kept)
    waiting = [
        stored.subscription for stored in active if may_run(stored.subscription, now) and not stored.is_held(now)
    ]
    waker.ask_for(connection, _find_behind(feeds, waiting))


def _find_behind(feeds: Feeds, subscriptions: Iterable[EventSubscription]) -> list[str]:
    """Return the ids of those whose feed has grown, or who have to be told that it is not theirs any more."""
    reader, behind = feeds.open(), list[str]()
    for subscription in subscriptions:
        try:
            is_behind = reader.is_behind(subscription)
        except NotAllowedError:
            is_behind = True
        except GatewayError as error:
            _log.warning("the feed of subscription %s could not be looked at: %s", subscription.id, error)
            continue
        if is_behind:
            behind.append(subscription.id)
    return behind
