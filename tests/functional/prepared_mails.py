"""Prepared mails for tests of sinks, with their progress, the known threads and the secrets, all in memory."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from inbound_mail.content.belonging import Thread
from inbound_mail.content.files import SeenFiles
from inbound_mail.content.models import Attachment, AttachmentKind, InboundMail, Rendering, Screening
from inbound_mail.content.rules import MatchedRule
from inbound_mail.sinks import build_sink
from inbound_mail.sinks.protocol import LoopNotice, PreparedMail, Sink, Tools
from shared.errors import ConfigurationError
from shared.key_vault import RememberedSecret, VaultSecret
from shared.settings.mail_settings import SinkSettings
from shared.storage.account import Storage

AUTHOR = "lee.gu@contoso.com"
STRANGER = "mallory@fabrikam.example"
BODY = "The printer on floor 3 burns. Body-of-the-mail."
CHUNK = 64 * 1024


def address(mail: str, name: str = "") -> dict[str, Any]:
    return {"emailAddress": {"address": mail, "name": name}}


LEE = address(AUTHOR, "Lee Gu")


def make_file(number: int, name: str, data: bytes, **more: Any) -> tuple[Attachment, bytes]:
    """An attachment whose bytes lie in a blob, and the bytes."""
    values: dict[str, Any] = {
        "number": number,
        "name": name,
        "content_type": "application/octet-stream",
        "size": len(data),
        "kind": AttachmentKind.FILE,
        "blob": f"support/0a1b/{number}",
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    return Attachment(**(values | more)), data


class KnownThreads:
    """What earlier mails became, in memory."""

    def __init__(
        self, by_id: Mapping[str, Thread] | None = None, by_conversation: Mapping[str, Thread] | None = None
    ) -> None:
        self.by_id = dict(by_id or {})
        self.by_conversation = dict(by_conversation or {})

    def find_all(self, message_ids: Iterable[str]) -> Iterator[Thread]:
        return (self.by_id[one] for one in message_ids if one in self.by_id)

    def find_siblings(self, message_ids: Iterable[str]) -> Iterator[Thread]:
        del message_ids
        return iter(())

    def find_ticket(self, ticket: str) -> Thread | None:
        return next((one for one in self.by_id.values() if one.ticket == ticket), None)

    def find_conversation(self, conversation_id: str) -> Thread | None:
        return self.by_conversation.get(conversation_id)


@dataclass
class SeenBefore:
    """The files of earlier mails, in memory: pictures of the author, and files by ticket."""

    by_author: frozenset[str] = frozenset()
    by_ticket: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def find(self, mail: InboundMail, ticket: str | None) -> SeenFiles:
        del mail
        return SeenFiles(self.by_author, self.by_ticket.get(ticket or "", frozenset()))


class Died(BaseException):
    """The process ends here: nothing below may catch it."""


class MemoryProgress:
    """A record that survives its process, but for what was noted; `dies_after` ends the process after so many saves."""

    def __init__(self, values: Mapping[str, Any] | None = None, *, interrupted: bool = False) -> None:
        self.saved: Mapping[str, Any] = dict(values or {})
        self.noted: Mapping[str, Any] = {}
        self.interrupted = interrupted
        self.saves = 0
        self.dies_after: int | None = None

    @property
    def values(self) -> Mapping[str, Any]:
        return {**self.saved, **self.noted}

    def save(self, **values: Any) -> None:
        self.note(**values)
        if not self.noted:
            return
        self.saved, self.noted = self.values, {}
        self.saves += 1
        if self.saves == self.dies_after:
            raise Died

    def note(self, **values: Any) -> None:
        self.noted = json.loads(json.dumps({**self.noted, **values}))

    def next_attempt(self) -> "MemoryProgress":
        """Return the same record as after an attempt whose process died."""
        return MemoryProgress(self.saved, interrupted=True)


def make_prepared_mail(
    *files: tuple[Attachment, bytes],
    threads: KnownThreads | None = None,
    seen: SeenBefore | None = None,
    rendering: Mapping[str, Any] | None = None,
    screening: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    sender: Any = LEE,
    reference: str = "mail-3754b8567692ee3c459585c5f7ffb3df523d1942",
    is_note: bool = False,
    history_in: str | None = None,
    rule: MatchedRule | None = None,
    join: str | None = None,
    is_forced: bool = False,
    loop: LoopNotice | None = None,
    **message: Any,
) -> PreparedMail:
    """A mail from somebody whom the desk knows; `message` changes Graph's properties."""
    graph: dict[str, Any] = {
        "id": "AAMkAGI2=",
        "internetMessageId": "<CAF1234@mail.example.com>",
        "conversationId": "conversation-1",
        "subject": "Printer on fire",
        "importance": "normal",
        "receivedDateTime": "2026-11-23T09:30:00Z",
        "from": sender,
        "toRecipients": [address("support@contoso.com", "Support")],
        "ccRecipients": [address("megan.bowen@contoso.com", "Megan Bowen")],
        "internetMessageHeaders": [{"name": name, "value": value} for name, value in (headers or {}).items()],
    }
    graph |= message
    shown: dict[str, Any] = {
        "title": graph["subject"], "text": BODY, "new_text": BODY, "html": None, "was_cut": False,
    }  # fmt: skip
    data = {attachment.number: content for attachment, content in files}

    def open_it(attachment: Attachment) -> Iterator[bytes]:
        content = data[attachment.number]
        return (content[start : start + CHUNK] for start in range(0, len(content), CHUNK))

    attachments = tuple(attachment for attachment, _ in files)
    return PreparedMail(
        mail=InboundMail("support", "support@contoso.com", "0a1b2c3d", graph, attachments),
        rendering=Rendering(**(shown | dict(rendering or {}))),
        screening=Screening(**({"may_reply": True, "makes_ticket": True, "is_bounce": False} | dict(screening or {}))),
        reference=reference,
        threads=threads or KnownThreads(),
        known_files=seen or SeenBefore(),
        open=open_it,
        is_note=is_note,
        history_in=history_in,
        rule=rule,
        join=join,
        is_forced=is_forced,
        loop=loop,
    )


class Vault:
    """Secrets in memory."""

    def __init__(self, **secrets: str) -> None:
        self.secrets = {name.replace("_", "-"): value for name, value in secrets.items()}
        self.reads: list[str] = []

    def get(self, name: str) -> VaultSecret:
        self.reads.append(name)
        if name not in self.secrets:
            raise ConfigurationError(f"The Key Vault secret {name} does not exist.")
        return VaultSecret(self.secrets[name], "1", None, None)


def make_sink(
    kind: str, options: Mapping[str, Any], vault: Vault, *, storage: Storage | None = None, base_url: str = ""
) -> Sink:
    """Build a sink as the app does."""
    nowhere: Any = None
    tools = Tools(lambda name: RememberedSecret(vault, name), storage or nowhere, base_url)
    return build_sink(SinkSettings("desk", kind, options), tools)
