"""What benchmarks run on: the simulator and the storage emulator as processes of their own, and processes to measure.

A measured process is steered by lines on its stdin and answers each with one line of JSON, so that nothing but the
work itself is measured; its memory is watched from outside (Linux: /proc).
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
    """The simulator, steered over its control path."""

    def __init__(self, told: Mapping[str, str]) -> None:
        self.environment: dict[str, str] = json.loads(told["environment"])
        self.settings: dict[str, str] = json.loads(told["settings"])
        self._url = told["control_url"]
        self._session = requests.Session()
        self._session.trust_env = False

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the control path; returns its JSON."""
        answer = self._session.request(method, f"{self._url}{path}", json=body, timeout=120)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def add_mailbox(self, address: str, mails: Sequence[Mapping[str, Any]]) -> None:
        """Add a mailbox with these mails."""
        self.control("POST", "/mail/mailboxes", {"address": address, "tenant": "contoso.com"})
        for mail in mails:
            self.control("POST", f"/mail/mailboxes/{address}/messages", mail)

    def forget_calls(self) -> None:
        """Begin counting anew."""
        self.control("DELETE", "/exchanges")

    def calls(self) -> Counter[str]:
        """Count what Graph was asked since then: "HTTP", "billed" (batches by their parts) and kinds of requests."""
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
def simulator(latency: float = 0.0, seed: str = "sample") -> Iterator[World]:
    """Run the simulator with the sample world or another; ids hold nothing that a simple client stumbles over."""
    with tempfile.TemporaryDirectory() as folder:
        port_file = Path(folder) / "simulator.json"
        command = [sys.executable, "-m", "twin", "--state-dir", folder, "--port-file", str(port_file)]
        command += ["--seed", seed]
        process = subprocess.Popen([*command, "--latency", str(latency)], cwd=ROOT, stdout=subprocess.DEVNULL)
        try:
            while not port_file.exists():
                if process.poll() is not None:
                    raise RuntimeError("the simulator did not start")
                time.sleep(0.05)
            world = World(json.loads(port_file.read_text()))
            world.control("PATCH", "/mail/switches", {"slash_share": 0})
            yield world
        finally:
            process.terminate()
            process.wait()


@contextmanager
def storage() -> Iterator[str]:
    """Run the storage emulator, in memory; yields its connection string."""
    with start_azurite() as running:
        yield running.connection_string


class Memory:
    """The resident memory of a process, looked at every 20 ms from outside while the block runs."""

    def __init__(self, pid: int) -> None:
        self._statm = Path(f"/proc/{pid}/statm")
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.idle = self.peak = self.now()

    def now(self) -> float:
        """Return MiB at this moment."""
        return int(self._statm.read_text().split()[1]) * _PAGE_SIZE / MIB

    @property
    def added(self) -> float:
        """MiB by which the peak lies above where it began."""
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
        """Give it one command and return its answer; `memory` then tells what the command took."""
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
def driver(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Driver]:
    """Run a process that is to be measured."""
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


def gateway(world: World, storage_account: str, mailboxes: Sequence[Mapping[str, Any]], *flags: str) -> Any:
    """Run the gateway's use cases as a process to measure, see `bench.gateway_driver`."""
    settings = world.settings | {
        "SINKS": json.dumps({"desk": _SINK}),
        "MAILBOXES": json.dumps([{"sinks": ["desk"], **mailbox} for mailbox in mailboxes]),
        "AzureWebJobsStorage": storage_account,
    }
    return driver([sys.executable, "-m", "bench.gateway_driver", *flags], world.environment | settings)
