"""Shows work that takes long: on a terminal a line that moves, elsewhere one plain line for each phase.

Both end with the seconds that the phase took. Standard library only, and no syntax newer than Python 3.9: the first
phase installs the packages.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TICK_SECONDS = 0.2
_BAR_WIDTH = 24
_GREEN, _RED, _PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[0m"


class Done(NamedTuple):
    """How much of a phase is done, and at what it is."""

    done: int
    total: int
    detail: str = ""


class Progress:
    """The phases of one command, and the lines that are printed meanwhile; one phase at a time."""

    def __init__(self, stream: Any = None) -> None:
        shown = sys.stdout if stream is None else stream
        self._stream = getattr(shown, "unescaped", shown)  # what moves a line are orders to the terminal
        self._printed = shown
        self._moves = _is_terminal(self._stream) and os.environ.get("TERM") != "dumb"
        self._is_coloured = self._moves and not os.environ.get("NO_COLOR") and os.name != "nt"
        self._is_wide = str(getattr(self._stream, "encoding", "")).lower().startswith("utf")
        self._lock = threading.RLock()
        self._open: _Phase | None = None

    @contextmanager
    def phase(self, title: str, measure: Callable[[], Done] | None = None) -> Iterator[None]:
        """Show that this is being done, until the block ends; `measure` is asked now and then how much is done."""
        phase = _Phase(title, measure)
        with self._lock:
            self._open = phase
            self._begin(phase)
        ended = threading.Event()
        ticking = threading.Thread(target=self._tick, args=[phase, ended], name="progress", daemon=True)
        if self._moves:
            ticking.start()
        is_good = False
        try:
            yield
            is_good = True
        finally:
            ended.set()
            with self._lock:
                self._open = None
                self._end(phase, is_good=is_good)

    def say(self, line: str, *, is_bad: bool = False) -> None:
        """Print a line of its own, whatever phase is open; what is bad is red where colours are welcome."""
        with self._lock:
            if self._open is not None:
                self._clear(self._open)
            if is_bad and self._is_coloured:
                self._write(_RED)
            self._printed.write(line)
            self._write((_PLAIN if is_bad and self._is_coloured else "") + "\n")

    def _colour(self, text: str, *, is_bad: bool) -> str:
        return (_RED if is_bad else _GREEN) + text + _PLAIN if self._is_coloured else text

    def _begin(self, phase: _Phase) -> None:
        self._write(phase.title + " ... " if not self._moves else self._draw(phase))
        phase.is_shown = True

    def _end(self, phase: _Phase, *, is_good: bool) -> None:
        seconds = "%.1f s" % (time.monotonic() - phase.began)
        if self._moves:
            mark = self._colour(("✓" if self._is_wide else "ok") if is_good else "x", is_bad=not is_good)
            self._clear(phase)
            self._write(mark + " " + phase.title + "  " + seconds + "\n")
        else:
            begun = "" if phase.is_shown else phase.title + " ... "
            self._write(begun + ("" if is_good else "stopped after ") + seconds + "\n")

    def _tick(self, phase: _Phase, ended: threading.Event) -> None:
        while not ended.wait(_TICK_SECONDS):
            done = phase.measure() if phase.measure else None
            with self._lock:
                if ended.is_set():
                    return
                phase.done, phase.ticks = done, phase.ticks + 1
                self._write("\r" + self._draw(phase))
                phase.is_shown = True

    def _draw(self, phase: _Phase) -> str:
        """Return the line of an open phase, as wide as the line before it at least, so that nothing of that is left."""
        turns = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏" if self._is_wide else "|/-\\"
        line = turns[phase.ticks % len(turns)] + " " + phase.title
        if phase.done is not None and phase.done.total > 0:
            share = min(1.0, phase.done.done / phase.done.total)
            full, empty = ("━", "─") if self._is_wide else ("#", ".")
            filled = round(share * _BAR_WIDTH)
            line += "  " + full * filled + empty * (_BAR_WIDTH - filled)
            line += "  " + str(min(phase.done.done, phase.done.total)) + " of " + str(phase.done.total)
        line += "  " + str(int(time.monotonic() - phase.began)) + " s"
        if phase.done is not None and phase.done.detail:
            line += "  " + phase.done.detail
        line = line[: shutil.get_terminal_size().columns - 1]
        before, phase.width = phase.width, len(line)
        return line + " " * (before - len(line))

    def _clear(self, phase: _Phase) -> None:
        """End the line of an open phase, so that another one can be written."""
        if phase.is_shown:
            self._write("\r" + " " * phase.width + "\r" if self._moves else "\n")
        phase.is_shown = False

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


class _Phase:
    """One phase that is being shown."""

    def __init__(self, title: str, measure: Callable[[], Done] | None) -> None:
        self.title = title
        self.measure = measure
        self.began = time.monotonic()
        self.done: Done | None = None
        self.ticks = 0
        self.width = 0
        self.is_shown = False


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):  # none, or one that is closed
        return False
