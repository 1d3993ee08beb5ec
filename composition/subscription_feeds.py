"""The feeds that event subscriptions follow: those of Bookings, per business, and of support mailboxes.

The name of a feed is its kind and what it is of: `bookings|desk@contoso.com`, `mail|support`.
"""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from event_subscriptions.feeds import Page, Place, Reader
from event_subscriptions.subscription import EventSubscription
from shared.errors import Invalid

if TYPE_CHECKING:
    from composition.connections import Services

_BOOKINGS, _MAIL = "bookings", "mail"


def name_business_feed(business: str) -> str:
    """Return the name of the feed of a business."""
    return f"{_BOOKINGS}|{business.lower()}"


def name_mailbox_feed(mailbox: str) -> str:
    """Return the name of the feed of a support mailbox."""
    return f"{_MAIL}|{mailbox}"


class GatewayFeeds:
    """The feeds of all connections (`event_subscriptions.feeds.Feeds`), with the services of one call."""

    def __init__(self, services: "Services") -> None:
        self._services = services

    def open(self) -> "FeedReader":
        """Return a reader that has read nothing yet."""
        return FeedReader(self._services)

    def begin(self, subscription: EventSubscription, since: datetime | None) -> Place:
        """Return where a subscription begins; see the protocol."""
        if since is not None:
            _check_is_kept(since)
        if _is_of_mail(subscription):
            from composition.mail_events import begin_mails

            return begin_mails(self._services, subscription, since)
        from composition.appointment_events import begin_appointments

        return begin_appointments(self._services, subscription, since)

    def keep(self, subscriptions: Sequence[EventSubscription]) -> None:
        """Let the feeds of these subscriptions be kept, also while nobody else asks for them."""
        from composition.appointment_events import keep_businesses

        keep_businesses(self._services, [each for each in subscriptions if not _is_of_mail(each)])


class FeedReader:
    """Reads feeds as they stood when it first looked (`event_subscriptions.feeds.Reader`)."""

    def __init__(self, services: "Services") -> None:
        self._services = services
        self._lock = threading.Lock()
        self._readers: dict[bool, Reader] = {}

    def read(self, subscription: EventSubscription, limit: int) -> Page:
        """Return the events behind the subscription's place; see the protocol."""
        return self._find(subscription).read(subscription, limit)

    def is_behind(self, subscription: EventSubscription) -> bool:
        """Return whether its feed has grown behind its place, or began anew."""
        return self._find(subscription).is_behind(subscription)

    def _find(self, subscription: EventSubscription) -> Reader:
        is_of_mail = _is_of_mail(subscription)
        with self._lock:
            if is_of_mail not in self._readers:
                self._readers[is_of_mail] = self._make(is_of_mail=is_of_mail)
            return self._readers[is_of_mail]

    def _make(self, *, is_of_mail: bool) -> Reader:
        if is_of_mail:
            from composition.mail_events import MailReader

            return MailReader(self._services)
        from composition.appointment_events import AppointmentReader

        return AppointmentReader(self._services)


def _check_is_kept(since: datetime) -> None:
    """Raise Invalid for a moment before the changes that are kept; mails are kept longer, and follow the same rule."""
    from bookings.changes.feed import KEPT, KEPT_DAYS

    if since < datetime.now(UTC) - KEPT:
        raise Invalid(f"Events are kept for {KEPT_DAYS} days. Send a later time.", code="TooLongAgo", target="since")


def _is_of_mail(subscription: EventSubscription) -> bool:
    return subscription.feed.startswith(f"{_MAIL}|")
