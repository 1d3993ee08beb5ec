"""Runs mails through the gateway: its own code, the simulated Exchange, and storage and sinks in memory.

Requests can reach nothing but the twin in this process, so nothing is written and nobody is asked.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from composition.mail import MailServices, build_mail_services, find_shared_sinks
from devkit.explaining.errors import BadFileError, CannotExplainError
from devkit.explaining.sinks import Sent, ShowingSink, make_sink
from devkit.memory_storage import MemoryContainer, MemoryQueue, MemoryTable
from inbound_mail.delivery.circuit_breaker import CircuitBreaker
from inbound_mail.delivery.delivery import Deliverer
from inbound_mail.intake.polling import Poller
from inbound_mail.ledger.ledger import Ledger
from inbound_mail.ledger.mail_store import MailStore
from inbound_mail.messages import DeliveryQueue
from inbound_mail.reports.mails import describe_mail
from inbound_mail.sinks import check_sink
from inbound_mail.support_mailbox import SupportMailbox
from shared.auth import Authenticator
from shared.graph.client import GraphClient
from shared.graph.limits import CallLimits
from shared.json_text import Json
from shared.settings.config import Settings, load_settings
from shared.settings.faults import SettingsError
from shared.settings.mail_settings import Brakes
from shared.settings.settings_blobs import is_in_blob
from shared.storage.account import Storage
from shared.transport import Transport
from twin.client import redirected_to
from twin.mail.control import read_keywords
from twin.seeds import sample
from twin.simulator import Simulator
from twin.world import World

_NO_LIMIT = 1_000_000  # each mail is explained by itself, not as one of many
# Settings of mail that are taken over; everything else is the twin's.
_TAKEN_OVER = ("MAILBOXES", "SINKS", "PUBLIC_BASE_URL")


@dataclass(frozen=True)
class Explained:
    """What became of one mail: its record in the ledger, and by sink what was sent."""

    file: str
    record: Json
    sent: Mapping[str, Sent]


@contextmanager
def open_gateway(values: Mapping[str, str], mailbox: str | None, folder: str | None) -> Iterator["Rehearsed"]:
    """Run a gateway with these settings of mail; by default with its first mailbox and that one's first folder.

    Raises CannotExplainError with every fault of the settings.
    """
    with (
        _quiet(),
        Simulator(World(sample.add_access), latency=0).running() as sim,
        redirected_to(sim),
    ):
        settings = _load(sample.settings(sim), values)
        if not settings.mailboxes:
            raise CannotExplainError("The settings name no mailbox: give MAILBOXES one (docs/settings.md).")
        name = mailbox or next(iter(settings.mailboxes))
        if name not in settings.mailboxes:
            raise CannotExplainError(f"There is no mailbox {name}. Known: {', '.join(settings.mailboxes)}.")
        folders = settings.mailboxes[name].folders
        if folder is not None and folder not in folders:
            raise CannotExplainError(f"The mailbox {name} does not read {folder}. Known: {', '.join(folders)}.")
        yield Rehearsed(sim, settings, name, folder or folders[0])


class Rehearsed:
    """A gateway in this process, for one mailbox. Mails that it explained are known to those that come later."""

    def __init__(self, sim: Simulator, settings: Settings, mailbox: str, folder: str) -> None:
        self.settings = settings
        self._sim = sim
        self._folder = folder
        address = settings.mailboxes[mailbox].address
        self._received = sim.run(lambda: sim.mail.add_mailbox(address, sample.TENANT_ID))
        for one in settings.mailboxes[mailbox].folders:
            try:
                self._received.folder(one)
            except KeyError:
                self._received.add_folder(one, "msgfolderroot")
        self._queue = MemoryQueue()
        base_url = settings.public_base_url or ""
        self._sinks: dict[str, ShowingSink] = {name: make_sink(sink, base_url) for name, sink in settings.sinks.items()}
        services = _build(settings)
        self.mailbox, self._poller, self._deliverer = self._compose(services, mailbox)

    def explain(self, path: Path) -> Explained:
        """Receive a mail, and take it as far as it goes. Raises BadFileError."""
        keywords = read_mail_file(path)
        message = self._sim.run(lambda: self._received.receive(**keywords, folder=self._folder))
        key = self.mailbox.key(message.id)
        sent: dict[str, Sent] = {}
        self._poller.poll(self.mailbox, at_once=True)
        for waiting in self._queue.take():
            self._deliverer.deliver(self.mailbox, waiting["key"], waiting["sink"])
            if waiting["key"] == key and (one := self._sinks[waiting["sink"]].take()) is not None:
                sent[waiting["sink"]] = one
        return Explained(path.name, describe_mail(self.mailbox, key), sent)

    def _compose(self, services: MailServices, name: str) -> tuple[SupportMailbox, Poller, Deliverer]:
        """Put storage and sinks in memory under the gateway's use cases."""
        table: Any = MemoryTable()
        threads: Any = MemoryTable()
        container: Any = MemoryContainer()
        mailbox = replace(
            services.mailboxes[name],
            settings=replace(services.mailboxes[name].settings, brakes=Brakes(_NO_LIMIT, _NO_LIMIT)),
            ledger=Ledger(table, name),
            store=MailStore(container, name, self.settings.mailboxes[name].address),
        )
        deliveries = DeliveryQueue(self._queue)
        deliverer = Deliverer(
            self._sinks,
            circuit_breakers={sink: CircuitBreaker(table, sink) for sink in self._sinks},
            threads=threads,
            queue=deliveries,
            own_addresses=mailbox.own_addresses,
            shared_sinks=find_shared_sinks(self.settings.mailboxes.values()),
        )
        return mailbox, Poller(container, deliveries, services.workers), deliverer


def read_mail_file(path: Path) -> dict[str, Any]:
    """Return the arguments with which a mailbox of the twin receives a mail: MIME, or a description in JSON.

    Raises BadFileError.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadFileError(f"{path}: {error.strerror or error}.") from None
    if not data.strip():
        raise BadFileError(f"{path}: The file is empty.")
    if path.suffix.lower() != ".json":
        return {"eml": data, "received": _read_date(data)}
    try:
        keywords = read_keywords(json.loads(data))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadFileError(f"{path}: This is no description of a mail ({type(error).__name__}: {error}).") from None
    return {name: value for name, value in keywords.items() if name != "folder"}


def _read_date(data: bytes) -> datetime | None:
    """Return when a mail was sent, as far as that can have been: when it was received is in no file."""
    try:
        sent = parsedate_to_datetime(str(BytesHeaderParser().parsebytes(data)["Date"]))
        return sent if datetime(2000, 1, 1, tzinfo=UTC) < sent < datetime.now(UTC) else None
    except (ValueError, TypeError, OverflowError):  # none, a wrong one, or one without a time zone
        return None


def _load(base: Mapping[str, str], values: Mapping[str, str]) -> Settings:
    """Load the twin's settings with those of mail taken over. Raises CannotExplainError."""
    given = {name: values[name] for name in _TAKEN_OVER if values.get(name)}
    for name, value in given.items():
        if is_in_blob(value):
            raise CannotExplainError(f"{name} is in a blob: give a file with what the blob holds as --settings.")
    given["MAILBOXES"] = _adapt(given.get("MAILBOXES", "[]"))
    try:
        return load_settings(
            {**base, "AzureWebJobsStorage": "UseDevelopmentStorage=true", **given}, check_sink=check_sink
        )
    except SettingsError as error:
        faults = "\n".join(f"  {fault.setting}: {fault.message}" for fault in error.faults)
        raise CannotExplainError(f"The settings are wrong:\n{faults}") from None


def _adapt(mailboxes: str) -> str:
    """Return MAILBOXES for the twin's tenant, without a cutover, and without changes in the mailbox."""
    try:
        given = json.loads(mailboxes)
    except ValueError:
        return mailboxes
    kept = given if isinstance(given, list) else []
    changed = [
        {name: value for name, value in one.items() if name not in ("connection", "since", "write_back")}
        if isinstance(one, dict)
        else one
        for one in kept
    ]
    return json.dumps(changed) if isinstance(given, list) else mailboxes


def _build(settings: Settings) -> MailServices:
    authenticator = Authenticator(settings)
    limits, transport = CallLimits(2), Transport()
    clients = {name: GraphClient(authenticator.tokens(name), transport, limits) for name in settings.connections}
    return build_mail_services(settings, authenticator, clients, Storage(settings.storage, authenticator.identity))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the logs of gateway and twin off the terminal: the explanation says what matters."""
    loggers = [logging.getLogger(name) for name in ("gateway", "uvicorn.error")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
