"""Run everything on this machine: storage, the simulated Microsoft cloud and the app, with sample data.

With --settings FILE the app runs against your own tenant instead of the simulator; with --func Azure Functions Core
Tools run it instead of the local host. Ctrl-C stops all.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import requests

from devkit.azurite import AzuriteError, start_azurite
from devkit.bootstrap import ROOT
from devkit.commands.children import Children
from devkit.host.keys import Keys
from devkit.running import UP_FILE, NothingRunsError, Running, find_running
from devkit.settings_file import SettingsFileError, read_settings_file
from inbound_mail.sinks import check_sink
from shared.settings.config import load_settings
from shared.settings.faults import SettingsError
from twin.seeds import sample, service_desks

PASSES_ON = False
_STATE = ROOT / ".devkit"
_USUAL_PORT = 7071
_PATIENT_TRIES = 10
_READY_SECONDS = 180.0  # on a busy machine
_DEVELOPMENT_STORAGE = "UseDevelopmentStorage=true"
_BUNDLE_HOSTS = ("cdn.functions.azure.com", "functionscdn.azureedge.net")
"""Whence Core Tools fetch the extension bundle of host.json, in newer and older versions; no part of the twin."""


class UpError(Exception):
    """Something cannot be started; the message says what to do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--port", type=int, default=_USUAL_PORT, help="of the app; taken: the next free one")
    parser.add_argument("--settings", type=Path, metavar="FILE", help="your own tenant: a local.settings.json")
    parser.add_argument("--func", action="store_true", help="let Azure Functions Core Tools run the app")


def run(options: argparse.Namespace, _more: Sequence[str]) -> int:
    """Start all, print the addresses, follow the logs; return 0 after Ctrl-C or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        _refuse_a_second()
        with ExitStack() as stack:
            return _run(options, stack, stop)
    except (UpError, AzuriteError, SettingsFileError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _refuse_a_second() -> None:
    try:
        running = find_running()
    except NothingRunsError:
        return
    raise UpError(f"An `up` runs already in this checkout: {running.base_url} (process {running.pid}). Stop it first.")


def _run(options: argparse.Namespace, stack: ExitStack, stop: threading.Event) -> int:
    began = time.monotonic()
    settings = read_settings_file(options.settings) if options.settings else {}
    environ = dict(os.environ)
    storage = settings.pop("AzureWebJobsStorage", "") or environ.get("AzureWebJobsStorage") or _DEVELOPMENT_STORAGE
    if storage == _DEVELOPMENT_STORAGE:
        print("Starting storage (Azurite; the first time npm fetches it) ...", flush=True)
        storage = stack.enter_context(start_azurite()).connection_string
    children = stack.enter_context(Children(_STATE / "logs"))  # end before the storage does
    environ |= {"AzureWebJobsStorage": storage, "FUNCTIONS_WORKER_RUNTIME": "python"}
    simulator: Mapping[str, str] = {}
    if not options.settings:
        print("Starting the simulated Microsoft cloud ...", flush=True)
        simulator = _start_simulator(children, stop)
        environ |= json.loads(simulator["environment"])
        settings = json.loads(simulator["settings"]) | sample.push_settings()
    _check_settings(environ | settings)
    port = _find_port(options.port)
    if simulator:
        _publish(simulator["control_url"], port)
    keys = Keys.open(_STATE / "keys.json")
    print("Starting the app ...", flush=True)
    settings_file: Path | None = None
    if options.func:
        environ |= settings
        if simulator:  # its proxy refuses every host that it does not play
            direct = ",".join((environ["NO_PROXY"], *_BUNDLE_HOSTS))
            environ |= {"NO_PROXY": direct, "no_proxy": direct}
    else:
        # in a file, not in variables, which would override it: the app restarts when the file changes
        settings_file = options.settings.resolve() if options.settings else _write_settings(settings)
        environ = {name: value for name, value in environ.items() if name not in settings}
    children.start("app", _app_command(port, settings_file), environ=environ, cwd=ROOT)
    running = Running(
        pid=os.getpid(),
        base_url=f"http://127.0.0.1:{port}",
        host_key=keys.host["default"],
        master_key=keys.master,
        storage_connection=storage,
        control_url=simulator.get("control_url"),
        proxy_url=simulator.get("proxy_url"),
        ca_file=simulator.get("ca_file"),
        environment=json.loads(simulator.get("environment", "{}")),
        settings_file=str(settings_file) if settings_file else None,
    )
    _wait_until_ready(running.base_url, children, stop, under_core_tools=options.func)
    if stop.is_set():
        return 0
    running.write()
    stack.callback(UP_FILE.unlink, missing_ok=True)
    _describe(running, environ | settings, time.monotonic() - began, asks_for_keys=not options.func)
    while not stop.wait(0.3):
        if ended := children.find_ended():
            raise UpError(f"{ended[0]} has ended by itself (exit code {ended[1]}); its last lines are above.")
    print("\nStopping ...", flush=True)
    return 0


def _start_simulator(children: Children, stop: threading.Event) -> Mapping[str, str]:
    """Start it and return the addresses and settings that it wrote when it was ready."""
    port_file = _STATE / "simulator.json"
    port_file.unlink(missing_ok=True)
    state = ["--state-dir", str(_STATE / "simulator"), "--port-file", str(port_file)]
    children.start("cloud", [sys.executable, "-m", "twin", "--seed", "sample", *state], environ=os.environ, cwd=ROOT)
    deadline = time.monotonic() + _READY_SECONDS
    while not port_file.exists():
        if stop.is_set() or children.find_ended() or time.monotonic() > deadline:
            raise UpError("The simulated cloud did not start; its lines are above.")
        time.sleep(0.05)
    values: dict[str, str] = json.loads(port_file.read_text())
    return values


def _publish(control_url: str, port: int) -> None:
    """Let the simulated cloud reach the app under its public name: Graph posts its notifications there."""
    with requests.Session() as session:
        session.trust_env = False
        site = f"{control_url}/subscriptions/sites/{sample.GATEWAY_HOST}"
        session.put(site, json={"url": f"http://127.0.0.1:{port}"}, timeout=30).raise_for_status()


def _write_settings(settings: Mapping[str, str]) -> Path:
    """Write the simulated world's settings into a file of the form of local.settings.json; return it."""
    file = _STATE / "settings" / "local.settings.json"  # a folder of its own: the host watches all of it
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"IsEncrypted": False, "Values": settings}, indent=2))
    return file


def _check_settings(environ: Mapping[str, str]) -> None:
    """Raise UpError with every fault of the settings before anything starts."""
    try:
        load_settings(environ, check_sink=check_sink)
    except SettingsError as error:
        faults = "\n".join(f"  {fault.setting}: {fault.message}" for fault in error.faults)
        raise UpError(f"The settings are wrong:\n{faults}") from None


def _find_port(wanted: int) -> int:
    """Return the wanted port, or the next free one after it."""
    for port in range(wanted, min(wanted + 50, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            if port != wanted:
                print(f"Port {wanted} is taken; using {port}.", flush=True)
            return port
    raise UpError(f"No free port from {wanted} on. Choose another with --port.")


def _app_command(port: int, settings_file: Path | None) -> list[str]:
    """Return the command of the local host, or without a file that of Core Tools."""
    if settings_file is not None:
        files = ["--keys-file", str(_STATE / "keys.json"), "--settings", str(settings_file)]
        return [sys.executable, "-m", "devkit.host", "--app-dir", str(ROOT), "--port", str(port), *files]
    func = shutil.which("func")
    if func is None:
        raise UpError("Azure Functions Core Tools are not installed: npm install -g azure-functions-core-tools@4")
    return [func, "start", "--port", str(port)]


def _wait_until_ready(
    base_url: str, children: Children, stop: threading.Event, *, under_core_tools: bool = False
) -> None:
    """Return when a route of the app answers: the host's own ping does so as well when it could not load the app."""
    deadline = time.monotonic() + _READY_SECONDS
    host_answers = False
    with requests.Session() as session:
        session.trust_env = False  # loopback must not go through a proxy of the environment
        while not stop.is_set():
            try:
                answer = session.get(f"{base_url}/api/health", timeout=10)
            except (requests.ConnectionError, requests.Timeout):
                pass
            else:
                if "x-request-id" in answer.headers:
                    return
                host_answers = True
            if children.find_ended() or time.monotonic() > deadline:
                raise UpError(_explain_silence(under_core_tools=under_core_tools and host_answers))
            stop.wait(0.1)


def _explain_silence(*, under_core_tools: bool) -> str:
    if not under_core_tools:
        return "The app did not start; its lines are above."
    return (
        "The host of Core Tools runs, but no route of the app answers; its lines are above. If it found no extension "
        f"bundle, it needs {_BUNDLE_HOSTS[0]} once: run `func start` in this folder while online and without `up`, "
        "which keeps the bundle on this machine, then try again."
    )


def _describe(running: Running, environ: Mapping[str, str], seconds: float, *, asks_for_keys: bool) -> None:
    """Print what runs where, and one line to paste for each feature."""
    business = environ.get("BOOKINGS_BUSINESSES", "").partition(",")[0].strip()
    business = business if "@" in business else "desk@contoso.example"
    today = datetime.now(UTC).date()
    week = f"start={today}&end={today + timedelta(days=7)}&timeZone=Europe/London"
    root = f"{running.base_url}/api/bookings/businesses"
    page = f"{root}/{quote(business, safe='@')}"
    header = f'-H "x-functions-key: {running.host_key}"'
    print(f"\nReady after {seconds:.1f} s. Everything listens on this machine only.\n")
    print(f"  app        {running.base_url}/api")
    if running.control_url:
        print(f"  simulator  {running.control_url}  (GET it for a list of what it can do)")
    print(f"  details    {UP_FILE.relative_to(ROOT)}  (addresses and keys, for scripts and editors)\n")
    if not asks_for_keys:
        print("Core Tools ask for no key: every call below works without one too, and so does a wrong one.\n")
    print("Ask it something, in another terminal:\n")
    print(f"  curl {running.base_url}/api/health")
    for question in (
        root,
        f"{page}/services",
        f"{page}/staff",
        f"{page}/appointments?{week}",
        f"{page}/agenda?date={today}&timeZone=Europe/London",
    ):
        print(f'  curl {header} "{question}"')
    body = json.dumps({"start": str(today), "end": str(today + timedelta(days=1))})
    print(f"  curl {header} -d '{body}' \"{page}/availability\"")
    if service := _find_service(running, page):
        print(f'  curl {header} "{page}/slots?service={service}&{week}"')
    print(f'  curl {header} "{running.base_url}/api/mailboxes"')
    print(f"  {running.base_url}/api/status?code={running.host_key}  (in a browser)")
    if running.control_url:
        _describe_push(running, environ, header)
    print("\nCtrl-C stops all. What happens shows here:\n", flush=True)


def _describe_push(running: Running, environ: Mapping[str, str], header: str) -> None:
    """Print how mails come in and events go out without polls."""
    names = _name_mailboxes(environ)[:1]
    print("\nGraph announces mails, so each is a ticket within three seconds. Let a receiver be told of each ticket,")
    print("send some more mails, and read the tickets and what the receiver got:\n")
    target = {"kind": "https", "url": service_desks.EVENTS_URL}
    for name in names:
        body = json.dumps({"events": ["ticket.created"], "mailbox": name, "target": target})
        print(f"  curl {header} -d '{body}' {running.base_url}/api/subscriptions")
    print("  python3 -m devkit send --demo")
    for name in names:
        print(f'  curl {header} "{running.base_url}/api/mailboxes/{name}/mails"')
    print(f"  curl {running.control_url}/easyvista/tickets")
    print(f"  curl {running.control_url}/webhook/deliveries")
    print(f"  curl {header} {running.base_url}/api/subscriptions")
    print(f"  curl {running.control_url}/subscriptions/deliveries")


def _name_mailboxes(environ: Mapping[str, str]) -> list[str]:
    """Return the names of the mailboxes in the settings; none if a blob holds them."""
    settings = load_settings(environ, check_sink=check_sink)
    return list(settings.mailboxes)


def _find_service(running: Running, page: str) -> str | None:
    """Return the id of some service, so that the line about slots can be pasted as it is.

    The first polls of the mailboxes use up the calls that run at once: on a slow machine the app may answer "later".
    """
    with requests.Session() as session:
        session.trust_env = False
        for _ in range(_PATIENT_TRIES):
            answer = session.get(f"{page}/services", headers={"x-functions-key": running.host_key}, timeout=60)
            if answer.ok:
                services = answer.json()["value"]
                return str(services[0]["id"]) if services else None
            time.sleep(1)
    print(f"  (No line about slots: the services could not be read: {answer.status_code} {answer.text})")
    print("  To find out what is wrong, and what mends it, run: python3 -m devkit doctor")
    return None
