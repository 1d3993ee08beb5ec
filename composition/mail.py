"""Builds the use cases of support mail. Imported when they are first needed: most calls need none of them."""

import logging
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from composition import standing_in
from composition.settings_source import InForce, SettingsState
from composition.standing_in import StandIn
from composition.unanswered_polls import UnansweredPolls
from event_subscriptions.messages import QUEUE as EVENT_QUEUE
from inbound_mail.delivery import threads
from inbound_mail.delivery.by_hand import HandDelivery
from inbound_mail.delivery.circuit_breaker import CircuitBreaker
from inbound_mail.delivery.delivery import Deliverer
from inbound_mail.delivery.redelivery import redeliver
from inbound_mail.intake.pace import find_due_polls
from inbound_mail.intake.polling import Poller
from inbound_mail.ledger import ledger, mail_exports, mail_store
from inbound_mail.ledger.decisions import Decision
from inbound_mail.ledger.planned_polls import KnownPlan, PlannedPoll, PollPlan
from inbound_mail.messages import (
    DELIVERY_QUEUE,
    MOST_IN_ONE_REQUEST,
    POLL_QUEUE,
    DeliveryQueue,
    PollQueue,
    PollRequest,
    name_poison_queue,
    share_requests,
)
from inbound_mail.reports import mails, pickers, trigger_items
from inbound_mail.reports.alarm import Alarm
from inbound_mail.reports.alarms import Watch
from inbound_mail.reports.poison import VisibleQueue, find_left_poison
from inbound_mail.reports.stalled import QueueStates
from inbound_mail.reports.trigger_items import TriggerItems
from inbound_mail.reports.watched import TimerRuns
from inbound_mail.sinks import build_sink, link_ticket, read_ticket_links
from inbound_mail.sinks.protocol import Sink, Tools
from inbound_mail.support_mailbox import SupportMailbox
from shared import context
from shared.auth import Authenticator
from shared.errors import GatewayError
from shared.events import Event
from shared.graph.client import GraphClient
from shared.graph.mail import GraphMail
from shared.json_text import Json
from shared.settings.config import Settings
from shared.settings.mail_settings import Mailbox
from shared.storage.account import Storage
from shared.storage.blobs import Container
from shared.storage.file_links import FileLinks
from shared.storage.queues import Queue
from shared.storage.tables import Table
from shared.workers import Workers

if TYPE_CHECKING:
    from inbound_mail.history.searching import FoundMails, Search

_STORAGE_WORKERS = 8
_DELIVERIES_AT_ONCE = 12  # in one process: as many as the platform gives it messages at once (host.json)
_MOST_SHOWN_FAULTS = 20
_MOST_LOOKS = 3  # of one run of the timer, one after the other
_ROLL_UP_SECONDS = 90.0
_LOOK_SECONDS = 15.0  # with so much for each, the next run of the timer is not late

_log = logging.getLogger("gateway.mail")


@dataclass(frozen=True)
class MailServices:
    """The use cases of support mail, with the settings that they are built from."""

    settings: Settings
    mailboxes: dict[str, SupportMailbox]
    sinks: dict[str, Sink]
    circuit_breakers: dict[str, CircuitBreaker]
    table: Table
    polls: PollQueue
    deliveries: DeliveryQueue
    poller: Poller
    deliverer: Deliverer
    by_hand: HandDelivery
    watch: Watch
    workers: Workers
    delivery_workers: Workers
    poison: Mapping[str, VisibleQueue]  # by name
    stand_in: StandIn
    event_stand_in: StandIn  # for the queue of event deliveries
    unanswered: UnansweredPolls
    timer_runs: TimerRuns
    exports: mail_exports.MailExports
    file_links: FileLinks
    settings_state: SettingsState | None = None  # None: no setting is in a blob

    def knows(self, mailbox: str, sink: str | None = None) -> bool:
        """Return whether the settings have this mailbox, and this sink if one is named."""
        return mailbox in self.mailboxes and (sink is None or sink in self.sinks)

    @property
    def is_in_force(self) -> bool:
        """Whether there are settings: False while those in a blob were never right."""
        return self.settings_state is None or self.settings_state.in_force is not InForce.NOTHING

    def check_in_force(self) -> None:
        """Raise ConfigurationError or Unavailable while there are no settings, because those in a blob are wrong."""
        if self.settings_state is not None:
            self.settings_state.check_in_force()

    def check_alarms(self, expiring: Mapping[str, datetime | None], others: Iterable[Alarm] = ()) -> None:
        """Raise, repeat and clear alarms. `expiring`: expiry time by owner, for example "connection default".

        `others`: alarms of other parts of the gateway.
        """
        more = [*find_refused_settings(self.settings_state), *find_left_poison(self.poison), *others]
        self.watch.check_alarms(expiring, more=more, may_clear=self.is_in_force)

    def request_due_polls(self) -> Mapping[str, PlannedPoll]:
        """Send poll requests for the mailboxes that are due: one row for each is read, a thousand at once.

        If there are few mailboxes, and few quiet ones are due, these are looked at here and now; a request follows
        where that is not enough. Returns the rows by mailbox.
        """
        plan, are_few = PollPlan(self.table), 0 < len(self.mailboxes) <= MOST_IN_ONE_REQUEST
        known = plan.read_known() if are_few else {}
        planned = plan.read() if self.mailboxes and not are_few else {name: one.planned for name, one in known.items()}
        settings = (mailbox.settings for mailbox in self.mailboxes.values())
        due = find_due_polls(settings, planned, datetime.now(UTC))
        quiet = {name for one in due for name in one.mailboxes if name in known and known[name].quiet}
        may_look = 0 < len(quiet) <= _MOST_LOOKS
        asked = [one for one in due if not may_look or quiet.isdisjoint(one.mailboxes)]
        self.workers.map(self.polls.put, asked)
        if may_look:
            names = [name for one in due if one not in asked for name in one.mailboxes]
            left = share_requests([name for name in names if not (name in quiet and self._look(name, known[name]))])
            self.workers.map(self.polls.put, left)
            asked += left
        self.unanswered.note((name for one in asked for name in one.mailboxes), planned, standing_in.read_clock())
        return planned

    def _look(self, name: str, known: KnownPlan) -> bool:
        """Look at a quiet mailbox; return whether that was all that is due."""
        with context.call(str(uuid.uuid4()), seconds=_LOOK_SECONDS):
            try:
                return self.poller.look(self.mailboxes[name], known)
            except GatewayError as error:
                _log.warning("%s: no quick look: %s", name, error)
                return False

    def find_unanswered_polls(self) -> list[PollRequest]:
        """Return requests for the mailboxes for which the timer asks in vain; usually there are none."""
        if POLL_QUEUE not in self.stand_in.at_rest:  # the messages lie there, or are handled: not taken in vain
            return []
        names = self.unanswered.find(standing_in.read_clock(), lambda name: self.mailboxes[name].ledger.state().values)
        return share_requests(names)

    def describe_mailbox(self, mailbox: SupportMailbox) -> Json:
        """Return a mailbox with its state."""
        return self.watch.describe_mailboxes([mailbox], datetime.now(UTC))[0]

    def describe_mailboxes(self) -> list[Json]:
        """Describe the state of each mailbox, read side by side."""
        return self.watch.describe_mailboxes(list(self.mailboxes.values()), datetime.now(UTC))

    def describe_history(self, period: str, now: datetime, names: Sequence[str] | None = None) -> Json:
        """Return the history of these mailboxes, or of all, as points. `period`: day or month."""
        from inbound_mail.history.series import HistoryReader, Period

        history = HistoryReader(self.table, self._find_ledgers(names), self.workers)
        planned = PollPlan(self.table).read() if self.mailboxes else {}
        return history.read(Period(period), planned, now).describe()

    def search_mails(self, search: "Search", limit: int, names: Sequence[str] | None = None) -> "FoundMails":
        """Return the newest mails that fit, of these mailboxes or of all."""
        from inbound_mail.history.searching import MailSearch

        return MailSearch(self.table, self._find_ledgers(names), self.workers).find(search, limit)

    def link_ticket(self, sink: str, ticket: str) -> str | None:
        """Return the address of a ticket as the sink's settings give it, None if they do not."""
        return link_ticket(read_ticket_links(self.settings.sinks).get(sink), ticket)

    def roll_up_history(self) -> None:
        """Take what is new in the ledgers into the history, for a limited time."""
        from inbound_mail.history.roll_up import RollUp

        if not self.mailboxes:
            return
        planned = PollPlan(self.table).read()
        RollUp(self.table, self.workers).run(self._find_ledgers(None), planned, seconds=_ROLL_UP_SECONDS)

    def _find_ledgers(self, names: Sequence[str] | None) -> list[ledger.Ledger]:
        return [one.ledger for name, one in self.mailboxes.items() if names is None or name in names]

    def list_mails(self, mailbox: SupportMailbox, after: int, limit: int) -> tuple[list[Json], int]:
        """Return the mails that became complete after a number of the feed, and the number of the last of them."""
        return mails.list_mails(mailbox, after, limit, self.workers)

    def list_quarantined(self, mailbox: SupportMailbox, limit: int) -> list[Json]:
        """Return the mails of the first `limit` deliveries in quarantine."""
        return mails.list_quarantined(mailbox, limit, self.workers)

    def list_set_aside(self, mailbox: SupportMailbox, reason: str, limit: int) -> list[Json]:
        """Return the first `limit` mails that were set aside for one of the reasons that lists have."""
        return mails.list_set_aside(mailbox, reason, limit, self.workers)

    def read_mail(self, mailbox: SupportMailbox, key: str) -> Json:
        """Return a mail with its deliveries, Graph's message and the list of attachments. Raises NotFound."""
        return mails.read_mail(mailbox, key)

    def list_latest(self, mailbox: SupportMailbox, limit: int) -> list[Json]:
        """Return the mails that were read last, for a designer's list."""
        return pickers.list_latest_mails(mailbox, limit, self.workers)

    def list_files(self, mailbox: SupportMailbox, key: str, limit: int) -> list[Json]:
        """Return the files of a mail, for a designer's list. Raises NotFound."""
        return pickers.list_stored_files(mailbox, key, limit)

    def redeliver(self, mailbox: SupportMailbox, key: str, sink: str | None, decision: Decision) -> list[str]:
        """Let quarantined deliveries of a mail begin again; return their sinks. Raises NotFound and Conflict."""
        return redeliver(mailbox, self.deliveries, key, sink, decision)

    def find_items(
        self, kind: str, mailbox: SupportMailbox, after: int | None, limit: int, folder: str | None
    ) -> TriggerItems:
        """Return trigger items of a kind after a number; `after` None: only the last number."""
        return trigger_items.FINDERS[kind](mailbox, after, limit, folder, self.workers)

    def preview_items(self, kind: str, mailbox: SupportMailbox, limit: int, folder: str | None) -> list[Json]:
        """Return the most recent trigger items of a kind, the oldest first."""
        return trigger_items.find_latest(trigger_items.FINDERS[kind], mailbox, limit, folder, self.workers)


def find_refused_settings(state: SettingsState | None) -> Iterator[Alarm]:
    """Yield an alarm if settings that are in a blob are refused or cannot be read."""
    if state is None or not state.is_wrong:
        return
    shown = [f"{fault.setting}: {fault.message}" for fault in state.faults[:_MOST_SHOWN_FAULTS]]
    details = {
        "inForce": state.in_force.value,
        "message": state.explain(),
        "faults": shown,
        "blobs": [str(place) for place in dict.fromkeys(state.blobs.values())],
    }
    yield Alarm(Event.SETTINGS_REFUSED, state.setting, 1, details, state.wrong_since)


def find_shared_sinks(mailboxes: Iterable[Mailbox]) -> frozenset[str]:
    """Return the sinks that several mailboxes use."""
    uses = Counter(sink for mailbox in mailboxes for sink in mailbox.all_sinks)
    return frozenset(sink for sink, count in uses.items() if count > 1)


def build_mail_services(
    settings: Settings, authenticator: Authenticator, clients: Mapping[str, GraphClient], storage: Storage
) -> MailServices:
    """Build the use cases from checked settings. Opens no connection."""
    table, blobs = Table(storage, ledger.TABLE), Container(storage, mail_store.CONTAINER)
    queues = {name: Queue(storage, name) for name in (POLL_QUEUE, DELIVERY_QUEUE)}
    polls, deliveries = PollQueue(queues[POLL_QUEUE]), DeliveryQueue(queues[DELIVERY_QUEUE])
    tools = Tools(authenticator.secret, storage, settings.public_base_url or "")
    sinks = {name: build_sink(sink, tools) for name, sink in settings.sinks.items()}
    circuit_breakers = {name: CircuitBreaker(table, name) for name in sinks}
    workers = Workers(_STORAGE_WORKERS)
    ticket_links = read_ticket_links(settings.sinks)
    own_addresses = tuple(mailbox.address for mailbox in settings.mailboxes.values())
    mailboxes = {
        name: SupportMailbox(
            mailbox,
            settings.connections[mailbox.connection].tenant_id,
            GraphMail(clients[mailbox.connection], mailbox.address),
            ledger.Ledger(table, name),
            mail_store.MailStore(blobs, name, mailbox.address),
            own_addresses,
            ticket_links,
        )
        for name, mailbox in settings.mailboxes.items()
    }
    is_announced = settings.notifications.is_on
    able = [name for name, one in settings.mailboxes.items() if not settings.connections[one.connection].is_delegated]
    watch = Watch(
        table,
        mailboxes.values(),
        sinks,
        able if is_announced else (),
        queues=(POLL_QUEUE, DELIVERY_QUEUE, EVENT_QUEUE),
        schedules=settings.schedules,
    )
    return MailServices(
        settings=settings,
        mailboxes=mailboxes,
        sinks=sinks,
        circuit_breakers=circuit_breakers,
        table=table,
        polls=polls,
        deliveries=deliveries,
        poller=Poller(blobs, deliveries, workers),
        deliverer=Deliverer(
            sinks,
            circuit_breakers=circuit_breakers,
            threads=Table(storage, threads.TABLE),
            queue=deliveries,
            own_addresses=own_addresses,
            shared_sinks=find_shared_sinks(settings.mailboxes.values()),
        ),
        by_hand=HandDelivery(sinks, deliveries),
        watch=watch,
        workers=workers,
        delivery_workers=Workers(_DELIVERIES_AT_ONCE),
        poison={name: Queue(storage, name) for name in map(name_poison_queue, (POLL_QUEUE, DELIVERY_QUEUE))},
        stand_in=StandIn(queues, QueueStates(table), watch),
        event_stand_in=StandIn({EVENT_QUEUE: Queue(storage, EVENT_QUEUE)}, QueueStates(table), watch),
        unanswered=UnansweredPolls(),
        timer_runs=TimerRuns(table),
        exports=mail_exports.MailExports(Container(storage, mail_exports.CONTAINER)),
        file_links=FileLinks(storage, are_allowed=settings.has_file_links),
    )
