"""The sink for webhooks: sends each mail as a signed event to an address, for example of Power Automate or Logic Apps.

Sources: Standard Webhooks 1.0.0 (headers, signature, meaning of statuses), CloudEvents HTTP binding 1.0.2, the draft
"Idempotency-Key HTTP Header Field", RFC 9457 (problem+json), RFC 6901 (JSON pointer); Microsoft Learn, "Receive and
respond to inbound HTTPS calls" (Logic Apps: 202 without a Response action, the address itself is the credential).

A receiver recognises a repetition by `webhook-id`, which is the mail's reference. So after an unknown outcome the event
is simply sent again.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from inbound_mail.sinks._files import digests_of, locate_attachment
from inbound_mail.sinks._options import read_options
from inbound_mail.sinks._ticket_links import is_link
from inbound_mail.sinks.protocol import Look, PreparedMail, Progress, Receipt, Tools, refuse_joining
from inbound_mail.sinks.webhook.options import CONTENT_TYPES, OPTIONS
from inbound_mail.sinks.webhook.receiver import Receiver
from shared import context
from shared.cloud_events import write_event
from shared.json_text import Json
from shared.key_vault import RememberedSecret
from shared.settings.mail_settings import SinkSettings

_LONGEST_TICKET = 100


class WebhookSink:
    """Delivers mails to one receiver, by the options of one sink."""

    probe_is_proof = False

    def __init__(self, receiver: Receiver, options: Mapping[str, Any], base_url: str) -> None:
        self._receiver = receiver
        self._options = options
        self._base_url = base_url

    @property
    def time_limit(self) -> float:
        """Seconds that one attempt may take: two requests (the second after a changed secret), and reading files."""
        return 2.0 * float(self._options["timeout"]) + 30.0

    def deliver(self, prepared: PreparedMail, progress: Progress) -> Receipt:
        """Send the event of the mail. If the answer is lost, a later attempt sends the same id and body again."""
        with context.call(context.request_id(), seconds=min(self.time_limit, context.remaining())):
            settled = settle_ticket(prepared, progress)
            files = settle_event_files(prepared, progress, settled)
            if not progress.values.get("sent"):
                body = self._write(prepared, settled, files)
                progress.save()
                answer = self._receiver.send(prepared.reference, body)
                progress.note(sent=True, ticket=self._read_ticket(answer), ticket_url=self._read_url(answer))
        ticket: str | None = progress.values.get("ticket")
        is_reply = settled.ticket is not None and ticket in (None, settled.ticket)
        return Receipt(
            ticket or settled.ticket,
            is_reply=is_reply,
            files=digests_of(files),
            url=progress.values.get("ticket_url"),
        )

    def find_mail(self, reference: str, begun: Mapping[str, Any], *, interrupted: bool) -> Look:
        """Say whether the receiver has taken the event. It cannot be asked, so after a lost answer nobody knows."""
        del reference
        if begun.get("sent"):
            return Look(is_there=True, ticket=begun.get("ticket"))
        return Look(is_there=None if interrupted else False)

    def check_ticket(self, ticket: str) -> str:
        """Refuse: the receiver cannot be asked."""
        del ticket
        raise refuse_joining()

    def probe(self) -> None:
        """Check the secrets, and send nothing: a receiver would take any request for an event."""
        self._receiver.check_secrets()

    def secrets(self) -> Iterable[RememberedSecret]:
        """Return the secrets of the signing keys, and of the address if it is secret."""
        return self._receiver.secrets

    def _write(self, prepared: PreparedMail, settled: Settled, files: Sequence[FileChoice]) -> bytes:
        attachments = list(self._describe_attachments(prepared, files))
        data = make_data(prepared, settled, attachments, with_html=self._options["body"] == "html")
        return write_event(make_event(prepared, settled, data))

    def _describe_attachments(self, prepared: PreparedMail, files: Sequence[FileChoice]) -> Iterator[Json]:
        """Yield every attachment. The address of one that a ticket does not need is given instead of its bytes."""
        free = int(self._options["inline_kib"]) * 1024
        for choice in files:
            attachment, described = choice.attachment, describe_attachment(choice)
            if attachment.blob is None:
                yield described | ({"url": attachment.url} if attachment.url else {})
            elif attachment.size <= free and choice.reason is None:
                content = b"".join(prepared.open(attachment))
                free -= len(content)
                yield described | {"contentBase64": base64.b64encode(content).decode()}
            else:
                yield described | locate_attachment(prepared.mail, attachment, self._base_url)

    def _read_ticket(self, answer: bytes) -> str | None:
        found = _find_value(answer, self._options["ticket_pointer"])
        is_text = isinstance(found, str | int) and not isinstance(found, bool)
        text = " ".join(str(found).split()) if is_text else ""
        return text if text.isprintable() and 0 < len(text) <= _LONGEST_TICKET else None

    def _read_url(self, answer: bytes) -> str | None:
        found = _find_value(answer, self._options["ticket_url_pointer"])
        return found if isinstance(found, str) and is_link(found) else None


def _find_value(answer: bytes, pointer: str | None) -> Any:
    """Return what a JSON pointer names in an answer, None if there is nothing."""
    try:
        found = json.loads(answer) if pointer and answer else None
    except ValueError:
        return None
    for part in (pointer or "").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            found = found.get(name) if isinstance(found, dict) else None
    return found


def build(settings: SinkSettings, tools: Tools) -> WebhookSink:
    """Build the sink of checked settings."""
    options = read_options(OPTIONS, settings.options)
    receiver = Receiver(
        url=options["url"],
        url_secret=tools.secret(options["url_secret"]) if options["url_secret"] else None,
        keys=[tools.secret(name) for name in options["signing_keys"] or ()],
        content_type=CONTENT_TYPES[options["preset"]],
        timeout=options["timeout"],
        wants_answer=bool(options["ticket_pointer"] or options["ticket_url_pointer"]),
    )
    return WebhookSink(receiver, options, tools.base_url)
