"""Alarms: states that an operator must know of. One row for each alarm that is raised.

An event is logged when an alarm is raised, when it gets worse, once a day while it lasts, and when it is cleared. So
operators get few lines, and each of them matters. What the rows of mailboxes, sinks and timers show is an alarm at
once for whoever asks for the status (`Survey`): the rows say since when, and hold what only the timer looks for.
"""

import json
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from inbound_mail.delivery.circuit_breaker import describe_circuits
from inbound_mail.ledger.ledger import Ledger
from inbound_mail.reports.alarm import Alarm
from inbound_mail.reports.mailbox_rules import (
    find_mailbox_alarms,
    find_mailbox_issues,
    find_open_circuits,
    find_set_aside,
)
from inbound_mail.reports.mailboxes import describe_mailbox
from inbound_mail.reports.overview import MailboxOverview, read_overviews
from inbound_mail.reports.stalled import find_stalled
from inbound_mail.reports.watched import Watched, find_refused_schedules
from inbound_mail.sinks.protocol import Sink
from inbound_mail.support_mailbox import SupportMailbox
from shared.errors import GatewayError
from shared.events import Event, log_event
from shared.issues import EXPIRES_SOON, Issue, Level, worst_of
from shared.json_text import Json
from shared.storage.tables import Operation, Row, Table
from shared.time_zones.zones import utc_text
from shared.workers import Workers

_log = logging.getLogger("gateway.events")

_PARTITION = "alarms"
_POISON = "poison"
_KNOWN_MAILBOXES = "$mailboxes"  # no mailbox can have this name
_MOST_SHOWN_KEYS = 20
_REPEAT_AFTER = timedelta(days=1)
_AT_ONCE = 8
# Alarms that need requests of their own: only the timer looks for them, and everybody else reads what it has raised.
_FOUND_BY_THE_TIMER = frozenset({Event.SET_ASIDE_GREW, Event.MAILBOX_REMOVED, Event.POISON_LEFT})


@dataclass(frozen=True)
class Survey:
    """Mailboxes and sinks at one moment, and what they show. `circuits`: by sink, None if it is closed."""

    overviews: Sequence[MailboxOverview]
    circuits: Mapping[str, Mapping[str, str] | None]
    alarms: Sequence[Alarm]
    troubles: Sequence[Issue]  # what is wrong with mailboxes beside the alarms
    levels: Mapping[str, Level]  # by mailbox
    known_secrets: frozenset[str]  # whose they are, where this process knows how long they last


@dataclass(frozen=True)
class Raised:
    """What the rows say: the raised alarms by row key, `since` when they were raised; poison messages so far."""

    alarms: Mapping[str, Alarm]
    poison: int


class Watch:
    """Checks mailboxes, quarantine, circuit breakers and secrets, and keeps the alarms."""

    def __init__(
        self,
        table: Table,
        mailboxes: Iterable[SupportMailbox],
        sinks: Mapping[str, Sink],
        announced: Collection[str] = (),
        *,
        queues: Collection[str] = (),
        schedules: Mapping[str, str | None] | None = None,
    ) -> None:
        """`announced`: the mailboxes whose new mail Graph is to announce, by name.

        `queues`: those that may be stalled. `schedules`: those of timers, by setting, as they are set.
        """
        self._table = table
        self._queues, self._schedules = queues, schedules or {}
        self._announced = frozenset(announced)
        self._mailboxes = tuple(mailboxes)
        self._sinks = sinks
        self._workers = Workers(_AT_ONCE)

    def survey(
        self,
        expiring: Mapping[str, datetime | None],
        now: datetime,
        mailboxes: Sequence[SupportMailbox] | None = None,
    ) -> Survey:
        """Read what the verdict needs: two requests for each mailbox, and four more.

        `expiring`: expiry time by owner, for example "connection default". Of sinks' secrets, those count that this
        process has read. `mailboxes`: those that matter, if not all.
        """
        overviews = read_overviews(self._table, self._mailboxes if mailboxes is None else mailboxes, self._workers)
        watched, found = Watched(self._table), describe_circuits(self._table)
        circuits = {sink: found.get(sink) for sink in self._sinks}
        are_open = {alarm.about: alarm for alarm in find_open_circuits(circuits, overviews)}
        alarms, troubles, levels = list(are_open.values()), list[Issue](), dict[str, Level]()
        for one in overviews:
            since = one.last_success or watched.since(one.name, now)
            own = list(find_mailbox_alarms(one, since, now, is_announced=one.name in self._announced))
            others = list(find_mailbox_issues(one, own, are_open, now))
            refusing = [alarm for sink, alarm in are_open.items() if one.workload.waiting_for(sink)]
            levels[one.name] = worst_of([*(alarm.as_issue() for alarm in (*own, *refusing)), *others])
            alarms += own
            troubles += others
        alarms += find_stalled(watched.rows, self._queues)
        alarms += find_refused_schedules(self._schedules)
        if self._schedules:
            alarms += watched.find_silent_timers(self._schedules, now)
        known = [(name, moment) for name, moment in expiring.items() if moment is not None]
        known += [
            (f"sink {name}", secret.expires_on)
            for name, sink in self._sinks.items()
            for secret in sink.secrets()
            if secret.expires_on is not None
        ]
        for name, moment in known:
            alarms += _find_expiry(name, moment, now)
        return Survey(overviews, circuits, alarms, troubles, levels, frozenset(name for name, _ in known))

    def describe_mailboxes(self, mailboxes: Sequence[SupportMailbox], now: datetime) -> list[Json]:
        """Describe the state of these mailboxes."""
        survey = self.survey({}, now, mailboxes)
        return [describe_mailbox(one, survey.levels[one.name], now) for one in survey.overviews]

    def check_alarms(
        self, expiring: Mapping[str, datetime | None], *, more: Iterable[Alarm] = (), may_clear: bool = True
    ) -> None:
        """Raise, repeat and clear alarms. `expiring`: expiry time by owner, for example "connection default".

        `more`: alarms of others: settings that are refused, queues. `may_clear` False: there are no settings at all, so
        nothing is known of mailboxes and sinks.
        """
        now = datetime.now(UTC)
        known = {row.row_key: row for row in self._table.query(_PARTITION, start="", end="~") if "|" in row.row_key}
        self._read_secrets()
        survey = self.survey(expiring, now)
        found = [*survey.alarms, *more]
        for one in survey.overviews:
            found += find_set_aside(one, one.mailbox.ledger.skipped("copy"), now)
        found += self._find_removed() if may_clear else ()
        active = {alarm.row_key: alarm for alarm in found}
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
        """Return the alarms that are raised, as answers show them."""
        return [alarm.describe(alarm.since) for alarm in self.read_raised().alarms.values()]

    def read_raised(self) -> Raised:
        """Return what is raised. Alarms that only another version knows are left out."""
        rows = {row.row_key: row for row in self._table.query(_PARTITION, start="", end="~")}
        poison = rows.pop(_POISON, None)
        alarms = {name: alarm for name, row in rows.items() if (alarm := _read_alarm(row)) is not None}
        return Raised(alarms, int(poison.values["count"]) if poison else 0)

    def count_poison(self) -> int:
        """Return how many poison messages were reported so far."""
        row = self._table.get(_PARTITION, _POISON)
        return int(row.values["count"]) if row else 0

    def report_poison(self, queue: str, fields: Mapping[str, str]) -> None:
        """Log and count a poison message. `fields`: those of its fields that may be logged."""
        log_event(Event.POISON_MESSAGE, level=logging.ERROR, queue=queue, **fields)
        entity = {"PartitionKey": _PARTITION, "RowKey": _POISON, "count": self.count_poison() + 1}
        self._table.upsert(entity)

    def _read_secrets(self) -> None:
        """Read the secrets of sinks, so that it is known how long they last."""
        for name, sink in self._sinks.items():
            for secret in sink.secrets():
                try:
                    secret()
                except GatewayError as error:
                    _log.info("the secret of sink %s cannot be read: %s", name, error)

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


def find_active(survey: Survey, others: Iterable[Alarm], raised: Raised, *, are_all_known: bool = True) -> list[Alarm]:
    """Return the alarms that hold now: what the survey and others show, and of the raised ones what they cannot show.

    `are_all_known` False: there are no settings at all, so that only the raised ones say anything of mailboxes.
    """
    active = {alarm.row_key: alarm for alarm in (*survey.alarms, *others)}
    for name, alarm in raised.alarms.items():
        is_unread = alarm.event is Event.SECRET_EXPIRES_SOON and alarm.about not in survey.known_secrets
        if not are_all_known or is_unread or alarm.event in _FOUND_BY_THE_TIMER:
            active.setdefault(name, alarm)
    return list(active.values())


def _read_alarm(row: Row) -> Alarm | None:
    """Return a raised alarm; None if only another version knows it."""
    name, _, about = row.row_key.partition("|")
    if name not in set(Event):
        return None
    details = json.loads(row.values["details"])
    return Alarm(Event(name), about, int(row.values["level"]), details, row.values["since"])


def _find_expiry(of: str, expires_on: datetime, now: datetime) -> Iterable[Alarm]:
    if expires_on - now < EXPIRES_SOON:
        is_expired = expires_on < now
        details = {"expiresOn": utc_text(expires_on)} | ({"isExpired": True} if is_expired else {})
        yield Alarm(Event.SECRET_EXPIRES_SOON, of, 1 + is_expired, details)
