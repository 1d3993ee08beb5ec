"""The processes that `up` starts: their output is shown, and they end when `up` ends."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self, TextIO

_STOP_SECONDS = 15.0


class Children:
    """Processes whose output is shown line by line under their name, and kept in a log folder."""

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir
        self._children: dict[str, subprocess.Popen[str]] = {}
        self._readers: list[threading.Thread] = []
        self._stack = ExitStack()
        log_dir.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, command: Sequence[str], *, environ: Mapping[str, str], cwd: Path) -> None:
        """Start a process in its own session: Ctrl-C reaches only this one, which then ends it in order."""
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env={**environ, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=os.name == "posix",
        )
        self._children[name] = child
        log = self._stack.enter_context((self._log_dir / f"{name}.log").open("w"))
        reader = threading.Thread(target=self._follow, args=(name, child, log), name=f"{name}-output", daemon=True)
        reader.start()
        self._readers.append(reader)

    def find_ended(self) -> tuple[str, int] | None:
        """Return name and exit code of a child that has ended by itself."""
        ended = ((name, child.poll()) for name, child in self._children.items())
        return next(((name, code) for name, code in ended if code is not None), None)

    def stop(self) -> None:
        """End the children, last started first, and wait for them."""
        for child in reversed(self._children.values()):
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        for reader in self._readers:
            reader.join(_STOP_SECONDS)
        self._stack.close()
        self._children.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @staticmethod
    def _follow(name: str, child: subprocess.Popen[str], log: TextIO) -> None:
        for line in child.stdout or ():
            log.write(line)
            log.flush()
            sys.stdout.write(f"[{name}] {line}")
            sys.stdout.flush()
        if child.stdout:
            child.stdout.close()
