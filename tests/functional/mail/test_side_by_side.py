"""Several mailboxes and tenants: a failure in one does not affect the others."""

import json
import threading
import time
import uuid

import pytest

from composition import services
from inbound_mail.intake.polling import Polled, Poller
from inbound_mail.ledger.mail_store import CONTAINER
from inbound_mail.messages import DeliveryQueue
from shared import context
from shared.storage.account import Storage
from shared.storage.blobs import Container
from tests.functional.conftest import Gateway
from tests.functional.mail.conftest import EASYVISTA, MemoryQueue
from twin import Hang
from twin.mail.permissions import WRITE
from twin.seeds import sample, tiny
from twin.seeds.mails import SECOND, SUPPORT

pytestmark = pytest.mark.signs_in

PARTNER = "desk@fabrikam.com"


@pytest.mark.slow(reason="waits for a mailbox that hangs")
def test_a_mailbox_that_hangs_delays_no_other_one(gateway_process: Gateway) -> None:
    first, second = (f"m{uuid.uuid4().hex[:8]}" for _ in range(2))
    gateway_process.begin(
        tiny.seed,
        SINKS=json.dumps({"desk": EASYVISTA}),
        MAILBOXES=json.dumps(
            [
                {"name": first, "address": SUPPORT, "sinks": ["desk"]},
                {"name": second, "address": SECOND, "sinks": ["desk"]},
            ]
        ),
    )
    used = services.services()
    storage = Storage(used.settings.storage, used.authenticator.identity)
    queue = MemoryQueue()
    poller = Poller(Container(storage, CONTAINER), DeliveryQueue(queue), used.mail.workers)
    gateway_process.sim.mail.mailbox(SECOND).receive(subject="In time")
    gateway_process.sim.faults.add(Hang(), api="mail", path=f"/users/{SUPPORT}/", times=None)

    def poll_the_hanging_one() -> None:
        with context.call(str(uuid.uuid4()), seconds=4):
            poller.poll(used.mail.mailboxes[first])

    hanging = threading.Thread(target=poll_the_hanging_one)
    hanging.start()
    while not [seen for seen in gateway_process.sim.exchanges.all() if SUPPORT in seen.path]:
        time.sleep(0.02)
    assert poller.poll(used.mail.mailboxes[second]) is Polled.DONE
    assert hanging.is_alive()
    assert [message["mailbox"] for message, _ in queue.messages] == [second]
    gateway_process.sim.close_connections()
    gateway_process.sim.faults.clear()
    hanging.join(30)


def test_mailboxes_of_several_tenants_are_read_each_with_its_own_sign_in(gateway_process: Gateway) -> None:
    own, partner = (f"m{uuid.uuid4().hex[:8]}" for _ in range(2))
    gateway_process.begin(
        tiny.seed,
        SINKS=json.dumps({"desk": EASYVISTA}),
        MAILBOXES=json.dumps(
            [
                {"name": own, "address": SUPPORT, "sinks": ["desk"]},
                {"name": partner, "address": PARTNER, "connection": "partner", "sinks": ["desk"]},
            ]
        ),
    )

    def seed_partner() -> None:
        gateway_process.sim.mail.add_mailbox(PARTNER, sample.PARTNER_TENANT_ID).receive(subject="From the partner")
        principal = gateway_process.sim.entra.tenants[sample.PARTNER_TENANT_ID].principals[sample.PARTNER_CLIENT_ID]
        principal.roles |= {WRITE}

    gateway_process.sim.run(seed_partner)
    gateway_process.sim.mail.mailbox(SUPPORT).receive(subject="Our own")
    used = services.services()
    storage = Storage(used.settings.storage, used.authenticator.identity)
    queue = MemoryQueue()
    poller = Poller(Container(storage, CONTAINER), DeliveryQueue(queue), used.mail.workers)
    for name in (own, partner):
        assert poller.poll(used.mail.mailboxes[name]) is Polled.DONE
    assert [message["mailbox"] for message, _ in queue.messages] == [own, partner]
    tenants = {seen.path.split("/")[1] for seen in gateway_process.sim.exchanges.all() if seen.path.endswith("/token")}
    assert tenants >= {sample.TENANT_ID, sample.PARTNER_TENANT_ID}
