"""Run everything on this machine: storage, the simulated Microsoft cloud and the app, with sample data.

With --settings FILE the app runs against your own tenant instead of the simulator; with --func Azure Functions Core
Tools run it instead of the local host. Ctrl-C stops all, in whichever phase: 130 while it starts, 0 once it is ready.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

PASSES_ON = False
_USUAL_PORT = 7071
_PORTS = range(1, 65536)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--port", type=_read_port, default=_USUAL_PORT, help="of the app; taken: the next free one")
    parser.add_argument("--settings", type=Path, metavar="FILE", help="your own tenant: a local.settings.json")
    parser.add_argument("--func", action="store_true", help="let Azure Functions Core Tools run the app")
    parser.add_argument("--lines", action="store_true", help="start nothing: print the running one's addresses again")
    parser.add_argument("--open", action="store_true", help="open the console in the browser when all is ready")
    parser.add_argument("--verbose", action="store_true", help="show every line of the logs")


def run(options: argparse.Namespace, _more: Sequence[str]) -> int:
    """Start all, print the addresses, show what happens; or print the addresses of the `up` that runs."""
    if options.lines:
        return _print_lines()
    from devkit.local_run.start import run_all

    return run_all(options)


def _print_lines() -> int:
    from devkit.local_run.lines import write_lines
    from devkit.running import NothingRunsError, find_running

    try:
        running = find_running()
    except NothingRunsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for line in write_lines(running, datetime.now(UTC).date()):
        print(line)
    return 0


def _read_port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) in _PORTS):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a number from {_PORTS[0]} to {_PORTS[-1]}")
    return int(text)
