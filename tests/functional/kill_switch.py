"""Simulates the death of the process: from one step on, every guarded operation raises `Killed`."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

import pytest


class Killed(BaseException):
    """The process dies here."""


class KillSwitch:
    """Counts the operations that leave a trace, and kills at one of them; then all fail until `revive`.

    With an `error`, one operation fails with it and the process lives on.
    """

    def __init__(self, at: int | None = None, error: type[Exception] | None = None) -> None:
        self.at = at
        self.error = error
        self.steps: list[str] = []
        self._lock = Lock()
        self._is_dead = False

    def step(self, name: str) -> None:
        """Count a step; raise if it is the one to die at, or if the process is dead."""
        with self._lock:
            if not self._is_dead:
                self.steps.append(name)
                is_struck = len(self.steps) == self.at
                if is_struck and self.error:
                    raise self.error(f"{name} failed.")
                self._is_dead = is_struck
            if self._is_dead:
                raise Killed(name)

    def revive(self) -> None:
        """Let a new process begin, which is not killed."""
        time.sleep(0.02)  # threads that were at work notice that they are dead
        with self._lock:
            self.at, self._is_dead = None, False

    @contextmanager
    def watching(self, operations: Sequence[tuple[type, str]], *, also_after: bool = False) -> Iterator[None]:
        """Step before each of these methods (class, name), and with `also_after` behind it as well."""
        with pytest.MonkeyPatch.context() as patch:
            for owner, name in operations:
                patch.setattr(owner, name, self._guard(getattr(owner, name), f"{owner.__name__}.{name}", also_after))
            yield

    def _guard(self, function: Callable[..., Any], name: str, also_after: bool) -> Callable[..., Any]:
        def guarded(*args: Any, **options: Any) -> Any:
            self.step(name)
            result = function(*args, **options)
            if also_after:
                self.step(f"after {name}")
            return result

        return guarded
