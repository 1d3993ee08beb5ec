"""When `up` says that it is ready: a host that answers without the app is not enough."""

import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from devkit.local_run import start
from devkit.local_run.checks import UpError
from devkit.local_run.children import Children


class HostInError(BaseHTTPRequestHandler):
    """Answers as Core Tools without an extension bundle: its ping is fine, and no function is there."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/admin/host/ping" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("under_core_tools", "sentence"),
    [(True, r"no route of the app answers.*cdn\.functions\.azure\.com once"), (False, "The app did not start")],
)
def test_a_host_that_answers_without_the_app_is_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, under_core_tools: bool, sentence: str
) -> None:
    monkeypatch.setattr(start, "_READY_SECONDS", 0.5)
    shown: list[str] = []
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), HostInError) as server,
        Children(tmp_path, lambda name, line: shown.append(f"{name}: {line}")) as children,
    ):
        saying = "import time; print('host.json is read', flush=True); time.sleep(60)"
        children.start("app", [sys.executable, "-c", saying], environ=os.environ, cwd=tmp_path)
        while not shown:
            time.sleep(0.01)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            with pytest.raises(UpError, match=sentence) as raised:
                start.wait_until_ready(
                    f"http://127.0.0.1:{server.server_port}", children, under_core_tools=under_core_tools
                )
        finally:
            server.shutdown()
    assert shown == ["app: host.json is read"]
    assert str(raised.value).startswith("  host.json is read\n")
    assert "app.log." in str(raised.value)
