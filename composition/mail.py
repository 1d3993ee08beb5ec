"""Puts the mail side together: mailboxes, sinks, queues, alarms. Imported when it is first needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from composition.services import DELIVERIES, POLLS
from inbound_mail.delivery import threads
from inbound_mail.delivery.circuit_breaker import Circuit
from inbound_mail.delivery.delivery import Deliverer
from inbound_mail.intake.polling import Poller
from inbound_mail.ledger import ledger, mail_store
from inbound_mail.reports.alarms import Watch
from inbound_mail.reports.mails import describe_mailbox
from inbound_mail.sinks import build_sink
from inbound_mail.sinks.protocol import Sink, Tools
from inbound_mail.support_mailbox import SupportMailbox
from shared.auth import Authenticator
from shared.graph.client import GraphClient
from shared.graph.mail import GraphMail
from shared.settings.config import Settings
from shared.storage.account import Storage
from shared.storage.blobs import Container
from shared.storage.queues import Queue
from shared.storage.tables import Table
from shared.workers import Workers

_STORAGE_WORKERS = 8


@dataclass(frozen=True)
class MailServices:
    """The use cases of support mail."""

    mailboxes: dict[str, SupportMailbox]
    sinks: dict[str, Sink]
    table: Table
    polls: Queue
    deliveries: Queue
    poller: Poller
    deliverer: Deliverer
    watch: Watch
    workers: Workers

    def describe_mailboxes(self) -> list[dict[str, Any]]:
        """Describe the state of each mailbox, read side by side."""
        return self.workers.map(describe_mailbox, list(self.mailboxes.values()))

    def describe_circuits(self) -> dict[str, dict[str, str] | None]:
        """Return, by sink, since when and why its circuit breaker is open; None if it is closed."""
        return {name: Circuit(self.table, name).describe() for name in self.sinks}


def build_mail_services(
    settings: Settings, authenticator: Authenticator, clients: Mapping[str, GraphClient]
) -> MailServices:
    """Build it of checked settings. Opens no connection."""
    storage = Storage(settings.storage, authenticator.identity)
    table, blobs = Table(storage, ledger.TABLE), Container(storage, mail_store.CONTAINER)
    polls, deliveries = Queue(storage, POLLS), Queue(storage, DELIVERIES)
    tools = Tools(authenticator.secret, storage, settings.public_base_url or "")
    sinks = {name: build_sink(sink, tools) for name, sink in settings.sinks.items()}
    workers = Workers(_STORAGE_WORKERS)
    mailboxes = {
        name: SupportMailbox(
            mailbox,
            settings.connections[mailbox.connection].tenant_id,
            GraphMail(clients[mailbox.connection], mailbox.address),
            ledger.Ledger(table, name),
            mail_store.MailStore(blobs, name, mailbox.address),
        )
        for name, mailbox in settings.mailboxes.items()
    }
    return MailServices(
        mailboxes=mailboxes,
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
        watch=Watch(table, mailboxes.values(), sinks),
        workers=workers,
    )
