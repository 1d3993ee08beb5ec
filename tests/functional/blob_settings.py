"""MAILBOXES and SINKS in blobs of a container of its own, for tests, and the requests that storage gets."""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from azure.core.pipeline.transport import RequestsTransport

from composition import services, settings_source
from composition.mail import MailServices
from shared.storage.account import Storage
from shared.storage.blobs import Container
from tests.functional.conftest import Gateway
from twin.seeds import service_desks, tiny
from twin.seeds.mails import SUPPORT

HOOK = {"kind": "webhook", "url": service_desks.HOOK_URL, "signing_keys": [service_desks.WEBHOOK_KEY_NAME]}


class BlobSettings:
    """An app whose MAILBOXES and SINKS are in blobs; a mailbox and a sink have names of their own."""

    def __init__(self, gateway: Gateway, storage: Storage, patch: pytest.MonkeyPatch) -> None:
        suffix = uuid.uuid4().hex[:10]
        self.gateway = gateway
        self.patch = patch
        self.name, self.sink = f"m{suffix}", f"hook-{suffix}"
        self.container_name = f"config-{suffix}"
        self.container = Container(storage, self.container_name)
        self.mailboxes = [{"name": self.name, "address": SUPPORT, "sinks": [self.sink]}]
        self.sinks = {self.sink: HOOK}
        patch.setattr(settings_source, "REREAD_SECONDS", 0.0)
        patch.setattr(settings_source, "RETRY_SECONDS", 0.0)

    def place(self, name: str) -> str:
        return f"blob:{self.container_name}/{name}.json"

    def start(self, *, one: bool = False) -> None:
        """Start the app; `one`: both settings are in one blob, mail.json."""
        names = ("mail", "mail") if one else ("mailboxes", "sinks")
        settings = dict(zip(("MAILBOXES", "SINKS"), map(self.place, names), strict=True))
        self.gateway.begin(tiny.seed, BOOKINGS_BUSINESSES=tiny.BUSINESS, **settings)

    def restart(self) -> None:
        """Let a new process begin: with the same settings, and nothing that the old one knew."""
        services.replace_services(None)

    def put(self, *, mailboxes: Any = None, sinks: Any = None, mail: Any = None) -> None:
        """Put blobs as a person with a storage browser would: whole, unchecked."""
        given = {"mailboxes": mailboxes, "sinks": sinks, "mail": mail}
        for name, content in given.items():
            if content is not None:
                data = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.container.put(f"{name}.json", data)

    def put_good(self) -> None:
        self.put(mailboxes=self.mailboxes, sinks=self.sinks)

    @property
    def mail(self) -> MailServices:
        return services.services().mail

    def status(self) -> Any:
        answer = self.gateway.get("status")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def run(self, function: str, text: str = "") -> None:
        """Run a function of the app in the platform's worker, as the host would."""
        assert self.gateway.host.fire(function, text).result(60).ok


@contextmanager
def recorded_requests(
    monkeypatch: pytest.MonkeyPatch, *, status: int | None = None, only: str = ""
) -> Iterator[list[str]]:
    """Record what storage is asked ("METHOD path"); with a `status`, paths that contain `only` are answered so."""
    asked: list[str] = []
    send = RequestsTransport.send

    def record(self: Any, request: Any, **options: Any) -> Any:
        path = request.url.partition("?")[0].partition("/devstoreaccount1")[2]
        if path:  # the others are the vault's
            asked.append(f"{request.method} {path}")
        answer = send(self, request, **options)
        if status is not None and only in path:
            _ = answer.internal_response.content  # read to its end, so that no connection stays open
            answer.status_code = answer.internal_response.status_code = status
            answer.headers.pop("x-ms-error-code", None)
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(RequestsTransport, "send", record)
        patch.setattr(time, "sleep", lambda _: None)
        yield asked
