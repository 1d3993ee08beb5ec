"""Change notifications of Microsoft Graph, put together with support mail: what Graph posts wakes the poll."""

import logging
import math
import uuid
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from event_subscriptions.messages import EventRequest, JsonQueue
from graph_notifications.converging import Converger, Wish, find_next_step
from graph_notifications.proofs import Proofs
from graph_notifications.receiving import Lifecycle, Received, read_notifications
from graph_notifications.resources import (
    ResourceKind,
    WatchedResource,
    by_id,
    list_calendar_resources,
    list_mail_resources,
)
from graph_notifications.store import Known, Record
from graph_notifications.wake_ups import WakeUps
from inbound_mail.intake.announcements import has_missed
from inbound_mail.ledger.planned_polls import PlannedPoll, PollPlan
from inbound_mail.messages import PollRequest
from shared import context
from shared.errors import GatewayError, NotFound
from shared.json_text import Json
from shared.settings.config import Settings
from shared.time_zones.zones import LONG_AGO, utc_text

if TYPE_CHECKING:
    from composition.connections import Services
    from composition.mail import MailServices

_log = logging.getLogger("gateway.notifications")

type FindMail = Callable[[], "MailServices"]
type FindResources = Callable[[], list[WatchedResource]]


_SCAN_SPACING_SECONDS = 10.0  # one booking changes its page's calendar several times
_SCAN_LIVES_SECONDS = 600.0  # then the timer has scanned
_STEP_SECONDS = 40.0  # of a run of the timer, which has other work to do


@dataclass
class LastStep:
    """What this process has compared last, and when something is due again; it only spares requests."""

    wished: frozenset[str] | None = None
    silent: Mapping[str, datetime] = field(default_factory=dict)
    next_at: datetime = LONG_AGO

    def is_current(self, wished: frozenset[str], silent: Mapping[str, datetime], now: datetime) -> bool:
        """Return whether there is nothing to do: the same is wished, no other is silent, and nothing is due."""
        return self.wished == wished and silent.items() <= self.silent.items() and now < self.next_at


@dataclass(frozen=True)
class NotificationServices:
    """What receives Graph's notifications, and keeps the subscriptions behind them."""

    settings: Settings
    proofs: Proofs
    converger: Converger
    scans: JsonQueue
    wake_ups: WakeUps = field(default_factory=WakeUps)
    last_step: LastStep = field(default_factory=LastStep)

    def converge(self, mail: "MailServices", planned: Mapping[str, PlannedPoll]) -> None:
        """Make, renew and remove Graph subscriptions as the settings wish, if something is due.

        `planned`: the planned polls by mailbox, which learn until when Graph is to announce new mail.

        Where the settings of mailboxes are not known, nothing is done. Raises GatewayErrors.
        """
        if not mail.is_in_force:
            return
        wanted, now = self.settings.notifications, datetime.now(UTC)
        wishes: Mapping[str, Wish] = {}
        if wanted.is_on and wanted.base_url:
            if now >= self.last_step.next_at:
                with suppress(GatewayError):  # what is known of the key is good until then
                    self.proofs.refresh()
            wishes = self.converger.make_wishes(self.list_resources(mail), wanted.base_url)
        wished = frozenset(one.url for one in wishes.values())
        silent = {name: plan.unannounced_at for name, plan in planned.items() if has_missed(plan, now)}
        if self.last_step.is_current(wished, silent, now):
            return
        with context.call(str(uuid.uuid4()), seconds=_STEP_SECONDS):
            if silent:
                self.converger.suspect(silent)
            known = self.converger.converge(wishes, wanted.base_url)
        self._plan_polls(mail, planned, wishes, known)
        last = self.last_step
        last.wished, last.silent, last.next_at = wished, silent, find_next_step(wishes, known, now)

    def list_resources(self, mail: "MailServices") -> list[WatchedResource]:
        """Return what is to be watched: the folders of all mailboxes, and calendars of booking pages if wanted."""
        return [*list_mail_resources(one.settings for one in mail.mailboxes.values()), *self._list_calendars()]

    def _list_calendars(self) -> list[WatchedResource]:
        connections = self.settings.connections.values() if self.settings.notifications.has_bookings else ()
        return [found for one in connections for found in list_calendar_resources(one.name, one.businesses.ids)]

    def tend(self, mail: "MailServices", mailbox: str, events: Collection[str]) -> bool:
        """Do what Graph's lifecycle events want with a mailbox's subscriptions; return whether all of it is done.

        Raises GatewayErrors.
        """
        self.converger.note_lifecycle(mailbox, [Lifecycle(one) for one in events if one in set(Lifecycle)])
        self.last_step.next_at = LONG_AGO
        self.converge(mail, PollPlan(mail.table).read())
        return datetime.now(UTC) < self.last_step.next_at

    def _plan_polls(
        self,
        mail: "MailServices",
        planned: Mapping[str, PlannedPoll],
        wishes: Mapping[str, Wish],
        known: Known,
    ) -> None:
        """Keep with the planned polls since and until when all folders of a mailbox have their subscription."""
        now = datetime.now(UTC)
        for name in mail.mailboxes:
            own = {key: wish for key, wish in wishes.items() if wish.resource.owner == name}
            alive = [one for one in known.records if one.id in own and one.is_alive(own[one.id].url)]
            plan = planned.get(name, PlannedPoll())
            if own and len(alive) == len(own):
                span = max(one.made_at for one in alive), min(one.ends_at for one in alive)
                if span != (plan.subscribed_at, plan.subscribed_until):
                    PollPlan(mail.table).put_subscription(name, *span)
            elif now < plan.subscribed_until or (own and plan.subscribed_until == LONG_AGO):
                PollPlan(mail.table).put_subscription(name, now, now)  # from now on it should have one, or has none

    def describe(self) -> list[Json]:
        """Return the Graph subscriptions with their ends, one for each folder that is or was watched."""
        return [_describe(one) for one in self.converger.read().records] if self.settings.notifications.is_on else []

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
            finders: list[FindResources] = [self._list_calendars]
            finders += [partial(_list_folders, find) for find in (find_mail, read_mail_again)]
            for find in finders:
                if (found := by_id(find()).get(resource_id)) is not None:
                    watched.append(found)
                    return self.settings.connections[found.connection].tenant_id
            return None

        received = read_notifications(body, self.proofs.make_check(resource_id), find_tenant)
        if received.refused:
            _log.warning("%d notifications were not proven to be Microsoft Graph's", received.refused)
        if received.is_wake_up:
            if watched[0].kind is ResourceKind.CALENDAR:
                self._wake_scan(watched[0])
            else:
                self._wake_poll(find_mail(), watched[0].owner, tuple(sorted(received.lifecycle)))
        return received

    def _wake_scan(self, watched: WatchedResource) -> None:
        woken = f"{watched.connection}|{watched.owner}"
        delay = self.wake_ups.plan(woken, _SCAN_SPACING_SECONDS)
        if delay is None:
            return
        seconds = math.ceil(delay)
        announced_at = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
        request = EventRequest(watched.connection, (), watched.owner, announced_at)
        try:
            self.scans.put(request.to_json(), delay=seconds, ttl=_SCAN_LIVES_SECONDS)
        except BaseException:
            self.wake_ups.forget(woken)
            raise

    def _wake_poll(self, mail: "MailServices", mailbox: str, lifecycle: tuple[str, ...]) -> None:
        woken = "|".join([mailbox, *lifecycle])
        delay = self.wake_ups.plan(woken)
        if delay is None:
            return
        seconds = math.ceil(delay)
        announced_at = datetime.now(UTC) + timedelta(seconds=seconds)
        try:
            mail.polls.put(PollRequest(mailbox, announced_at=announced_at, lifecycle=lifecycle), delay=seconds)
        except BaseException:
            self.wake_ups.forget(woken)
            raise


def scan_as_asked(services: "Services", request: EventRequest) -> None:
    """Scan the business of which Graph has announced changes; if that fails, the timer scans it later."""
    connection, business = services.connections.get(request.connection), request.business
    try:
        if business and connection and connection.businesses.allows(business):
            connection.changes.look(business, datetime.fromisoformat(request.announced_at))
    except (GatewayError, ValueError) as error:
        _log.warning("a business of which changes were announced was not scanned: %s", error)


def _list_folders(find_mail: FindMail) -> list[WatchedResource]:
    return list_mail_resources(one.settings for one in find_mail().mailboxes.values())


def _describe(record: Record) -> Json:
    answer: Json = {
        "mailbox": record.owner,
        "folder": record.folder,
        "isThere": bool(record.subscription),
        "endDateTime": utc_text(record.ends_at) if record.subscription else None,
        "renewedDateTime": utc_text(record.renewed_at) if record.subscription else None,
    }
    if record.error:
        error = {"code": record.error, "message": record.message, "nextTryDateTime": utc_text(record.retry_at)}
        answer["lastError"] = error
    return answer
