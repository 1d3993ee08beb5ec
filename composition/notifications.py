"""Change notifications of Microsoft Graph, put together with support mail: what Graph posts wakes the poll."""

import logging
import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from graph_notifications.converging import Converger, Wish, find_next_step
from graph_notifications.proofs import Proofs
from graph_notifications.receiving import Received, read_notifications
from graph_notifications.resources import WatchedResource, by_id, list_mail_resources
from graph_notifications.store import LONG_AGO
from graph_notifications.wake_ups import WakeUps
from inbound_mail.messages import PollRequest
from shared import context
from shared.errors import NotFound
from shared.settings.config import Settings

if TYPE_CHECKING:
    from composition.mail import MailServices

_log = logging.getLogger("gateway.notifications")

type FindMail = Callable[[], "MailServices"]


_STEP_SECONDS = 40.0  # of a run of the timer, which has other work to do


@dataclass
class LastStep:
    """What this process has compared last, and when something is due again; it only spares requests."""

    wished: frozenset[str] | None = None
    next_at: datetime = LONG_AGO

    def is_current(self, wished: frozenset[str], now: datetime) -> bool:
        """Return whether there is nothing to do: the same is wished, and nothing is due."""
        return self.wished == wished and now < self.next_at


@dataclass(frozen=True)
class NotificationServices:
    """What receives Graph's notifications, and keeps the subscriptions behind them."""

    settings: Settings
    proofs: Proofs
    converger: Converger
    wake_ups: WakeUps = field(default_factory=WakeUps)
    last_step: LastStep = field(default_factory=LastStep)

    def converge(self, mail: "MailServices") -> None:
        """Make, renew and remove Graph subscriptions as the settings wish, if something is due.

        Where the settings of mailboxes are not known, nothing is done. Raises GatewayErrors.
        """
        if not mail.is_in_force:
            return
        wanted, now = self.settings.notifications, datetime.now(UTC)
        wishes: Mapping[str, Wish] = {}
        if wanted.is_on and wanted.base_url:
            resources = list_mail_resources(one.settings for one in mail.mailboxes.values())
            wishes = self.converger.make_wishes(resources, wanted.base_url)
        wished = frozenset(one.url for one in wishes.values())
        if self.last_step.is_current(wished, now):
            return
        with context.call(str(uuid.uuid4()), seconds=_STEP_SECONDS):
            known = self.converger.converge(wishes, wanted.base_url)
        self.last_step.wished, self.last_step.next_at = wished, find_next_step(known, now)

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
