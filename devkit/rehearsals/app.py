"""The app of a rehearsal: it runs on the local host in a process of its own, which may be killed at any moment."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from devkit.azurite import start_azurite
from devkit.bootstrap import ROOT
from devkit.host.keys import Keys
from devkit.progress import Progress
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
_START_SECONDS = 180.0  # on a busy machine
_PAUSE = 0.05
_LISTENS = re.compile(r"^Listening on (\S+)$", re.MULTILINE)
_LAST_CHARACTERS = 3000


def make_settings(sim: Simulator, storage: str, *, is_announced: bool = False) -> dict[str, str]:
    """Return settings for the tiny world, with a mailbox whose mails become tickets within seconds.

    With `is_announced`, Graph announces the mails.
    """
    mailbox = {"name": MAILBOX, "address": mails.SUPPORT, "sinks": ["desk"], "write_back": {"read": True}}
    mailbox |= {"brakes": {"tickets_per_hour": 100_000, "comments_per_hour": 100_000}}  # a few authors write thousands
    push = sample.push_settings() if is_announced else {}
    return (
        sample.settings(sim)
        | push
        | {
            "BOOKINGS_BUSINESSES": tiny.BUSINESS,
            "MAILBOXES": json.dumps([mailbox]),
            "SINKS": json.dumps({"desk": _SINK}),
            "MAILBOX_POLL_SCHEDULE": "*/2 * * * * *",
            "CHANGES_SCHEDULE": "15 */5 * * * *",
            "AzureWebJobsStorage": storage,
        }
    )


@contextmanager
def open_world() -> Iterator[tuple[Path, str, Simulator]]:
    """Yield a temporary folder, a storage connection string and a simulator of the tiny world, for one rehearsal."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        start_azurite() as storage,
        Simulator(World(tiny.seed), latency=0).running() as sim,
    ):
        yield Path(scratch), storage.connection_string, sim


@contextmanager
def open_shown_world(progress: Progress | None) -> Iterator[tuple[Progress, Path, str, Simulator]]:
    """Yield what shows how far a rehearsal is (nothing, without `progress`), and then what `open_world` yields."""
    shown = progress or Progress(io.StringIO())
    with ExitStack() as stack:
        with shown.phase("Starting storage and the simulated cloud"):
            world = stack.enter_context(open_world())
        yield shown, *world


class App:
    """One app with its keys and its log; it is started again after each kill."""

    def __init__(self, scratch: Path, environment: Mapping[str, str], root: Path = ROOT) -> None:
        """`environment`: the variables that lead it into the simulated cloud, and its settings; `root`: its checkout.

        The local host is that of the checkout, too, with the packages of its own environment if it has one.
        """
        own_python = root / ".venv" / "bin" / "python"
        self._root = root
        self._python = sys.executable if root == ROOT or not own_python.exists() else str(own_python)
        self._log = scratch / "app.log"
        self._keys_file = scratch / "keys.json"
        self._environment = dict(os.environ) | dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._began_at = 0
        self.kills = 0

    @property
    def key(self) -> str:
        """The host key that callers send."""
        return Keys.open(self._keys_file).host["default"]

    @property
    def master_key(self) -> str:
        """The key that opens the paths of the host itself."""
        return Keys.open(self._keys_file).master

    @property
    def pid(self) -> int:
        """The id of the process that runs now."""
        if self._process is None:
            raise RuntimeError("the app does not run")
        return self._process.pid

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it while the block runs, or until it is killed."""
        command = [self._python, "-m", "devkit.host", "--app-dir", str(self._root), "--port", "0", "--under-supervisor"]
        # The platform hides a message for ten minutes while it is processed; a rehearsal does not wait that long.
        command += ["--queue-lease", "20", "--keys-file", str(self._keys_file)]
        self._began_at = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            process = self._process = subprocess.Popen(
                command,
                cwd=self._root,
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
        """Kill it with SIGKILL, so that it cannot clean up."""
        self.check()
        if self._process is not None:
            self._end(self._process)
            self.kills += 1

    def check(self, *, is_late: bool = False) -> None:
        """Raise RuntimeError with its last log lines if it has ended by itself or is too late."""
        if is_late or self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"The app has ended or does not answer in time:\n{self.read_log()[-_LAST_CHARACTERS:]}")

    def wait_until_it_listens(self) -> str:
        """Return its base URL as soon as it listens."""
        latest = time.monotonic() + _START_SECONDS
        while (found := _LISTENS.search(self.read_log())) is None:
            self.check(is_late=time.monotonic() > latest)
            time.sleep(_PAUSE)
        return found[1]

    def read_log(self) -> str:
        """Return what it has logged since its last start."""
        with self._log.open("rb") as log:
            log.seek(self._began_at)
            return log.read().decode(errors="replace")

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
