"""A world to be fuzzed, or to take examples from: the simulated cloud with the sample data, real storage, and the app.

The app is a process of its own. It may write there, and its mailboxes are read; everything is removed afterwards.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from devkit.azurite import start_azurite
from devkit.rehearsals.app import App
from twin.mail.contents import File
from twin.seeds import mails, sample
from twin.simulator import Simulator

_ADDRESSES = (mails.SUPPORT, mails.FACILITIES, mails.SECURITY)
_MAILS_SECONDS = 120.0
_PAUSE = 0.2
# mails are polled every two seconds, and changes of appointments show while the fuzzer still runs
_QUICK_SETTINGS = {"MAILBOX_POLL_SCHEDULE": "*/2 * * * * *", "CHANGES_REFRESH_SECONDS": "10"}


@dataclass(frozen=True)
class Running:
    """The running app: its address and key, its log, and the world behind it."""

    base_url: str
    key: str
    read_log: Callable[[], str] = lambda: ""
    check: Callable[[], None] = lambda: None
    """Raises RuntimeError if the app has ended."""
    send_mails: Callable[[], None] = lambda: None
    """Sends new mails into the mailboxes, which no caller of the app can do."""
    control_url: str = ""

    def ask(self, path: str) -> Any:
        """GET a route below /api, which must answer 200; return its JSON."""
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(f"{self.base_url}/api/{path}", headers={"x-functions-key": self.key}, timeout=60)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def running_world() -> Iterator[Running]:
    """Start it and yield it once every sample mail is a ticket or in quarantine.

    Raises RuntimeError if the app does not start; the text ends with its last log lines.
    """
    with (
        tempfile.TemporaryDirectory() as scratch,
        start_azurite() as storage,
        Simulator(sample.build(), latency=0).running() as sim,
    ):
        settings = sample.settings(sim) | sample.mail_settings() | sample.write_settings() | _QUICK_SETTINGS
        app = App(Path(scratch), sim.environment() | settings | {"AzureWebJobsStorage": storage.connection_string})
        with app.running():
            base_url = app.wait_until_it_listens()
            running = Running(
                base_url, app.key, app.read_log, app.check, lambda: sim.run(lambda: _bring_mails(sim)), sim.control_url
            )
            deadline = time.monotonic() + _MAILS_SECONDS
            while not _are_mails_done(running.ask("mailboxes")["value"]):
                app.check(is_late=time.monotonic() > deadline)
                time.sleep(_PAUSE)
            yield running


def _bring_mails(sim: Simulator) -> None:
    """Send a question and an automatic reply, which ends in quarantine, to every mailbox."""
    number = sum(len(sim.mail.mailbox(address).messages()) for address in _ADDRESSES)
    for address in _ADDRESSES:
        box = sim.mail.mailbox(address)
        box.receive(
            subject=f"Question {number}", text="Where is it?", attachments=[File("it.txt", "text/plain", b"It.")]
        )
        box.receive(subject=f"Automatic reply: {number}", text="I am away.", headers={"Auto-Submitted": "auto-replied"})


def _are_mails_done(mailboxes: list[dict[str, Any]]) -> bool:
    return all(one["received"] and not one["backlog"] for one in mailboxes)
