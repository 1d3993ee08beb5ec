"""The sink for Azure Storage Queues: puts each mail as an event into a queue, and events that are too large into blobs.

Sources: Microsoft Learn, "Put Message" (64 KiB encoded, time to live 7 days by default, -1 for ever) and "Azure Queue
storage trigger" (Base64 by default). Messages come at least once and in no order; consumers compare the event's id.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from inbound_mail.content.files import FileChoice
from inbound_mail.sinks._envelope import (
    Settled,
    describe_attachment,
    make_data,
    make_event,
    settle_event_files,
    settle_ticket,
)
from inbound_mail.sinks._options import read_options
from inbound_mail.sinks.protocol import Look, PreparedMail, Progress, Receipt, Tools, refuse_joining
from inbound_mail.sinks.storage_queue.options import OPTIONS
from shared.cloud_events import CONTENT_TYPE, write_event
from shared.json_text import Json
from shared.key_vault import RememberedSecret
from shared.settings.mail_settings import SinkSettings
from shared.storage.blobs import Container
from shared.storage.queues import Queue

# 64 KiB hold 48 KiB in Base64; the rest is a reserve for what the service adds.
_LARGEST_MESSAGE = 40 * 1024
_CONTAINER = "mails"
_TIME_LIMIT = 60.0
_DAY = 24 * 60 * 60


class StorageQueueSink:
    """Delivers mails to one queue."""

    time_limit = _TIME_LIMIT
    probe_is_proof = True

    def __init__(self, name: str, options: Mapping[str, Any], queue: Queue, blobs: Container) -> None:
        self._name = name
        self._with_html = options["body"] == "html"
        self._ttl = options["ttl_days"] and options["ttl_days"] * _DAY
        self._queue = queue
        self._blobs = blobs

    def deliver(self, prepared: PreparedMail, progress: Progress) -> Receipt:
        """Put the event of the mail into the queue. After a crash it may be put a second time, with the same id."""
        settled = settle_ticket(prepared, progress)
        files = settle_event_files(prepared, progress, settled)
        if not progress.values.get("sent"):
            message = self._make_message(prepared, settled, files)
            progress.save()
            self._queue.put(message, ttl=self._ttl)
            progress.note(sent=True)
        return Receipt()

    def find_mail(self, reference: str, begun: Mapping[str, Any], *, interrupted: bool) -> Look:
        """Say whether the message was sent. Whoever took it cannot be asked, so after a crash nobody knows."""
        del reference
        return Look(is_there=True if begun.get("sent") else None if interrupted else False)

    def check_ticket(self, ticket: str) -> str:
        """Refuse: whoever reads the queue cannot be asked."""
        del ticket
        raise refuse_joining()

    def probe(self) -> None:
        """Count the messages of the queue. Raises ConfigurationError if access is denied."""
        self._queue.count()

    def secrets(self) -> Iterable[RememberedSecret]:
        """Return no secrets, because the app's identity opens the storage account."""
        return ()

    def _make_message(self, prepared: PreparedMail, settled: Settled, files: Sequence[FileChoice]) -> Json:
        described = [_describe(choice) for choice in files]
        event = make_event(prepared, settled, make_data(prepared, settled, described, with_html=self._with_html))
        raw = write_event(event)
        if len(raw) <= _LARGEST_MESSAGE:
            return event
        name = f"{prepared.mail.mailbox}/{prepared.mail.key}/event-{self._name}.json"
        self._blobs.put(name, raw, content_type=CONTENT_TYPE)
        claim = {"container": _CONTAINER, "blob": name, "size": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
        return event | {
            "data": {"mailbox": prepared.mail.mailbox, "mailboxAddress": prepared.mail.address, "event": claim}
        }


def _describe(choice: FileChoice) -> Json:
    attachment = choice.attachment
    place = {"container": _CONTAINER, "blob": attachment.blob} if attachment.blob else {}
    return describe_attachment(choice) | place | ({"url": attachment.url} if attachment.url else {})


def build(settings: SinkSettings, tools: Tools) -> StorageQueueSink:
    """Build the sink of checked settings."""
    options = read_options(OPTIONS, settings.options)
    queue, blobs = Queue(tools.storage, options["queue"]), Container(tools.storage, _CONTAINER)
    return StorageQueueSink(settings.name, options, queue, blobs)
