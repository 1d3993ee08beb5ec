"""Processes that end with this one, however it ends: in order, by Ctrl-C, with its terminal, or by `kill -9`.

Within `guarded()` everything that `start_process` starts is known to a guard (`devkit/guard.py`). A record of it lets
the next command find what was left behind where even the guard was killed. Standard library only, and no syntax newer
than Python 3.9.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devkit.guard import end_groups, kill_group

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_STOP_SECONDS = 10.0
_WAIT = 'read -r _ && exec "$@" < /dev/null'
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interrupted(BaseException):
    """A signal asks this process to end; as KeyboardInterrupt, it is no error that a handler of errors may take."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class _Guard:
    """The running guard, and the processes that it knows, with what tells them from later ones of the same number."""

    def __init__(self, record: Path | None) -> None:
        self._record = record
        self._known: dict[int, str] = {}
        command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py"))]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def add(self, number: int) -> None:
        self._known[number] = find_start(number)
        self._send("+" + str(number))

    def discard(self, number: int) -> None:
        if self._known.pop(number, None) is not None:
            self._send("-" + str(number))

    def close(self) -> None:
        if self._process.stdin:
            with suppress(OSError):
                self._process.stdin.close()
        self._process.wait()
        if self._record is not None:
            with suppress(OSError):
                self._record.unlink()

    def _send(self, line: str) -> None:
        if self._process.stdin:
            with suppress(OSError):  # it was killed: the record is left
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()
        if self._record is not None:
            self._record.write_text(json.dumps(self._known), encoding="utf-8")


_guards: list[_Guard] = []


@contextmanager
def guarded(record: Path | None = None) -> Iterator[None]:
    """Let everything that `start_process` starts within the block end with this process, at the latest."""
    guard = _Guard(record)
    _guards.append(guard)
    try:
        yield
    finally:
        _guards.remove(guard)
        guard.close()


def start_process(command: Sequence[str], **options: Any) -> subprocess.Popen[str]:
    """Start a process in a session of its own: Ctrl-C reaches only this one, which then ends it in order.

    With a guard it begins only when the guard knows it, and has nothing to read.
    """
    with _signals_held():
        if _guards and os.name == "posix":
            return _start_known(command, options)
        process: subprocess.Popen[str] = subprocess.Popen(
            command, text=True, errors="replace", start_new_session=True, **options
        )
        for guard in _guards:
            guard.add(process.pid)
    return process


def _start_known(command: Sequence[str], options: dict[str, Any]) -> subprocess.Popen[str]:
    """Start a shell that waits for a line before it becomes the command; if this process dies first, it ends."""
    reading, writing = os.pipe()
    try:
        process: subprocess.Popen[str] = subprocess.Popen(
            ["/bin/sh", "-c", _WAIT, "sh", *command],
            text=True,
            errors="replace",
            start_new_session=True,
            **{**options, "stdin": reading},
        )
        for guard in _guards:
            guard.add(process.pid)
        os.write(writing, b"\n")
    finally:
        os.close(reading)
        os.close(writing)
    return process


def end_process(process: subprocess.Popen[str], seconds: float = _STOP_SECONDS) -> None:
    """Ask a process to end, and make it after so many seconds; nothing happens if it has ended."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        kill_group(process.pid)
        process.wait()
    for guard in _guards:
        guard.discard(process.pid)


def end_leftovers(record: Path) -> list[int]:
    """End the processes of a record that are still there, and return their numbers; the record is gone then."""
    try:
        known = {int(number): str(start) for number, start in json.loads(record.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError):
        return []
    left = {number for number, start in known.items() if start and find_start(number) == start}
    end_groups(left, lambda number: find_start(number) == known[number])
    record.unlink()
    return sorted(left)


def find_start(number: int) -> str:
    """Return when a process began, as the system writes it; empty if there is none, or nobody knows."""
    try:
        text = Path("/proc/" + str(number) + "/stat").read_text(encoding="ascii", errors="replace")
        state, *values = text.rpartition(")")[2].split()
        return "" if state == "Z" else values[18]  # starttime, field 22: man 5 proc
    except (OSError, IndexError, ValueError):
        pass
    try:
        asked = ["ps", "-o", "lstart=", "-p", str(number)]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


@contextmanager
def signals_raise() -> Iterator[None]:
    """Let a signal that asks this process to end raise Interrupted, once: nothing disturbs what follows."""

    def interrupt(number: int, _frame: object) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    with _handled(interrupt):
        yield


@contextmanager
def _signals_held() -> Iterator[None]:
    """Let signals wait until the block ends: a process that was just started is known to the guard by then."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    with _handled(lambda number, _frame: came.append(number)):
        yield
    if came:
        signal.raise_signal(came[0])


@contextmanager
def _handled(handler: Callable[[int, object], None]) -> Iterator[None]:
    """Let the signals have a handler within the block; a lost terminal means nothing to what `nohup` started."""
    numbers = [each for each in _SIGNALS if each == signal.SIGINT or signal.getsignal(each) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
