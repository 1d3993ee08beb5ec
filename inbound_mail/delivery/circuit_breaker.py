"""The circuit breaker of a sink: open while its settings, rights or credentials are wrong, so that every mail waits.

It opens only on evidence that does not depend on one mail: the sink's probe fails, or several different mails fail
alike and none is delivered in between. So the words of one mail, to which a firewall objects, stop nobody else.

One row for each sink, in the partition `sinks` of the ledger's table. While it is open, one worker every five minutes
probes the sink; the first probe that succeeds closes it. The row also lists the last mails that the sink refused
without a reason that is certainly theirs (`_Suspect`).
"""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from inbound_mail.sinks.protocol import Sink, UnclearRefusalError
from shared import context
from shared.errors import ConfigurationError, OutcomeUnknown, Unavailable
from shared.events import Event, log_event
from shared.retry import space_tries
from shared.storage.tables import Entity, Row, Table

_log = logging.getLogger("gateway.mail")

PROBE_EVERY = timedelta(minutes=5)
_PARTITION = "sinks"
# A worker believes for so long that the breaker is closed without reading its row: at worst it adds one refused call.
_TRUSTED_SECONDS = 5.0
_ENOUGH_MAILS = 3  # so many different mails that fail alike prove that the sink is the reason
_MOST_SUSPECTS = 20
_PROBE_SECONDS = 10.0  # less than the margin of a claim, as the attempt may have used up its time
_MOST_CHANGES = 20  # of one row by several workers at once


class Reason(StrEnum):
    """Why a mail was refused: because of the sink, of the mail, or nobody knows yet."""

    SINK = "sink"
    MAIL = "mail"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class _Suspect:
    """A mail that the sink refused, with the code of the error.

    `own`: another mail was delivered after that, so the sink is well. `fresh`: it failed since the circuit closed.
    `old`: it was one of the mails that opened the circuit.
    """

    code: str
    own: bool = False
    fresh: bool = True
    old: bool = False


type _Suspects = dict[str, _Suspect]


class CircuitBreaker:
    """The circuit breaker of one sink."""

    def __init__(self, table: Table, sink: str) -> None:
        self._table = table
        self._sink = sink
        self._closed_until = 0.0
        self._has_suspects = False

    def is_open(self, sink: Sink) -> bool:
        """Return whether deliveries must wait. Probes the sink when a probe is due, and closes if it succeeds."""
        if time.monotonic() < self._closed_until:
            return False
        row = self._row()
        if row is None or not row.values["open"]:
            self._closed_until = time.monotonic() + _TRUSTED_SECONDS
            self._has_suspects = any(not one.own for one in _read_suspects(row).values())
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

    def find_reason(self, sink: Sink, key: str, error: ConfigurationError) -> Reason:
        """Say why the sink refused a mail, and open if the sink is the reason.

        A sink whose probe succeeds is well, if the probe proves that; otherwise only the delivery of another mail does.
        """
        is_well = _is_well(sink)
        if is_well is False:
            self.open(error)
            return Reason.SINK
        for _ in space_tries(_MOST_CHANGES):
            row = self._row()
            if row is not None and row.values["open"]:
                return Reason.SINK
            suspects = _read_suspects(row)
            known = suspects.pop(key, None)
            if known is not None and known.own:
                return Reason.MAIL
            suspects[key] = _Suspect(error.code, old=known is not None and known.old)
            if _prove_the_sink(suspects, error.code):
                self.open(error, suspects)
                return Reason.SINK
            if self._save(row, self._entity(open=False, suspects=_dump_suspects(suspects))):
                self._has_suspects = True
                break
        is_unclear = isinstance(error, UnclearRefusalError) or sink.probe_is_proof
        return Reason.MAIL if is_well and is_unclear and not suspects[key].old else Reason.UNKNOWN

    def note_delivery(self) -> None:
        """Note that the sink took a mail: what it refused before was refused because of the mails."""
        if self._has_suspects:
            self._has_suspects = False
            self._change_suspects(lambda one: replace(one, own=True))

    def open(self, error: ConfigurationError, suspects: _Suspects | None = None) -> None:
        """Let deliveries wait. Only the worker that opens it logs an event; others postpone the next probe."""
        self._closed_until = 0.0
        row = self._row()
        now = datetime.now(UTC)
        was_open = bool(row and row.values["open"])
        since = row.values["since"] if row and was_open else now
        entity = self._entity(
            open=True,
            since=since,
            probe_at=now + PROBE_EVERY,
            cause=error.code,
            message=error.message,
            suspects=_dump_suspects(suspects or _read_suspects(row)),
        )
        if self._save(row, entity) and not was_open:
            log_event(Event.CIRCUIT_OPEN, sink=self._sink, cause=error.code)

    def close(self) -> None:
        """Let deliveries pass. The mails that opened it open it again only if they all fail once more."""
        suspects = {key: replace(one, fresh=False, old=True) for key, one in _read_suspects(self._row()).items()}
        self._has_suspects = any(not one.own for one in suspects.values())
        self._table.upsert(self._entity(open=False, suspects=_dump_suspects(suspects)))

    def describe(self) -> dict[str, str] | None:
        """Return {"since", "cause", "message"} if it is open, else None."""
        row = self._row()
        return _describe(row) if row else None

    def _change_suspects(self, change: Callable[[_Suspect], _Suspect]) -> None:
        for _ in space_tries(_MOST_CHANGES):
            row = self._row()
            if row is None or row.values["open"]:
                return
            changed = {key: change(one) for key, one in _read_suspects(row).items()}
            if self._save(row, self._entity(open=False, suspects=_dump_suspects(changed))):
                return

    def _save(self, row: Row | None, entity: Entity) -> bool:
        """Write the row if it is still as it was read."""
        return self._table.create(entity) if row is None else self._table.update(entity, row.etag)

    def _row(self) -> Row | None:
        return self._table.get(_PARTITION, self._sink)

    def _entity(self, **values: object) -> Entity:
        return {"PartitionKey": _PARTITION, "RowKey": self._sink, **values}


def describe_circuits(table: Table) -> dict[str, dict[str, str] | None]:
    """Return what `CircuitBreaker.describe` does, by sink, for all sinks with a row: in one request."""
    return {row.row_key: _describe(row) for row in table.query(_PARTITION, start="", end="~")}


def _describe(row: Row) -> dict[str, str] | None:
    values = row.values
    if not values["open"]:
        return None
    return {"since": values["since"].isoformat(), "cause": values["cause"], "message": values["message"]}


def _is_well(sink: Sink) -> bool | None:
    """Probe a sink; None if it is not available just now, which says nothing about its settings."""
    try:
        with context.call(context.request_id(), seconds=_PROBE_SECONDS):
            sink.probe()
    except (Unavailable, OutcomeUnknown) as error:
        _log.info("the probe after a refusal says nothing: %s", error)
        return None
    except Exception as error:  # noqa: BLE001 - any other error means that the probe failed
        _log.warning("the probe after a refusal failed: %s", error)
        return False
    return True


def _prove_the_sink(suspects: _Suspects, code: str) -> bool:
    alike = [one for one in suspects.values() if one.code == code and one.fresh and not one.own]
    return len(alike) >= _ENOUGH_MAILS


def _read_suspects(row: Row | None) -> _Suspects:
    """Return the suspects of a row by the keys of their mails, the latest last; rows of older versions have none."""
    found = json.loads(row.values.get("suspects") or "{}") if row else {}
    return {key: _Suspect(**values) for key, values in found.items()}


def _dump_suspects(suspects: _Suspects) -> str:
    return json.dumps({key: asdict(one) for key, one in list(suspects.items())[-_MOST_SUSPECTS:]})
