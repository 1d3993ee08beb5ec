"""Examine everything that a gateway depends on, and say for each step what was found and how to repair it.

Without options: the app that `up` runs. With --url and --key: a deployed app (the key is its master key, which may also
be in the environment variable GATEWAY_MASTER_KEY). With --settings FILE: the settings of a local.settings.json, from
this machine.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from devkit.running import NothingRunsError, find_running
from devkit.settings_file import SettingsFileError, read_settings_file

if TYPE_CHECKING:
    import requests

PASSES_ON = False
_SECONDS = 120
_KEY_VARIABLE = "GATEWAY_MASTER_KEY"
# What the platform answers in the app's place, without a body or with its own page.
_NO_APP = {
    404: "no function is loaded, because the app could not be imported, or --url is another app's. The log stream of "
    "the app has the reason (docs/operations.md, It answers 404 on every route).",
    503: "the host does not run. While roles on the storage account are new or missing, it cannot: `azd deploy` names "
    "those that are missing (docs/operations.md, It answers 503, or nothing, after a deployment).",
}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class DoctorError(Exception):
    """The examination could not start; the message says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--settings", type=Path, metavar="FILE", help="examine these settings from this machine")
    where.add_argument("--url", metavar="BASE", help="examine a running app, such as https://func-x.azurewebsites.net")
    parser.add_argument("--key", help=f"the app's master key; better in the environment variable {_KEY_VARIABLE}")
    parser.add_argument("--refused-mailbox", metavar="ADDRESS", help="a mailbox that the app must not be able to read")
    parser.add_argument(
        "--connection", metavar="NAME", help="the connection of --refused-mailbox, if there are several"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(options: argparse.Namespace, _more: Sequence[str]) -> int:
    """Examine and print the report; return 1 if a step failed or the examination could not start."""
    given = {"refusedMailbox": options.refused_mailbox, "connection": options.connection}
    query = {name: value for name, value in given.items() if value}
    try:
        found = _examine_file(options.settings, query) if options.settings else _ask(options.url, options.key, query)
    except (DoctorError, NothingRunsError, SettingsFileError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if options.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        _describe(found)
    return 1 if found["status"] == "fail" else 0


def _examine_file(path: Path, query: Mapping[str, str]) -> dict[str, Any]:
    from doctor import examine
    from shared.errors import Invalid

    environ = dict(os.environ) | read_settings_file(path)
    try:
        return examine(environ, refused=query.get("refusedMailbox"), connection=query.get("connection"))
    except Invalid as error:
        raise DoctorError(error.message) from error


def _ask(url: str | None, key: str | None, query: Mapping[str, str]) -> dict[str, Any]:
    if url is None:
        running = find_running()
        url, key = running.base_url, running.master_key
        if running.settings_file:
            read_settings_file(Path(running.settings_file))  # the app starts anew when it changes; wrong, it does not
    key = key or os.environ.get(_KEY_VARIABLE)
    if not key:
        raise DoctorError(
            "The doctor needs the app's master key (az functionapp keys list -g <group> -n <app> --query masterKey). "
            f"Give it as --key or in {_KEY_VARIABLE}."
        )
    parts = urlsplit(url)
    is_local = parts.hostname in _LOOPBACK
    if not parts.hostname or (parts.scheme != "https" and not is_local):
        raise DoctorError("--url must be an https address, because the master key gives full access to the app.")
    base = url.rstrip("/")
    address = f"{base}/doctor" if parts.path.rstrip("/").endswith("/api") else f"{base}/api/doctor"
    import requests

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
            raise DoctorError(
                f"{parts.hostname} does not answer ({type(error).__name__}). Check --url. While roles "
                "on the storage account are new, up to ten minutes as a rule, the host ends again and again."
            ) from None
    return _read(answer, parts.hostname)


def _read(answer: "requests.Response", host: str) -> dict[str, Any]:
    import requests

    if answer.status_code == requests.codes.unauthorized:
        raise DoctorError("The key is not the master key. The doctor does not accept a function key.")
    try:
        found = answer.json()
        error: Mapping[str, Any] = found.get("error") or {}
    except (ValueError, AttributeError):
        is_page = bool(answer.content.strip()) and answer.status_code == requests.codes.not_found
        if answer.status_code in _NO_APP and not is_page:
            raise DoctorError(f"{host} answered {answer.status_code}: {_NO_APP[answer.status_code]}") from None
        raise DoctorError(f"{host} answered {answer.status_code}, but it is not the gateway. Check --url.") from None
    if not answer.ok or "steps" not in found:
        raise DoctorError(f"{host} answered {answer.status_code} {error.get('code', '')} {error.get('message', '')}")
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
