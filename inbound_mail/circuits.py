"""The circuit of a sink: open while its settings, rights or credentials are wrong, so that every mail just waits.

One row for each sink, in the partition `sinks` of the mails' table. While it is open, one worker in five minutes asks
something harmless; the first good answer closes it.
"""

import time
from datetime import UTC, datetime, timedelta

from inbound_mail.sinks.protocol import Sink
from shared.errors import ConfigurationError, GatewayError
from shared.events import Event, tell
from shared.tables import Row, Table

PROBE_EVERY = timedelta(minutes=5)
_PARTITION = "sinks"
_TRUSTED_SECONDS = 5.0  # a worker that has not heard yet adds one refused call, no more


class Circuit:
    """The circuit of one sink."""

    def __init__(self, table: Table, sink: str) -> None:
        self._table = table
        self._sink = sink
        self._closed_until = 0.0

    def is_open(self, sink: Sink) -> bool:
        """Say whether deliveries must wait; asks the sink itself when it is time to."""
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
        except GatewayError:
            return True
        self.close()
        return False

    def open(self, error: ConfigurationError) -> None:
        """Let deliveries wait. The first to say so is heard; others only renew the time of the next probe."""
        self._closed_until = 0.0
        row = self._row()
        now = datetime.now(UTC)
        was_open = bool(row and row.values["open"])
        since = row.values["since"] if row and was_open else now
        self._put(open=True, since=since, probe_at=now + PROBE_EVERY, cause=error.code, message=error.message)
        if not was_open:
            tell(Event.CIRCUIT_OPEN, sink=self._sink, cause=error.code)

    def close(self) -> None:
        """Let deliveries pass."""
        self._put(open=False)

    def describe(self) -> dict[str, str] | None:
        """Return {"since", "cause", "message"} of an open circuit."""
        row = self._row()
        if row is None or not row.values["open"]:
            return None
        values = row.values
        return {"since": values["since"].isoformat(), "cause": values["cause"], "message": values["message"]}

    def _row(self) -> Row | None:
        return self._table.get(_PARTITION, self._sink)

    def _put(self, **values: object) -> None:
        self._table.upsert({"PartitionKey": _PARTITION, "RowKey": self._sink, **values})
