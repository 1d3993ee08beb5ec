"""The feeds of support mailboxes as subscriptions follow them."""

import threading
from datetime import datetime
from typing import TYPE_CHECKING

from event_subscriptions.feeds import NotAllowedError, Page, Place, PlaceLostError
from event_subscriptions.subscription import EventSubscription
from event_subscriptions.targets.protocol import OutgoingEvent
from inbound_mail.reports.mail_events import MailEvent, RecordedMails, StalePlaceError, WantedMails

if TYPE_CHECKING:
    from composition.connections import Services


QUARANTINED = "quarantined"  # the filter for all mails in quarantine, those set aside included


def begin_mails(services: "Services", subscription: EventSubscription, since: datetime | None) -> Place:
    """Return where a subscription begins."""
    recorded = _open(services, subscription)
    return recorded.tail() if since is None else recorded.start(since)


class MailReader:
    """Reads the feeds of mailboxes as they stood when it first looked (`event_subscriptions.feeds.Reader`)."""

    def __init__(self, services: "Services") -> None:
        self._services = services
        self._lock = threading.Lock()
        self._recorded: dict[str, RecordedMails] = {}

    def read(self, subscription: EventSubscription, limit: int) -> Page:
        """Return the events behind the subscription's place; see the protocol."""
        filters = subscription.filters
        wanted = WantedMails(
            frozenset(subscription.events), filters.get("folder"), filters.get("sink"), QUARANTINED in filters
        )
        try:
            found = self._get(subscription).read(subscription.place, wanted, limit)
        except StalePlaceError as error:
            raise PlaceLostError from error
        events = [(_make_event(event, filters["mailbox"]), place) for event, place in found.events]
        return Page(events, found.place, found.has_more)

    def is_behind(self, subscription: EventSubscription) -> bool:
        """Return whether its feed has grown behind its place, or began anew."""
        return self._get(subscription).tail() != list(subscription.place)

    def _get(self, subscription: EventSubscription) -> RecordedMails:
        with self._lock:
            if subscription.feed not in self._recorded:
                self._recorded[subscription.feed] = _open(self._services, subscription)
            return self._recorded[subscription.feed]


def _open(services: "Services", subscription: EventSubscription) -> RecordedMails:
    """Return the feeds of the mailbox. Raises NotAllowedError unless the settings have it for this connection."""
    services.mail.check_in_force()
    mailbox = services.mail.mailboxes.get(subscription.filters["mailbox"])
    if mailbox is None or mailbox.settings.connection != subscription.connection:
        raise NotAllowedError
    return RecordedMails(mailbox)


def _make_event(event: MailEvent, mailbox: str) -> OutgoingEvent:
    return OutgoingEvent(
        id=event.id,
        type=event.type,
        source=f"/gateway/mailboxes/{mailbox}",
        subject=event.key,
        time=event.at,
        order=mailbox,
        data=event.data,
    )
