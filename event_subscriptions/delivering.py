"""One run of a subscription: its events are sent in order, and its place follows what the target accepted.

A run first looks whether there is anything to send, and only then claims the subscription, so that no other run sends
for it. The place is written with the list of deliveries, in one transaction, at the latest every few seconds. So a
process that dies has sent a few events whose acceptance nobody recorded: they are sent again, with the same ids.
"""

import logging
import random
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from event_subscriptions import clock
from event_subscriptions.feeds import Feeds, NotAllowedError, Page, Place, PlaceLostError, Reader
from event_subscriptions.messages import EventRequest, JsonQueue
from event_subscriptions.store import Entry, Stored, SubscriptionStore
from event_subscriptions.subscription import EventSubscription, Reason, State
from event_subscriptions.targets.protocol import (
    NoTargetError,
    OutgoingEvent,
    SendOutcome,
    Target,
    TargetKind,
    Verdict,
)
from shared import context
from shared.errors import GatewayError, place_of
from shared.events import Event, log_event
from shared.retry import space_tries
from shared.workers import Workers

_log = logging.getLogger("gateway.subscriptions")

PATIENCE = timedelta(days=3)
KEPT_AFTER_END = timedelta(days=7)
SECONDS = 25.0  # of one run of one subscription; the rest is asked for again
_SEND_SECONDS = 15.0
_CLAIM = timedelta(seconds=90)  # longer than a run and its last sending
_PAGE = 50
_MOST_UNSAVED, _SAVE_EVERY = 20, 3.0
_FIRST_WAIT, _LONGEST_WAIT = 5.0, 3 * 3600.0
_OWN_TROUBLE_WAIT = 60.0
_TOLERANCE = timedelta(seconds=2)  # a queue counts its delays in whole seconds
_AT_ONCE = 20
_TRIES = 6


class WakesEach(Protocol):
    """What asks for the runs of a feed's subscriptions (`waking.Waker`)."""

    def wake_each(self, connection: str, feed: str) -> None:
        """Ask for a run of each active subscription of a feed."""


@dataclass(frozen=True)
class EventDeliverer:
    """Sends the events of subscriptions."""

    store: SubscriptionStore
    feeds: Feeds
    kinds: Mapping[str, TargetKind]
    queue: JsonQueue
    waker: WakesEach

    def deliver_all(self, request: EventRequest) -> None:
        """Make a run of each subscription side by side, so that a slow target holds up only its own."""
        if request.feed is not None:
            self.waker.wake_each(request.connection, request.feed)
            return
        reader = self.feeds.open()
        names = list(dict.fromkeys(request.subscriptions))
        Workers(min(_AT_ONCE, len(names)) or 1).map(
            lambda name: self._deliver_safely(request.connection, name, reader), names
        )

    def _deliver_safely(self, connection: str, name: str, reader: Reader) -> None:
        """Make a run; a failure of the gateway's own is logged, and the run is asked for again."""
        try:
            self.deliver(connection, name, reader)
        except GatewayError as error:
            _log.warning("the events of subscription %s could not be sent: %s", name, error)
        except Exception as error:  # noqa: BLE001 - the other subscriptions are not at fault
            _log.error("the events of subscription %s could not be sent: %s", name, place_of(error))
        else:
            return
        self._ask_again(connection, name, _OWN_TROUBLE_WAIT)

    def deliver(self, connection: str, name: str, reader: Reader) -> None:
        """Send what waits for a subscription, as far as the time of one run goes."""
        ends = time.monotonic() + min(SECONDS, context.remaining())
        while not self._deliver_some(connection, name, reader, ends):
            if time.monotonic() >= ends:
                self._ask_again(connection, name, 0)
                return
            reader = self.feeds.open()  # its feed may have grown meanwhile

    def _deliver_some(self, connection: str, name: str, reader: Reader, ends: float) -> bool:
        """Send the next events; return whether the run ends with that."""
        stored, now = self.store.find(connection, name), clock.now()
        if stored is None or not may_run(stored.subscription, now):
            return True
        try:
            page = reader.read(stored.subscription, _PAGE)
        except (PlaceLostError, NotAllowedError) as error:
            self._pause(stored, Reason.EVENTS_LOST if isinstance(error, PlaceLostError) else Reason.NOT_ALLOWED)
            return True
        if stored.is_held(now):
            return not page.events or self.store.ask(stored)
        if page.events:
            claimed = self.store.claim(stored, uuid.uuid4().hex, now + _CLAIM)
            return claimed is not None and _Run(self, claimed, ends).send(page)
        if list(page.place) == list(stored.subscription.place):
            return True
        moved = replace(stored.subscription, place=page.place)
        return self.store.save(replace(stored, subscription=moved)) is not None and not page.has_more

    def open_target(self, subscription: EventSubscription) -> Target:
        """Return the target of a subscription. Raises NoTargetError if there is none any more."""
        kind = self.kinds.get(subscription.target_kind)
        if kind is None:
            raise NoTargetError(Reason.NOT_ALLOWED)
        return kind.open(subscription.target, subscription.id)

    def _ask_again(self, connection: str, name: str, delay: float) -> None:
        """Ask for another run; if that fails, the timer will."""
        try:
            self.queue.put(EventRequest(connection, (name,)).to_json(), delay=delay)
        except GatewayError as error:
            _log.warning("a run of subscription %s could not be asked for: %s", name, error)

    def wait_for(self, subscription: EventSubscription, seconds: float) -> None:
        """Ask for the run that tries again."""
        self._ask_again(subscription.connection, subscription.id, seconds)

    def _pause(self, stored: Stored, reason: Reason) -> None:
        """Pause a subscription."""
        stopped = stop(stored.subscription, State.PAUSED, reason)
        if self.store.save(replace(stored, subscription=stopped, holder=None, held_until=None)) is not None:
            report_stop(stopped)


class _Run:
    """The run that holds a subscription: what it has sent and not written yet."""

    def __init__(self, deliverer: EventDeliverer, stored: Stored, ends: float) -> None:
        self._deliverer = deliverer
        self._stored = stored
        self._ends = ends
        self._entries: list[Entry] = []
        self._saved_at = time.monotonic()

    @property
    def _subscription(self) -> EventSubscription:
        return self._stored.subscription

    def send(self, page: Page) -> bool:
        """Send the events of a page; return whether the run ends with that: nothing is left, or it has to wait."""
        try:
            return self._send_to(self._deliverer.open_target(self._subscription), page)
        except NoTargetError as error:
            return self._finish(stop(self._subscription, State.PAUSED, error.reason))
        except Exception:  # the next run need not wait for the end of the claim
            self._release(is_done=True)
            raise

    def _send_to(self, target: Target, page: Page) -> bool:
        for number, (event, place) in enumerate(page.events):
            if number and time.monotonic() >= self._ends:
                return self._release(is_done=False)
            with context.within(_SEND_SECONDS):
                outcome = target.send(event)
            is_accepted = self._note(event, place, outcome)
            if not is_accepted:
                return self._give_way(outcome)
            if self._is_save_due() and not self._save():
                return True
        self._stored = replace(self._stored, subscription=replace(self._subscription, place=page.place))
        return self._release(is_done=not page.has_more)

    def _note(self, event: OutgoingEvent, place: Place, outcome: SendOutcome) -> bool:
        """Note how an attempt ended; return whether the target accepted the event."""
        now, before = clock.now(), self._subscription
        number = before.deliveries + (before.failures == 0)
        is_accepted = outcome.verdict is Verdict.ACCEPTED
        after = replace(
            before,
            deliveries=number,
            last_event=event.type,
            last_answer=outcome.answer,
            place=place if is_accepted else before.place,
            failures=0 if is_accepted else before.failures + 1,
            failing_since=None if is_accepted else before.failing_since or now,
            delivered_at=now if is_accepted else before.delivered_at,
            due=None,
        )
        attempt = Entry(
            number=number,
            event=event.id,
            type=event.type,
            at=now,
            verdict=outcome.verdict.value,
            answer=outcome.answer,
            status=outcome.status,
            attempts=before.failures + 1,
        )
        self._entries.append(attempt)
        self._stored = replace(self._stored, subscription=after)
        return is_accepted

    def _give_way(self, outcome: SendOutcome) -> bool:
        """End the run at an event that was not accepted: try again later, pause, or end the subscription."""
        now, subscription = clock.now(), self._subscription
        if outcome.verdict is Verdict.GONE:
            return self._finish(stop(subscription, State.ENDED, Reason.TARGET_GONE))
        if now - (subscription.failing_since or now) >= PATIENCE:
            kind = self._deliverer.kinds[subscription.target_kind]
            state = State.PAUSED if kind.is_public else State.ENDED  # nobody could resume it
            return self._finish(stop(subscription, state, Reason.TARGET_UNAVAILABLE))
        wait = find_wait(subscription.failures, outcome.retry_after)
        self._stored = replace(self._stored, subscription=replace(subscription, due=now + timedelta(seconds=wait)))
        self._release(is_done=True)
        self._deliverer.wait_for(subscription, wait)
        return True

    def _finish(self, stopped: EventSubscription) -> bool:
        self._stored = replace(self._stored, subscription=stopped)
        if self._write(is_held=False):
            report_stop(stopped)
        return True

    def _release(self, *, is_done: bool) -> bool:
        """Give the subscription free; return whether the run ends: not if somebody asked for another look."""
        if not self._write(is_held=False):
            return True
        return is_done and not self._stored.is_asked

    def _is_save_due(self) -> bool:
        return len(self._entries) >= _MOST_UNSAVED or time.monotonic() - self._saved_at > _SAVE_EVERY

    def _save(self) -> bool:
        return self._write(is_held=True)

    def _write(self, *, is_held: bool) -> bool:
        """Write place and list; False if the subscription belongs to this run no more.

        Somebody who asked for another look has changed the row, and nothing else in it.
        """
        held = self._stored if is_held else replace(self._stored, holder=None, held_until=None)
        own, is_asked = replace(held, is_asked=False), self._stored.is_asked
        for _ in space_tries(_TRIES):
            if (saved := self._deliverer.store.save(own, self._entries)) is not None:
                self._stored = replace(saved, is_asked=is_asked)
                self._entries, self._saved_at = [], time.monotonic()
                return True
            found = self._deliverer.store.find(self._subscription.connection, self._subscription.id)
            if found is None or found.holder != self._stored.holder:
                break
            own, is_asked = replace(own, etag=found.etag), is_asked or found.is_asked
        _log.info("subscription %s was taken over or changed", self._subscription.id)
        return False


def may_run(subscription: EventSubscription, now: datetime) -> bool:
    """Return whether events may be sent now."""
    is_over = subscription.expires is not None and subscription.expires <= now
    waits = subscription.due is not None and subscription.due - now > _TOLERANCE
    return subscription.state is State.ACTIVE and not is_over and not waits


def find_wait(failures: int, asked_for: float | None) -> float:
    """Return the seconds before the next attempt: any time up to a bound that doubles, at least what is asked for."""
    bound = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(failures, 20))
    return max(1.0, asked_for or 0.0, random.uniform(0, bound))  # noqa: S311 - spreads load, guards nothing


def stop(subscription: EventSubscription, state: State, reason: Reason) -> EventSubscription:
    """Return a subscription that is paused or has ended; one that has ended is kept for a week."""
    now = clock.now()
    last = now + KEPT_AFTER_END
    expires = subscription.expires if state is State.PAUSED else min(subscription.expires or last, last)
    return replace(subscription, state=state, reason=reason, state_since=now, due=None, expires=expires)


def report_stop(subscription: EventSubscription) -> None:
    """Log a pause, of which an alarm follows; write the event of an end."""
    if subscription.state is State.PAUSED:
        _log.warning("subscription %s is paused: %s", subscription.id, subscription.reason)
        return
    log_event(
        Event.SUBSCRIPTION_ENDED,
        level=logging.INFO,
        about=subscription.feed,
        connection=subscription.connection,
        subscription=subscription.id,
        reason=subscription.reason,
    )
