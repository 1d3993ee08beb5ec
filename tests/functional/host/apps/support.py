"""Loads sample apps into this process, one at a time, and gives tests what they need to look at them."""

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import requests

from devkit.host import Keys, LocalHost, RunningServer, serve_in_thread
from devkit.host.queues import LEASE

APPS = Path(__file__).parent
MASTER, HOST_KEY = "the-master-key", "the-host-key"
KEYS = Keys(MASTER, {"default": HOST_KEY})


class Running:
    """A loaded app; it answers HTTP from the first request on."""

    def __init__(self, host: LocalHost) -> None:
        self.host = host
        self._server: RunningServer | None = None
        self._lock = threading.Lock()

    @property
    def server(self) -> RunningServer:
        """What serves it."""
        with self._lock:
            if self._server is None:
                self._server = serve_in_thread(self.host)
            return self._server

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.server.base_url

    def stop(self) -> None:
        """End the server, if there is one, and the app."""
        if self._server is not None:
            self._server.stop()
        self.host.stop()

    @property
    def module(self) -> Any:
        """The app's own module."""
        return sys.modules["function_app"]

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request; ``key`` goes into the header."""
        headers = dict(options.pop("headers", {}))
        if "key" in options:
            headers["x-functions-key"] = options.pop("key")
        return requests.request(method, self.url + path, headers=headers, timeout=20, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        """Send a GET."""
        return self.call("GET", path, **options)


@contextmanager
def run_app(
    app: str | Path,
    settings: Mapping[str, str] | None = None,
    *,
    local: Mapping[str, Any] | None = None,
    check_keys: bool = True,
    listen: bool = False,
    lease: timedelta = LEASE,
    end: Callable[[str], None] = logging.critical,
) -> Iterator[Running]:
    """Load an app with these environment variables, serve it, and with ``listen`` run its timers and queues."""
    with mock.patch.dict(os.environ, settings or {}):
        settings_file = None
        if local is not None:
            settings_file = Path(os.environ["SETTINGS_FOLDER"]) / "local.settings.json"
            settings_file.write_text(json.dumps(local))
        host = LocalHost.load(
            APPS / app,
            settings_file=settings_file,
            environ=os.environ,
            keys=KEYS,
            check_keys=check_keys,
            queue_lease=lease,
            end=end,
        )
        running = Running(host)
        try:
            if listen:
                host.start()
            yield running
        finally:
            running.stop()


def wait_until[Found](look: Callable[[], Found], what: str, seconds: float = 60.0) -> Found:
    """Look until something true is found; fail with ``what`` after the deadline."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain for {what}"
        time.sleep(0.02)
    return found
