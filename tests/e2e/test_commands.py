"""The commands as a newcomer types them, in a checkout of their own."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from devkit.azurite import install_azurite
from devkit.installing import OUTSIDE
from tests.house.source import ROOT, tracked_files
from tests.http_file import send_all
from twin.seeds import sample

pytestmark = pytest.mark.slow(reason="starts whole processes", seconds=15)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of what git tracks, one for each worker, so that tests run side by side.

    The environment and the storage emulator, which take minutes to fetch, are shared; what is compiled comes along.
    """
    install_azurite()
    folder = tmp_path_factory.mktemp("checkout")
    for path in tracked_files():
        compiled = path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"
        for source in [path, compiled] if compiled.exists() else [path]:
            target = folder / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)  # with its time: compiled code is of a source of that time
    (folder / ".venv").symlink_to(Path(sys.prefix))
    (folder / ".devkit").mkdir()
    (folder / ".devkit/azurite").symlink_to(ROOT / ".devkit/azurite")
    yield folder
    shutil.rmtree(folder)


class Up:
    """A running `up`."""

    def __init__(self, folder: Path, *options: str, name: str = "output.txt", **environ: str) -> None:
        self.folder = folder
        self.log = folder / ".devkit" / name
        self._file = self.log.open("w")
        self.process = subprocess.Popen(
            # a port of its own: other tests start apps at the usual one at the same time
            [sys.executable, "-m", "devkit", "up", "--port", str(find_free_port()), *options],
            cwd=folder, env=OUTSIDE | environ, stdout=self._file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def wait(self) -> dict[str, Any]:
        deadline = time.monotonic() + 300
        file = self.folder / ".devkit/up.json"
        while not file.exists() or "Ctrl-C stops all" not in self.log.read_text():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        found: dict[str, Any] = json.loads(file.read_text())
        return found

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        try:
            return self.process.wait(60)
        finally:
            self.process.kill()
            self._file.close()


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def up(checkout: Path) -> Iterator[Up]:
    running = Up(checkout)
    yield running
    if running.process.poll() is None:
        running.stop()


def run(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "devkit", *arguments],
        cwd=folder, env=OUTSIDE | environ, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def ask(url: str, key: str | None = None) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, headers={"x-functions-key": key} if key else {}, timeout=60)


def ask_for(url: str, key: str) -> Any:
    answer = ask(url, key)
    assert answer.status_code in {200, 202}, f"{url}: {answer.status_code} {answer.text}"
    return answer.json() if answer.content and "json" in answer.headers["Content-Type"] else None


def steer(found: dict[str, Any], method: str, path: str, **body: Any) -> None:
    """Change the simulated world through its control path."""
    with requests.Session() as session:
        session.trust_env = False
        session.request(method, f"{found['control_url']}{path}", json=body, timeout=60).raise_for_status()


def list_processes(folder: Path) -> list[str]:
    """Return the command lines of processes that work in this checkout; a port tells less, as it may be taken again."""
    if Path("/proc/self/cmdline").exists():
        lines = []
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                lines.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    else:
        lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if str(folder) in line]


def wait_for(found: dict[str, Any], path: str, name: str, fits: Callable[[Any], bool]) -> list[Any]:
    """Wait until a list of the simulated world has something that fits; return all of that."""
    deadline = time.monotonic() + 300
    while True:
        listed = ask(f"{found['control_url']}{path}").json()[name]
        if fitting := [one for one in listed if fits(one)]:
            return fitting
        assert time.monotonic() < deadline, listed
        time.sleep(0.1)


def test_up_answers_every_question_it_prints(up: Up, checkout: Path) -> None:
    found = up.wait()
    printed = [line.strip() for line in up.log.read_text().splitlines() if line.strip().startswith("curl ")]
    assert len(printed) >= 8
    assert any("/slots?service=" in line for line in printed)
    for line in printed:
        pasted = f"{line} --silent --noproxy '*' --fail"
        answer = subprocess.run(pasted, shell=True, capture_output=True, text=True, check=True)  # noqa: S602 - as pasted
        assert "error" not in json.loads(answer.stdout)
    assert found["storage_connection"].startswith("DefaultEndpointsProtocol=http;")
    assert ask(found["control_url"]).ok
    assert len(list_processes(checkout)) >= 2
    assert (checkout / ".devkit/up.json").stat().st_mode & 0o077 == 0

    shown = up.log.read_text()
    order = [shown.index(part) for part in ("/api/console", "/api/docs", "key  ", "send --demo", "curl ", "up --lines")]
    assert order == sorted(order)
    assert shown.index("Starting the app ...") < order[0]
    assert "poll_mailbox: queueTrigger" not in shown, "no list of functions"
    again = run(checkout, "up", "--lines")
    assert again.returncode == 0
    assert [line.strip() for line in again.stdout.splitlines() if line.strip().startswith("curl ")] == printed

    second = run(checkout, "up")
    assert (second.returncode, second.stderr.count("\n")) == (1, 1)
    assert "runs already" in second.stderr

    assert run(checkout, "fire", "no_such_function").returncode == 1
    fired = run(checkout, "fire", "health")
    assert (fired.returncode, "was started" in fired.stdout) == (0, True)

    watching = wait_for(found, "/subscriptions", "subscriptions", lambda one: "support@" in one["resource"])
    sent = run(checkout, "send", "--demo")
    assert (sent.returncode, len(sent.stdout.splitlines())) == (0, 4), sent.stderr
    (url,) = {one["notificationUrl"] for one in watching}
    assert url.startswith("https://contoso-gateway.azurewebsites.net/api/graph-notifications/")
    wait_for(found, "/subscriptions/deliveries", "deliveries", lambda one: (one["url"], one["status"]) == (url, 202))
    events = wait_for(found, "/webhook/deliveries?path=/events", "deliveries", lambda one: one["status"] == 204)
    assert "ticket.created" in json.dumps(events[0]["json"])

    requests_file = (checkout / "test.http").read_text()
    given = {"api": f"{found['base_url']}/api", "key": found["host_key"]}
    answered = send_all(requests_file, given, lambda one: ask_for(one.url, one.headers["x-functions-key"]))
    assert len(answered) > 30
    assert answered["FindFreeSlots"]["value"]

    assert up.stop() == 0
    assert "Everything has ended." in up.log.read_text()
    assert not (checkout / ".devkit/up.json").exists()
    assert list_processes(checkout) == []
    assert run(checkout, "fire", "health").returncode == 1
    assert run(checkout, "up", "--lines").returncode == 1


def wait_for_restarts(up: Up, number: int) -> None:
    """Wait until the app has started anew so many times because of its settings, and listens again."""
    deadline = time.monotonic() + 300
    reported = ""
    while (
        reported.count("Changed: local.settings.json") < number
        or "Listening on" not in reported.rpartition("Changed:")[2]
    ):
        assert time.monotonic() < deadline, reported
        time.sleep(0.1)
        reported = (up.folder / ".devkit/logs/app.log").read_text()


def test_a_registration_is_rehearsed_and_the_running_app_answers_with_it(up: Up, checkout: Path) -> None:
    found = up.wait()
    staff = f"{found['base_url']}/api/bookings/businesses/ithelpdesk@contoso.com/staff"
    steer(found, "PATCH", f"/entra/tenants/contoso.com/principals/{sample.CLIENT_ID}", enabled=False)
    steer(found, "PATCH", "/directory/switches", federated_requests=1)
    for number, kind in enumerate(("federated", "secret", "certificate", "password"), 1):
        command = ("register", "--simulated", "--name", f"{kind} gateway", "--credential", kind)
        done = run(checkout, *command, "--apply")
        assert (done.returncode, "ok the app signs in with its credential" in done.stdout) == (0, True), done.stdout
        assert (done.stderr, "Waiting" in done.stdout) == ("", kind == "federated")
        again = run(checkout, *command)
        assert (again.returncode, "nothing to do" in again.stdout) == (0, True), again.stdout
        wait_for_restarts(up, number)
        answer = ask(staff, found["host_key"])
        assert (answer.status_code, len(answer.json()["value"]) > 3) == (200, True)
        if kind == "secret":
            wait_for_polls(found, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")

    steer(found, "PUT", f"/directory/roles/{sample.ADMIN_USER}", roles=["Cloud Application Administrator"])
    stopped = run(checkout, "register", "--simulated", "--name", "one more", "--apply")
    assert (stopped.returncode, "Privileged Role Administrator" in stopped.stdout) == (1, True)
    nobody = run(checkout, "register", "--simulated", "--person", "nobody@contoso.com")
    assert (nobody.returncode, sample.ADMIN_USER in nobody.stderr) == (2, True)
    rotated = run(checkout, "register", "--simulated", "rotate", "--name", "secret gateway", "--credential", "secret")
    assert (rotated.returncode, "rotation was asked for" in rotated.stdout) == (0, True)


def wait_for_polls(found: dict[str, Any], since: str) -> None:
    """Wait until every mailbox was read since then, with the new registration."""
    deadline = time.monotonic() + 180
    while True:
        found_now = ask(f"{found['base_url']}/api/mailboxes", found["host_key"]).json()["value"]
        if found_now and all((one["lastSuccessDateTime"] or "") >= since for one in found_now):
            return
        assert time.monotonic() < deadline, found_now
        time.sleep(1)


def wait_for_mailboxes(found: dict[str, Any], names: list[str]) -> None:
    deadline = time.monotonic() + 120
    while True:
        answer = ask(f"{found['base_url']}/api/mailboxes", found["host_key"])
        if answer.ok and [one["name"] for one in answer.json()["value"]] == names:
            return
        assert time.monotonic() < deadline, answer.text
        time.sleep(1)


@pytest.fixture
def sooner(checkout: Path) -> Iterator[None]:
    """Let the app of the checkout read its settings again after two seconds instead of a minute."""
    file = checkout / "composition/settings_source.py"
    usual = file.read_text()
    assert "\nREREAD_SECONDS = 60.0\n" in usual
    file.write_text(usual.replace("REREAD_SECONDS = 60.0", "REREAD_SECONDS = 2.0"))
    yield
    file.write_text(usual)


@pytest.mark.usefixtures("sooner")
def test_a_blob_of_mailboxes_is_put_and_taken_over_by_the_running_app(up: Up, checkout: Path) -> None:
    found = up.wait()
    settings = Path(found["settings_file"])
    values = json.loads(settings.read_text())["Values"]
    mail = {"mailboxes": json.loads(values["MAILBOXES"]), "sinks": json.loads(values["SINKS"])}
    (checkout / "mail.json").write_text(json.dumps(mail))
    assert "names a blob" in run(checkout, "settings", "put", "mail.json").stderr

    values |= dict.fromkeys(("MAILBOXES", "SINKS"), "blob:config/mail.json")
    settings.write_text(json.dumps({"IsEncrypted": False, "Values": values}))
    wait_for_restarts(up, 1)
    nothing = ask(f"{found['base_url']}/api/mailboxes", found["host_key"])
    assert (nothing.status_code, nothing.json()["error"]["code"]) == (500, "GatewayMisconfigured")
    assert ask(f"{found['base_url']}/api/bookings/businesses", found["host_key"]).ok

    put = run(checkout, "settings", "put", "mail.json", "--by", "kim")
    assert (put.returncode, "Valid: 3 mailboxes" in put.stdout) == (0, True), put.stderr
    wait_for_mailboxes(found, ["support", "facilities", "security"])
    mail["mailboxes"].pop()
    (checkout / "mail.json").write_text(json.dumps(mail))
    assert run(checkout, "settings", "put", "mail.json").returncode == 0
    wait_for_mailboxes(found, ["support", "facilities"])
    log = (checkout / ".devkit/logs/app.log").read_text()
    assert log.count("Changed: local.settings.json") == 1, "it took the change over without a restart"
    assert len(run(checkout, "settings", "history").stdout.splitlines()) == 2


PHASES = {"Starting the storage emulator": 130, "Starting the simulated": 130, "Starting the app": 130}


def wait_for_words(up: Up, words: str) -> None:
    deadline = time.monotonic() + 300
    while words not in up.log.read_text():
        assert up.process.poll() is None, up.log.read_text()
        assert time.monotonic() < deadline, up.log.read_text()
        time.sleep(0.01)


def wait_until_nothing_is_left(checkout: Path) -> None:
    deadline = time.monotonic() + 60
    while left := list_processes(checkout):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def test_ctrl_c_ends_everything_in_each_phase_and_so_do_a_lost_terminal_and_a_kill(checkout: Path) -> None:
    for phase, code in PHASES.items():
        up = Up(checkout)
        wait_for_words(up, phase)
        assert up.stop() == code, phase
        shown = up.log.read_text()
        assert shown.endswith("Stopped while it was starting; everything has ended.\n"), shown
        assert "Traceback" not in shown
        assert list_processes(checkout) == []
    for number, code in ((signal.SIGHUP, 0), (signal.SIGKILL, -signal.SIGKILL)):
        up = Up(checkout)
        found = up.wait()
        assert up.stop(number) == code
        wait_until_nothing_is_left(checkout)
        with socket.create_server(("127.0.0.1", int(found["base_url"].rpartition(":")[2]))):
            """Nobody has the port any more."""


def test_of_two_that_begin_at_once_one_runs_and_the_other_says_so(checkout: Path) -> None:
    both = [Up(checkout, name="one.txt"), Up(checkout, name="two.txt")]
    deadline = time.monotonic() + 300
    while all(up.process.poll() is None for up in both):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    ended, runs = sorted(both, key=lambda up: up.process.poll() is None)
    assert ended.process.returncode == 1
    assert re.fullmatch(r"(Another|An) `up` .*in this checkout.*\n", ended.log.read_text()), ended.log.read_text()
    assert ask(f"{runs.wait()['base_url']}/api/health").ok
    assert runs.stop() == 0
    ended.stop()


@pytest.mark.parametrize("port", ["abc", "-1", "99999", "0"])
def test_a_wrong_port_is_one_sentence_before_anything_starts(checkout: Path, port: str) -> None:
    tried = run(checkout, "up", f"--port={port}")
    assert (tried.returncode, tried.stdout) == (2, "")
    assert tried.stderr.endswith(f"argument --port: '{port}' is no port: a number from 1 to 65535\n")


def test_without_node_nothing_starts(checkout: Path, tmp_path: Path) -> None:
    tried = run(checkout, "up", PATH=str(tmp_path))
    assert (tried.returncode, tried.stdout, tried.stderr.count("\n")) == (1, "", 1)
    assert tried.stderr.startswith("node is missing. Install Node.js 20 or later")


def test_nothing_is_rehearsed_where_nothing_runs(checkout: Path) -> None:
    tried = run(checkout, "register", "--simulated")
    assert (tried.returncode, "python3 -m devkit up" in tried.stderr) == (2, True)


def test_a_taken_port_gives_way_to_the_next(checkout: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        running = Up(checkout, "--port", str(port))
        try:
            found = running.wait()
            assert found["base_url"] != f"http://127.0.0.1:{port}"
            assert ask(f"{found['base_url']}/api/health").json() == {"status": "ok"}
            assert f"Port {port} is taken" in running.log.read_text()
        finally:
            running.stop(signal.SIGTERM)


def test_wrong_settings_are_all_reported_before_anything_starts(checkout: Path) -> None:
    sample = json.loads((checkout / "local.settings.sample.json").read_text())
    sample["Values"] |= {
        "GRAPH_CLOUD": "moon",
        "GRAPH_CONCURRENCY": "0",
        "KEY_VAULT_URL": "",
    }
    (checkout / "wrong.json").write_text(json.dumps(sample))
    tried = run(checkout, "up", "--settings", "wrong.json")
    assert (tried.returncode, tried.stdout) == (1, ""), "nothing was started"
    for name in ("GRAPH_CLOUD", "GRAPH_CONCURRENCY", "KEY_VAULT_URL"):
        assert name in tried.stderr
    assert run(checkout, "up", "--settings", "none.json").returncode == 1


def test_core_tools_run_the_app_where_they_are_installed(checkout: Path, tmp_path: Path) -> None:
    absent = run(
        checkout,
        "up",
        "--func",
        PATH=os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if not (Path(p) / "func").exists()),
    )
    assert (absent.returncode, absent.stdout) == (1, ""), "nothing was started"
    assert absent.stderr.startswith("Azure Functions Core Tools are not installed: npm install -g azure-functions-core")
    stand_in = tmp_path / "func"
    stand_in.write_text(f"""#!/bin/sh
echo "asked: $@"
case "$NO_PROXY+$no_proxy" in
*,cdn.functions.azure.com,*+*,cdn.functions.azure.com,*) ;;
*) echo "Unable to find or download extension bundle"; exec {sys.executable} -m http.server "$3" ;;
esac
exec {sys.executable} -m devkit.host --no-auth --no-reload --port "$3"
""")
    stand_in.chmod(0o755)
    running = Up(checkout, "--func", PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    try:
        found = running.wait()
        assert ask(f"{found['base_url']}/api/health").ok
        assert "asked: start --port" in (checkout / ".devkit/logs/app.log").read_text()
        assert "Core Tools ask for no key" in running.log.read_text()
    finally:
        running.stop()


def test_an_app_that_cannot_start_ends_up_with_its_reason(checkout: Path) -> None:
    app = checkout / "function_app.py"
    good = app.read_text()
    app.write_text("raise RuntimeError('broken on purpose')\n")
    try:
        tried = run(checkout, "up")
    finally:
        app.write_text(good)
    assert tried.returncode == 1
    assert "broken on purpose" in tried.stderr
    assert "The app did not start. Its last lines are above; all of them are in .devkit/logs/app.log." in tried.stderr
    assert not (checkout / ".devkit/up.json").exists()


def test_a_command_that_does_not_exist_is_reported() -> None:
    tried = run(ROOT, "fly")
    assert tried.returncode == 2
    assert "up" in tried.stderr
