"""The change feeds of Bookings as subscriptions follow them."""

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from event_subscriptions.feeds import NotAllowedError, Page, Place, PlaceLostError
from event_subscriptions.subscription import EventSubscription
from event_subscriptions.targets.protocol import OutgoingEvent

if TYPE_CHECKING:
    from bookings.changes.feed import Position, RecordedChanges
    from bookings.changes.kinds import Kind
    from bookings.changes.trigger_items import Subscription
    from composition.connection_services import ConnectionServices
    from composition.connections import Services

APPOINTMENT = "appointment."
_RENEWED_AFTER = timedelta(days=1)


def list_appointment_events() -> tuple[str, ...]:
    """Return the types of the events of the change feeds."""
    from bookings.changes.kinds import Kind

    return tuple(f"{APPOINTMENT}{kind.value}" for kind in Kind)


def begin_appointments(services: "Services", subscription: EventSubscription, since: datetime | None) -> Place:
    """Return where a subscription begins."""
    connection, wanted = find_connection(services, subscription), read_wanted(subscription)
    connection.triggers.want_details(_names(subscription), wanted)
    if since is None:
        return connection.changes.tail(wanted.business).to_json()
    return connection.changes.start(wanted.business, since).to_json()


def keep_businesses(services: "Services", subscriptions: Sequence[EventSubscription]) -> None:
    """Let the timer scan the businesses of these subscriptions, and keep what their events need."""
    if not subscriptions:
        return
    from bookings.changes.journal import list_feeds

    now, asked = datetime.now(UTC), dict[tuple[str, str], datetime]()
    for connection, business, moment in list_feeds(services.changes):
        asked[connection, business.lower()] = moment
    for subscription in subscriptions:
        name = (subscription.connection, subscription.filters["business"].lower())
        if name in asked and now - asked[name] < _RENEWED_AFTER:
            continue
        try:
            found, wanted = find_connection(services, subscription), read_wanted(subscription)
        except NotAllowedError:
            continue
        found.triggers.want_details(_names(subscription), wanted)
        asked[name] = found.changes.keep(wanted.business)


class AppointmentReader:
    """Reads change feeds as they stood when it first looked (`event_subscriptions.feeds.Reader`)."""

    def __init__(self, services: "Services") -> None:
        self._services = services
        self._lock = threading.Lock()
        self._recorded: dict[tuple[str, str], RecordedChanges] = {}

    def read(self, subscription: EventSubscription, limit: int) -> Page:
        """Return the events behind the subscription's place; see the protocol."""
        from bookings.changes.feed import InvalidPositionError, Position

        connection, wanted = find_connection(self._services, subscription), read_wanted(subscription)
        try:
            found = connection.triggers.read_recorded(
                self._open(connection, subscription, wanted.business),
                _kinds(subscription),
                wanted,
                Position.from_json(list(subscription.place)),
                limit,
            )
        except InvalidPositionError as error:
            raise PlaceLostError from error
        events = [
            (_make_event(item, entry.at, wanted.business), [found.position.generation, entry.number])
            for entry, item in found.items
        ]
        return Page(events, found.position.to_json(), found.has_more)

    def is_behind(self, subscription: EventSubscription) -> bool:
        """Return whether its feed has grown behind its place, or began anew."""
        connection, wanted = find_connection(self._services, subscription), read_wanted(subscription)
        tail: Position = self._open(connection, subscription, wanted.business).tail()
        return tail.to_json() != list(subscription.place)

    def _open(
        self, connection: "ConnectionServices", subscription: EventSubscription, business: str
    ) -> "RecordedChanges":
        name = (subscription.connection, subscription.feed)
        with self._lock:
            if name not in self._recorded:
                self._recorded[name] = connection.changes.open_recorded(business)
            return self._recorded[name]


def find_connection(services: "Services", subscription: EventSubscription) -> "ConnectionServices":
    """Return the connection of a subscription. Raises NotAllowedError unless the settings allow its business."""
    connection = services.connections.get(subscription.connection)
    if connection is None or not connection.businesses.allows(subscription.filters["business"]):
        raise NotAllowedError
    return connection


def read_wanted(subscription: EventSubscription) -> "Subscription":
    """Return which appointments a subscription is about."""
    from bookings.changes.trigger_items import Subscription
    from shared.time_zones.zones import find_zone

    filters: Mapping[str, str] = subscription.filters
    zone = filters.get("timeZone")
    return Subscription(
        business=filters["business"],
        service=filters.get("service"),
        staff=filters.get("staff"),
        zone=find_zone(zone) if zone else None,
        wants_details=filters.get("expand") == "details",
    )


def _names(subscription: EventSubscription) -> list[str]:
    return [event.removeprefix(APPOINTMENT) for event in subscription.events]


def _kinds(subscription: EventSubscription) -> "list[Kind]":
    from bookings.changes.kinds import Kind

    known = set(Kind)
    return [Kind(name) for name in _names(subscription) if name in known]


def _make_event(item: dict[str, Any], at: datetime, business: str) -> OutgoingEvent:
    return OutgoingEvent(
        id=item["eventId"],
        type=f"{APPOINTMENT}{item['eventKind']}",
        source=f"/gateway/bookings/{business}",
        subject=item["appointmentId"],
        time=at,
        order=business.lower(),
        data=item,
    )
