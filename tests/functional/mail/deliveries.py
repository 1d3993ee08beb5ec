"""Helpers for single deliveries: deliver one mail to one sink now, and read or change the delivery's record."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from inbound_mail.delivery.delivery import DeliveryOutcome
from inbound_mail.delivery.redelivery import redeliver
from inbound_mail.ledger.records import DeliveryRecord, DeliveryState
from shared.settings.rules import Rule
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
    """Deliver a mail to a sink, as if the delivery were due."""
    key, name = scenario.mailbox.key(mail.id), sink or next(iter(scenario.sinks))
    found = scenario.mailbox.ledger.delivery(key, name)
    assert found is not None
    if found.state is DeliveryState.WAITING:
        scenario.mailbox.ledger.delivery_rows.change(found, {"due": datetime.now(UTC)})
    return scenario.deliverer().deliver(scenario.mailbox, key, name)


def change(scenario: MailScenario, mail: Any, **values: Any) -> None:
    """Change the record of a delivery, as another worker would."""
    scenario.mailbox.ledger.delivery_rows.change(_find(scenario, mail), values)


def record(scenario: MailScenario, mail: Any) -> Mapping[str, Any]:
    return _find(scenario, mail).values


def _find(scenario: MailScenario, mail: Any) -> DeliveryRecord:
    found = scenario.mailbox.ledger.delivery(scenario.mailbox.key(mail.id), next(iter(scenario.sinks)))
    assert found is not None
    return found


def taken_in(scenario: MailScenario, **mail: Any) -> Any:
    """Receive and store a mail; remove the messages that the poll put into the queue."""
    found = scenario.receive(**mail)
    scenario.poll()
    scenario.queue.take()
    return found


def causes(scenario: MailScenario, mail: Any) -> list[str | None]:
    return [one.get("cause") for one in scenario.describe(mail.id)["deliveries"]]


def ask_again(scenario: MailScenario, mail: Any, sink: str | None = None) -> list[str]:
    return redeliver(scenario.mailbox, scenario.deliveries, scenario.mailbox.key(mail.id), sink)


def change_rules(scenario: MailScenario, change: Callable[[Rule], Rule | None]) -> None:
    """Change the rules of the mailbox, or remove one (None), as new settings do."""
    settings = scenario.mailbox.settings
    rules = tuple(changed for rule in settings.rules if (changed := change(rule)))
    changed_mailbox = replace(scenario.mailbox, settings=replace(settings, rules=rules))
    scenario.services.mailboxes[scenario.name] = changed_mailbox


def probe_now(scenario: MailScenario) -> None:
    row = scenario.services.table.get("sinks", next(iter(scenario.sinks)))
    assert row is not None
    scenario.services.table.upsert(row.values | {"probe_at": datetime.now(UTC)})
