"""Alarms: what an operator must hear of although nobody asks. One row for each that is raised.

An alarm is told once when it is raised, once a day while it lasts, and once when it is over: a line for each failed
connection would only teach people not to look.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from inbound_mail.delivery.circuit_breaker import Circuit
from inbound_mail.sinks.protocol import Sink
from inbound_mail.support_mailbox import SupportMailbox
from shared.errors import GatewayError
from shared.events import Event, log_event
from shared.json_text import Json
from shared.storage.tables import Operation, Table
from shared.time_zones.zones import utc_text

_log = logging.getLogger("gateway.events")

_PARTITION = "alarms"
_POISON = "poison"
_WATCH = "watch"
_AGAIN_AFTER = timedelta(days=1)
_SOON = timedelta(days=14)
_NO_ALARM = frozenset({"AutomaticMail"})


@dataclass(frozen=True)
class Alarm:
    """Something that is wrong now: `about` is a mailbox, a sink or a secret; `level` grows with how bad it is."""

    event: Event
    about: str
    level: int
    details: Mapping[str, Any]

    @property
    def row_key(self) -> str:
        """Its name in the table."""
        return f"{self.event.value}|{self.about}"


class Watch:
    """Looks at everything every few minutes."""

    def __init__(self, table: Table, mailboxes: Iterable[SupportMailbox], sinks: Mapping[str, Sink]) -> None:
        self._table = table
        self._desks = tuple(mailboxes)
        self._sinks = sinks

    def look(self, expiring: Mapping[str, datetime | None]) -> None:
        """Raise, repeat and clear alarms. `expiring`: when secrets end, by what they are of."""
        now = datetime.now(UTC)
        known = {row.row_key: row for row in self._table.query(_PARTITION, start="", end="~") if "|" in row.row_key}
        active = {alarm.row_key: alarm for alarm in self._find(now, expiring)}
        for name, alarm in active.items():
            row = known.get(name)
            grew = row is not None and alarm.level > int(row.values["level"])
            if row is None or grew or now - row.values["told_at"] >= _AGAIN_AFTER:
                log_event(alarm.event, about=alarm.about, **alarm.details)
                told_at = now
            else:
                told_at = row.values["told_at"]
            self._table.upsert(
                {
                    "PartitionKey": _PARTITION,
                    "RowKey": name,
                    "since": row.values["since"] if row else now,
                    "told_at": told_at,
                    "level": alarm.level,
                    "details": json.dumps(dict(alarm.details), default=str),
                }
            )
        for name in known.keys() - active.keys():
            event, _, about = name.partition("|")
            log_event(Event.ALARM_CLEARED, level=logging.INFO, alarm=event, about=about)
            self._table.transact([Operation("delete", {"PartitionKey": _PARTITION, "RowKey": name})])

    def active(self) -> list[Json]:
        """Return the alarms that are raised: {"event", "about", "since", ...details}."""
        return [
            {
                "event": row.row_key.partition("|")[0],
                "about": row.row_key.partition("|")[2],
                "sinceDateTime": utc_text(row.values["since"]),
                **json.loads(row.values["details"]),
            }
            for row in self._table.query(_PARTITION, start="", end="~")
            if "|" in row.row_key
        ]

    def count_poison(self) -> int:
        """Return how many poison messages there were."""
        row = self._table.get(_PARTITION, _POISON)
        return int(row.values["count"]) if row else 0

    def report_poison(self, queue: str, message: Mapping[str, Any]) -> None:
        """Tell of a message that could not be worked on; the poll finds its delivery again."""
        known = {name: str(message[name])[:100] for name in ("mailbox", "key", "sink") if name in message}
        log_event(Event.POISON_MESSAGE, level=logging.ERROR, queue=queue, **known)
        entity = {"PartitionKey": _PARTITION, "RowKey": _POISON, "count": self.count_poison() + 1}
        self._table.upsert(entity)

    def _find(self, now: datetime, expiring: Mapping[str, datetime | None]) -> Iterable[Alarm]:
        for mailbox in self._desks:
            yield from self._find_silence(mailbox, now)
            yield from self._find_quarantine(mailbox)
        for name, sink in self._sinks.items():
            circuit = Circuit(self._table, name).describe()
            if circuit:
                yield Alarm(Event.CIRCUIT_OPEN, name, 1, circuit)
            for secret in sink.secrets():
                try:
                    secret()
                except GatewayError as error:
                    _log.info("the secret of sink %s cannot be read: %s", name, error)
                yield from _find_expiry(f"sink {name}", secret.expires_on, now)
        for name, expires_on in expiring.items():
            yield from _find_expiry(name, expires_on, now)

    def _find_silence(self, mailbox: SupportMailbox, now: datetime) -> Iterable[Alarm]:
        state = mailbox.ledger.state().values
        last = state.get("last_success") or self._watched_since(mailbox.name, now)
        if now - last > timedelta(minutes=mailbox.settings.alarm_minutes):
            details = {"lastSuccess": utc_text(last), "lastError": state.get("last_error")}
            yield Alarm(Event.MAILBOX_SILENT, mailbox.name, 1, details)

    def _watched_since(self, mailbox: str, now: datetime) -> datetime:
        """Return since when a mailbox that never had a success is waited for."""
        row = self._table.get(_WATCH, mailbox)
        if row is None:
            self._table.create({"PartitionKey": _WATCH, "RowKey": mailbox, "since": now})
            return now
        since: datetime = row.values["since"]
        return since

    def _find_quarantine(self, mailbox: SupportMailbox) -> Iterable[Alarm]:
        rows = mailbox.ledger.table.query(mailbox.name, start="q|", end="q}", select=["cause"])
        counts: dict[str, int] = {}
        for row in rows:
            cause = str(row.values["cause"])
            counts[cause] = counts.get(cause, 0) + 1
        level = sum(number for cause, number in counts.items() if cause not in _NO_ALARM)
        if level:
            yield Alarm(Event.QUARANTINE_GREW, mailbox.name, level, {"mails": level, "causes": counts})


def _find_expiry(of: str, expires_on: datetime | None, now: datetime) -> Iterable[Alarm]:
    if expires_on is not None and expires_on - now < _SOON:
        yield Alarm(Event.SECRET_EXPIRES_SOON, of, 1 + (expires_on < now), {"expiresOn": utc_text(expires_on)})
