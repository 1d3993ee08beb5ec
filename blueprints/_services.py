"""The composition point: settings -> clients -> use cases, built once at the first call and replaceable in tests."""

import logging
import threading
from dataclasses import dataclass

from bookings.appointments import Appointments
from bookings.availability import Availability
from bookings.catalogue import Catalogue
from bookings.names import Names
from bookings.slots import SlotFinder
from shared.auth import Authenticator
from shared.config import AllowList, Settings, SettingsError, load_settings
from shared.cursors import Cursors
from shared.graph.bookings import GraphBookings
from shared.graph.client import Gate, GraphClient
from shared.transport import Transport
from shared.workers import Workers

_log = logging.getLogger("gateway.settings")


@dataclass(frozen=True)
class Tenant:
    """The use cases of one connection."""

    businesses: AllowList
    graph: GraphBookings
    catalogue: Catalogue
    appointments: Appointments
    availability: Availability
    slots: SlotFinder


@dataclass(frozen=True)
class Services:
    """Everything the functions use."""

    settings: Settings
    authenticator: Authenticator
    cursors: Cursors
    workers: Workers
    tenants: dict[str, Tenant]


def build_services(settings: Settings) -> Services:
    """Put the app together. Opens no connection: every client is lazy."""
    authenticator = Authenticator(settings)
    gate = Gate(settings.graph_concurrency)
    transport = Transport(pool_size=settings.graph_concurrency)
    workers = Workers(settings.graph_concurrency)

    def build_tenant(name: str) -> Tenant:
        graph = GraphBookings(GraphClient(authenticator.tokens(name), transport, gate))
        names = Names(graph)
        return Tenant(
            businesses=settings.connections[name].businesses,
            graph=graph,
            catalogue=Catalogue(graph, names),
            appointments=Appointments(graph, names, workers),
            availability=Availability(graph, names),
            slots=SlotFinder(graph, names, workers),
        )

    return Services(
        settings=settings,
        authenticator=authenticator,
        cursors=Cursors(authenticator.secret(settings.state_key_name)),
        workers=workers,
        tenants={name: build_tenant(name) for name in settings.connections},
    )


class _Once:
    """Holds the services, or why there are none: settings are read once, at the first call after a start."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._services: Services | None = None
        self._error: SettingsError | None = None

    def get(self) -> Services:
        with self._lock:
            if self._services is None and self._error is None:
                self._build()
            if self._services is None:
                raise self._error or AssertionError
            return self._services

    def _build(self) -> None:
        try:
            self._services = build_services(load_settings())
        except SettingsError as error:
            self._error = error
            faults = "\n".join(f"  {fault.setting}: {fault.message}" for fault in error.faults)
            _log.critical("The settings are wrong; no call can be answered until they are corrected:\n%s", faults)

    def put(self, services: Services | None) -> None:
        with self._lock:
            self._services, self._error = services, None


_once = _Once()


def services() -> Services:
    """Return the services. Raises SettingsError, with every fault, as long as the settings are wrong."""
    return _once.get()


def replace_services(instead: Services | None) -> None:
    """Use these services from now on; None: build them anew at the next call. For tests."""
    _once.put(instead)
