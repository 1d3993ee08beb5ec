"""Restarts the host when the app's files change: a new process each time, since Python keeps what it imported."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from watchfiles import Change, watch

EXIT_ENDED = 3
"""The code of a host that ended as the platform's would have."""

_EXTRA_SECONDS = 5.0
"""What a child may need beyond the grace for requests and the grace for other calls."""

_TICK_MS = 200
_DEBOUNCE_MS = 200


class Supervisor:
    """Runs the host as a child process and restarts it on changes."""

    def __init__(self, command: Sequence[str], app_dir: Path, settings: Path, grace: float) -> None:
        self._command = [*command, "--under-supervisor"]
        self._app_dir = app_dir
        self._settings = settings
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
            for changed in self._watch():
                if changed:
                    print(f"Changed: {', '.join(sorted(changed))}. Restarting.", flush=True)
                    self._end()
                    self._start()
                    restarted = True
                elif self._child is not None and (code := self._child.poll()) is not None:
                    if code == EXIT_ENDED:
                        print("The host starts again, as the platform's would.", flush=True)
                        self._end()
                        self._start()
                        continue
                    if not restarted:
                        return code
                    print("The host has ended; waiting for a change.", flush=True)
                    self._end()
        finally:
            self._end()
        return 0

    def _watch(self) -> Iterator[set[str]]:
        """Yield the names of changed files, or nothing at each tick, until the stop."""
        while not self._stop.is_set():
            for changes in watch(
                *self._find_folders(),
                watch_filter=self._is_relevant,
                debounce=_DEBOUNCE_MS,
                rust_timeout=_TICK_MS,
                yield_on_timeout=True,
                stop_event=self._stop,
                raise_interrupt=False,
                recursive=False,
            ):
                yield {Path(path).name for _, path in changes}
                if any(Path(path).is_dir() for _, path in changes):
                    break

    def _find_folders(self) -> set[Path]:
        """Return the app's folders but not its virtual environment and caches.

        Those hold thousands of folders, and systems allow a limited number of watches.
        """
        folders = {self._settings.parent}
        for folder, children, _ in self._app_dir.walk():
            children[:] = [name for name in children if _is_source_folder(folder / name)]
            folders.add(folder)
        return folders

    def _is_relevant(self, change: Change, path: str) -> bool:
        changed = Path(path)
        if change is Change.added and changed.is_dir():
            return _is_source_folder(changed)
        return changed.suffix == ".py" or changed == self._settings or changed == self._app_dir / "host.json"

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


def _is_source_folder(folder: Path) -> bool:
    hidden = folder.name.startswith(".") or folder.name in {"__pycache__", "node_modules"}
    return not hidden and not (folder / "pyvenv.cfg").exists()


def watch_parent(stop: threading.Event) -> None:
    """Set ``stop`` when standard input closes: the supervisor that holds its other end is gone."""

    def wait() -> None:
        # Not through sys.stdin: its lock, held by a reading thread, would crash the interpreter at its end.
        while os.read(0, 1024):
            pass
        stop.set()

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()
