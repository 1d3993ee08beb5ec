"""Restarts the host when the app's files change: a new process each time, since Python keeps what it imported."""

import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from watchfiles import Change, DefaultFilter, watch

_EXTRA_SECONDS = 5.0
"""What a child may need beyond the grace for requests and the grace for other calls."""

_TICK_MS = 200
_DEBOUNCE_MS = 200


class Supervisor:
    """Runs the host as a child process and restarts it on changes."""

    def __init__(self, command: Sequence[str], app_dir: Path, settings: Path | None, grace: float) -> None:
        self._command = [*command, "--under-supervisor"]
        self._filter = _AppFilter(settings)
        self._folders = {app_dir, settings.parent} if settings else {app_dir}
        self._patience = 2 * grace + _EXTRA_SECONDS
        self._stop = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Run until SIGINT or SIGTERM, which give 0. A first start that fails ends it with the child's code.

        A change that breaks a running app does not: the reason is printed and the next change is waited for.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle_signal)
        self._start()
        restarted = False
        try:
            for changes in watch(
                *self._folders,
                watch_filter=self._filter,
                debounce=_DEBOUNCE_MS,
                rust_timeout=_TICK_MS,
                yield_on_timeout=True,
                stop_event=self._stop,
                raise_interrupt=False,
            ):
                if changes:
                    names = ", ".join(sorted({Path(path).name for _, path in changes}))
                    print(f"Changed: {names}. Restarting.", flush=True)
                    self._end()
                    self._start()
                    restarted = True
                elif self._child is not None and (code := self._child.poll()) is not None:
                    if not restarted:
                        return code
                    print("The host has ended; waiting for a change.", flush=True)
                    self._end()
        finally:
            self._end()
        return 0

    def _handle_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _start(self) -> None:
        # A session of its own: Ctrl-C reaches the supervisor alone, which then ends the child in order. The pipe
        # tells the child when the supervisor is gone, however that came about.
        self._child = subprocess.Popen(self._command, stdin=subprocess.PIPE, start_new_session=True)

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.stdin is not None:
            child.stdin.close()
        child.terminate()
        try:
            child.wait(self._patience)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


class _AppFilter(DefaultFilter):
    """Python files, host.json and the settings file, outside virtual environments and caches."""

    ignore_dirs = (*DefaultFilter.ignore_dirs, ".devkit")

    def __init__(self, settings: Path | None) -> None:
        super().__init__()
        self._settings = settings

    def __call__(self, change: Change, path: str) -> bool:
        changed = Path(path)
        wanted = changed.suffix == ".py" or changed.name == "host.json" or changed == self._settings
        return wanted and super().__call__(change, path)


def watch_parent(stop: threading.Event) -> None:
    """Set ``stop`` when standard input closes: the supervisor that holds its other end is gone."""

    def wait() -> None:
        # Not through sys.stdin: its lock, held by a reading thread, would crash the interpreter at its end.
        while os.read(0, 1024):
            pass
        stop.set()

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()
