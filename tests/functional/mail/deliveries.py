"""Single deliveries for tests: one mail to one sink, now, and its record behind everybody's back."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from inbound_mail.delivery.delivery import Outcome
from inbound_mail.reports.mails import redeliver
from shared.storage.tables import Operation
from tests.functional.mail.conftest import Office


def failing(error: BaseException, times: int | None = None) -> Callable[[], None]:
    left = [times]

    def fail() -> None:
        if left[0] is not None:
            if left[0] == 0:
                return
            left[0] -= 1
        raise error

    return fail


def deliver(office: Office, mail: Any, sink: str | None = None) -> Outcome:
    """Deliver a mail to a sink, as if the time had come."""
    key, name = office.desk.key(mail.id), sink or next(iter(office.sinks))
    row = office.desk.ledger.delivery(key, name)
    assert row is not None
    if row.values["state"] == "waiting":
        change(office, mail, due=datetime.now(UTC))
    return office.deliverer().deliver(office.desk, key, name)


def change(office: Office, mail: Any, **values: Any) -> None:
    """Change the record of a delivery behind everybody's back."""
    key = office.desk.key(mail.id)
    name = {"PartitionKey": office.name, "RowKey": f"d|{key}|{next(iter(office.sinks))}"}
    office.desk.ledger.table.transact([Operation("merge", name | values)])


def record(office: Office, mail: Any) -> dict[str, Any]:
    row = office.desk.ledger.delivery(office.desk.key(mail.id), next(iter(office.sinks)))
    assert row is not None
    return row.values


def taken_in(office: Office, **mail: Any) -> Any:
    """Let a mail come in and be stored; what the poll put into the queue is thrown away."""
    found = office.receive(**mail)
    office.poll()
    office.queue.take()
    return found


def causes(office: Office, mail: Any) -> list[str | None]:
    return [one.get("cause") for one in office.describe(mail.id)["deliveries"]]


def ask_again(office: Office, mail: Any, sink: str | None = None) -> list[str]:
    return redeliver(office.desk, office.queue, office.desk.key(mail.id), sink)  # type: ignore[arg-type]  # stands in for the queue


def probe_now(office: Office) -> None:
    row = office.desk.ledger.table.get("sinks", next(iter(office.sinks)))
    assert row is not None
    office.desk.ledger.table.upsert(row.values | {"probe_at": datetime.now(UTC)})
