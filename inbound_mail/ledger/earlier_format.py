"""Open deliveries as versions before 2026-12 kept them: each has its row at `d|`, and open work repeats its status.

Columns of open work: `state_…`, `due_…`, `ticket_…` for each sink. Such a mail is converted when a poll or a worker
comes to it, in one transaction that is guarded by all its rows. During a deployment, instances of both versions run
side by side. One of the earlier version does not see what was converted: it finds no delivery, and its writes fail on
the rows that are gone. What its worker holds is left to it until that ends, or its claim has expired.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from inbound_mail.ledger import entities, rows
from inbound_mail.ledger.records import DeliveryRecord, DeliveryState, OpenMail
from shared.storage.tables import Entity, Operation, Row

_STATE, _DUE, _TICKET = "state_", "due_", "ticket_"


def is_earlier(open_work: Mapping[str, Any]) -> bool:
    """Return whether the deliveries of a mail are kept as earlier versions did."""
    return any(name.startswith(_STATE) for name in open_work)


def convert_open_work(open_work: Row, asked: Entity) -> Operation:
    """Return the operation that takes the status of deliveries out of a row of open work. `asked`: further columns."""
    values = open_work.values
    kept = {name: value for name, value in values.items() if not name.startswith((_STATE, _DUE, _TICKET))}
    if values.get("enqueued"):
        sinks = [name.removeprefix(_STATE) for name in values if name.startswith(_STATE)]
        for sink in sinks:
            kept |= rows.asked_column(sink, values[_DUE + sink])
    return Operation("replace", kept | {"enqueued": True} | asked, open_work.etag)


def convert(mailbox: str, mail: OpenMail, deliveries: Sequence[DeliveryRecord]) -> list[Operation] | None:
    """Return the operations that convert a mail, None while a worker holds one of its deliveries."""
    now = datetime.now(UTC)
    if any(one.state is DeliveryState.CLAIMED and one.due >= now for one in deliveries):
        return None
    return [convert_open_work(mail.row, {}), *entities.move_all(mailbox, deliveries, rows.pending_row)]
