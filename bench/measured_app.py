"""The app on the local host in a process of its own, with one mailbox that is polled when a benchmark says so."""

import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from bench.harness import ROOT, World
from devkit.rehearsals.app import App
from twin.seeds import service_desks

NAME, ADDRESS = "cost", "cost@contoso.com"
PAGE = "ithelpdesk@contoso.com"
_NEVER = "0 0 0 29 2 *"
_SINK = {"kind": "webhook", "url": service_desks.HOOK_URL, "signing_keys": [service_desks.WEBHOOK_KEY_NAME]}
_MAILBOX = {
    "name": NAME,
    "address": ADDRESS,
    "sinks": ["hook"],
    "write_back": {"read": True},
    "quiet_minutes": 0,  # each run of the timer asks for a poll, however long a busy machine takes
    "brakes": {"tickets_per_hour": 100_000, "comments_per_hour": 100_000},
}
_SETTINGS = {
    "MAILBOXES": json.dumps([_MAILBOX]),
    "SINKS": json.dumps({"hook": _SINK}),
    "MAILBOX_POLL_SCHEDULE": _NEVER,
    "CHANGES_SCHEDULE": _NEVER,
    "AzureWebJobs.watch_mailboxes.Disabled": "true",
}
_RECORD = re.compile(r"^\d{4}-\d\d-\d\d [\d:,]+ [A-Z]+ +\[(?P<invocation>[^\]]*)\] \S+: ")
_OF_A_FUNCTION = re.compile(r"Execut(ing|ed) 'Functions\.")
_DELIVERED = re.compile(r"^.* delivered to hook", re.MULTILINE)
_POLLED = re.compile(r"polled cost: (\d+) new, \d+ skipped, (\d+) delivered, (\d+) errors")
_WRONG_SETTINGS = "The settings are wrong"
_PAUSE = 0.05
_LONGEST = 600.0


@dataclass(frozen=True)
class Log:
    """What the platform's host would forward: records and bytes of their texts."""

    records: int
    size: int


def count_log(text: str) -> Log:
    """Count the records of a log of the local host that belong to a running function."""
    records = size = 0
    counts = False
    for line in text.splitlines():
        found = _RECORD.match(line)
        message = line[found.end() :] if found else line
        if found:
            counts = found["invocation"] != "-" or bool(_OF_A_FUNCTION.match(message))
            records += counts
        size += len(message.encode()) if counts else 0
    return Log(records, size)


def read_cpu(pid: int) -> float:
    """Return the seconds of CPU that a process has used (Linux: /proc)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class MeasuredApp:
    """A running app."""

    def __init__(self, app: App, base_url: str) -> None:
        self._app = app
        self.base_url = base_url
        self.key = app.key
        self._session = requests.Session()
        self._session.trust_env = False

    def poll(self) -> None:
        """Let the timer's function run, and wait until the poll that it asks for is over."""
        before = len(_POLLED.findall(self._app.read_log()))
        answer = self._session.post(
            f"{self.base_url}/admin/functions/schedule_mailbox_polls",
            headers={"x-functions-key": self._app.master_key},
            json={"input": ""},
            timeout=60,
        )
        answer.raise_for_status()
        self._wait_until(lambda log: len(_POLLED.findall(log)) > before)

    def wait_for_deliveries(self, number: int) -> None:
        """Wait until this many mails were delivered since the start."""
        self._wait_until(lambda log: len(_DELIVERED.findall(log)) >= number)

    def count_closed(self) -> int:
        """Return how many mails polls have found delivered, and closed, since the start. RuntimeError for errors."""
        found = _POLLED.findall(self._app.read_log())
        if any(int(errors) for _, _, errors in found):
            raise RuntimeError(f"a poll had errors:\n{self._app.read_log()[-3000:]}")
        return sum(int(delivered) for _, delivered, _ in found)

    def read_log(self) -> str:
        """Return the whole log so far."""
        return self._app.read_log()

    def read_cpu(self) -> float:
        """Return the seconds of CPU that the process has used, host and worker together (Linux: /proc)."""
        return read_cpu(self._app.pid)

    def _wait_until(self, is_done: Callable[[str], bool]) -> None:
        latest = time.monotonic() + _LONGEST
        while not is_done(log := self._app.read_log()):
            if (wrong := log.find(_WRONG_SETTINGS)) >= 0:
                raise RuntimeError(log[wrong:].strip())
            self._app.check(is_late=time.monotonic() > latest)
            time.sleep(_PAUSE)


@contextmanager
def run_app(world: World, storage_account: str, root: Path = ROOT) -> Iterator[MeasuredApp]:
    """Run the app of a checkout against the twin; its mailbox is empty."""
    world.add_mailbox(ADDRESS, [])
    settings = world.settings | _SETTINGS | {"AzureWebJobsStorage": storage_account}
    with tempfile.TemporaryDirectory() as scratch:
        app = App(Path(scratch), world.environment | settings, root)
        with app.running():
            yield MeasuredApp(app, app.wait_until_it_listens())
