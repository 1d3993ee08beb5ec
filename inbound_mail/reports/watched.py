"""Since when things are watched, and when the timers have run: rows of one partition, read in one request.

    watch|{mailbox}      since: when the checks of a mailbox began that never had a successful poll
    watch|timer|{name}   ran_at: when a timer has run, at most four minutes ago or not since; since: until it has run
    watch|queue|{name}   what is known of a queue: `stalled`

Whoever reads first writes `since`, a timer or a caller who asks for the status. So a timer that never runs is missed,
too, and one that checks alarms keeps none back by being dead itself.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from inbound_mail.reports.alarm import Alarm
from shared.errors import GatewayError
from shared.events import Event
from shared.settings.schedules import find_missed_run, find_schedule_fault, is_refused
from shared.settings.timers import TIMERS, WATCH_SCHEDULE
from shared.storage.tables import Entity, Table
from shared.time_zones.zones import utc_text

WATCH = "watch"
_TIMER = "timer|"
# A timer notes its runs no more often than this: one row for all mailboxes, and not one a minute.
_NOTED_EVERY = timedelta(minutes=4)
_MAY_BE_LATE = timedelta(minutes=5)  # the platform starts an instance, or restarts the app

_log = logging.getLogger("gateway.mail")


@dataclass
class TimerRuns:
    """Notes the runs of timers. `noted` is of this process: it only spares writes."""

    table: Table
    noted: dict[str, datetime] = field(default_factory=dict)

    def note(self, timer: str, now: datetime) -> None:
        """Note that a timer runs. That it cannot be noted keeps the timer from nothing."""
        if timer in self.noted and timedelta() <= now - self.noted[timer] < _NOTED_EVERY:
            return
        try:
            self.table.upsert({"PartitionKey": WATCH, "RowKey": _TIMER + timer, "ran_at": now})
            self.noted[timer] = now
        except GatewayError as error:
            _log.warning("the run of %s could not be noted: %s", timer, error)


class Watched:
    """The rows, as they were read. `may_write` False: what is not watched yet counts from now, and is not kept."""

    def __init__(self, table: Table, *, may_write: bool = True) -> None:
        self._table, self._may_write = table, may_write
        self.rows: dict[str, Entity] = {row.row_key: row.values for row in table.query(WATCH, start="", end="~")}

    def since(self, mailbox: str, now: datetime) -> datetime:
        """Return since when a mailbox is watched that never had a successful poll."""
        since: datetime = self._keep(mailbox, now)["since"]
        return since

    def find_silent_timers(self, schedules: Mapping[str, str | None], now: datetime) -> Iterator[Alarm]:
        """Yield an alarm for each timer that has missed a run. `schedules`: as they are set, by setting.

        One whose schedule is wrong cannot run, which has an alarm of its own: `find_refused_schedules`.
        """
        for timer, setting in TIMERS.items():
            schedule = WATCH_SCHEDULE if setting is None else schedules.get(setting)
            if schedule is None or find_schedule_fault(schedule) is not None:
                continue
            row = self._keep(_TIMER + timer, now)
            ran_at: datetime | None = row.get("ran_at")
            last: datetime = ran_at or row["since"]
            if find_missed_run(schedule, last + _NOTED_EVERY, now - _MAY_BE_LATE) is not None:
                details = {"lastRun": utc_text(ran_at) if ran_at else None}
                yield Alarm(Event.TIMER_SILENT, timer, 1, details, last)

    def _keep(self, row_key: str, now: datetime) -> Entity:
        if row_key not in self.rows:
            entity = {"PartitionKey": WATCH, "RowKey": row_key, "since": now}
            if self._may_write:
                self._table.create(entity)  # or somebody else did, a moment ago
            self.rows[row_key] = entity
        return self.rows[row_key]


def find_refused_schedules(schedules: Mapping[str, str | None]) -> Iterator[Alarm]:
    """Yield an alarm for each schedule that is not set or wrong. `schedules`: as they are set, by setting."""
    for setting, text in schedules.items():
        fault = "it is not set" if text is None else find_schedule_fault(text)
        if fault is not None:
            yield Alarm(Event.SCHEDULE_REFUSED, setting, 1, {"fault": fault, "isRefused": is_refused(text)})
