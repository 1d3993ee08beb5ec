"""What other threads of a call log is logged by the call's own thread: the platform drops the lines of all others.

It knows which run of a function a line belongs to by the thread on which it started the run.
"""

import logging
from collections.abc import Callable, Sequence
from contextvars import ContextVar

type Lines = list[logging.LogRecord]

_kept: ContextVar[Lines | None] = ContextVar("kept_lines", default=None)


class _Keeper(logging.Filter):
    """On each handler: keeps the lines of a thread that keeps them, and lets all others pass."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the handler gets this line now."""
        kept = _kept.get()
        if kept is None:
            return True
        if not any(one is record for one in kept[-1:]):  # each handler asks
            kept.append(record)
        return False


_KEEPER = _Keeper()


def keep_lines[**P, T](function: Callable[P, T], lines: Lines) -> Callable[P, T]:
    """Return the function for another thread, in a context of its own, so that `lines` gets what it logs."""
    for handler in logging.getLogger().handlers:
        if _KEEPER not in handler.filters:
            handler.filters.insert(0, _KEEPER)  # before any that drops the lines

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        _kept.set(lines)
        return function(*args, **kwargs)

    return run


def write_lines(lines: Sequence[logging.LogRecord]) -> None:
    """Log what another thread has logged."""
    for line in lines:
        logging.getLogger(line.name).handle(line)
