"""Work on other threads: its results, its errors, and its log, which the platform takes from the call's thread only."""

import logging
import threading

import pytest

from shared.workers import Workers

_log = logging.getLogger("gateway.mail")


class OneThreadOnly(logging.Handler):
    """A handler as the platform's: it drops what another thread than the one that made it logs."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.current_thread()
        self.lines: list[str] = []
        self.addFilter(lambda _: threading.current_thread() is self._thread)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def work(number: int) -> int:
    _log.warning("working at %d", number)
    if number == 3:
        raise ValueError(number)
    return number * 2


def test_the_lines_of_other_threads_reach_handlers_that_drop_them(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = OneThreadOnly(), OneThreadOnly()
    monkeypatch.setattr(logging.getLogger(), "handlers", [first, second])
    assert Workers(2).map(work, range(3)) == [0, 2, 4]
    assert sorted(first.lines) == ["working at 0", "working at 1", "working at 2"]
    assert first.lines == second.lines
    inner, outer = Workers(1), Workers(1)
    outer.map(lambda number: inner.map(work, [number]), [7])
    _log.warning("not kept")
    assert first.lines[3:] == ["working at 7", "not kept"]


def test_the_first_error_is_raised_and_what_was_logged_before_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    handler = OneThreadOnly()
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    with pytest.raises(ValueError, match="3"):
        Workers(1).map(work, [1, 3, 5])
    assert handler.lines[:2] == ["working at 1", "working at 3"]
