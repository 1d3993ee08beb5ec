"""Builds everything from the settings: clients, then use cases. Imported at the first call."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from composition.connection_services import ConnectionServices, Shared, SharedStores
from composition.settings_source import MailSource, SettingsSource, SettingsState
from shared.auth import Authenticator
from shared.cursors import Cursors
from shared.graph.client import GraphClient
from shared.graph.limits import CallLimits
from shared.settings.config import Settings, load_settings
from shared.settings.settings_blobs import BlobContents
from shared.storage.account import Lazy, Storage
from shared.storage.blobs import Container
from shared.transport import Transport
from shared.workers import Workers

if TYPE_CHECKING:
    from datetime import datetime

    from composition.mail import MailServices
    from composition.notifications import NotificationServices
    from event_subscriptions.targets.protocol import TargetKind
    from shared.storage.idempotency import IdempotencyStore
    from shared.storage.tables import Table


@dataclass(frozen=True)
class Services:
    """Everything the functions use."""

    settings: Settings
    authenticator: Authenticator
    cursors: Cursors
    workers: Workers
    connections: dict[str, ConnectionServices]
    graph_limits: CallLimits
    stores: SharedStores
    lazy_mail: "Lazy[MailServices]"
    lazy_notifications: "Lazy[NotificationServices]"
    target_kinds: "Lazy[Mapping[str, TargetKind]]"
    mail_source: MailSource | None  # None: no setting is in a blob

    @property
    def idempotency(self) -> "IdempotencyStore":
        """The writes that were begun under an idempotency key."""
        return self.stores.idempotency

    @property
    def changes(self) -> "Table":
        """The table of the change feeds."""
        return self.stores.changes

    @property
    def mail(self) -> "MailServices":
        """The use cases of support mail, built when they are first needed: most calls need none of them."""
        return self.lazy_mail.get()

    @property
    def notifications(self) -> "NotificationServices":
        """What receives Graph's change notifications."""
        return self.lazy_notifications.get()

    @property
    def expiring(self) -> "dict[str, datetime | None]":
        """When stored credentials expire, as this process has read them, by owner, such as "connection default"."""
        sources = self.authenticator.sources()
        return {f"connection {source.connection.name}": source.credential_expires_on for source in sources}

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
    transport = Transport()
    workers = Workers(settings.numbers["GRAPH_CONCURRENCY"])

    clients = {name: GraphClient(authenticator.tokens(name), transport, limits) for name in settings.connections}

    storage = Storage(settings.storage, authenticator.identity)
    shared = Shared(settings, workers, SharedStores(storage))

    build_mail = partial(_build_mail_services, authenticator=authenticator, clients=clients, storage=storage)
    mail_source = _build_mail_source(settings, storage, build_mail) if settings.blobs else None
    return Services(
        settings=settings,
        authenticator=authenticator,
        cursors=Cursors(authenticator.secret(settings.state_key_name)),
        workers=workers,
        connections={name: ConnectionServices(name, client, shared) for name, client in clients.items()},
        graph_limits=limits,
        stores=shared.stores,
        lazy_notifications=Lazy(partial(_build_notifications, settings, authenticator, clients, storage)),
        lazy_mail=Lazy(mail_source.get if mail_source else partial(build_mail, settings)),
        target_kinds=Lazy(partial(_build_target_kinds, settings, authenticator, storage)),
        mail_source=mail_source,
    )


def _build_target_kinds(
    settings: Settings, authenticator: Authenticator, storage: Storage
) -> "Mapping[str, TargetKind]":
    from composition.subscriptions import build_target_kinds

    return build_target_kinds(settings, authenticator, storage)


def _build_mail_services(
    settings: Settings, authenticator: Authenticator, clients: Mapping[str, GraphClient], storage: Storage
) -> "MailServices":
    from composition.mail import build_mail_services

    return build_mail_services(settings, authenticator, clients, storage)


def _build_notifications(
    settings: Settings, authenticator: Authenticator, clients: Mapping[str, GraphClient], storage: Storage
) -> "NotificationServices":
    from composition.notifications import NotificationServices
    from event_subscriptions.messages import QUEUE
    from graph_notifications.converging import Converger
    from graph_notifications.proofs import Proofs
    from graph_notifications.store import TABLE, GraphSubscriptionStore
    from shared.graph.subscriptions import GraphSubscriptions
    from shared.storage.queues import Queue
    from shared.storage.tables import Table

    key = authenticator.secret(settings.state_key_name)
    proofs = Proofs(key, key.renew)
    # Delegated permissions do not reach other mailboxes than the user's own.
    able = {name: client for name, client in clients.items() if not settings.connections[name].is_delegated}
    graphs = {name: GraphSubscriptions(client) for name, client in able.items()}
    converger = Converger(GraphSubscriptionStore(Table(storage, TABLE)), graphs, proofs)
    return NotificationServices(settings, proofs, converger, Queue(storage, QUEUE))


def _build_mail_source(settings: Settings, storage: Storage, build: "Callable[[Settings], MailServices]") -> MailSource:
    containers = {place.container: Container(storage, place.container) for place in settings.blobs.values()}
    return MailSource(SettingsSource(settings, containers.__getitem__, _load_with_blobs), build)


def _load_with_blobs(contents: BlobContents) -> Settings:
    from inbound_mail.sinks import check_sink

    return load_settings(check_sink=check_sink, blobs=contents)
