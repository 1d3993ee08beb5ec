"""No secret and nothing of a mail's content in any log, at DEBUG, on its whole way to every kind of sink."""

import io
import json
import uuid

from composition import services
from shared.storage.account import Storage
from tests.functional.conftest import Stage
from tests.functional.mail.conftest import EASYVISTA, Office
from tests.functional.secrecy import log, secrets_of
from twin import Answer, Drop
from twin.mail.contents import File
from twin.seeds import desk, tiny
from twin.seeds.mails import SUPPORT

__all__ = ["log"]

BODY, SUBJECT, FILE = "the-secret-of-the-body", "the-secret-of-the-subject", "the-secret-of-the-file"


def test_neither_secrets_nor_mails_are_logged(theatre: Stage, log: io.StringIO) -> None:
    suffix = uuid.uuid4().hex[:10]
    sinks = {
        f"desk-{suffix}": EASYVISTA,
        f"hook-{suffix}": {"kind": "webhook", "url": desk.HOOK_URL, "signing_keys": [desk.WEBHOOK_KEY_NAME]},
        f"flow-{suffix}": {"kind": "webhook", "preset": "power-automate", "url_secret": desk.FLOW_URL_NAME},
        f"queue-{suffix}": {"kind": "storage-queue", "queue": f"events-{suffix}"},
    }
    name = f"m{suffix}"
    box = {"name": name, "address": SUPPORT, "sinks": list(sinks), "write_back": {"read": True}}
    theatre.begin(
        tiny.furnish,
        BOOKINGS_BUSINESSES=tiny.BUSINESS,
        MAILBOXES=json.dumps([box]),
        SINKS=json.dumps(sinks),
    )
    used = services.services()
    storage = Storage(used.settings.storage, used.authenticator.identity)
    office = Office(theatre, used.mail, storage, name, ())
    office.sinks = used.mail.sinks  # type: ignore[assignment]  # the real ones
    office.receive(
        subject=SUBJECT,
        sender=("Alex Wilber", desk.OPEN_TICKET_REQUESTOR),
        html=f"<p>{BODY}</p>",
        attachments=[File("a.txt", "text/plain", FILE.encode())],
    )
    office.receive(subject=SUBJECT, text=BODY, sender="nobody@example.com")
    for room in ("easyvista", "webhook", "flow"):
        theatre.sim.faults.add(Answer(500), room=room, times=1)
        theatre.sim.faults.add(Drop(), room=room, times=1, when="after")
    theatre.sim.faults.add(Answer(503), room="mail", times=2)
    for _ in range(6):
        office.poll()
        office.deliver()
    assert [ticket.title for ticket in theatre.sim.easyvista.tickets].count(SUBJECT) == 1
    assert len(theatre.sim.webhooks.deliveries) >= 4
    seen = log.getvalue() + json.dumps(theatre.get("status").json())
    assert "gateway.mail" in seen
    for secret in [*secrets_of(theatre), BODY, SUBJECT, FILE]:
        assert secret not in seen
    asked = " ".join(f"{one.path}?{one.query}" for one in theatre.sim.exchanges.all() if one.room != "flow")
    for secret in secrets_of(theatre):
        assert secret not in asked
