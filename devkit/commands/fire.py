"""Run one function of the running app now: a timer at once, a queue function with a message."""

import argparse
import json
import sys
from collections.abc import Sequence

from devkit.running import NothingRunsError, find_running

PASSES_ON = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("function", help="its name, as the app prints them at start")
    parser.add_argument("--input", default="", help="queue message or POST body; a timer takes none")


def run(options: argparse.Namespace, _more: Sequence[str]) -> int:
    """Ask the host to run the function; return 0 once the host has accepted."""
    try:
        running = find_running()
    except NothingRunsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    import requests

    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(
            f"{running.base_url}/admin/functions/{options.function}",
            headers={"x-functions-key": running.master_key, "Content-Type": "application/json"},
            data=json.dumps({"input": options.input}),
            timeout=10,
        )
        if answer.status_code == requests.codes.not_found:
            listed = session.get(
                f"{running.base_url}/admin/functions", headers={"x-functions-key": running.master_key}, timeout=10
            )
            names = ", ".join(entry["name"] for entry in listed.json())
            sys.stderr.write(f"There is no function {options.function}. There are: {names}\n")
            return 1
    answer.raise_for_status()
    print(f"{options.function} was started; what it says shows where `up` runs.")
    return 0
