"""Alarms: states that an operator must know of. One row for each alarm that is raised.

An event is logged when an alarm is raised, when it gets worse, once a day while it lasts, and when it is cleared. So
operators get few lines, and each of them matters.
"""

import json
import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from inbound_mail.content.rules import SET_ASIDE
from inbound_mail.content.thanks import THANKS_ONLY
from inbound_mail.delivery.circuit_breaker import CircuitBreaker
from inbound_mail.intake.announcements import explain_silence
from inbound_mail.intake.pace import find_announced_minutes
from inbound_mail.ledger.ledger import Ledger
from inbound_mail.ledger.planned_polls import PlannedPoll, PollPlan
from inbound_mail.reports.mails import AUTOMATIC, LOOP
from inbound_mail.sinks.protocol import Sink
from inbound_mail.support_mailbox import SupportMailbox
from shared.errors import GatewayError
from shared.events import Event, log_event
from shared.json_text import Json
from shared.storage.tables import Operation, Row, Table
from shared.time_zones.zones import LONG_AGO, utc_text

_log = logging.getLogger("gateway.events")

_PARTITION = "alarms"
_POISON = "poison"
WATCH = "watch"
_KNOWN_MAILBOXES = "$mailboxes"  # no mailbox can have this name
_MOST_SHOWN_KEYS = 20
_REPEAT_AFTER = timedelta(days=1)
_SOON = timedelta(days=14)
# Quarantined deliveries with these causes raise no alarm.
_EXPECTED_CAUSES = frozenset({AUTOMATIC, SET_ASIDE, THANKS_ONLY})
# More mails set aside within a day than this many, and than this many times the average day of the week before.
_MOST_SET_ASIDE, _BEYOND_USUAL = 20, 3
_DAY, _USUAL_DAYS = timedelta(days=1), 7


@dataclass(frozen=True)
class Alarm:
    """One alarm. `about`: a mailbox, a sink or a secret. An event is logged again when `level` grows."""

    event: Event
    about: str
    level: int
    details: Mapping[str, Any]

    @property
    def row_key(self) -> str:
        """The row key of the alarm."""
        return f"{self.event.value}|{self.about}"


class Watch:
    """Checks mailboxes, quarantine, circuit breakers and secrets, and keeps the alarms."""

    def __init__(
        self,
        table: Table,
        mailboxes: Iterable[SupportMailbox],
        sinks: Mapping[str, Sink],
        circuit_breakers: Mapping[str, CircuitBreaker],
        announced: Collection[str] = (),
    ) -> None:
        """`announced`: the mailboxes whose new mail Graph is to announce, by name."""
        self._table = table
        self._announced = frozenset(announced)
        self._mailboxes = tuple(mailboxes)
        self._sinks = sinks
        self._circuit_breakers = circuit_breakers

    def check_alarms(
        self, expiring: Mapping[str, datetime | None], *, more: Iterable[Alarm] = (), may_clear: bool = True
    ) -> None:
        """Raise, repeat and clear alarms. `expiring`: expiry time by owner, for example "connection default".

        `more`: alarms of others: settings that are refused, queues. `may_clear` False: there are no settings at all, so
        nothing is known of mailboxes and sinks.
        """
        now = datetime.now(UTC)
        known = {row.row_key: row for row in self._table.query(_PARTITION, start="", end="~") if "|" in row.row_key}
        active = {alarm.row_key: alarm for alarm in self._find(now, expiring)}
        active |= {alarm.row_key: alarm for alarm in self._find_removed()} if may_clear else {}
        active |= {alarm.row_key: alarm for alarm in more}
        for name, alarm in active.items():
            self._raise(alarm, known.get(name), now)
        for name in known.keys() - active.keys() if may_clear else ():
            event, _, about = name.partition("|")
            log_event(Event.ALARM_CLEARED, level=logging.INFO, alarm=event, about=about)
            self._table.transact([Operation("delete", {"PartitionKey": _PARTITION, "RowKey": name})])

    def raise_now(self, alarm: Alarm) -> None:
        """Raise one alarm before the next check, which must find it, too, or clears it."""
        self._raise(alarm, self._table.get(_PARTITION, alarm.row_key), datetime.now(UTC))

    def _raise(self, alarm: Alarm, row: Row | None, now: datetime) -> None:
        """Keep an alarm, whose row may be there; log it if it is new, has grown, or has lasted for a day."""
        grew = row is not None and alarm.level > int(row.values["level"])
        if row is None or grew or now - row.values["told_at"] >= _REPEAT_AFTER:
            log_event(alarm.event, about=alarm.about, **alarm.details)
            logged_at = now
        else:
            logged_at = row.values["told_at"]
        self._table.upsert(
            {
                "PartitionKey": _PARTITION,
                "RowKey": alarm.row_key,
                "since": row.values["since"] if row else now,
                "told_at": logged_at,
                "level": alarm.level,
                "details": json.dumps(dict(alarm.details), default=str),
            }
        )

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
        """Return how many poison messages were reported so far."""
        row = self._table.get(_PARTITION, _POISON)
        return int(row.values["count"]) if row else 0

    def report_poison(self, queue: str, fields: Mapping[str, str]) -> None:
        """Log and count a poison message. `fields`: those of its fields that may be logged."""
        log_event(Event.POISON_MESSAGE, level=logging.ERROR, queue=queue, **fields)
        entity = {"PartitionKey": _PARTITION, "RowKey": _POISON, "count": self.count_poison() + 1}
        self._table.upsert(entity)

    def _find(self, now: datetime, expiring: Mapping[str, datetime | None]) -> Iterable[Alarm]:
        planned = PollPlan(self._table).read() if self._mailboxes else {}
        for mailbox in self._mailboxes:
            plan = planned.get(mailbox.name, PlannedPoll())
            yield from self._find_silence(mailbox, plan, now)
            if mailbox.name in self._announced:
                yield from _find_silent_notifications(mailbox.name, plan, now)
            yield from self._find_quarantine(mailbox)
            yield from _find_set_aside(mailbox, now)
        for name, sink in self._sinks.items():
            cause = self._circuit_breakers[name].describe()
            if cause:
                yield Alarm(Event.CIRCUIT_OPEN, name, 1, cause)
            for secret in sink.secrets():
                try:
                    secret()
                except GatewayError as error:
                    _log.info("the secret of sink %s cannot be read: %s", name, error)
                yield from _find_expiry(f"sink {name}", secret.expires_on, now)
        for name, expires_on in expiring.items():
            yield from _find_expiry(name, expires_on, now)

    def _find_removed(self) -> Iterable[Alarm]:
        """Remember the mailboxes, and find those that the settings had before and whose mails still wait."""
        present = {mailbox.name for mailbox in self._mailboxes}
        known = {row.row_key for row in self._table.query(_KNOWN_MAILBOXES, start="", end="~")}
        for name in present - known:
            self._table.upsert({"PartitionKey": _KNOWN_MAILBOXES, "RowKey": name})
        for name in known - present:
            keys = [mail.key for mail in Ledger(self._table, name).open_mails()]
            if keys:
                yield Alarm(Event.MAILBOX_REMOVED, name, 1, {"mails": len(keys), "keys": keys[:_MOST_SHOWN_KEYS]})
            else:
                self._table.transact([Operation("delete", {"PartitionKey": _KNOWN_MAILBOXES, "RowKey": name})])

    def _find_silence(self, mailbox: SupportMailbox, planned: PlannedPoll, now: datetime) -> Iterable[Alarm]:
        state = mailbox.read_state(planned)
        last = state.get("last_success") or self._watched_since(mailbox.name, now)
        if find_announced_minutes(mailbox.settings, planned, now) and planned.is_quiet:
            last = max(last, min(planned.next_poll, now))  # it is late from then on
        if now - last > timedelta(minutes=mailbox.settings.alarm_minutes):
            details = {"lastSuccess": utc_text(last), "lastError": state.get("last_error")}
            yield Alarm(Event.MAILBOX_SILENT, mailbox.name, 1, details)

    def _watched_since(self, mailbox: str, now: datetime) -> datetime:
        """Return when the checks of a mailbox began that never had a successful poll."""
        row = self._table.get(WATCH, mailbox)
        if row is None:
            self._table.create({"PartitionKey": WATCH, "RowKey": mailbox, "since": now})
            return now
        since: datetime = row.values["since"]
        return since

    def _find_quarantine(self, mailbox: SupportMailbox) -> Iterable[Alarm]:
        counts = Counter(delivery.cause for delivery in mailbox.ledger.quarantined())
        level = sum(number for cause, number in counts.items() if cause not in {*_EXPECTED_CAUSES, LOOP})
        if level:
            yield Alarm(Event.QUARANTINE_GREW, mailbox.name, level, {"mails": level, "causes": dict(counts)})
        if beyond := counts[LOOP]:
            yield Alarm(Event.LOOP_SUSPECTED, mailbox.name, beyond.bit_length(), {"mails": beyond})


def _find_silent_notifications(mailbox: str, plan: PlannedPoll, now: datetime) -> Iterable[Alarm]:
    if cause := explain_silence(plan, now):
        known = {"subscribedUntil": plan.subscribed_until, "lastAnnounced": plan.announced_at}
        details = {name: utc_text(moment) for name, moment in known.items() if moment != LONG_AGO}
        yield Alarm(Event.NOTIFICATIONS_SILENT, mailbox, 1, {"cause": cause} | details)


def _find_set_aside(mailbox: SupportMailbox, now: datetime) -> Iterable[Alarm]:
    """Compare what was set aside within the last day, copies too, with the average day of the week before."""
    found = [(one.cause, one.since) for one in mailbox.ledger.quarantined() if one.cause in _EXPECTED_CAUSES]
    found += [("copy", one.since) for one in mailbox.ledger.skipped("copy")]
    reasons = Counter(reason for reason, since in found if now - since < _DAY)
    before = sum(1 for _, since in found if _DAY <= now - since < _DAY * (1 + _USUAL_DAYS))
    number, usual = reasons.total(), before / _USUAL_DAYS
    if number > max(_MOST_SET_ASIDE, _BEYOND_USUAL * usual):
        details = {"mails": number, "usual": round(usual), "causes": dict(reasons)}
        yield Alarm(Event.SET_ASIDE_GREW, mailbox.name, number.bit_length(), details)


def _find_expiry(of: str, expires_on: datetime | None, now: datetime) -> Iterable[Alarm]:
    if expires_on is not None and expires_on - now < _SOON:
        yield Alarm(Event.SECRET_EXPIRES_SOON, of, 1 + (expires_on < now), {"expiresOn": utc_text(expires_on)})
