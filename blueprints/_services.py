"""The composition point: settings -> clients -> use cases, built once at the first call and replaceable in tests."""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bookings.appointments import Appointments
from bookings.availability import Availability
from bookings.catalogue import Catalogue
from bookings.changes import journal
from bookings.changes.feed import ChangeFeed
from bookings.changes.looking import Observer, Pace
from bookings.names import Names
from bookings.slots import SlotFinder
from bookings.writes import Writes
from inbound_mail import ledger, store, threads
from inbound_mail.alarms import Watch
from inbound_mail.delivery import Deliverer
from inbound_mail.desk import Desk
from inbound_mail.polling import Poller
from inbound_mail.sinks import build_sink, check_sink
from inbound_mail.sinks.protocol import Sink, Tools
from shared import idempotency
from shared.auth import Authenticator
from shared.blobs import Container
from shared.config import AllowList, Fault, Settings, SettingsError, load_settings
from shared.cursors import Cursors
from shared.graph.bookings import GraphBookings
from shared.graph.client import Gate, GraphClient
from shared.graph.mail import GraphMail
from shared.queues import Queue
from shared.storage import Storage
from shared.tables import Table
from shared.transport import Transport
from shared.workers import Workers

_log = logging.getLogger("gateway.settings")

POLLS, DELIVERIES = "mailbox-polls", "mail-deliveries"
_STORAGE_WORKERS = 8


@dataclass(frozen=True)
class Tenant:
    """The use cases of one connection."""

    businesses: AllowList
    graph: GraphBookings
    catalogue: Catalogue
    appointments: Appointments
    availability: Availability
    slots: SlotFinder
    writes: Writes | None  # None: switched off
    names: Names
    changes: ChangeFeed


@dataclass(frozen=True)
class MailSide:
    """The use cases of support mail."""

    desks: dict[str, Desk]
    sinks: dict[str, Sink]
    table: Table
    polls: Queue
    deliveries: Queue
    poller: Poller
    deliverer: Deliverer
    watch: Watch
    workers: Workers


@dataclass(frozen=True)
class Services:
    """Everything the functions use."""

    settings: Settings
    authenticator: Authenticator
    cursors: Cursors
    workers: Workers
    tenants: dict[str, Tenant]
    once: idempotency.Once
    mail: MailSide
    changes: Table


def build_services(settings: Settings) -> Services:
    """Put the app together. Opens no connection: every client is lazy."""
    authenticator = Authenticator(settings)
    gate = Gate(settings.graph_concurrency)
    transport = Transport(pool_size=settings.graph_concurrency)
    workers = Workers(settings.graph_concurrency)

    clients = {name: GraphClient(authenticator.tokens(name), transport, gate) for name in settings.connections}

    storage = Storage(settings.storage, authenticator.identity)
    table, blobs = Table(storage, journal.TABLE), Container(storage, journal.CONTAINER)
    pace = Pace(timedelta(days=settings.changes_window_days), timedelta(seconds=settings.changes_refresh_seconds))

    once = idempotency.Once(Table(Storage(settings.storage, authenticator.identity), idempotency.TABLE))

    def build_tenant(name: str) -> Tenant:
        graph = GraphBookings(clients[name])
        names = Names(graph)
        return Tenant(
            businesses=settings.connections[name].businesses,
            graph=graph,
            catalogue=Catalogue(graph, names),
            appointments=Appointments(graph, names, workers),
            availability=Availability(graph, names),
            slots=SlotFinder(graph, names, workers),
            writes=Writes(name, graph, names, workers, once) if settings.connections[name].may_write else None,
            names=names,
            changes=ChangeFeed(name, Observer(graph, workers, pace), table, blobs),
        )

    return Services(
        settings=settings,
        authenticator=authenticator,
        cursors=Cursors(authenticator.secret(settings.state_key_name)),
        workers=workers,
        tenants={name: build_tenant(name) for name in settings.connections},
        once=once,
        mail=_build_mail_side(settings, authenticator, clients),
        changes=table,
    )


def _build_mail_side(settings: Settings, authenticator: Authenticator, clients: Mapping[str, GraphClient]) -> MailSide:
    storage = Storage(settings.storage, authenticator.identity)
    table, blobs = Table(storage, ledger.TABLE), Container(storage, store.CONTAINER)
    polls, deliveries = Queue(storage, POLLS), Queue(storage, DELIVERIES)
    tools = Tools(authenticator.secret, storage, settings.public_base_url or "")
    sinks = {name: build_sink(sink, tools) for name, sink in settings.sinks.items()}
    workers = Workers(_STORAGE_WORKERS)
    desks = {
        name: Desk(
            mailbox,
            settings.connections[mailbox.connection].tenant_id,
            GraphMail(clients[mailbox.connection], mailbox.address),
            ledger.Ledger(table, name),
            store.MailStore(blobs, name, mailbox.address),
        )
        for name, mailbox in settings.mailboxes.items()
    }
    return MailSide(
        desks=desks,
        sinks=sinks,
        table=table,
        polls=polls,
        deliveries=deliveries,
        poller=Poller(blobs, deliveries, workers),
        deliverer=Deliverer(
            sinks,
            mails=table,
            threads=Table(storage, threads.TABLE),
            queue=deliveries,
            own_addresses=[mailbox.address for mailbox in settings.mailboxes.values()],
        ),
        watch=Watch(table, desks.values(), sinks),
        workers=workers,
    )


class _Once:
    """Holds the services, or why there are none: settings are read once, at the first call after a start."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._services: Services | None = None
        self._faults: tuple[Fault, ...] = ()

    def get(self) -> Services:
        with self._lock:
            if self._services is None and not self._faults:
                self._build()
            if self._services is None:
                # anew each time: one that is raised again and again keeps every frame it ever went through
                raise SettingsError(self._faults)
            return self._services

    def _build(self) -> None:
        try:
            self._services = build_services(load_settings(check_sink=check_sink))
        except SettingsError as error:
            self._faults = error.faults
            faults = "\n".join(f"  {fault.setting}: {fault.message}" for fault in error.faults)
            _log.critical("The settings are wrong; no call can be answered until they are corrected:\n%s", faults)

    def put(self, services: Services | None) -> None:
        with self._lock:
            self._services, self._faults = services, ()


_once = _Once()


def services() -> Services:
    """Return the services. Raises SettingsError, with every fault, as long as the settings are wrong."""
    return _once.get()


def replace_services(instead: Services | None) -> None:
    """Use these services from now on; None: build them anew at the next call. For tests."""
    _once.put(instead)
