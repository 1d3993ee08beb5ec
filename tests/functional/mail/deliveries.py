"""Single deliveries for tests: one mail to one sink, now, and its record behind everybody's back."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from inbound_mail.delivery.delivery import Outcome
from inbound_mail.reports.mails import redeliver
from shared.storage.tables import Operation
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


def deliver(scenario: MailScenario, mail: Any, sink: str | None = None) -> Outcome:
    """Deliver a mail to a sink, as if the time had come."""
    key, name = scenario.mailbox.key(mail.id), sink or next(iter(scenario.sinks))
    row = scenario.mailbox.ledger.delivery(key, name)
    assert row is not None
    if row.values["state"] == "waiting":
        change(scenario, mail, due=datetime.now(UTC))
    return scenario.deliverer().deliver(scenario.mailbox, key, name)


def change(scenario: MailScenario, mail: Any, **values: Any) -> None:
    """Change the record of a delivery behind everybody's back."""
    key = scenario.mailbox.key(mail.id)
    name = {"PartitionKey": scenario.name, "RowKey": f"d|{key}|{next(iter(scenario.sinks))}"}
    scenario.mailbox.ledger.table.transact([Operation("merge", name | values)])


def record(scenario: MailScenario, mail: Any) -> dict[str, Any]:
    row = scenario.mailbox.ledger.delivery(scenario.mailbox.key(mail.id), next(iter(scenario.sinks)))
    assert row is not None
    return row.values


def taken_in(scenario: MailScenario, **mail: Any) -> Any:
    """Let a mail come in and be stored; what the poll put into the queue is thrown away."""
    found = scenario.receive(**mail)
    scenario.poll()
    scenario.queue.take()
    return found


def causes(scenario: MailScenario, mail: Any) -> list[str | None]:
    return [one.get("cause") for one in scenario.describe(mail.id)["deliveries"]]


def ask_again(scenario: MailScenario, mail: Any, sink: str | None = None) -> list[str]:
    return redeliver(scenario.mailbox, scenario.queue, scenario.mailbox.key(mail.id), sink)  # type: ignore[arg-type]  # stands in for the queue


def probe_now(scenario: MailScenario) -> None:
    row = scenario.mailbox.ledger.table.get("sinks", next(iter(scenario.sinks)))
    assert row is not None
    scenario.mailbox.ledger.table.upsert(row.values | {"probe_at": datetime.now(UTC)})
