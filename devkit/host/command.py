"""``python -m devkit.host``: run a function app on this machine, and again whenever its code changes."""

import argparse
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from devkit.host.errors import HostError, IndexingError
from devkit.host.host import LocalHost
from devkit.host.keys import Keys
from devkit.host.logs import InvocationFilter, configure_logging
from devkit.host.queues import LEASE
from devkit.host.server import serve_in_thread
from devkit.host.supervisor import EXIT_ENDED, Supervisor, watch_parent
from devkit.terminal import escaped_output

DEFAULT_PORT = 7071
EXIT_FAILED = 1
_SETTINGS = "local.settings.json"
_LIMITS = (
    "This is a developer's host, not Azure: no scale, no blob or Event Grid triggers, no durable functions, "
    "no Easy Auth."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0 after SIGINT or SIGTERM, 1 when the app or the port is no good.

    3 when the platform's host or worker would have ended its process.
    """
    options = _parse(arguments)
    with escaped_output():
        return _run(options, sys.argv[1:] if arguments is None else arguments)


def _run(options: argparse.Namespace, arguments: Sequence[str]) -> int:
    try:
        if options.no_reload:
            return _serve(options)
        command = [sys.executable, "-m", "devkit.host", *arguments]
        settings = options.settings or options.app_dir / _SETTINGS
        return Supervisor(command, options.app_dir, settings, options.grace).run()
    except HostError as error:
        _explain(error)
        return EXIT_FAILED


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devkit.host", description=_LIMITS)
    parser.add_argument("--app-dir", type=Path, default=Path(), help="folder with host.json and function_app.py")
    parser.add_argument("--port", type=int, help=f"0 picks a free one; default: the settings file's or {DEFAULT_PORT}")
    parser.add_argument("--settings", type=Path, help="default: local.settings.json in the app's folder, if present")
    parser.add_argument("--keys-file", type=Path, help="default: .devkit/keys.json in the app's folder")
    parser.add_argument("--no-auth", action="store_true", help="do not check keys, like Core Tools")
    parser.add_argument("--no-reload", action="store_true", help="one process, no restart on changes")
    parser.add_argument("--grace", type=float, default=10.0, help="seconds that running calls get at the end")
    parser.add_argument("--queue-lease", type=float, default=LEASE.total_seconds(), help=argparse.SUPPRESS)
    parser.add_argument("--under-supervisor", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.app_dir = options.app_dir.resolve()
    if options.settings is None:
        usual = options.app_dir / _SETTINGS
        options.settings = usual if usual.is_file() else None
    if options.settings is not None:
        options.settings = options.settings.resolve()
    options.keys_file = (options.keys_file or options.app_dir / ".devkit" / "keys.json").resolve()
    options.no_reload = options.no_reload or options.under_supervisor
    return options


def _serve(options: argparse.Namespace) -> int:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if options.under_supervisor:
        watch_parent(stop)
    reasons: list[str] = []

    def end(reason: str) -> None:
        reasons.append(reason)
        stop.set()

    configure_logging(InvocationFilter({}, lambda _: None))
    keys = Keys.open(options.keys_file)
    host = LocalHost.load(
        options.app_dir,
        settings_file=options.settings,
        environ=os.environ,
        keys=keys,
        check_keys=not options.no_auth,
        queue_lease=timedelta(seconds=options.queue_lease),
        end=end,
    )
    system = os.environ.get("PYTHON_ENABLE_DEBUG_LOGGING", "").lower() in {"1", "true"}
    configure_logging(InvocationFilter(host.log_levels, host.worker.find_function_name, system=system))
    port = next(each for each in (options.port, host.local_port, DEFAULT_PORT) if each is not None)
    try:
        server = serve_in_thread(host, port, grace=options.grace)
        try:
            host.start()
            _describe(host, server.base_url, options)
            stop.wait()
            if reasons:  # as a process that is killed: nothing that runs comes to its end
                print(f"The host ends as the platform's would: {reasons[0]}", file=sys.stderr, flush=True)
                os._exit(EXIT_ENDED)
        finally:
            server.stop()
    finally:
        finished = host.stop(options.grace)
    if not finished:  # a sync function cannot be stopped, and Python would wait for its thread
        logging.getLogger("devkit.host").warning("Functions are still running; the process ends without them.")
        logging.shutdown()
        os._exit(0)
    return 0


def _describe(host: LocalHost, base_url: str, options: argparse.Namespace) -> None:
    print("\nFunctions:\n")
    for function in host.functions:
        if function.error is not None:
            detail = f"in error: {function.error}"
        elif function.route is not None:
            methods = ",".join(sorted(function.route.methods)) if function.route.methods else "*"
            detail = f"[{methods}] {base_url}/{function.route.template.text}"
        else:
            detail = function.trigger_type
        print(f"  {function.name}: {'(disabled) ' if function.disabled else ''}{detail}")
    for hidden, hiding in host.find_hidden_routes():
        print(f"  Mind: requests for {hidden} go to {hiding}, which comes first in the alphabet.")
    keys = "Keys are not checked." if options.no_auth else f"Keys: {options.keys_file}"
    print(f"\n{_LIMITS}\n{keys}\nListening on {base_url}\n", flush=True)


def _explain(error: HostError) -> None:
    print(f"The app cannot run: {error}", file=sys.stderr)
    if isinstance(error, IndexingError) and error.__cause__ is not None:
        traceback.print_exception(error.__cause__)
