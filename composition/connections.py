"""Builds everything from the settings: clients, then use cases. Imported at the first call."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from bookings.changes import journal
from bookings.changes.describing import Describer
from bookings.changes.feed import ChangeFeed
from bookings.changes.scanning import Pace, Scanner
from bookings.changes.trigger_items import AppointmentTriggers
from bookings.free_time.availability import Availability
from bookings.free_time.group_limit import GroupLimit
from bookings.free_time.held_time import no_holds
from bookings.free_time.slots import SlotFinder
from bookings.holds import store as holds
from bookings.names import Names
from bookings.reading.appointments import Appointments
from bookings.reading.catalogue import Catalogue
from bookings.writing.appointments import Writes
from composition.settings_source import MailSource, SettingsSource, SettingsState
from shared.auth import Authenticator
from shared.cursors import Cursors
from shared.graph.bookings import GraphBookings
from shared.graph.client import GraphClient
from shared.graph.limits import CallLimits
from shared.settings.config import AllowList, Settings, load_settings
from shared.settings.settings_blobs import BlobContents
from shared.storage import idempotency as keys
from shared.storage.account import Lazy, Storage
from shared.storage.blobs import Container
from shared.storage.tables import Table
from shared.transport import Transport
from shared.workers import Workers

if TYPE_CHECKING:
    from composition.mail import MailServices


@dataclass(frozen=True)
class ConnectionServices:
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
    describer: Describer
    triggers: AppointmentTriggers


@dataclass(frozen=True)
class Services:
    """Everything the functions use."""

    settings: Settings
    authenticator: Authenticator
    cursors: Cursors
    workers: Workers
    connections: dict[str, ConnectionServices]
    graph_limits: CallLimits
    idempotency: keys.IdempotencyStore
    changes: Table
    lazy_mail: "Lazy[MailServices]"
    mail_source: MailSource | None  # None: no setting is in a blob

    @property
    def mail(self) -> "MailServices":
        """The use cases of support mail, built when they are first needed: most calls need none of them."""
        return self.lazy_mail.get()

    @property
    def settings_state(self) -> SettingsState | None:
        """What is known of settings in blobs without reading them; None if there are none."""
        return self.mail_source.state if self.mail_source else None

    def for_one_call(self) -> "Services":
        """Return the services for one call, or one run of a function: `mail` keeps its settings to the end of it."""
        return replace(self, lazy_mail=Lazy(self.mail_source.get)) if self.mail_source else self

    def read_mail_again(self) -> "MailServices":
        """Return the use cases of support mail with settings that are read from their blobs now."""
        return self.mail_source.get(at_once=True) if self.mail_source else self.mail


def build_services(settings: Settings) -> Services:
    """Build the services. Opens no connection: every client connects when it is first used."""
    authenticator = Authenticator(settings)
    limits = CallLimits(settings.numbers["GRAPH_CONCURRENCY"])
    transport = Transport(pool_size=settings.numbers["GRAPH_CONCURRENCY"])
    workers = Workers(settings.numbers["GRAPH_CONCURRENCY"])

    clients = {name: GraphClient(authenticator.tokens(name), transport, limits) for name in settings.connections}

    storage = Storage(settings.storage, authenticator.identity)
    table, blobs = Table(storage, journal.TABLE), Container(storage, journal.CONTAINER)
    pace = Pace(
        timedelta(days=settings.numbers["CHANGES_WINDOW_DAYS"]),
        timedelta(seconds=settings.numbers["CHANGES_REFRESH_SECONDS"]),
    )

    store, held = keys.IdempotencyStore(Table(storage, keys.TABLE)), holds.HoldStore(Table(storage, holds.TABLE))
    may_hold = any(connection.may_write for connection in settings.connections.values())
    read_holds = held.read_holds if may_hold else no_holds

    def build_connection(name: str) -> ConnectionServices:
        connection = settings.connections[name]
        graph = GraphBookings(clients[name], is_delegated=connection.is_delegated)
        names = Names(graph)
        limit = GroupLimit()
        appointments = Appointments(graph, names, workers)
        scanner = Scanner(graph, workers, pace, appointments.find_details)
        feed, describer = ChangeFeed(name, scanner, table, blobs), Describer(appointments, names)
        return ConnectionServices(
            businesses=connection.businesses,
            graph=graph,
            catalogue=Catalogue(graph, names, workers, connection.businesses),
            appointments=appointments,
            availability=Availability(graph, names, read_holds),
            slots=SlotFinder(graph, names, workers, limit, read_holds),
            writes=(
                Writes(name, graph, names, workers, idempotency=store, holds=held, limit=limit)
                if connection.may_write
                else None
            ),
            names=names,
            changes=feed,
            describer=describer,
            triggers=AppointmentTriggers(feed, describer),
        )

    build_mail = partial(_build_mail_services, authenticator=authenticator, clients=clients)
    mail_source = _build_mail_source(settings, storage, build_mail) if settings.blobs else None
    return Services(
        settings=settings,
        authenticator=authenticator,
        cursors=Cursors(authenticator.secret(settings.state_key_name)),
        workers=workers,
        connections={name: build_connection(name) for name in settings.connections},
        graph_limits=limits,
        idempotency=store,
        changes=table,
        lazy_mail=Lazy(mail_source.get if mail_source else partial(build_mail, settings)),
        mail_source=mail_source,
    )


def _build_mail_services(
    settings: Settings, authenticator: Authenticator, clients: Mapping[str, GraphClient]
) -> "MailServices":
    from composition.mail import build_mail_services

    return build_mail_services(settings, authenticator, clients)


def _build_mail_source(settings: Settings, storage: Storage, build: "Callable[[Settings], MailServices]") -> MailSource:
    containers = {place.container: Container(storage, place.container) for place in settings.blobs.values()}
    return MailSource(SettingsSource(settings, containers.__getitem__, _load_with_blobs), build)


def _load_with_blobs(contents: BlobContents) -> Settings:
    from inbound_mail.sinks import check_sink

    return load_settings(check_sink=check_sink, blobs=contents)
