"""Runs `register` in the simulated tenant of a running `up`, with the same code as in a real tenant.

Environment variables redirect its requests to the twin, and a stand-in for the Azure CLI signs in as a sample person.
The twin's control path can change the person's roles and simulate faults.
"""

import argparse
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import requests

from devkit.bootstrap import ROOT
from devkit.running import NothingRunsError, find_running
from setup.console import Console
from shared.settings.choices import Credential
from twin.client import redirected_by
from twin.core.control import PREFIX
from twin.directory.az import install_az
from twin.seeds import sample

_TENANT = "contoso.com"
_BIN = ROOT / ".devkit" / "bin"


class RehearsalConsole(Console):
    """A console that answers the question for a password: it gives the simulated user a new one and returns that."""

    def __init__(self, control_url: str, user: str) -> None:
        self._address = f"{control_url}/directory/passwords/{quote(user, safe='@')}"

    def ask_hidden(self, question: str) -> str:
        """Give the simulated user a new password and return it."""
        password = secrets.token_urlsafe(12)
        with requests.Session() as session:
            session.trust_env = False
            session.put(self._address, json={"password": password}, timeout=10).raise_for_status()
        self.say(f"{question}*** (a new one of the simulated user)")
        return password


@contextmanager
def simulated(options: argparse.Namespace) -> Iterator[Console]:
    """Redirect this process to the running simulated cloud, and complete the options with its names.

    The settings are written into the file that the running app reads, so that it signs in with the registered app from
    then on. Raises NothingRunsError.
    """
    running = find_running()
    if running.control_url is None:
        raise NothingRunsError("The app that runs here talks to a real tenant: leave --simulated out.")
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
    with redirected_by(running.environment, PATH=f"{_BIN}{os.pathsep}{os.environ.get('PATH', '')}"):
        yield RehearsalConsole(running.control_url, options.service_user or sample.SERVICE_USER)
