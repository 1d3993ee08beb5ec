"""All subscriptions, what is on its way to them, and what was sent.

Changes come on any thread, so everything here is guarded by one lock; the delivery itself is in delivery.py.
"""

import random
import threading
import uuid
from collections import deque
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from twin.bookings.book import Appointment
from twin.bookings.state import Bookings, Business
from twin.core.wire import Json
from twin.entra.state import Entra
from twin.mail.mailbox import Event, Mailbox
from twin.mail.render import make_change_key
from twin.mail.state import Mail
from twin.subscriptions.resources import suffices, user_of_page
from twin.subscriptions.subscription import Delivery, Endpoint, Parcel, Subscription
from twin.subscriptions.switches import Switches

if TYPE_CHECKING:
    from twin.world import World

type LifecycleEvent = Literal["reauthorizationRequired", "subscriptionRemoved", "missed"]

_CHANGES = {"arrived": "created", "changed": "updated", "left": "deleted"}
_KEPT_DELIVERIES = 5_000
_RETRY_WAITS = tuple(timedelta(seconds=one) for one in (5, 15, 30, 60, 120, 300))


class Subscriptions:
    """The state of change notifications.

    sites       where the endpoints are on this machine: public host name, and address of the server behind it. It
                stands for name resolution and for the front end that ends TLS; a reset of the world keeps it
    deliveries  what was sent, the newest 5,000
    lost        notifications that nobody will get: dropped, silent, paused or given up
    """

    def __init__(self, world: "World") -> None:
        self.world = world
        self.switches = Switches()
        self.deliveries: deque[Delivery] = deque(maxlen=_KEPT_DELIVERIES)
        self.lost = 0
        self.items: dict[str, Subscription] = {}
        self._lock = threading.RLock()
        self._waiting: list[Parcel] = []
        self._endpoints: dict[str, Endpoint] = {}
        self._numbers = count(1)
        self._random = random.Random(self.switches.seed)  # noqa: S311 - draws that a test can repeat
        self._listens = False

    @property
    def sites(self) -> dict[str, str]:
        """Where the endpoints are on this machine."""
        return self.world.sites

    @property
    def waiting(self) -> list[Parcel]:
        """What is on its way, in the order in which it is due."""
        with self._lock:
            return sorted(self._waiting)

    def all(self) -> list[Subscription]:
        """Return all subscriptions that have not ended, oldest first."""
        now = self.world.clock.now()
        return [one for one in tuple(self.items.values()) if one.expires > now]

    def find(self, subscription_id: str) -> Subscription:
        """Return a subscription that has not ended. KeyError when there is none."""
        found = self.items[subscription_id]
        if found.expires <= self.world.clock.now():
            raise KeyError(subscription_id)
        return found

    def add(self, made: Subscription) -> None:
        """Add a subscription."""
        with self._lock:
            if not self._listens:
                self._listens = True
                self.world.state(Mail).listeners.append(self._hear_message)
                self.world.state(Bookings).listeners.append(self._hear_appointment)
            self.items = {**self.items, made.id: made}
        self.world.bell.ring()

    def remove(self, subscription_id: str, *, announced: bool = False) -> None:
        """Remove a subscription, and say so to its lifecycle URL if wanted. KeyError when unknown."""
        found = self.find(subscription_id)
        with self._lock:
            self.items = {key: one for key, one in self.items.items() if key != subscription_id}
            if announced:
                self.notify(found, "subscriptionRemoved")

    def challenge(self, subscription_id: str) -> None:
        """Ask for reauthorization. Without an answer notifications are lost after a while. KeyError when unknown."""
        found = self.find(subscription_id)
        found.challenged = found.challenged or self.world.clock.now()
        self.notify(found, "reauthorizationRequired")

    def renew(self, found: Subscription, expires: datetime | None = None) -> None:
        """Note that the app has reauthorized it, and with an instant, that it lives until then."""
        found.challenged = None
        if expires is not None:
            found.expires, found.reminded = expires, False
        self.world.bell.ring()

    def notify(self, subscription: Subscription, event: LifecycleEvent) -> None:
        """Send a lifecycle notification, if the subscription has an address for them."""
        if subscription.lifecycle_url is None:
            return
        with self._lock:
            waits = any(
                one.subscription is subscription and one.item.get("lifecycleEvent") == event for one in self._waiting
            )
            if not waits:
                self._send(subscription, {"lifecycleEvent": event}, is_lifecycle=True)

    def set_switches(self, wish: Json) -> None:
        """Set switches by name. ValueError for an unknown one or a value of another type."""
        self.switches.set(wish)
        if "seed" in wish:
            self._random = random.Random(self.switches.seed)  # noqa: S311 - draws that a test can repeat
        self.world.bell.ring()

    def reach(self, url: str) -> str | None:
        """Return the address on this machine that an https URL leads to; None when nobody is there."""
        parts = urlsplit(url)
        site = self.sites.get((parts.hostname or "").lower())
        if site is None or parts.scheme != "https":
            return None
        return f"{site.rstrip('/')}{parts.path}" + (f"?{parts.query}" if parts.query else "")

    def take_due(self, now: datetime) -> list[Parcel]:
        """Take what is due, without what no longer has a subscription; slow endpoints get theirs late, or never."""
        due: list[Parcel] = []
        with self._lock:
            self._sweep(now)
            while self._waiting and self._waiting[0].due <= now:
                parcel = heappop(self._waiting)
                if parcel.item.get("lifecycleEvent") != "subscriptionRemoved" and not self._is_alive(parcel, now):
                    self.lost += not parcel.is_lifecycle
                elif self._is_throttled(parcel, now):
                    continue
                else:
                    due.append(parcel)
        return due

    def next_due(self) -> datetime | None:
        """Return when something is to be done next; None for nothing."""
        with self._lock:
            instants = [one.due for one in self._waiting[:1]]
            reminder = timedelta(minutes=self.switches.reminder_minutes)
            instants += [one.expires if one.reminded else one.expires - reminder for one in self.items.values()]
        return min(instants, default=None)

    def note(self, url: str, parcels: list[Parcel], items: list[Json], status: int, seconds: float) -> None:
        """Note what an endpoint answered, and try again later what it did not take."""
        now = self.world.clock.now()
        with self._lock:
            delivery = Delivery(next(self._numbers), now, url, tuple(items), status, seconds)
            self.deliveries.append(delivery)
            self._endpoint(url, now).note(now, len(items), is_slow=seconds > self.switches.slow_seconds)
            for parcel in () if delivery.is_taken else parcels:
                self._try_again(parcel, now)
        self.world.bell.ring()

    def count_of(self, owner: str) -> int:
        """Return how many subscriptions watch a mailbox, of all apps."""
        return sum(1 for one in self.all() if one.watched.owner == owner)

    def _hear_message(self, mailbox: Mailbox, event: Event) -> None:
        message = event.message
        for one in self.all():
            watched = one.watched
            if watched.kind == "message" and watched.owner == mailbox.object_id:
                if watched.folder_id not in (None, message.home.id):
                    continue
                item_id = message.id if one.immutable else event.mutable_id
                etag = f'W/"{make_change_key(message)}"'
                self._announce(one, _CHANGES[event.kind], _describe(watched.owner, "Message", item_id, etag))

    def _hear_appointment(self, business: Business, change: str, appointment: Appointment) -> None:
        owner = user_of_page(business.id)
        for one in self.all():
            if one.watched.kind == "event" and one.watched.owner == owner:
                etag = f'W/"{uuid.uuid4().hex}"'
                self._announce(one, change, _describe(owner, "Event", appointment.id, etag))

    def _announce(self, subscription: Subscription, change: str, item: Json) -> None:
        if change not in subscription.change_types or not self._is_covered(subscription):
            return
        now, switches = self.world.clock.now(), self.switches
        with self._lock:
            if switches.silent or self._draw(switches.dropped) or subscription.is_paused(now, switches):
                self.lost += 1
                return
            late = switches.delayed_seconds if self._draw(switches.delayed) else 0.0
            if self._draw(switches.reordered):
                late += self._random.uniform(0, switches.reorder_seconds)
            for repetition in range(2 if self._draw(switches.duplicated) else 1):
                again = self._random.uniform(0, switches.reorder_seconds) if repetition else 0.0
                self._send(subscription, {"changeType": change} | item, late=late + again)

    def _draw(self, share: float) -> bool:
        return share > 0 and self._random.random() < share

    def _send(self, subscription: Subscription, item: Json, *, is_lifecycle: bool = False, late: float = 0.0) -> None:
        now = self.world.clock.now()
        due = now + timedelta(seconds=self.switches.latency_seconds + late)
        heappush(self._waiting, Parcel(due, next(self._numbers), subscription, item, now, is_lifecycle))
        self.world.bell.ring()

    def _is_covered(self, subscription: Subscription) -> bool:
        """Return whether the app may still read the resource; when it no longer may, remove the subscription."""
        if subscription.user is not None or not subscription.was_covered or self.covers(subscription):
            return True
        self.remove(subscription.id, announced=True)
        return False

    def covers(self, subscription: Subscription) -> bool:
        """Return whether the app's own permissions of this moment cover a subscription."""
        tenant = self.world.state(Entra).tenants[subscription.tenant_id]
        principal = tenant.principals.get(subscription.app_id)
        if principal is None or not principal.enabled:
            return False
        held = principal.roles | principal.exchange_roles
        return suffices(subscription.watched.kind, held, self.switches, is_app=True)

    def _sweep(self, now: datetime) -> None:
        """Forget what has ended, and remind of what ends soon."""
        if any(one.expires <= now for one in self.items.values()):
            self.items = {key: one for key, one in self.items.items() if one.expires > now}
        reminder = timedelta(minutes=self.switches.reminder_minutes)
        for one in self.items.values():
            if not one.reminded and one.expires - reminder <= now:
                one.reminded = True
                if reminder:
                    self.notify(one, "reauthorizationRequired")

    def _is_alive(self, parcel: Parcel, now: datetime) -> bool:
        one = parcel.subscription
        return self.items.get(one.id) is one and one.expires > now

    def _endpoint(self, url: str, now: datetime) -> Endpoint:
        return self._endpoints.setdefault(url.partition("?")[0], Endpoint(now))

    def _is_throttled(self, parcel: Parcel, now: datetime) -> bool:
        share = self._endpoint(parcel.url, now).share(now, self.switches.judged_after)
        if share >= self.switches.drop_share:
            self._give_up(parcel)
            return True
        if share >= self.switches.delay_share and not parcel.was_throttled:
            parcel.was_throttled, parcel.due = True, parcel.due + timedelta(minutes=10)
            heappush(self._waiting, parcel)
            return True
        return False

    def _try_again(self, parcel: Parcel, now: datetime) -> None:
        wait = _RETRY_WAITS[min(parcel.tries, len(_RETRY_WAITS) - 1)]
        parcel.tries += 1
        parcel.due = now + wait
        if parcel.due > parcel.first + timedelta(minutes=self.switches.retry_minutes):
            self._give_up(parcel)
        else:
            heappush(self._waiting, parcel)

    def _give_up(self, parcel: Parcel) -> None:
        if not parcel.is_lifecycle:
            self.lost += 1
            self.notify(parcel.subscription, "missed")


def _describe(owner: str, type_name: str, item_id: str, etag: str) -> Json:
    """Describe what has changed. The type is written with capitals here, as the service does."""
    address = f"Users/{owner}/{type_name}s/{item_id}"
    data = {"@odata.type": f"#Microsoft.Graph.{type_name}", "@odata.id": address, "@odata.etag": etag, "id": item_id}
    return {"resource": address, "resourceData": data}
