"""The app of a rehearsal: on the local host as on a laptop, in a process of its own that may be killed any moment."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from devkit.azurite import start_azurite
from devkit.bootstrap import ROOT
from devkit.host.keys import Keys
from twin.seeds import mails, sample, service_desks, tiny
from twin.simulator import Simulator
from twin.world import World

MAILBOX = "rehearsal"
_SINK = {
    "kind": "easyvista",
    "url": f"https://{service_desks.HOST}",
    "account": service_desks.PRODUCTION,
    "token": service_desks.TOKEN_NAME,
    "catalog_code": service_desks.PLAIN_CODE,
    "comment_action_type_id": service_desks.PUBLIC_COMMENT,
    "comment_group_mail": service_desks.GROUP,
    "time_limit": 30,
}
_START_SECONDS = 60.0
_GLANCE = 0.05
_LISTENS = re.compile(r"^Listening on (\S+)$", re.MULTILINE)
_LAST_WORDS = 3000


def make_settings(sim: Simulator, storage: str) -> dict[str, str]:
    """Return settings for the tiny world, with a mailbox whose mails become tickets within seconds."""
    mailbox = {"name": MAILBOX, "address": mails.SUPPORT, "sinks": ["desk"], "write_back": {"read": True}}
    return sample.settings(sim) | {
        "BOOKINGS_BUSINESSES": tiny.BUSINESS,
        "MAILBOXES": json.dumps([mailbox]),
        "SINKS": json.dumps({"desk": _SINK}),
        "MAILBOX_POLL_SCHEDULE": "*/2 * * * * *",
        "CHANGES_SCHEDULE": "15 */5 * * * *",
        "AzureWebJobsStorage": storage,
    }


@contextmanager
def open_stage() -> Iterator[tuple[Path, str, Simulator]]:
    """Yield a folder, storage and the tiny world, all of a rehearsal's own and gone behind it."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        start_azurite() as storage,
        Simulator(World(tiny.seed), latency=0).running() as sim,
    ):
        yield Path(scratch), storage.connection_string, sim


class App:
    """One app with its keys and its log, started as often as it is killed."""

    def __init__(self, scratch: Path, sim: Simulator, settings: Mapping[str, str]) -> None:
        self._log = scratch / "app.log"
        self._keys_file = scratch / "keys.json"
        self._environment = dict(os.environ) | sim.environment() | dict(settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._began_at = 0
        self.kills = 0

    @property
    def key(self) -> str:
        """The key that callers show."""
        return Keys.open(self._keys_file).host["default"]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it while the block runs, or until it is killed."""
        command = [sys.executable, "-m", "devkit.host", "--app-dir", str(ROOT), "--port", "0", "--under-supervisor"]
        # The platform hides a message for ten minutes while it is worked on; a rehearsal has no such patience.
        command += ["--queue-lease", "20", "--keys-file", str(self._keys_file)]
        self._began_at = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            process = self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.PIPE,  # closes when this process dies: then the app ends, too
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield
        finally:
            if process.stdin:
                process.stdin.close()
            if process.poll() is None:
                self._end(process)

    def kill(self) -> None:
        """Kill it; nothing of it gets a chance to tidy up."""
        self.check()
        if self._process is not None:
            self._end(self._process)
            self.kills += 1

    def check(self, *, is_late: bool = False) -> None:
        """RuntimeError with its last words if it died by itself, or is late with what it should have done."""
        if is_late or self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"the app does not work:\n{self.read_log()[-_LAST_WORDS:]}")

    def wait_until_it_listens(self) -> str:
        """Return its base URL as soon as it answers."""
        latest = time.monotonic() + _START_SECONDS
        while (found := _LISTENS.search(self.read_log())) is None:
            self.check(is_late=time.monotonic() > latest)
            time.sleep(_GLANCE)
        return found[1]

    def read_log(self) -> str:
        """Return what it wrote since it was started last."""
        with self._log.open("rb") as log:
            log.seek(self._began_at)
            return log.read().decode(errors="replace")

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
