"""Runs `register` in the simulated tenant of a running `up`, with the same code as in a real tenant.

Environment variables redirect its requests to the twin, and a stand-in for the Azure CLI signs in as a sample person.
The twin's control path can change the person's roles and simulate faults. What an Exchange administrator does in a real
tenant is done here, too, so that the running app can still read its mailboxes when it has the new registration.
"""

import argparse
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from devkit.bootstrap import ROOT
from devkit.running import NothingRunsError, find_running
from setup.console import Console
from setup.errors import Stopped
from setup.plan import Plan
from setup.tenant import Tenant
from shared.graph.permissions import CALENDARS_READ, MAIL_READ, MAIL_WRITE, Feature
from shared.settings.choices import Credential, Switch
from twin.client import redirected_by
from twin.core.control import PREFIX
from twin.directory.az import install_az
from twin.seeds import sample

type Json = dict[str, Any]

_TENANT = "contoso.com"
_BIN = ROOT / ".devkit" / "bin"
_SECONDS = 10.0


class RehearsalConsole(Console):
    """A console that answers the question for a password: it gives the simulated user a new one and returns that.

    And it does what an Exchange administrator does in a real tenant.
    """

    def __init__(self, control_url: str, user: str) -> None:
        self._control_url = control_url
        self._address = f"{control_url}/directory/passwords/{quote(user, safe='@')}"

    def plan_exchange(self, tenant: Tenant, plan: Plan) -> None:
        """Plan the app's rights in Exchange, before the running app gets its ids: it reads mailboxes at once."""
        options = tenant.options
        if options.is_delegated:
            plan.note(
                "The running app will act for a user, who has no mailboxes to read: they stop until it is registered "
                "with another --credential, or `up` is started again."
            )
            return
        features = {
            Feature.MAIL: MAIL_READ if options.mail_read_only else MAIL_WRITE, Feature.CALENDARS: CALENDARS_READ
        }  # fmt: skip
        wanted = sorted(permission.name for feature, permission in features.items() if feature in options.features)
        if wanted and wanted != self._change_principal(tenant, {})["exchangeRoles"]:
            plan.add(
                f"Give the app {' and '.join(wanted)} in Exchange",
                "this is a rehearsal: in a real tenant an Exchange administrator does it, with the commands below",
                lambda: self._give(tenant, wanted),
            )

    def _give(self, tenant: Tenant, wanted: list[str]) -> None:
        self._change_principal(tenant, {"exchangeRoles": wanted})

    def _change_principal(self, tenant: Tenant, wish: Json) -> Json:
        """Change the app in the simulated tenant, or nothing; return what it has there."""
        if tenant.principal is None:
            return {"exchangeRoles": []}
        path = f"/entra/tenants/{tenant.id}/principals/{tenant.app_id}"
        return dict(_control("PATCH", self._control_url + path, wish))

    def hand_over(self, text: str) -> None:
        """Write the heading of lines that belong to a real tenant."""
        self.say(f"In a real tenant, not in this rehearsal: {text}")

    def ask_hidden(self, question: str) -> str:
        """Give the simulated user a new password and return it."""
        password = secrets.token_urlsafe(12)
        _control("PUT", self._address, {"password": password})
        self.say(f"{question}*** (a new one of the simulated user)")
        return password


@contextmanager
def simulated(options: argparse.Namespace) -> Iterator[Console]:
    """Redirect this process to the running simulated cloud, and complete the options with its names.

    The settings are written into the file that the running app reads, so that it signs in with the registered app from
    then on. Raises NothingRunsError, and Stopped for a person who is not there.
    """
    running = find_running()
    if running.control_url is None:
        raise NothingRunsError("The app that runs here talks to a real tenant: leave --simulated out.")
    _check_person(running.control_url, options.person)
    install_az(_BIN, running.control_url.removesuffix(PREFIX), options.person)
    options.tenant = options.tenant or _TENANT
    options.vault = options.vault or sample.VAULT
    options.identity = options.identity or sample.IDENTITY_PRINCIPAL_ID
    options.identity_client_id = options.identity_client_id or sample.IDENTITY_CLIENT_ID
    if options.settings_file is None and running.settings_file is not None:
        options.settings_file = Path(running.settings_file)
    if options.credential is not Credential.FEDERATED:  # the usual names hold what the sample app signs in with
        options.credential_name = options.credential_name or f"rehearsed-{options.credential}"
    if options.credential is Credential.PASSWORD:
        options.service_user = options.service_user or sample.SERVICE_USER
    console = RehearsalConsole(running.control_url, options.service_user or sample.SERVICE_USER)
    _ask_for_what_is_used(options, _read_values(options), console)
    with redirected_by(running.environment, PATH=f"{_BIN}{os.pathsep}{os.environ.get('PATH', '')}"):
        yield console


def _control(method: str, url: str, body: Mapping[str, Any] | None = None) -> Any:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.request(method, url, json=body, timeout=_SECONDS)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def _check_person(control_url: str, person: str) -> None:
    people = _control("GET", f"{control_url}/directory")["people"]
    if person.lower() not in people:
        raise Stopped(f"Nobody named {person} is in the simulated tenants. There are: {', '.join(people)}.")


def _read_values(options: argparse.Namespace) -> dict[str, str]:
    """Return the settings of the running app, as its file has them."""
    if options.settings_file is None:
        return {}
    try:
        values: dict[str, str] = json.loads(options.settings_file.read_text(encoding="utf-8"))["Values"]
    except (OSError, ValueError, KeyError):
        return {}
    return values


def _ask_for_what_is_used(options: argparse.Namespace, values: Mapping[str, str], console: Console) -> None:
    """Without --for, ask for all that the running app does, so that it still does it with the new registration."""
    if options.features is not None:
        return
    features = [Feature.READ]
    if values.get("BOOKINGS_WRITES") == Switch.ON:
        features += [Feature.WRITES, Feature.CANCEL]
    if values.get("MAILBOXES") and options.credential is not Credential.PASSWORD:
        features.append(Feature.MAIL)
    options.features = [feature.value for feature in features]
    console.say(f"Rehearsal  --for {' '.join(options.features)}, because the running app does that")
