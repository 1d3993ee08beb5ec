"""The circuit breaker of a sink: open while its settings, rights or credentials are wrong, so that every mail waits.

One row for each sink, in the partition `sinks` of the ledger's table. While it is open, one worker every five minutes
probes the sink; the first probe that succeeds closes it.
"""

import logging
import time
from datetime import UTC, datetime, timedelta

from inbound_mail.sinks.protocol import Sink
from shared.errors import ConfigurationError
from shared.events import Event, log_event
from shared.storage.tables import Entity, Row, Table

_log = logging.getLogger("gateway.mail")

PROBE_EVERY = timedelta(minutes=5)
_PARTITION = "sinks"
# A worker believes for so long that the breaker is closed without reading its row: at worst it adds one refused call.
_TRUSTED_SECONDS = 5.0


class CircuitBreaker:
    """The circuit breaker of one sink."""

    def __init__(self, table: Table, sink: str) -> None:
        self._table = table
        self._sink = sink
        self._closed_until = 0.0

    def is_open(self, sink: Sink) -> bool:
        """Return whether deliveries must wait. Probes the sink when a probe is due, and closes if it succeeds."""
        if time.monotonic() < self._closed_until:
            return False
        row = self._row()
        if row is None or not row.values["open"]:
            self._closed_until = time.monotonic() + _TRUSTED_SECONDS
            return False
        now = datetime.now(UTC)
        if row.values["probe_at"] > now or not self._table.update(
            dict(row.values) | {"probe_at": now + PROBE_EVERY}, row.etag
        ):
            return True
        try:
            sink.probe()
        except Exception as error:  # noqa: BLE001 - any error means that the probe failed
            _log.warning("the probe of sink %s failed: %s", self._sink, error)
            return True
        self.close()
        return False

    def open(self, error: ConfigurationError) -> None:
        """Let deliveries wait. Only the worker that opens it logs an event; others postpone the next probe."""
        self._closed_until = 0.0
        row = self._row()
        now = datetime.now(UTC)
        was_open = bool(row and row.values["open"])
        since = row.values["since"] if row and was_open else now
        entity = self._entity(
            open=True, since=since, probe_at=now + PROBE_EVERY, cause=error.code, message=error.message
        )
        is_first = self._table.create(entity) if row is None else self._table.update(entity, row.etag)
        if is_first and not was_open:
            log_event(Event.CIRCUIT_OPEN, sink=self._sink, cause=error.code)

    def close(self) -> None:
        """Let deliveries pass."""
        self._table.upsert(self._entity(open=False))

    def describe(self) -> dict[str, str] | None:
        """Return {"since", "cause", "message"} if it is open, else None."""
        row = self._row()
        if row is None or not row.values["open"]:
            return None
        values = row.values
        return {"since": values["since"].isoformat(), "cause": values["cause"], "message": values["message"]}

    def _row(self) -> Row | None:
        return self._table.get(_PARTITION, self._sink)

    def _entity(self, **values: object) -> Entity:
        return {"PartitionKey": _PARTITION, "RowKey": self._sink, **values}
