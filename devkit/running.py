"""`.devkit/up.json`: the addresses of the running `up`, for commands, scripts and benchmarks."""

import json
import os
from dataclasses import asdict, dataclass, field
from typing import Any

from devkit.bootstrap import ROOT

UP_FILE = ROOT / ".devkit" / "up.json"


class NothingRunsError(Exception):
    """No `up` is running in this checkout."""


@dataclass(frozen=True)
class Running:
    """The addresses of one running `up`. The simulator's are None when the app runs against a real tenant.

    `environment` are the variables that lead client libraries into the simulated cloud. `settings_file` is where the
    app reads its settings, and starts anew when they change; None where Core Tools run it. The rest is what the lines
    to paste are made of: a booking page with one of its services, names of mailboxes, where events may go.
    """

    pid: int
    base_url: str
    host_key: str
    master_key: str
    storage_connection: str | None
    control_url: str | None = None
    proxy_url: str | None = None
    ca_file: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    settings_file: str | None = None
    business: str = ""
    service: str | None = None
    mailboxes: list[str] = field(default_factory=list)
    events_url: str | None = None
    asks_for_keys: bool = True

    def write(self) -> None:
        """Write the file, readable by its owner only: it holds the keys of the local host."""
        UP_FILE.parent.mkdir(exist_ok=True)
        draft = UP_FILE.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(self), file, indent=2)
        draft.replace(UP_FILE)


def find_running() -> Running:
    """Return the addresses of the running `up`. Raises NothingRunsError."""
    try:
        values: dict[str, Any] = json.loads(UP_FILE.read_text())
        running = Running(**values)
        os.kill(running.pid, 0)
    except (OSError, ValueError, TypeError):
        raise NothingRunsError("Nothing runs here. Start it with: python3 -m devkit up") from None
    return running
