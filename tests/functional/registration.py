"""Runs `register` for tests, as a person who is signed in with a stand-in for the Azure CLI."""

import contextlib
import io
import os
from pathlib import Path
from typing import Any

import pytest

from devkit.commands import main
from setup import waiting
from shared import retry
from tests.functional.conftest import Gateway
from twin.directory.az import install_az
from twin.directory.state import Registration
from twin.entra.state import App, ServicePrincipal, User
from twin.seeds import sample, tiny
from twin.vault.state import SECRETS_OFFICER, Vault

NAME, UNIQUE_NAME = "Desk gateway", "desk-gateway"
BOTH = ("Cloud Application Administrator", "Privileged Role Administrator")
SECOND_PERSON = "privileged@contoso.com"


class RegisterRun:
    """Runs `register` in the simulated tenant, and reads its output."""

    def __init__(self, gateway: Gateway, folder: Path) -> None:
        self.gateway = gateway
        self.sim = gateway.sim
        self.folder = folder
        self.tenant = self.sim.entra.tenants[sample.TENANT_ID]
        self.tenant.add_user(SECOND_PERSON, "made up")
        self.names_deployment = True
        self.sign_in(sample.ADMIN_USER, *BOTH)

    @property
    def vault(self) -> Vault:
        return self.sim.vaults.vault(sample.VAULT)

    @property
    def registration(self) -> Registration:
        found = [one for one in self.sim.directory.registrations(self.tenant) if one.unique_name == UNIQUE_NAME]
        assert len(found) == 1
        return found[0]

    @property
    def app(self) -> App:
        return self.registration.app

    @property
    def principal(self) -> ServicePrincipal:
        return self.tenant.principals[self.app.app_id]

    def sign_in(self, user: str, *roles: str, vault_role: str | None = SECRETS_OFFICER) -> User:
        """Sign in as a user with `az login`, with these directory roles and this role on the vault."""
        person = self.tenant.users[user]
        person.directory_roles = frozenset(roles)
        self.vault.remove_role(person.object_id)
        if vault_role:
            self.vault.assign_role(person.object_id, vault_role)
        install_az(self.folder, self.sim.loopback_url, user)
        return person

    def run(self, *more: str) -> tuple[int, str]:
        """Run the command; return exit code and output, and assert that no secret is in it."""
        before = self.secrets()
        output = io.StringIO()
        words = ["register", "--tenant", "contoso.com", "--name", NAME]
        if self.names_deployment:
            words += ["--vault", sample.VAULT, "--identity", sample.IDENTITY_PRINCIPAL_ID]
            words += ["--identity-client-id", sample.IDENTITY_CLIENT_ID]
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            code = main([*_put_part_first(words, more)])
        text = output.getvalue()
        assert not [value for value in before | self.secrets() if value in text]
        assert "eyJ" not in text
        return code, text

    def do(self, *more: str) -> str:
        """Run it with --apply, and assert that it succeeds; return the output."""
        code, text = self.run(*more, "--apply")
        assert code == 0, text
        return text

    def plan(self, *more: str) -> list[str]:
        """Run it without --apply; return the numbered lines of the plan."""
        code, text = self.run(*more)
        assert code == 0, text
        lines = text.splitlines()
        return [line[4:].strip() for line in lines if line[:3].strip().isdecimal()]

    def stop(self, *more: str) -> str:
        """Run it with --apply, and assert that it stops; return the output."""
        code, text = self.run(*more, "--apply")
        assert code == 1, text
        return text

    def secrets(self) -> set[str]:
        """Return all values that must not be printed."""
        apps = [secret.value for app in self.sim.entra.apps.values() for secret in app.secrets.values()]
        stored = [version.value for versions in self.vault.secrets.values() for version in versions]
        return {*apps, *stored, *(user.password for user in self.tenant.users.values())} - {"made up"}

    def settings(self, credential: str, name: str = "") -> dict[str, str]:
        """Return the gateway's settings for the registered app."""
        return {
            "KEY_VAULT_URL": self.vault.url,
            "GRAPH_TENANT_ID": sample.TENANT_ID,
            "GRAPH_CLIENT_ID": self.app.app_id,
            "GRAPH_CREDENTIAL": credential,
            "GRAPH_CREDENTIAL_NAME": name,
            "IDENTITY_CLIENT_ID": sample.IDENTITY_CLIENT_ID,
            "BOOKINGS_BUSINESSES": tiny.BUSINESS,
            "STATE_KEY_NAME": sample.STATE_KEY_NAME,
            "MAILBOX_POLL_SCHEDULE": "0 * * * * *",
        }

    def ask_as_the_gateway(self, credential: str, name: str = "") -> Any:
        """Start the gateway with the registered app and list the staff of a business."""
        self.gateway.configure(**self.settings(credential, name))
        return self.gateway.ask("/staff")["value"]

    def writes(self) -> list[str]:
        """Return the requests that changed the directory or the vault."""
        seen = [one for api in ("directory", "vault") for one in self.sim.exchanges.all(api=api)]
        return [f"{one.method} {one.path}" for one in seen if one.method != "GET"]


def _put_part_first(words: list[str], more: tuple[str, ...]) -> list[str]:
    parts = ("prepare", "consent", "verify", "rotate")
    if more and more[0] in parts:
        return [words[0], more[0], *words[1:], *more[1:]]
    return [*words, *more]


@pytest.fixture
def registration(gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RegisterRun:
    """A tenant with a booking page, and an administrator with all roles; waits take no time."""
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(waiting, "PAUSE", 0.01)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return RegisterRun(gateway, tmp_path / "bin")
