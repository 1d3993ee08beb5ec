"""A stopwatch: from a clone in an empty folder to the first ticket that is seen in the console, as a new user does it.

The commands are those of the README's first screen, as they are written; the console's address and the key are read
from what `up` prints; the console is opened in Chromium. Caches of pip and npm are used as they are.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devkit.bootstrap import ROOT
from devkit.foreign import LOCKED, find_python
from devkit.installing import OUTSIDE

GOAL_SECONDS = 180
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_LIMIT_SECONDS = 900.0
_PAUSE = 0.05


@dataclass(frozen=True)
class Laps:
    """Seconds until the clone is there, `up` is ready, the console shows mails, and one of them has its ticket."""

    clone: float
    ready: float
    console: float
    ticket: float


def run() -> None:
    """Measure and print."""
    report(measure())


def report(laps: Laps) -> None:
    """Print what was measured."""
    print(f"from a clone to the first ticket seen in the console (goal: at most {GOAL_SECONDS} s)")
    print(f"  clone                      {laps.clone:6.1f} s")
    print(f"  up, until it is ready      {laps.ready - laps.clone:6.1f} s")
    print(f"  console opened in Chromium {laps.console - laps.ready:6.1f} s")
    print(f"  mails sent, ticket seen    {laps.ticket - laps.console:6.1f} s")
    print(f"  in all                     {laps.ticket:6.1f} s")
    print()


def measure() -> Laps:
    """Do what a new user does. Raises RuntimeError where a step does not come to its end."""
    up, send = read_commands((ROOT / "README.md").read_text(encoding="utf-8"))
    _find_browser()
    find_python(LOCKED / "playwright.txt")
    with tempfile.TemporaryDirectory(prefix="first-ticket-", ignore_cleanup_errors=True) as folder:
        began = time.monotonic()
        clone = Path(folder) / "gateway"
        cloning = ["git", "clone", "--quiet", str(ROOT), str(clone)]
        subprocess.run(cloning, check=True, stdin=subprocess.DEVNULL)
        cloned = time.monotonic() - began
        with running(up, clone) as log:
            shown = wait_for(log, "Ctrl-C stops all")
            ready = time.monotonic() - began
            opened, seen = follow(shown, send, clone)
            return Laps(cloned, ready, opened - began, seen - began)


def follow(shown: str, send: str, folder: Path) -> tuple[float, float]:
    """Open the console that `up` named and run the command that sends mails; `shown` is what `up` printed.

    Return when the console was open and when it showed the ticket, by the monotonic clock.
    """
    environ = OUTSIDE | {"GATEWAY_KEY": _find(r"^ +key +(\S+)", shown)}
    script = Path(__file__).with_name("first_ticket_browser.py")
    address = _find(r"^ +console +(\S+)", shown)
    command = [str(find_python(LOCKED / "playwright.txt")), str(script), _find_browser(), address]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as person:
        assert person.stdout is not None  # noqa: S101 - a pipe was asked for
        if person.stdout.readline().strip() != "open":
            raise RuntimeError("The console did not open.")
        opened = time.monotonic()
        subprocess.run(send, shell=True, cwd=folder, env=OUTSIDE, check=True, stdout=subprocess.DEVNULL)  # noqa: S602 - as pasted
        if not person.stdout.readline().startswith("ticket"):
            raise RuntimeError("The console showed no ticket.")
        return opened, time.monotonic()


def read_commands(readme: str) -> tuple[str, str]:
    """Return the first two commands of the README's first console block, without their comments."""
    block = _find(r"```console\n((?:.*\n)*?)```", readme)
    first, second, *_ = (line.partition("#")[0].strip() for line in block.splitlines())
    return first, second


def _find(pattern: str, text: str) -> str:
    found = re.search(pattern, text, flags=re.MULTILINE)
    if found is None:
        raise RuntimeError(f"Nothing like {pattern} in:\n{text}")
    return found[1]


def _find_browser() -> str:
    found = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise RuntimeError(f"There is no browser on the PATH: install one of {', '.join(_BROWSERS)}.")
    return found


@contextmanager
def running(command: str, folder: Path) -> Iterator[Path]:
    """Run a pasted command in a folder while the block runs, then press Ctrl-C; yield the file with what it prints."""
    log = folder.with_name("output.txt")
    with log.open("w") as file:
        process = subprocess.Popen(  # noqa: S602 - as pasted
            command,
            shell=True,
            cwd=folder,
            env=_as_a_person(OUTSIDE),
            stdout=file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield log
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(60)


def _as_a_person(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without those of the environment that this process may have been started in."""
    return {name: value for name, value in environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}


def wait_for(log: Path, words: str) -> str:
    """Return what a file has as soon as it has these words."""
    deadline = time.monotonic() + _LIMIT_SECONDS
    while words not in (text := log.read_text()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"It did not say {words!r}:\n{text}")
        time.sleep(_PAUSE)
    return text
