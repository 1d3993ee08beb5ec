"""What a mail becomes at the simulated EasyVista and at the receiver of a webhook."""

from typing import Any

from inbound_mail.sinks.protocol import PreparedMail
from tests.functional.easyvista_sink import EasyVista
from tests.functional.mail.conftest import MailScenario
from tests.functional.prepared_mails import MemoryProgress, Vault, make_sink
from twin.easyvista.records import Ticket
from twin.seeds import service_desks


def make_ticket(scenario: MailScenario, prepared: PreparedMail, **options: Any) -> Ticket:
    """Return the ticket that EasyVista makes of a mail; unknown authors have a person who stands for them."""
    service = EasyVista(scenario.gateway.sim)
    unknown = {"unknown_sender": "default_recipient", "default_recipient": service_desks.CATCH_ALL}
    return service.ticket(service.sink(**unknown | options).deliver(prepared, MemoryProgress()))


def send_event(scenario: MailScenario, prepared: PreparedMail, **options: Any) -> Any:
    """Return the data of the event that a webhook gets."""
    sim = scenario.gateway.sim
    given = {"url": service_desks.HOOK_URL, "signing_keys": ["key"]} | options
    make_sink("webhook", given, Vault(key=service_desks.webhook_key())).deliver(prepared, MemoryProgress())
    return sim.webhooks.deliveries[-1].json["data"]
