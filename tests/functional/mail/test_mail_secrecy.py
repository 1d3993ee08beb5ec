"""No log contains a secret or a mail's content, even at DEBUG, on the way to every kind of sink."""

import io
import json
import uuid

import pytest

from composition import services
from shared.storage.account import Storage
from tests.functional.conftest import Gateway
from tests.functional.mail.conftest import EASYVISTA, MailScenario
from tests.functional.secrecy import log, secrets_of
from twin import Answer, Drop
from twin.mail.contents import File
from twin.seeds import service_desks, tiny
from twin.seeds.mails import SUPPORT

pytestmark = pytest.mark.signs_in

__all__ = ["log"]

BODY, SUBJECT, FILE = "the-secret-of-the-body", "the-secret-of-the-subject", "the-secret-of-the-file"


def test_neither_secrets_nor_mails_are_logged(gateway_process: Gateway, log: io.StringIO) -> None:
    suffix = uuid.uuid4().hex[:10]
    sinks = {
        f"desk-{suffix}": EASYVISTA,
        f"hook-{suffix}": {
            "kind": "webhook",
            "url": service_desks.HOOK_URL,
            "signing_keys": [service_desks.WEBHOOK_KEY_NAME],
        },
        f"flow-{suffix}": {"kind": "webhook", "preset": "power-automate", "url_secret": service_desks.FLOW_URL_NAME},
        f"queue-{suffix}": {"kind": "storage-queue", "queue": f"events-{suffix}"},
    }
    name = f"m{suffix}"
    box = {"name": name, "address": SUPPORT, "sinks": list(sinks), "write_back": {"read": True}}
    gateway_process.begin(
        tiny.seed,
        BOOKINGS_BUSINESSES=tiny.BUSINESS,
        MAILBOXES=json.dumps([box]),
        SINKS=json.dumps(sinks),
    )
    used = services.services()
    storage = Storage(used.settings.storage, used.authenticator.identity)
    scenario = MailScenario(gateway_process, used.mail, storage, name, ())
    scenario.sinks = used.mail.sinks  # type: ignore[assignment]  # the real ones
    scenario.receive(
        subject=SUBJECT,
        sender=("Alex Wilber", service_desks.OPEN_TICKET_REQUESTOR),
        html=f"<p>{BODY}</p>",
        attachments=[File("a.txt", "text/plain", FILE.encode())],
    )
    scenario.receive(subject=SUBJECT, text=BODY, sender="nobody@example.com")
    for api in ("easyvista", "webhook", "flow"):
        gateway_process.sim.faults.add(Answer(500), api=api, times=1)
        gateway_process.sim.faults.add(Drop(), api=api, times=1, when="after")
    gateway_process.sim.faults.add(Answer(503), api="mail", times=2)
    for _ in range(6):
        scenario.poll()
        scenario.deliver()
    assert [ticket.title for ticket in gateway_process.sim.easyvista.tickets].count(SUBJECT) == 1
    assert len(gateway_process.sim.webhooks.deliveries) >= 4
    seen = log.getvalue() + json.dumps(gateway_process.get("status").json())
    assert "gateway.mail" in seen
    for secret in [*secrets_of(gateway_process), BODY, SUBJECT, FILE]:
        assert secret not in seen
    asked = " ".join(f"{one.path}?{one.query}" for one in gateway_process.sim.exchanges.all() if one.api != "flow")
    for secret in secrets_of(gateway_process):
        assert secret not in asked
