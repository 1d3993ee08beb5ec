"""``python -m devkit.host`` as a person starts it."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from tests.functional.host.apps.support import wait_until

pytestmark = pytest.mark.slow(reason="starts whole processes")

ROOT = Path(__file__).parents[3]
APP = """
import contextvars, logging, threading, time
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route(methods=["GET"])
def hello(req: func.HttpRequest) -> func.HttpResponse:
    logging.getLogger("shop").warning("a line of the app")
    logging.getLogger("azure.functions.shop").warning("a line on a system logger")
    logging.getLogger("azure.core.shop").info("a line of a library")
    copied = contextvars.copy_context()
    other = threading.Thread(target=copied.run, args=[logging.getLogger("shop").warning, "a line of another thread"])
    other.start()
    other.join()
    return func.HttpResponse("version 1")

@app.route(methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def keyed(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("opened")

@app.route(methods=["GET"])
def slow(req: func.HttpRequest) -> func.HttpResponse:
    time.sleep(float(req.params["seconds"]))
    return func.HttpResponse("done")
"""


@dataclass
class Host:
    """A host process, its output so far, and where it listens."""

    process: subprocess.Popen[str]
    output: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            self.output.extend(stream)

    @property
    def text(self) -> str:
        return "".join(self.output)

    @property
    def url(self) -> str:
        found = re.findall(r"Listening on (http://127\.0\.0\.1:\d+)", self.text)
        return found[-1] if found else ""

    def wait_for_url(self) -> str:
        wait_until(lambda: self.url or self.process.poll() is not None, "the start")
        assert self.url, self.text
        return self.url

    def get(self, path: str) -> str:
        return requests.get(self.url + path, timeout=60).text

    def answers(self, path: str, text: str) -> bool:
        try:
            return self.get(path) == text
        except requests.ConnectionError:
            return False

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(60)
        self._reader.join(10)
        return code


@contextmanager
def start(folder: Path, *arguments: str, environ: dict[str, str] | None = None) -> Iterator[Host]:
    command = [sys.executable, "-m", "devkit.host", "--app-dir", str(folder), *arguments]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"} | (environ or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    host = Host(process)
    try:
        yield host
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text(APP)
    return tmp_path


def test_the_start_prints_what_answers_where_and_what_this_is_not(app: Path) -> None:
    with start(app, "--port", "0", "--no-reload") as host:
        url = host.wait_for_url()
        assert f"hello: [GET] {url}/api/hello" in host.text
        assert "not Azure: no scale, no blob or Event Grid triggers, no durable functions, no Easy Auth" in host.text
        keys = json.loads((app / ".devkit" / "keys.json").read_text())
        assert stat.S_IMODE((app / ".devkit" / "keys.json").stat().st_mode) == 0o600
        headers = {"x-functions-key": keys["host"]["default"]}
        assert requests.get(f"{url}/api/keyed", headers=headers, timeout=60).text == "opened"
        assert requests.get(f"{url}/api/keyed?code=wrong-key", timeout=60).status_code == 401
        host.end()
    assert not any(secret in host.text for secret in (keys["master"], keys["host"]["default"], "wrong-key"))


def test_a_call_over_the_time_limit_ends_the_process_and_all_its_calls(app: Path) -> None:
    limit = {"AzureFunctionsJobHost__functionTimeout": "00:00:01"}
    with start(app, "--port", "0", environ=limit) as host:
        url = host.wait_for_url()
        with suppress(requests.ConnectionError):  # whether its answer still goes out is a matter of chance
            assert requests.get(f"{url}/api/slow?seconds=30", timeout=60).status_code == 500
        wait_until(lambda: "exceeded by slow. The platform ends the worker" in host.text, host.text)
        wait_until(lambda: "The host starts again" in host.text and host.url != url, "the next process")
        assert host.answers("/api/hello", "version 1")


@pytest.mark.parametrize(
    ("mode", "number"),
    [(["--no-reload"], signal.SIGTERM), (["--no-reload"], signal.SIGINT), ([], signal.SIGTERM), ([], signal.SIGINT)],
)
def test_signals_end_it_cleanly(app: Path, mode: list[str], number: signal.Signals) -> None:
    with start(app, "--port", "0", *mode) as host:
        host.wait_for_url()
        assert host.end(number) == 0
    assert "Traceback" not in host.text


def test_without_key_checks_it_says_so(app: Path) -> None:
    with start(app, "--port", "0", "--no-auth", "--no-reload") as host:
        host.wait_for_url()
        assert host.get("/api/keyed") == "opened"
        assert "Keys are not checked." in host.text


def test_log_lines_carry_the_invocation_and_system_loggers_are_silent(app: Path) -> None:
    with start(app, "--port", "0", "--no-reload") as host:
        host.wait_for_url()
        host.get("/api/hello?who=someone")
        wait_until(lambda: "hello 200" in host.text, "the access log")
        host.end()
    line = re.search(r"WARNING \[([0-9a-f-]{36})\] shop: a line of the app", host.text)
    assert line is not None
    assert "Executing 'Functions.hello' (Reason='This function was programmatically called" in host.text
    assert f"Id={line[1]})" in host.text
    assert "a line on a system logger" not in host.text
    assert "a line of a library" in host.text
    assert "a line of another thread" not in host.text
    assert "GET /api/hello -> hello 200" in host.text
    assert "someone" not in host.text


def test_levels_of_host_json_hide_a_functions_lines(app: Path) -> None:
    levels = {"AzureFunctionsJobHost__logging__logLevel__Function": "Error", "PYTHON_ENABLE_DEBUG_LOGGING": "1"}
    with start(app, "--port", "0", "--no-reload", environ=levels) as host:
        host.wait_for_url()
        host.get("/api/hello")
        wait_until(lambda: "hello 200" in host.text, "the access log")
        host.end()
    assert "a line of the app" not in host.text
    assert "a line on a system logger" in host.text


def test_an_app_that_cannot_be_indexed_ends_it_with_the_reason(app: Path) -> None:
    (app / "function_app.py").write_text(APP + "\n@app.route()\ndef bad(request): ...\n")
    with start(app, "--port", "0") as host:
        assert host.process.wait(60) == 1
        wait_until(lambda: "declared in Python but not in the function definition" in host.text, host.text)
    assert "The app cannot run" in host.text


def test_a_missing_module_is_shown_with_the_place_of_its_import(app: Path) -> None:
    (app / "function_app.py").write_text("import no_such_module\n")
    with start(app, "--port", "0", "--no-reload") as host:
        assert host.process.wait(60) == 1
        wait_until(lambda: 'function_app.py", line 1' in host.text, host.text)


DEFERRED = """
from azurefunctions.extensions.base import InConverter, SdkType

class Client(SdkType):
    def get_sdk_type(self): ...

class ClientConverter(InConverter, binding="queueTrigger", trigger="queueTrigger"):
    @classmethod
    def check_input_type_annotation(cls, pytype): return True
    @classmethod
    def decode(cls, data, *, trigger_metadata, pytype): ...

@app.queue_trigger(arg_name="msg", queue_name="abc", connection="")
def uses_client(msg: Client) -> None: ...
"""
STREAMING = """
from azurefunctions.extensions.base import WebApp

class StreamingApp(WebApp): ...
"""


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (DEFERRED, "The function uses_client uses SDK-type (deferred) bindings; the local host does not speak them."),
        (STREAMING, "The app uses HTTP streaming"),
    ],
)
def test_worker_extensions_are_refused_in_one_sentence(app: Path, code: str, reason: str) -> None:
    (app / "function_app.py").write_text(APP + code)
    with start(
        app, "--port", "0", "--no-reload", environ={"AzureWebJobsStorage": "UseDevelopmentStorage=true"}
    ) as host:
        assert host.process.wait(60) == 1
        wait_until(lambda: reason in host.text, host.text)


@pytest.mark.parametrize("mode", [["--no-reload"], []])
def test_a_taken_port_ends_it_with_a_clear_sentence(app: Path, mode: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with start(app, "--port", str(port), *mode) as host:
            assert host.process.wait(60) == 1
            wait_until(lambda: f"Port {port} cannot be used" in host.text, host.text)
    assert "Traceback" not in host.text


def test_the_settings_file_gives_the_port_and_the_values(app: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {"Values": {"AzureWebJobs.hello.Disabled": "true"}, "Host": {"LocalHttpPort": port}}
    (app / "local.settings.json").write_text(json.dumps(settings))
    with start(app, "--no-reload") as host:
        assert host.wait_for_url() == f"http://127.0.0.1:{port}"
        assert "hello: (disabled)" in host.text
        assert requests.get(f"{host.url}/api/hello", timeout=60).status_code == 404


def test_changes_of_code_and_settings_restart_it_and_a_broken_one_is_waited_out(app: Path) -> None:
    script = app / "function_app.py"
    with start(app, "--port", "0") as host:
        host.wait_for_url()
        assert host.answers("/api/hello", "version 1")
        script.write_text(APP.replace("version 1", "version 2 is longer"))
        wait_until(lambda: host.answers("/api/hello", "version 2 is longer"), "the new code")
        script.write_text("this is no Python")
        wait_until(lambda: "waiting for a change" in host.text, "the broken code to be noticed")
        assert host.process.poll() is None
        script.write_text(APP.replace("version 1", "version 3, the last"))
        wait_until(lambda: host.answers("/api/hello", "version 3, the last"), "the repaired code")
        (app / "host.json").write_text('{"version": "2.0", "extensions": {"http": {"routePrefix": "v4"}}}')
        wait_until(lambda: host.answers("/v4/hello", "version 3, the last"), "the new prefix")
        (app / "local.settings.json").write_text('{"Values": {"AzureWebJobs.hello.Disabled": "1"}}')
        wait_until(lambda: host.answers("/v4/hello", ""), "the function to be disabled")
        assert host.end() == 0


def test_only_the_apps_own_files_restart_it_new_folders_included(app: Path) -> None:
    (app / ".venv").mkdir()
    with start(app, "--port", "0") as host:
        host.wait_for_url()
        (app / "notes.txt").write_text("of no interest")
        (app / ".venv" / "module.py").write_text("of no interest either")
        (app / "helper.py").write_text("# of interest")
        wait_until(lambda: "Changed: helper.py. Restarting." in host.text, "the restart after a new module")
        wait_until(lambda: host.text.count("Listening on") == 2, "the host")
        (app / "feature").mkdir()
        wait_until(lambda: "Changed: feature. Restarting." in host.text, "the restart after a new folder")
        wait_until(lambda: host.text.count("Listening on") == 3, "the host")
        (app / "feature" / "inner.py").write_text("# of interest")
        wait_until(lambda: "Changed: inner.py. Restarting." in host.text, "the restart after a module in it")
        assert host.text.count("Restarting") == 3


def test_the_host_does_not_outlive_its_supervisor(app: Path) -> None:
    with start(app, "--port", "0") as host:
        url = host.wait_for_url()
        host.process.kill()
        host.process.wait(60)

        def is_gone() -> bool:
            try:
                requests.get(f"{url}/admin/host/ping", timeout=60)
            except requests.ConnectionError:
                return True
            return False

        wait_until(is_gone, "the child to end")


def test_a_function_that_never_ends_does_not_keep_the_process(app: Path) -> None:
    with start(app, "--port", "0", "--no-reload", "--grace", "0.3") as host:
        host.wait_for_url()
        caller = threading.Thread(target=lambda: host.answers("/api/slow?seconds=60", ""), daemon=True)
        caller.start()
        wait_until(lambda: "Executing 'Functions.slow'" in host.text, "the call to begin")
        assert host.end() == 0
        caller.join(10)
    assert "the process ends without them" in host.text
