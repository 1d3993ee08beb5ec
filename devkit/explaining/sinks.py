"""Sinks that show what they would send: the gateway's own sinks, each with a target that keeps what it gets.

Nobody is asked, so what only the real target knows is assumed: it takes every ticket, and knows the tickets of the
mails that were explained before and no others.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from devkit.memory_storage import MemoryContainer
from inbound_mail.content.belonging import Belonging, TicketLookup
from inbound_mail.content.files import FileChoice
from inbound_mail.sinks._files import settle_files
from inbound_mail.sinks._options import read_options
from inbound_mail.sinks.easyvista import options as easyvista_options
from inbound_mail.sinks.easyvista import sink as easyvista
from inbound_mail.sinks.easyvista.client import Client, Ticket
from inbound_mail.sinks.protocol import Look, PreparedMail, Progress, Receipt, Sink
from inbound_mail.sinks.storage_queue import options as storage_queue_options
from inbound_mail.sinks.storage_queue import sink as storage_queue
from inbound_mail.sinks.webhook import options as webhook_options
from inbound_mail.sinks.webhook import sink as webhook
from shared.json_text import Json
from shared.key_vault import RememberedSecret
from shared.settings.mail_settings import SinkSettings


@dataclass(frozen=True)
class AskedMail(PreparedMail):
    """A prepared mail that remembers what was decided about its ticket."""

    decisions: list[Belonging] = field(default_factory=list)

    def find_ticket(self, lookup: TicketLookup | None = None) -> Belonging:
        """Decide, and keep the decision."""
        found = PreparedMail.find_ticket(self, lookup)
        self.decisions.append(found)
        return found


@dataclass
class Sent:
    """What one delivery has sent. `kind` is ticket, comment or event; `content` its fields, or the event."""

    kind: str = ""
    ticket: str | None = None
    content: Json = field(default_factory=dict)
    choices: list[FileChoice] = field(default_factory=list)
    prepared: AskedMail | None = None
    receipt: Receipt | None = None


class ShowingSink:
    """A sink of the gateway whose target is `outlet`; it keeps what the last delivery was and sent."""

    def __init__(self, sink: Sink, outlet: "Outlet") -> None:
        self._sink = sink
        self._outlet = outlet
        self.time_limit = sink.time_limit
        self.probe_is_proof = sink.probe_is_proof
        self.last: Sent | None = None

    def deliver(self, prepared: PreparedMail, progress: Progress) -> Receipt:
        """Deliver to the outlet, and keep what was decided."""
        asked = AskedMail(**{one.name: getattr(prepared, one.name) for one in fields(prepared)})
        self.last = self._outlet.sent = Sent(prepared=asked)
        receipt = self._sink.deliver(asked, progress)
        self.last.receipt = receipt
        if prepared.is_report:  # its files go nowhere
            return receipt
        is_event = self.last.kind == "event"
        ticket = self.last.content.get("subject") if is_event else receipt.ticket if receipt.is_reply else None
        is_cut = ticket is not None and prepared.rendering.was_cut and prepared.history_in == ticket
        self.last.choices = list(settle_files(prepared, progress, ticket, is_cut=is_cut))
        return receipt

    def find_mail(self, reference: str, begun: Mapping[str, Any], *, interrupted: bool) -> Look:
        """Look for a mail in the outlet."""
        return self._sink.find_mail(reference, begun, interrupted=interrupted)

    def check_ticket(self, ticket: str) -> str:
        """Look for a ticket in the outlet."""
        return self._sink.check_ticket(ticket)

    def probe(self) -> None:
        """Find the outlet well."""

    def secrets(self) -> Iterable[RememberedSecret]:
        """Return none."""
        return ()

    def take(self) -> Sent | None:
        """Return what the last delivery was, once."""
        taken, self.last = self.last, None
        return taken


class Outlet:
    """Where a sink's requests end. `sent` is what the delivery at hand has sent."""

    def __init__(self) -> None:
        self.sent = Sent()


class _Instance(Client, Outlet):
    """An EasyVista that has the tickets of this run, all of them open."""

    def __init__(self, name: str) -> None:
        Outlet.__init__(self)
        self._name = name
        self._tickets: dict[str, dict[str, Any]] = {}
        self._comments: dict[str, list[str]] = {}

    def find(self, reference: str) -> list[str]:
        return [number for number, one in self._tickets.items() if one["external_reference"] == reference]

    def create(self, fields: Mapping[str, Any]) -> str | None:
        number = f"{self._name}-{len(self._tickets) + 1}"
        self._tickets[number] = dict(fields)
        self.sent.kind, self.sent.ticket, self.sent.content = "ticket", number, dict(fields)
        return number

    def change(self, rfc: str, fields: Mapping[str, Any]) -> None:
        self._tickets[rfc] |= fields

    def ticket(self, rfc: str) -> Ticket | None:
        return Ticket(rfc, is_closed=False) if rfc in self._tickets else None

    def people(self, rfc: str) -> set[str]:
        one = self._tickets.get(rfc, {})
        return {str(one[name]).lower() for name in ("requestor_mail", "recipient_mail") if one.get(name)}

    def comment(self, rfc: str, fields: Mapping[str, Any]) -> None:
        self._comments.setdefault(rfc, []).append(str(fields["description"]))
        self.sent.kind, self.sent.ticket, self.sent.content = "comment", rfc, dict(fields)

    def comments(self, rfc: str, action_type: int) -> Iterator[str]:
        _ = action_type
        return iter(self._comments.get(rfc, ()))

    def documents(self, rfc: str) -> list[str]:
        _ = rfc
        return []

    def attach(self, rfc: str, make_body: Callable[[], Any], content_type: str) -> None:
        _ = rfc, make_body, content_type


class _Receiver(Outlet):
    """A webhook's receiver; it answers with the number of a ticket if the sink reads one."""

    secrets: tuple[RememberedSecret, ...] = ()

    def __init__(self, name: str, pointer: str | None) -> None:
        super().__init__()
        self._name = name
        self._pointer = pointer
        self._count = 0

    def send(self, event_id: str, body: bytes) -> bytes:
        """Keep the event."""
        _ = event_id
        event: Json = json.loads(body)
        self.sent.kind, self.sent.content = "event", event
        self.sent.ticket = event.get("subject")
        if self._pointer is None:
            return b""
        if self.sent.ticket is None:
            self._count += 1
            self.sent.ticket = f"{self._name}-{self._count}"
        answer: Any = self.sent.ticket
        for part in reversed(self._pointer.split("/")[1:]):
            answer = {part.replace("~1", "/").replace("~0", "~"): answer}
        return json.dumps(answer).encode()


class _Queue(Outlet):
    """A queue."""

    def put(self, message: Mapping[str, Any], *, delay: float = 0, ttl: float | None = None) -> None:
        """Keep the event."""
        _ = delay, ttl
        self.sent.kind, self.sent.content, self.sent.ticket = "event", dict(message), message.get("subject")


def make_sink(settings: SinkSettings, base_url: str) -> ShowingSink:
    """Build a sink from checked settings, with a target in this process."""
    made: Sink
    nothing: Any = None  # what only a real target needs
    if settings.kind == "easyvista":
        instance = _Instance(settings.name)
        options = read_options(easyvista_options.OPTIONS, settings.options)
        made = easyvista.EasyVistaSink(instance, options, nothing, base_url)
        return ShowingSink(made, instance)
    if settings.kind == "webhook":
        options = read_options(webhook_options.OPTIONS, settings.options)
        receiver: Any = _Receiver(settings.name, options["ticket_pointer"])
        made = webhook.WebhookSink(receiver, options, base_url)
        return ShowingSink(made, receiver)
    queue: Any = _Queue()
    blobs: Any = MemoryContainer()
    options = read_options(storage_queue_options.OPTIONS, settings.options)
    made = storage_queue.StorageQueueSink(settings.name, options, queue, blobs)
    return ShowingSink(made, queue)
