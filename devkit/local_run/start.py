"""Starts storage, the simulated Microsoft cloud and the app, waits until they answer, and ends them."""

import argparse
import json
import os
import signal
import sys
import time
import webbrowser
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import requests

from devkit.azurite import AzuriteError, count_installed, install_azurite, is_azurite_installed, start_azurite
from devkit.bootstrap import LOGS, ROOT, STATE
from devkit.host.keys import Keys
from devkit.local_run import checks
from devkit.local_run.checks import UpError
from devkit.local_run.children import Children
from devkit.local_run.lines import write_lines
from devkit.local_run.showing import Shower
from devkit.processes import Interrupted, end_leftovers, guarded, signals_raise
from devkit.progress import Progress
from devkit.running import UP_FILE, Running
from devkit.settings_file import SettingsFileError, read_settings_file
from twin.seeds import sample, service_desks

_PATIENT_TRIES = 10
_LATER = (requests.codes.too_many_requests, requests.codes.service_unavailable)
_READY_SECONDS = 180.0  # on a busy machine
_LOOK_SECONDS = 0.3
_DEVELOPMENT_STORAGE = "UseDevelopmentStorage=true"
_BUNDLE_HOSTS = ("cdn.functions.azure.com", "functionscdn.azureedge.net")
"""Whence Core Tools fetch the extension bundle of host.json, in newer and older versions; no part of the twin."""
_RECORD = STATE / "processes.json"
_SIGNALLED = 128  # what shells add to the number of the signal that ended a process


def run_all(options: argparse.Namespace) -> int:
    """Start all, print what to paste, show what happens; return 0 after Ctrl-C or SIGTERM once all was ready.

    Before that, they end with 130 or 143, and what cannot be started with 1.
    """
    progress = Progress()
    ready: list[Running] = []
    try:
        with signals_raise():
            try:
                plan = _check(options)
                with ExitStack() as stack:
                    stack.enter_context(checks.hold_alone())
                    _end_leftovers(progress)
                    stack.enter_context(guarded(_RECORD))
                    stack.callback(UP_FILE.unlink, missing_ok=True)
                    _Start(plan, progress, stack, ready).run()
            except (UpError, AzuriteError, SettingsFileError) as error:
                sys.stderr.write(f"{error}\n")
    except Interrupted as interrupted:
        if interrupted.number != getattr(signal, "SIGHUP", None):  # nobody reads it any more
            progress.say(
                "\nEverything has ended." if ready else "\nStopped while it was starting; everything has ended."
            )
        return 0 if ready else _SIGNALLED + interrupted.number
    return 1


@dataclass(frozen=True)
class _Plan:
    """What is to be started. `storage` is None where the emulator is."""

    port: int
    settings_file: Path | None
    settings: Mapping[str, str]
    storage: str | None
    under_core_tools: bool
    is_verbose: bool
    opens_console: bool


def _check(options: argparse.Namespace) -> _Plan:
    """Look at everything that can be known before the start. Raises UpError."""
    checks.check_folder()
    settings = read_settings_file(options.settings) if options.settings else {}
    storage = (
        settings.pop("AzureWebJobsStorage", "") or dict(os.environ).get("AzureWebJobsStorage") or _DEVELOPMENT_STORAGE
    )
    if options.settings:
        checks.check_settings({**os.environ, **settings, "AzureWebJobsStorage": storage})
    needs_storage = storage == _DEVELOPMENT_STORAGE
    checks.check_programs(needs_storage=needs_storage, needs_core_tools=options.func)
    return _Plan(
        port=options.port,
        settings_file=options.settings.resolve() if options.settings else None,
        settings=settings,
        storage=None if needs_storage else storage,
        under_core_tools=options.func,
        is_verbose=options.verbose,
        opens_console=options.open,
    )


def _end_leftovers(progress: Progress) -> None:
    if left := end_leftovers(_RECORD):
        progress.say(f"Ended what an earlier `up` had left behind: {len(left)} processes.")


class _Start:
    """One start, from the storage to the lines to paste."""

    def __init__(self, plan: _Plan, progress: Progress, stack: ExitStack, ready: list[Running]) -> None:
        self._plan = plan
        self._progress = progress
        self._stack = stack
        self._ready = ready
        self._began = time.monotonic()

    def run(self) -> None:
        """Start all and follow it until a signal comes. Raises UpError when something ends by itself."""
        plan, progress = self._plan, self._progress
        storage = plan.storage or self._start_storage()
        shower = Shower(progress, is_verbose=plan.is_verbose)
        children = self._stack.enter_context(Children(LOGS, shower.show))  # end before the storage does
        environ = {**os.environ, "AzureWebJobsStorage": storage, "FUNCTIONS_WORKER_RUNTIME": "python"}
        cloud: Mapping[str, str] = {}
        settings = dict(plan.settings)
        if plan.settings_file is None:
            with progress.phase("Starting the simulated Microsoft cloud"):
                cloud = _start_cloud(children)
            environ |= json.loads(cloud["environment"])
            settings = json.loads(cloud["settings"]) | sample.push_settings()
        mailboxes = checks.check_settings(environ | settings)
        port = checks.find_port(plan.port)
        if port != plan.port:
            progress.say(f"Port {plan.port} is taken; using {port}.")
        if cloud:
            _publish(cloud["control_url"], port)
        with progress.phase("Starting the app"):
            settings_file = self._start_app(children, environ, settings, port, is_simulated=bool(cloud))
            base_url = f"http://127.0.0.1:{port}"
            wait_until_ready(base_url, children, under_core_tools=plan.under_core_tools)
        keys = Keys.open(STATE / "keys.json")
        businesses = (environ | settings).get("BOOKINGS_BUSINESSES", "").partition(",")[0].strip()
        business = businesses if "@" in businesses else "desk@contoso.example"
        running = Running(
            pid=os.getpid(),
            base_url=base_url,
            host_key=keys.host["default"],
            master_key=keys.master,
            storage_connection=storage,
            control_url=cloud.get("control_url"),
            proxy_url=cloud.get("proxy_url"),
            ca_file=cloud.get("ca_file"),
            environment=json.loads(cloud.get("environment", "{}")),
            settings_file=str(settings_file) if settings_file else None,
            business=business,
            service=self._find_service(base_url, business, keys.host["default"]),
            mailboxes=mailboxes,
            events_url=service_desks.EVENTS_URL if cloud else None,
            asks_for_keys=not plan.under_core_tools,
        )
        running.write()
        self._ready.append(running)
        self._describe(running)
        while True:
            if ended := children.find_ended():
                name, code = ended
                raise UpError(children.explain(f"{name} has ended by itself (exit code {code}).", name))
            time.sleep(_LOOK_SECONDS)

    def _start_storage(self) -> str:
        if not is_azurite_installed():
            title = "Installing the storage emulator Azurite, 365 MB of node_modules"
            with self._progress.phase(title, count_installed):
                install_azurite()
        with self._progress.phase("Starting the storage emulator"):
            return self._stack.enter_context(start_azurite()).connection_string

    def _start_app(
        self,
        children: Children,
        environ: Mapping[str, str],
        settings: Mapping[str, str],
        port: int,
        *,
        is_simulated: bool,
    ) -> Path | None:
        """Start the app; return the file that it reads its settings from, None under Core Tools."""
        if self._plan.under_core_tools:
            environ = {**environ, **settings}
            if is_simulated:  # its proxy refuses every host that it does not play
                direct = ",".join((environ["NO_PROXY"], *_BUNDLE_HOSTS))
                environ |= {"NO_PROXY": direct, "no_proxy": direct}
            children.start("app", [checks.find_core_tools(), "start", "--port", str(port)], environ=environ, cwd=ROOT)
            return None
        # in a file, not in variables, which would override it: the app restarts when the file changes
        file = self._plan.settings_file or _write_settings(settings)
        files = ["--keys-file", str(STATE / "keys.json"), "--settings", str(file)]
        command = [sys.executable, "-m", "devkit.host", "--app-dir", str(ROOT), "--port", str(port), *files]
        environ = {name: value for name, value in environ.items() if name not in settings}
        children.start("app", command, environ=environ, cwd=ROOT)
        return file

    def _find_service(self, base_url: str, business: str, key: str) -> str | None:
        """Return the id of some service, so that the line about slots can be pasted as it is; None if there is none.

        The first polls of the mailboxes use up the calls that run at once: a slow machine may answer "later".
        """
        url = f"{base_url}/api/bookings/businesses/{quote(business, safe='@')}/services"
        with requests.Session() as session:
            session.trust_env = False
            for _ in range(_PATIENT_TRIES):
                answer = session.get(url, headers={"x-functions-key": key}, timeout=60)
                if answer.ok:
                    services = answer.json()["value"]
                    return str(services[0]["id"]) if services else None
                if answer.status_code not in _LATER:
                    break
                time.sleep(1)
        self._progress.say(
            f"The services of {business} cannot be read: {answer.status_code} {answer.text}", is_bad=True
        )
        self._progress.say("To find out what is wrong, and what mends it, run: python3 -m devkit doctor")
        return None

    def _describe(self, running: Running) -> None:
        """Print what runs where, and one line to paste for each feature."""
        say = self._progress.say
        say(f"\nReady after {time.monotonic() - self._began:.1f} s. Everything listens on this machine only.\n")
        for line in write_lines(running, datetime.now(UTC).date()):
            say(line)
        say("\nThese lines again, in any terminal: python3 -m devkit up --lines")
        shown = "Everything that happens" if self._plan.is_verbose else "Warnings, errors and mails that become tickets"
        also = "" if self._plan.is_verbose else "; everything is in .devkit/logs"
        say(f"Ctrl-C stops all. {shown} show here{also}.\n")
        if self._plan.opens_console:
            webbrowser.open(f"{running.base_url}/api/console")


def _start_cloud(children: Children) -> Mapping[str, str]:
    """Start it and return the addresses and settings that it wrote when it was ready."""
    port_file = STATE / "simulator.json"
    port_file.unlink(missing_ok=True)
    state = ["--state-dir", str(STATE / "simulator"), "--port-file", str(port_file)]
    children.start("cloud", [sys.executable, "-m", "twin", "--seed", "sample", *state], environ=os.environ, cwd=ROOT)
    deadline = time.monotonic() + _READY_SECONDS
    while not port_file.exists():
        if children.find_ended() or time.monotonic() > deadline:
            raise UpError(children.explain("The simulated cloud did not start.", "cloud"))
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
    file = STATE / "settings" / "local.settings.json"  # a folder of its own: the host watches all of it
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"IsEncrypted": False, "Values": settings}, indent=2))
    return file


def wait_until_ready(base_url: str, children: Children, *, under_core_tools: bool = False) -> None:
    """Return when a route of the app answers: the host's own ping does so as well when it could not load the app."""
    deadline = time.monotonic() + _READY_SECONDS
    host_answers = False
    with requests.Session() as session:
        session.trust_env = False  # loopback must not go through a proxy of the environment
        while True:
            try:
                answer = session.get(f"{base_url}/api/health", timeout=10)
            except (requests.ConnectionError, requests.Timeout):
                pass
            else:
                if "x-request-id" in answer.headers:
                    return
                host_answers = True
            if children.find_ended() or time.monotonic() > deadline:
                sentence = _explain_silence(under_core_tools=under_core_tools and host_answers)
                raise UpError(children.explain(sentence, "app"))
            time.sleep(0.1)


def _explain_silence(*, under_core_tools: bool) -> str:
    if not under_core_tools:
        return "The app did not start."
    return (
        "The host of Core Tools runs, but no route of the app answers. If it found no extension "
        f"bundle, it needs {_BUNDLE_HOSTS[0]} once: run `func start` in this folder while online and without `up`, "
        "which keeps the bundle on this machine, then try again."
    )
