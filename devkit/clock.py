"""The clock of a test run on another day: the test process and every process that it starts read the same shifted time.

Only processes of the tool kit are shifted: the folder `shifted_clock` comes to the front of PYTHONPATH, and the storage
emulator preloads a script. Monotonic time stays as it is, and so do timestamps of files.
"""

import os
import random
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path

SHIFT = "DEVKIT_CLOCK_SHIFT"
"""The variable that holds the shift in seconds; `shifted_clock` reads it."""
VARIABLES = ("PYTHONPATH", SHIFT)
"""What a process with an environment of its own needs for the same time."""
NODE_SCRIPT = Path(__file__).resolve().parent / "shifted_clock" / "shift.js"

DAYS: Mapping[date, str] = {
    date(2026, 11, 29): "a Sunday",
    date(2026, 12, 31): "the last day of a year",
    date(2027, 2, 28): "28 February",
    date(2028, 2, 29): "29 February",
    date(2027, 4, 30): "the last day of a month of 30 days",
    date(2027, 3, 28): "summer time begins in London",
    date(2027, 10, 31): "summer time ends in London",
    date(2027, 3, 14): "summer time begins in New York",
    date(2027, 11, 7): "summer time ends in New York",
    date(2027, 10, 3): "summer time begins in Sydney",
    date(2027, 4, 4): "summer time ends in Sydney",
}
"""Days on which code that reckons with dates is most likely to be wrong."""

_NOON = time(12)


def read_moment(text: str) -> datetime:
    """Return the moment that a date or a date and a time mean, in UTC; a date alone means noon. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if len(text) == len("2028-02-29"):
        moment = datetime.combine(moment.date(), _NOON)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def pick_moment(dice: random.Random) -> tuple[datetime, str]:
    """Return an hour of one of DAYS, and what is special about the day."""
    day = dice.choice(list(DAYS))
    return datetime(day.year, day.month, day.day, dice.randrange(24), tzinfo=UTC), DAYS[day]


def shift_environment(environ: Mapping[str, str], moment: datetime) -> dict[str, str]:
    """Return the variables of a process for which it is this moment now; this one may be shifted, too."""
    folder = str(NODE_SCRIPT.parent)
    path = os.pathsep.join(part for part in (folder, environ.get("PYTHONPATH")) if part)
    seconds = (moment - datetime.now(UTC)).total_seconds() + float(os.environ.get(SHIFT) or 0)
    return dict(environ) | {"PYTHONPATH": path, SHIFT: f"{seconds:.3f}"}
