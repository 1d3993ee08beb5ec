"""Storage of who polls triggers: one table, one partition for each connection.

    t|{key}    one trigger of one flow: who asks, since when, and what the latest noted poll was answered

A row is written whole at each time, but for `first_asked` and the moment of the last items, which stay.
"""

import json
from datetime import datetime, timedelta

from shared.errors import Conflict
from shared.storage.tables import TRANSACTION_SIZE, Entity, Operation, Row, Table
from trigger_polls.poll import AskedTrigger, Asker, NotedTrigger, PollAnswer

TABLE = "triggers"
KEPT = timedelta(days=30)
MOST_ROWS = 1_000  # of one connection: whoever asked longest ago is forgotten
_FIRST, _BEHIND = "t|", "t}"
_LAST = "asked_at"


class TriggerPollStore:
    """The polled triggers of all connections. Methods raise Unavailable if the storage account fails."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, asked: AskedTrigger, answer: PollAnswer) -> None:
        """Write a poll of a trigger that may not be known yet: one request, or two if it is."""
        row = _pack(asked, answer)
        try:
            self._table.transact([Operation("create", row | {"first_asked": answer.at})])
        except Conflict:
            self.update(asked, answer)

    def update(self, asked: AskedTrigger, answer: PollAnswer) -> None:
        """Write a poll of a trigger that is known: one request."""
        self._table.transact([Operation("upsert-merge", _pack(asked, answer))])

    def list_all(self, connection: str) -> list[NotedTrigger]:
        """Return the polled triggers of a connection, those that were asked for last at the front."""
        found = [_unpack(row) for row in self._table.query(connection, start=_FIRST, end=_BEHIND)]
        return sorted(found, key=lambda one: one.answer.at, reverse=True)[:MOST_ROWS]

    def forget_old(self, connection: str, now: datetime) -> int:
        """Remove what nobody has asked for within `KEPT`, and what is too much; return how many rows."""
        rows = self._table.query(connection, start=_FIRST, end=_BEHIND, select=["RowKey", _LAST])
        asked = sorted(((row.values[_LAST], row.row_key) for row in rows), reverse=True)
        old = [key for number, (at, key) in enumerate(asked) if number >= MOST_ROWS or now - at > KEPT]
        for first in range(0, len(old), TRANSACTION_SIZE):
            names = [{"PartitionKey": connection, "RowKey": key} for key in old[first : first + TRANSACTION_SIZE]]
            self._table.transact([Operation("delete", name) for name in names])
        return len(old)


def _pack(asked: AskedTrigger, answer: PollAnswer) -> Entity:
    asker = asked.asker
    row: Entity = {
        "PartitionKey": asked.connection,
        "RowKey": f"{_FIRST}{asked.key}",
        "kind": asked.kind,
        "about": asked.about,
        "filters": json.dumps(dict(asked.filters), sort_keys=True),
        "asker": json.dumps([asker.workflow, asker.workflow_id, asker.environment, asker.program]),
        _LAST: answer.at,
        "status": answer.status,
        "items": answer.items,
        "code": answer.code or "",
        "run": answer.run or "",
    }
    return row | ({"items_at": answer.at} if answer.items else {})


def _unpack(row: Row) -> NotedTrigger:
    values = row.values
    workflow, workflow_id, environment, program, *_ = json.loads(values["asker"])
    asked = AskedTrigger(
        connection=str(values["PartitionKey"]),
        kind=str(values["kind"]),
        about=str(values["about"]),
        filters=json.loads(values["filters"]),
        asker=Asker(workflow, workflow_id, environment, program),
    )
    at: datetime = values[_LAST]
    answer = PollAnswer(at, int(values["status"]), int(values["items"]), values["code"] or None, values["run"] or None)
    return NotedTrigger(asked, values.get("first_asked") or at, answer, values.get("items_at"))
