"""The id of a poll, or of the request that asked for it, appears at Graph, in the log and in the deliveries."""

import json
import logging
import uuid
from typing import Any

import azure.functions as func
import pytest

from blueprints import mail_work
from inbound_mail.delivery.delivery import DeliveryOutcome
from shared import context, telemetry
from shared.errors import Rejected
from shared.storage.queues import Queue
from tests.functional.mail.conftest import MailScenario

pytestmark = pytest.mark.usefixtures("rows_in_memory")


@pytest.fixture
def flow() -> str:
    """The id of a flow's call."""
    return str(uuid.uuid4())


def test_who_asks_for_a_poll_finds_his_id_at_graph_and_in_the_deliveries(
    scenario: MailScenario, flow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put: list[dict[str, Any]] = []
    monkeypatch.setattr(Queue, "put", lambda _self, message, **_more: put.append(dict(message)))
    mail = scenario.receive(subject="Printer")
    scenario.gateway.http.post(
        f"{scenario.gateway.base_url}/api/mailboxes/{scenario.name}/poll",
        headers={"x-functions-key": scenario.gateway.key, "x-ms-client-request-id": flow},
        timeout=60,
    ).raise_for_status()
    [message] = put
    assert message == {"mailbox": scenario.name, "atOnce": True, "correlationId": flow}
    scenario.gateway.forget()
    mail_work.poll_mailbox(func.QueueMessage(body=json.dumps(message).encode()))
    assert {call.request_headers["client-request-id"] for call in scenario.calls()} == {flow}
    [delivery] = scenario.describe(mail.id)["deliveries"]
    assert delivery["correlationId"] == flow


@pytest.mark.parametrize("given", [{}, {"correlationId": "x [forged]\n"}, {"correlationId": 7}])
def test_a_poll_of_the_timer_has_an_id_of_its_own(scenario: MailScenario, given: dict[str, Any]) -> None:
    scenario.gateway.forget()
    mail_work.poll_mailbox(func.QueueMessage(body=json.dumps({"mailbox": scenario.name} | given).encode()))
    [used] = {call.request_headers["client-request-id"] for call in scenario.calls()}
    assert str(uuid.UUID(used)) == used


def test_a_delivery_is_logged_under_the_id_of_its_poll(
    scenario: MailScenario, caplog: pytest.LogCaptureFixture, flow: str
) -> None:
    caplog.set_level(logging.INFO, logger="gateway.mail")
    telemetry.install()
    mail = scenario.receive(subject="Printer")
    with context.call(flow, seconds=60):
        scenario.poll()
    scenario.deliver()
    key = scenario.describe(mail.id)["key"]
    lines = [line for line in caplog.messages if f"mail {key} delivered to" in line]
    # So a query finds the ticket of a mail, and the mail of a ticket (docs/telemetry.md).
    assert lines == [f"{scenario.name}: mail {key} delivered to {next(iter(scenario.sinks))}, ticket T-1 [{flow}]"]


def test_a_redelivery_bears_the_id_of_the_person_who_asked(scenario: MailScenario, flow: str) -> None:
    mail = scenario.receive(subject="Printer")
    scenario.poll()
    scenario.sink.before = refuse
    assert scenario.deliver() == [DeliveryOutcome.QUARANTINED]
    key = scenario.describe(mail.id)["key"]
    scenario.gateway.http.post(
        f"{scenario.gateway.base_url}/api/mailboxes/{scenario.name}/mails/{key}/redeliver",
        headers={"x-functions-key": scenario.gateway.key, "x-ms-client-request-id": flow},
        timeout=60,
    ).raise_for_status()
    assert [one["correlationId"] for one in scenario.describe(mail.id)["deliveries"]] == [flow]


def refuse() -> None:
    raise Rejected("No.", code="TicketRefused")
