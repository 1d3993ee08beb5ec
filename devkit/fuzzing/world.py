"""A world to be fuzzed: the simulated cloud with the sample data, real storage, and the app as a process of its own.

The app may write there, and its mailboxes are read; nothing of it is left afterwards.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from devkit.azurite import start_azurite
from devkit.bootstrap import ROOT
from devkit.host.keys import Keys
from devkit.seeds import mails, sample
from devkit.simulator.mail.contents import File
from devkit.simulator.simulator import Simulator

_LISTENING = re.compile(r"^Listening on (http://127\.0\.0\.1:\d+)$", flags=re.MULTILINE)
_ADDRESSES = (mails.SUPPORT, mails.FACILITIES, mails.SECURITY)
_START_SECONDS = 60.0
_MAILS_SECONDS = 120.0
_LOOK_SECONDS = 0.2
# nobody waits a quarter of a minute for a mail, and changes of appointments show while the fuzzer still runs
_HASTE = {"MAILBOX_POLL_SCHEDULE": "*/2 * * * * *", "CHANGES_REFRESH_SECONDS": "10"}


class WorldError(Exception):
    """The world did not come to life; the text ends with the app's last lines."""


@dataclass(frozen=True)
class Running:
    """The app as a caller sees it, and what it wrote to its log."""

    base_url: str
    key: str
    log: Path
    process: subprocess.Popen[bytes] | None = None
    stir: Callable[[], None] = lambda: None
    """Lets something happen that no caller of the app can bring about: new mails."""

    def ask(self, path: str) -> Any:
        """GET a route below /api, which must answer 200; return its JSON."""
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(f"{self.base_url}/api/{path}", headers={"x-functions-key": self.key}, timeout=60)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def running_world() -> Iterator[Running]:
    """Start it and hand it over once every sample mail has come to its end, as a ticket or in quarantine."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        start_azurite() as storage,
        Simulator(sample.build(), latency=0).running() as sim,
        _running_app(Path(scratch), sim, storage.connection_string) as app,
    ):
        _wait_for(lambda: _are_mails_done(app.ask("mailboxes")["value"]), app, "read its mailboxes", _MAILS_SECONDS)
        yield app


@contextmanager
def _running_app(scratch: Path, sim: Simulator, storage: str) -> Iterator[Running]:
    settings = sample.settings(sim) | sample.mail_settings() | sample.write_settings() | _HASTE
    settings |= {"AzureWebJobsStorage": storage}
    log, keys = scratch / "app.log", scratch / "keys.json"
    command = [sys.executable, "-m", "devkit.host", "--app-dir", str(ROOT), "--port", "0", "--under-supervisor"]
    with log.open("wb") as written:
        process = subprocess.Popen(
            [*command, "--keys-file", str(keys)],
            cwd=ROOT,
            env=dict(os.environ) | sim.environment() | settings | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,  # closes when this process dies: then the app ends, too
            stdout=written,
            stderr=written,
            start_new_session=True,
        )
        waiting = Running("", "", log, process)
        try:
            _wait_for(lambda: _LISTENING.search(log.read_text(errors="replace")), waiting, "start", _START_SECONDS)
            found = _LISTENING.search(log.read_text(errors="replace"))
            address = found[1] if found else ""
            key = Keys.open(keys).host["default"]
            yield Running(address, key, log, process, lambda: sim.run(lambda: _bring_mails(sim)))
        finally:
            if process.stdin:
                process.stdin.close()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _bring_mails(sim: Simulator) -> None:
    """Let a question and an automatic reply, which ends in quarantine, come into every mailbox."""
    number = sum(len(sim.mail.mailbox(address).messages()) for address in _ADDRESSES)
    for address in _ADDRESSES:
        box = sim.mail.mailbox(address)
        box.receive(
            subject=f"Question {number}", text="Where is it?", attachments=[File("it.txt", "text/plain", b"It.")]
        )
        box.receive(subject=f"Automatic reply: {number}", text="I am away.", headers={"Auto-Submitted": "auto-replied"})


def _are_mails_done(mailboxes: list[dict[str, Any]]) -> bool:
    return all(one["received"] and not one["backlog"] for one in mailboxes)


def _wait_for(is_done: Callable[[], object], app: Running, what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_done():
        if (app.process and app.process.poll() is not None) or time.monotonic() > deadline:
            raise WorldError(f"The app did not {what}:\n{app.log.read_text(errors='replace')[-3000:]}")
        time.sleep(_LOOK_SECONDS)
