"""Runs what benchmarks need: the twin and the storage emulator in processes of their own, and processes to measure.

A measured process reads one command per line from stdin and answers each with one line of JSON, so that only the work
itself is measured. Its memory is read from outside (Linux: /proc).
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import requests

from devkit.azurite import start_azurite
from twin.seeds import service_desks

ROOT = Path(__file__).resolve().parent.parent
MIB = 1024 * 1024
_SAMPLE_SECONDS = 0.02
_SINK = {
    "kind": "easyvista",
    "url": f"https://{service_desks.HOST}",
    "account": service_desks.PRODUCTION,
    "token": service_desks.TOKEN_NAME,
    "catalog_code": service_desks.PLAIN_CODE,
}
_PAGE_SIZE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class World:
    """The running twin, controlled through its control path."""

    def __init__(self, started: Mapping[str, str]) -> None:
        self.environment: dict[str, str] = json.loads(started["environment"])
        self.settings: dict[str, str] = json.loads(started["settings"])
        self._url = started["control_url"]
        self._session = requests.Session()
        self._session.trust_env = False

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Call the control path; return its JSON."""
        answer = self._session.request(method, f"{self._url}{path}", json=body, timeout=120)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def add_mailbox(self, address: str, mails: Sequence[Mapping[str, Any]]) -> None:
        """Add a mailbox with these mails."""
        self.control("POST", "/mail/mailboxes", {"address": address, "tenant": "contoso.com"})
        for mail in mails:
            self.control("POST", f"/mail/mailboxes/{address}/messages", mail)

    def forget_calls(self) -> None:
        """Start counting calls from zero."""
        self.control("DELETE", "/exchanges")

    def calls(self) -> Counter[str]:
        """Count the calls to Graph since `forget_calls`: "HTTP", "billed" (batches by their parts), kinds of calls."""
        found: Counter[str] = Counter()
        for seen in self.control("GET", "/exchanges")["exchanges"]:
            if seen["api"] not in ("graph", "mail", "bookings"):
                continue
            found["HTTP"] += 1
            parts = [seen]
            if seen["path"].endswith("/$batch"):
                parts = seen["request_json"]["requests"]
                found[f"batches of {_name(parts[0])}"] += 1
            else:
                found[_name(seen)] += 1
            found["billed"] += len(parts)
        return found


def _name(request: Mapping[str, Any]) -> str:
    path = str(request.get("url") or request["path"]).partition("?")[0]
    if path.endswith("/messages/delta"):
        return "delta"
    if path.endswith("/attachments"):
        return "attachment lists"
    if path.endswith("/$value"):
        return "streams"
    return "writes" if request["method"] in ("PATCH", "POST") else "reads"


@contextmanager
def run_twin(latency: float = 0.0, seed: str = "sample") -> Iterator[World]:
    """Run the twin with a seed. Ids contain no slash, because python-o365 does not encode it."""
    with tempfile.TemporaryDirectory() as folder:
        port_file = Path(folder) / "twin.json"
        command = [sys.executable, "-m", "twin", "--state-dir", folder, "--port-file", str(port_file)]
        command += ["--seed", seed]
        process = subprocess.Popen([*command, "--latency", str(latency)], cwd=ROOT, stdout=subprocess.DEVNULL)
        try:
            while not port_file.exists():
                if process.poll() is not None:
                    raise RuntimeError("the twin did not start")
                time.sleep(0.05)
            world = World(json.loads(port_file.read_text()))
            world.control("PATCH", "/mail/switches", {"slash_share": 0})
            yield world
        finally:
            process.terminate()
            process.wait()


@contextmanager
def run_storage() -> Iterator[str]:
    """Run the storage emulator in memory; yield its connection string."""
    with start_azurite() as running:
        yield running.connection_string


class Memory:
    """The resident memory of a process, read every 20 ms from outside while the block runs."""

    def __init__(self, pid: int) -> None:
        self._statm = Path(f"/proc/{pid}/statm")
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.idle = self.peak = self.now()

    def now(self) -> float:
        """Return the resident memory in MiB."""
        return int(self._statm.read_text().split()[1]) * _PAGE_SIZE / MIB

    @property
    def added(self) -> float:
        """The peak above the value at the start, in MiB."""
        return self.peak - self.idle

    def _watch(self) -> None:
        while not self._done.wait(_SAMPLE_SECONDS):
            self.peak = max(self.peak, self.now())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


class Driver:
    """A process to measure."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.memory = Memory(process.pid)

    def ask(self, *words: str) -> dict[str, Any]:
        """Send one command and return its answer; `memory` then holds the memory that the command took."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the driver has no pipes")
        with Memory(self._process.pid) as self.memory:
            self._process.stdin.write(" ".join(words) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the driver died at {words}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def run_driver(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Driver]:
    """Run a process to measure."""
    plain = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    process = subprocess.Popen(
        command, cwd=ROOT, env=plain | dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Driver(process)
    finally:
        if process.stdin:
            process.stdin.close()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


_NO_BRAKES = {"tickets_per_hour": 100_000, "comments_per_hour": 100_000}


def run_gateway(world: World, storage_account: str, mailboxes: Sequence[Mapping[str, Any]], *flags: str) -> Any:
    """Run the gateway's use cases as a process to measure (`bench.gateway_driver`)."""
    settings = world.settings | {
        "SINKS": json.dumps({"desk": _SINK}),
        "MAILBOXES": json.dumps([{"sinks": ["desk"], "brakes": _NO_BRAKES, **mailbox} for mailbox in mailboxes]),
        "AzureWebJobsStorage": storage_account,
    }
    return run_driver([sys.executable, "-m", "bench.gateway_driver", *flags], world.environment | settings)
