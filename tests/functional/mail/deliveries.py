"""Single deliveries for tests: one mail to one sink, now, and its record behind everybody's back."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from inbound_mail.delivery.delivery import DeliveryOutcome
from inbound_mail.delivery.redelivery import redeliver
from inbound_mail.ledger.records import DeliveryRecord, DeliveryState
from tests.functional.mail.conftest import MailScenario


def failing(error: BaseException, times: int | None = None) -> Callable[[], None]:
    left = [times]

    def fail() -> None:
        if left[0] is not None:
            if left[0] == 0:
                return
            left[0] -= 1
        raise error

    return fail


def deliver(scenario: MailScenario, mail: Any, sink: str | None = None) -> DeliveryOutcome:
    """Deliver a mail to a sink, as if the time had come."""
    key, name = scenario.mailbox.key(mail.id), sink or next(iter(scenario.sinks))
    found = scenario.mailbox.ledger.delivery(key, name)
    assert found is not None
    if found.state is DeliveryState.WAITING:
        change(scenario, mail, due=datetime.now(UTC))
    return scenario.deliverer().deliver(scenario.mailbox, key, name)


def change(scenario: MailScenario, mail: Any, **values: Any) -> None:
    """Change the record of a delivery behind everybody's back."""
    scenario.mailbox.ledger.change_delivery(_find(scenario, mail), values)


def record(scenario: MailScenario, mail: Any) -> Mapping[str, Any]:
    return _find(scenario, mail).values


def _find(scenario: MailScenario, mail: Any) -> DeliveryRecord:
    found = scenario.mailbox.ledger.delivery(scenario.mailbox.key(mail.id), next(iter(scenario.sinks)))
    assert found is not None
    return found


def taken_in(scenario: MailScenario, **mail: Any) -> Any:
    """Let a mail come in and be stored; what the poll put into the queue is thrown away."""
    found = scenario.receive(**mail)
    scenario.poll()
    scenario.queue.take()
    return found


def causes(scenario: MailScenario, mail: Any) -> list[str | None]:
    return [one.get("cause") for one in scenario.describe(mail.id)["deliveries"]]


def ask_again(scenario: MailScenario, mail: Any, sink: str | None = None) -> list[str]:
    return redeliver(scenario.mailbox, scenario.deliveries, scenario.mailbox.key(mail.id), sink)


def probe_now(scenario: MailScenario) -> None:
    row = scenario.services.table.get("sinks", next(iter(scenario.sinks)))
    assert row is not None
    scenario.services.table.upsert(row.values | {"probe_at": datetime.now(UTC)})
