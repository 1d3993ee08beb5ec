"""The use cases of one connection.

Each is built, and its modules are imported, when it is first used: whoever waits for the first answer of a new process
waits for what that call needs, and for nothing else.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from shared.graph.bookings import GraphBookings
from shared.graph.client import GraphClient
from shared.settings.config import Settings
from shared.storage.account import Storage
from shared.workers import Workers

if TYPE_CHECKING:
    from bookings.changes.describing import Describer
    from bookings.changes.feed import ChangeFeed
    from bookings.changes.trigger_items import AppointmentTriggers
    from bookings.free_time.availability import Availability
    from bookings.free_time.group_limit import GroupLimit
    from bookings.free_time.held_time import ReadHolds
    from bookings.free_time.slots import SlotFinder
    from bookings.holds.store import HoldStore
    from bookings.names import Names
    from bookings.reading.appointments import Appointments
    from bookings.reading.catalogue import Catalogue
    from bookings.reading.overview import Overviews
    from bookings.writing.appointments import Writes
    from event_subscriptions.store import SubscriptionStore
    from event_subscriptions.waking import Waker
    from shared.storage.idempotency import IdempotencyStore
    from shared.storage.queues import Queue
    from shared.storage.tables import Table
    from trigger_polls.noting import PollNotes


class _Once[T]:
    """A property that is computed once, by the thread that needs it first."""

    def __init__(self, build: Callable[[Any], T]) -> None:
        self._build = build
        self._name = build.__name__
        self.__doc__ = build.__doc__

    def __get__(self, owner: "SharedStores | ConnectionServices", kind: type) -> T:
        with owner.lock:
            if self._name not in owner.built:
                owner.built[self._name] = self._build(owner)
            built: T = owner.built[self._name]
            return built


class SharedStores:
    """What the use cases of all connections keep in storage."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.lock = threading.RLock()
        self.built: dict[str, Any] = {}

    @_Once
    def idempotency(self) -> "IdempotencyStore":
        """Return the writes that were begun under an idempotency key."""
        from shared.storage.idempotency import TABLE, IdempotencyStore
        from shared.storage.tables import Table

        return IdempotencyStore(Table(self.storage, TABLE))

    @_Once
    def holds(self) -> "HoldStore":
        """Return the slots that are held."""
        from bookings.holds.store import TABLE, HoldStore
        from shared.storage.tables import Table

        return HoldStore(Table(self.storage, TABLE))

    @_Once
    def changes(self) -> "Table":
        """Return the table of the change feeds."""
        from bookings.changes.journal import TABLE
        from shared.storage.tables import Table

        return Table(self.storage, TABLE)

    @_Once
    def subscriptions(self) -> "SubscriptionStore":
        """Return the event subscriptions."""
        from event_subscriptions.store import TABLE, SubscriptionStore
        from shared.storage.tables import Table

        return SubscriptionStore(Table(self.storage, TABLE))

    @_Once
    def trigger_polls(self) -> "PollNotes":
        """Return what notes who polls triggers."""
        from shared.storage.tables import Table
        from trigger_polls.noting import PollNotes
        from trigger_polls.store import TABLE, TriggerPollStore

        return PollNotes(TriggerPollStore(Table(self.storage, TABLE)))

    @_Once
    def event_deliveries(self) -> "Queue":
        """Return the queue of event deliveries."""
        from event_subscriptions.messages import QUEUE
        from shared.storage.queues import Queue

        return Queue(self.storage, QUEUE)

    @_Once
    def subscription_waker(self) -> "Waker":
        """Return what asks for event deliveries."""
        from event_subscriptions.waking import Waker

        return Waker(self.subscriptions, self.event_deliveries)


@dataclass(frozen=True)
class Shared:
    """What the use cases of all connections share."""

    settings: Settings
    workers: Workers
    stores: SharedStores


class ConnectionServices:
    """The use cases of one connection."""

    def __init__(self, name: str, client: GraphClient, shared: Shared) -> None:
        self._name, self._shared = name, shared
        self._connection = shared.settings.connections[name]
        self.businesses = self._connection.businesses
        self.graph = GraphBookings(client, is_delegated=self._connection.is_delegated)
        self.lock = threading.RLock()
        self.built: dict[str, Any] = {}

    @_Once
    def names(self) -> "Names":
        """Return the names of services, staff and questions."""
        from bookings.names import Names

        return Names(self.graph)

    @_Once
    def catalogue(self) -> "Catalogue":
        """Return the lists of businesses, services, staff, customers and questions."""
        from bookings.reading.catalogue import Catalogue

        return Catalogue(self.graph, self.names, self._shared.workers, self.businesses)

    @_Once
    def appointments(self) -> "Appointments":
        """Return what reads appointments."""
        from bookings.reading.appointments import Appointments

        return Appointments(self.graph, self.names, self._shared.workers)

    @_Once
    def availability(self) -> "Availability":
        """Return the free and busy times of staff."""
        from bookings.free_time.availability import Availability

        return Availability(self.graph, self.names, self._read_holds)

    @_Once
    def slots(self) -> "SlotFinder":
        """Return what finds free slots."""
        from bookings.free_time.slots import SlotFinder

        return SlotFinder(self.graph, self.names, self._shared.workers, self._group_limit, self._read_holds)

    @_Once
    def overviews(self) -> "Overviews":
        """Return the overviews of the booking pages."""
        from bookings.reading.overview import Overviews

        return Overviews(self.slots)

    @_Once
    def writes(self) -> "Writes | None":
        """Return what writes to Bookings; None: switched off."""
        if not self._connection.may_write:
            return None
        from bookings.writing.appointments import Writes

        shared, stores = self._shared, self._shared.stores
        return Writes(
            self._name,
            self.graph,
            self.names,
            shared.workers,
            idempotency=stores.idempotency,
            holds=stores.holds,
            limit=self._group_limit,
        )

    @_Once
    def changes(self) -> "ChangeFeed":
        """Return the change feeds of the businesses."""
        from bookings.changes.feed import ChangeFeed
        from bookings.changes.journal import CONTAINER
        from bookings.changes.scanning import Pace, Scanner
        from shared.storage.blobs import Container

        shared, stores = self._shared, self._shared.stores
        numbers = shared.settings.numbers
        pace = Pace(
            timedelta(days=numbers["CHANGES_WINDOW_DAYS"]), timedelta(seconds=numbers["CHANGES_REFRESH_SECONDS"])
        )
        scanner = Scanner(self.graph, shared.workers, pace, self.appointments.find_details)
        blobs = Container(stores.storage, CONTAINER)
        return ChangeFeed(self._name, scanner, stores.changes, blobs, announce=self._wake_subscriptions)

    def _wake_subscriptions(self, business: str) -> None:
        """Ask for the event deliveries of a business whose change feed has grown."""
        from composition.subscription_feeds import name_business_feed

        self._shared.stores.subscription_waker.wake(self._name, name_business_feed(business))

    @_Once
    def describer(self) -> "Describer":
        """Return the texts and records of changes."""
        from bookings.changes.describing import Describer

        return Describer(self.appointments, self.names)

    @_Once
    def triggers(self) -> "AppointmentTriggers":
        """Return what flows are started by."""
        from bookings.changes.trigger_items import AppointmentTriggers

        return AppointmentTriggers(self.changes, self.describer)

    @_Once
    def _group_limit(self) -> "GroupLimit":
        from bookings.free_time.group_limit import GroupLimit

        return GroupLimit()

    @_Once
    def _read_holds(self) -> "ReadHolds":
        from bookings.free_time.held_time import no_holds

        may_hold = any(connection.may_write for connection in self._shared.settings.connections.values())
        return self._shared.stores.holds.read_holds if may_hold else no_holds
