"""Try everything that a gateway stands on, and say for each step how it went and what mends it.

Without options: the app that `up` runs. With --url and --key: a deployed one (the key is its master key, also read from
the environment variable GATEWAY_MASTER_KEY). With --settings FILE: the settings of a local.settings.json, from here.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from devkit.running import NothingRunsError, find_running
from shared.errors import Invalid

PASSES_ON = False
_SECONDS = 120
_KEY_VARIABLE = "GATEWAY_MASTER_KEY"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class DoctorError(Exception):
    """Nobody could be examined; the message says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--settings", type=Path, metavar="FILE", help="examine these settings from this machine")
    where.add_argument("--url", metavar="BASE", help="examine a running app, such as https://func-x.azurewebsites.net")
    parser.add_argument("--key", help=f"its master key; better in the environment variable {_KEY_VARIABLE}")
    parser.add_argument("--refused-mailbox", metavar="ADDRESS", help="a mailbox that the app must not be able to read")
    parser.add_argument("--connection", metavar="NAME", help="of --refused-mailbox, where there are several tenants")
    parser.add_argument("--json", action="store_true", help="print the answer as it is")


def run(options: argparse.Namespace, _more: Sequence[str]) -> int:
    """Examine and print; return 1 when a step failed or nobody could be examined."""
    asked = {"refusedMailbox": options.refused_mailbox, "connection": options.connection}
    query = {name: value for name, value in asked.items() if value}
    try:
        found = _look_from_here(options.settings, query) if options.settings else _ask(options.url, options.key, query)
    except (DoctorError, NothingRunsError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if options.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        _describe(found)
    return 1 if found["status"] == "fail" else 0


def _look_from_here(path: Path, query: Mapping[str, str]) -> dict[str, Any]:
    try:
        values = {str(name): str(value) for name, value in json.loads(path.read_text())["Values"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DoctorError(f"{path} is no settings file like local.settings.sample.json: {error}") from None
    from doctor import steps  # noqa: PLC0415 - the app's own code, for this way only

    environ = dict(os.environ) | values
    try:
        return steps.look(environ, refused=query.get("refusedMailbox"), connection=query.get("connection"))
    except Invalid as error:
        raise DoctorError(error.message) from error


def _ask(url: str | None, key: str | None, query: Mapping[str, str]) -> dict[str, Any]:
    if url is None:
        running = find_running()
        url, key = running.base_url, running.master_key
    key = key or os.environ.get(_KEY_VARIABLE)
    if not key:
        raise DoctorError(
            f"The master key is needed: az functionapp keys list -g <group> -n <app> --query masterKey. Give it as "
            f"--key or in {_KEY_VARIABLE}."
        )
    parts = urlsplit(url)
    is_local = parts.hostname in _LOOPBACK
    if not parts.hostname or (parts.scheme != "https" and not is_local):
        raise DoctorError("Give an https address: the key opens everything.")
    base = url.rstrip("/")
    address = f"{base}/doctor" if parts.path.rstrip("/").endswith("/api") else f"{base}/api/doctor"
    with requests.Session() as session:
        session.trust_env = not is_local
        try:
            answer = session.get(
                address,
                params=query,
                headers={"x-functions-key": key},
                timeout=(10, _SECONDS),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise DoctorError(f"{parts.hostname} does not answer: {type(error).__name__}") from None
    return _read(answer, parts.hostname)


def _read(answer: requests.Response, host: str) -> dict[str, Any]:
    if answer.status_code == requests.codes.unauthorized:
        raise DoctorError("The key is not the master key: a function key does not open the doctor.")
    try:
        found = answer.json()
        told: Mapping[str, Any] = found.get("error") or {}
    except (ValueError, AttributeError):
        raise DoctorError(f"{host} answered {answer.status_code}, and not as the gateway does.") from None
    if not answer.ok or "steps" not in found:
        raise DoctorError(f"{host} answered {answer.status_code} {told.get('code', '')} {told.get('message', '')}")
    return dict(found)


def _describe(found: Mapping[str, Any]) -> None:
    steps = found["steps"]
    width = max(len(f"{one['step']} {one['about']}") for one in steps)
    for one in steps:
        name = f"{one['step']} {one['about']}".strip()
        print(f"{one['status']:<7}  {name:<{width}}  {one['message']}")
        if one["remedy"]:
            print(f"{'':<7}  {'':<{width}}  -> {one['remedy']}")
    counts = {status: sum(one["status"] == status for one in steps) for status in ("ok", "warn", "fail", "skipped")}
    print(f"\n{found['status']}: " + ", ".join(f"{number} {status}" for status, number in counts.items()))
