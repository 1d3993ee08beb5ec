"""Change notifications of Microsoft Graph, put together with support mail: what Graph posts wakes the poll."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from graph_notifications.proofs import Proofs
from graph_notifications.receiving import Received, read_notifications
from graph_notifications.resources import WatchedResource, by_id, list_mail_resources
from graph_notifications.wake_ups import WakeUps
from inbound_mail.messages import PollRequest
from shared.errors import NotFound
from shared.settings.config import Settings

if TYPE_CHECKING:
    from composition.mail import MailServices

_log = logging.getLogger("gateway.notifications")

type FindMail = Callable[[], "MailServices"]


@dataclass(frozen=True)
class NotificationServices:
    """What receives Graph's notifications."""

    settings: Settings
    proofs: Proofs
    wake_ups: WakeUps = field(default_factory=WakeUps)

    def check_address(self, part: str) -> str:
        """Return the id of the resource that the last segment of an address is about. Raises NotFound."""
        resource_id = self.proofs.find_resource(part) if self.settings.notifications.is_on else None
        if resource_id is None:
            raise NotFound(
                "Nothing is announced here. An administrator can switch notifications on with GRAPH_NOTIFICATIONS.",
                code="UnknownNotificationAddress",
            )
        return resource_id

    def receive(self, part: str, body: bytes, find_mail: FindMail, read_mail_again: FindMail) -> Received:
        """Take what Graph has posted to an address of ours; wake the poll of the mailbox that it is about.

        `find_mail` and `read_mail_again` return the use cases of mail. They are asked only if Graph is proven to have
        sent it. Raises NotFound, and Unavailable if the wake-up could not be sent.
        """
        resource_id = self.check_address(part)
        watched: list[WatchedResource] = []

        def find_tenant() -> str | None:
            for find in (find_mail, read_mail_again):
                resources = by_id(list_mail_resources(one.settings for one in find().mailboxes.values()))
                if (found := resources.get(resource_id)) is not None:
                    watched.append(found)
                    return self.settings.connections[found.connection].tenant_id
            return None

        received = read_notifications(body, self.proofs.make_check(resource_id), find_tenant)
        if received.refused:
            _log.warning("%d notifications were not proven to be Microsoft Graph's", received.refused)
        if received.is_wake_up:
            self._wake_poll(find_mail(), watched[0].owner)
        return received

    def _wake_poll(self, mail: "MailServices", mailbox: str) -> None:
        delay = self.wake_ups.plan(mailbox)
        if delay is None:
            return
        seconds = math.ceil(delay)
        announced_at = datetime.now(UTC) + timedelta(seconds=seconds)
        try:
            mail.polls.put(PollRequest(mailbox, announced_at=announced_at), delay=seconds)
        except BaseException:
            self.wake_ups.forget(mailbox)
            raise
