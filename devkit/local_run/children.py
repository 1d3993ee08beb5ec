"""The processes that `up` starts: their output goes into log files, and they end with it."""

import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self, TextIO

from devkit.processes import end_process, start_process

_STOP_SECONDS = 15.0
_LAST_LINES = 25


class Children:
    """Processes whose output is kept in a log folder; `show` gets each line of it, with the name of the process."""

    def __init__(self, log_dir: Path, show: Callable[[str, str], None]) -> None:
        self._log_dir = log_dir
        self._show = show
        self._children: dict[str, subprocess.Popen[str]] = {}
        self._readers: list[threading.Thread] = []
        self._stack = ExitStack()
        log_dir.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, command: Sequence[str], *, environ: Mapping[str, str], cwd: Path) -> None:
        """Start a process."""
        log = self._stack.enter_context(self.find_log(name).open("w"))
        child = start_process(
            command,
            cwd=cwd,
            env={**environ, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._children[name] = child
        reader = threading.Thread(target=self._follow, args=(name, child, log), name=f"{name}-output", daemon=True)
        reader.start()
        self._readers.append(reader)

    def find_log(self, name: str) -> Path:
        """Return the file that holds everything a process wrote."""
        return self._log_dir / f"{name}.log"

    def find_ended(self) -> tuple[str, int] | None:
        """Return name and exit code of a child that has ended by itself."""
        ended = ((name, child.poll()) for name, child in self._children.items())
        return next(((name, code) for name, code in ended if code is not None), None)

    def explain(self, sentence: str, name: str) -> str:
        """Return a sentence about a process, with the last lines that it wrote and where all of them are."""
        if self._children[name].poll() is not None:
            for reader in self._readers:
                reader.join(1.0)
        log = self.find_log(name)
        lines = log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
        shown = "".join(f"  {line}\n" for line in lines)
        return f"{shown}{sentence} Its last lines are above; all of them are in {os.path.relpath(log)}."

    def stop(self) -> None:
        """End the children, last started first, and wait for them."""
        for child in reversed(self._children.values()):
            end_process(child, _STOP_SECONDS)
        for reader in self._readers:
            reader.join(_STOP_SECONDS)
        self._stack.close()
        self._children.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _follow(self, name: str, child: subprocess.Popen[str], log: TextIO) -> None:
        for line in child.stdout or ():
            log.write(line)
            log.flush()
            self._show(name, line.rstrip("\n"))
        if child.stdout:
            child.stdout.close()
