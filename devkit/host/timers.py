"""Timers: schedule, past-due runs and persistence as on the platform, in UTC.

Rules: TimerListener.cs, ScheduleMonitor.cs and StorageScheduleMonitor.cs in azure-webjobs-sdk-extensions.
"""

import json
import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from devkit.host import worker
from devkit.host.errors import HostError
from devkit.host.ncrontab import Schedule
from devkit.host.storage import Account, Container, StorageError
from devkit.host.worker import Call, IndexedFunction, Outcome

_LOGGER = logging.getLogger("devkit.host.timers")
_CONTAINER = "azure-webjobs-hosts"
_FINAL_ZEROS = re.compile(r"(\.\d*?)0+(?=\+)")
_NEVER = datetime(1, 1, 1, tzinfo=UTC)
_LONGEST_WAIT = 3600.0
"""Seconds after which a waiting timer looks at the clock again, which may have been set."""


@dataclass(frozen=True)
class TimerStatus:
    """When a timer ran last (year 1: never), is due next, and when that was worked out."""

    last: datetime
    next: datetime
    updated: datetime

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the platform's JSON. Raises ValueError."""
        data = json.loads(text)
        try:
            moments = [datetime.fromisoformat(data[name]) for name in ("Last", "Next", "LastUpdated")]
        except (KeyError, TypeError) as error:
            raise ValueError(f"no timer status: {error}") from None
        return cls(*(moment.replace(tzinfo=moment.tzinfo or UTC) for moment in moments))

    def to_json(self) -> dict[str, str]:
        """Return ``{"Last", "Next", "LastUpdated"}`` as ISO text: what is stored and what the function sees."""
        moments = {"Last": self.last, "Next": self.next, "LastUpdated": self.updated}
        return {name: _FINAL_ZEROS.sub(r"\1", moment.isoformat()) for name, moment in moments.items()}


def review_status(stored: TimerStatus | None, schedule: Schedule, now: datetime) -> tuple[TimerStatus, bool]:
    """Return the status to go on with at start-up, and whether the timer is past due.

    A first start is never past due. When the stored next run is not what the schedule says, the schedule was edited:
    the new one holds, and what it missed before now does not count.
    """
    if stored is None:
        return TimerStatus(_NEVER, _find_next(schedule, now), now), False
    base = stored.last if stored.last > _NEVER else stored.updated if stored.updated > _NEVER else now
    expected = _find_next(schedule, base)
    if expected != stored.next:
        if now > expected:
            base, expected = now, _find_next(schedule, now)
        stored = TimerStatus(_NEVER, expected, base)
    return stored, now > stored.next


class TimerStore:
    """Timer statuses in blob storage, where the platform keeps them."""

    def __init__(self, account: Account, host_id: str) -> None:
        self._container = Container(account, _CONTAINER)
        self._host_id = host_id

    def read(self, function: str) -> TimerStatus | None:
        """Return the stored status, None when there is none. Raises HostError when storage does not answer."""
        name = self._name(function)
        try:
            text = self._container.read(name)
            return None if text is None else TimerStatus.parse(text)
        except ValueError as error:
            raise HostError(f"The local host cannot read the timer status {name} ({error}). Delete the blob.") from None
        except StorageError as error:
            raise HostError(f"Timers need the storage of AzureWebJobsStorage, which does not answer: {error}") from None

    def write(self, function: str, status: TimerStatus) -> None:
        """Store a status; a failure is logged, as on the platform, and the schedule goes on."""
        try:
            self._container.write(self._name(function), json.dumps(status.to_json()))
        except StorageError as error:
            _LOGGER.error("%s: the timer status could not be stored: %s", function, error)  # noqa: TRY400  no traceback helps here

    def _name(self, function: str) -> str:
        return f"timers/{self._host_id}/Host.Functions.{function}/status"


@dataclass(frozen=True)
class TimerTrigger:
    """What a listener needs to know about its function. ``store`` None: not monitored."""

    function: IndexedFunction
    schedule: Schedule
    run_on_startup: bool
    store: TimerStore | None


class TimerListener:
    """Runs one timer in a thread, so it never overlaps itself."""

    def __init__(self, trigger: TimerTrigger, run: Callable[[Call], Outcome]) -> None:
        self._trigger = trigger
        self._run = run
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=f"timer-{trigger.function.name}", daemon=True)
        self._status: TimerStatus | None = None
        self._past_due = False

    def start(self) -> None:
        """Review the stored status and begin. Raises HostError when storage does not answer."""
        now = datetime.now(UTC)
        trigger = self._trigger
        stored = trigger.store.read(trigger.function.name) if trigger.store else None
        self._status, self._past_due = review_status(stored, trigger.schedule, now)
        if trigger.store and self._status != stored:
            trigger.store.write(trigger.function.name, self._status)
        self._thread.start()

    def stop(self, deadline: float) -> None:
        """Start no more runs; wait for a running one until ``deadline`` (``time.monotonic()``)."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(max(0.0, deadline - time.monotonic()))

    def _loop(self) -> None:
        status = self._status
        if status is None:
            return
        if self._past_due:
            status = self._run_due(status, past_due=True, reason="Timer is past due.")
        elif self._trigger.run_on_startup:
            status = self._run_due(status, past_due=False, reason="Timer runs on start-up.", unscheduled=True)
        while self._wait_until(status.next):
            status = self._run_due(status, past_due=False, reason="Timer fired.")

    def _wait_until(self, moment: datetime) -> bool:
        """Wait; return False when stopping."""
        while (seconds := (moment - datetime.now(UTC)).total_seconds()) > 0:
            if self._stopping.wait(min(seconds, _LONGEST_WAIT)):
                return False
        return not self._stopping.is_set()

    def _run_due(self, status: TimerStatus, *, past_due: bool, reason: str, unscheduled: bool = False) -> TimerStatus:
        trigger = self._trigger
        started = datetime.now(UTC)
        if not past_due and not unscheduled:
            started = max(started, status.next)
        shown = status.to_json() if trigger.store else None
        call = Call(
            trigger.function,
            worker.make_timer_value(shown, past_due=past_due),
            {"TimerTrigger": worker.make_text(started.isoformat())},
            reason=reason,
        )
        if self._run(call).stopped:
            return status  # nobody knows how the run would have ended; the next start finds it due
        status = TimerStatus(started, _find_next(trigger.schedule, started), started)
        if trigger.store:
            trigger.store.write(trigger.function.name, status)
        return status


def _find_next(schedule: Schedule, base: datetime) -> datetime:
    if (found := schedule.find_next(base)) is None:
        raise HostError(f"The schedule '{schedule.text}' has no occurrence; the local host starts no such timer.")
    return found
