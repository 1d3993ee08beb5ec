"""Ends processes whose starter is gone, however that came about: a process of its own, which is run as a script.

It reads `+PID` and `-PID` from its standard input, a pipe that only the starter holds: when the starter ends, even by
`kill -9` or with its terminal, the pipe closes, and what is left of the processes is ended with all of their groups.
Standard library only, and no syntax newer than Python 3.9.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENT_SECONDS = 5.0


def main() -> None:
    """Read until the pipe closes, then end what is left."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    left: set[int] = set()
    for line in sys.stdin:
        number = int(line[1:])
        if line.startswith("+"):
            left.add(number)
        else:
            left.discard(number)
    end_groups(left)


def end_groups(numbers: set[int], is_there: Callable[[int], bool] | None = None) -> None:
    """Ask processes and their groups to end, and make those end that are there five seconds later."""
    look = is_there or _is_there
    left = {number for number in numbers if _send(number, signal.SIGTERM)}
    deadline = time.monotonic() + _PATIENT_SECONDS
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = {number for number in left if look(number)}
    for number in left:
        kill_group(number)


def kill_group(number: int) -> None:
    """End a process and its group at once."""
    _send(number, getattr(signal, "SIGKILL", signal.SIGTERM))


def _is_there(number: int) -> bool:
    return _send(number, 0)


def _send(number: int, what: int) -> bool:
    """Send a signal to a process and its group; return whether it is there."""
    try:
        if os.name == "posix":
            os.killpg(number, what)  # each has a session of its own
        elif what:
            os.kill(number, what)  # Windows: this ends it
            return False
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
