"""An administrator who follows a remedy to the letter: what it prints as a command is run, and nothing else.

Commands of the tool kit run as they are. Those of `az`, of Exchange's PowerShell and of the machine are played here on
the simulated world; one that is not known here, or that names another app, vault or tenant, fails the test.
"""

import contextlib
import io
import os
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from devkit.commands import main
from tests.functional.doctor.conftest import Installation
from twin.identity.state import Identities
from twin.seeds import sample

GROUP, APP = "contoso", "contoso-gateway"
STORAGE = "AzureWebJobsStorage"
_COMMAND = re.compile(r"(?:az|python3 -m devkit|npx|sudo) [a-z](?:'[^']*'|\"[^\"]*\"|[^`'\"])*?(?=`|; |\. |$)")
_WITHOUT_EFFECT = ("Connect-ExchangeOnline", "New-ServicePrincipal", "Test-ServicePrincipalAuthorization")
_OPEN = re.compile(r"<[^<>]+>")
_INNER = re.compile(r'"?\$\(([^()]+)\)"?')
_IN_FILE = re.compile(r"In the settings file \(local\.settings\.json\), under Values, set ('[^']*'|\S+)")
_EXCHANGE = re.compile(r"^  ((?:Connect|Set|New|Test)-.*)$", re.MULTILINE)


class Administrator:
    """Follows remedies on an installation. `settings` are the app settings that were changed, by name."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.sim = installation.gateway.sim
        self.settings: dict[str, str] = {}
        self.emulator = os.environ[STORAGE]
        self.commands: list[str] = []

    def follow(self, remedy: str, knows: Mapping[str, str]) -> None:
        """Do what a remedy says. `knows`: what the person knows that the gateway cannot, by the name in brackets."""
        for name in _OPEN.findall(remedy):
            assert name in knows, f"{name} is left open in: {remedy}"
        commands = [found.strip() for found in _COMMAND.findall(remedy)]
        in_file = _IN_FILE.search(remedy)
        assert commands or in_file, f"There is nothing to do in: {remedy}"
        for command in commands:
            self.run(_OPEN.sub(lambda found: knows[found[0]], command))
        if in_file:
            name, _, value = _OPEN.sub(lambda found: knows[found[0]], shlex.split(in_file[1])[0]).partition("=")
            self._set({name: value})

    def run(self, command: str) -> str:
        """Run one command, those inside it first; return what it prints."""
        while inner := _INNER.search(command):
            command = command[: inner.start()] + shlex.quote(self.run(inner[1])) + command[inner.end() :]
        self.commands.append(command)
        words = shlex.split(command)
        if words[:3] == ["python3", "-m", "devkit"]:
            return self._run_tool(words[3:])
        for known, play in self._plays().items():
            given = known.split()
            if words[: len(given)] == given:
                options = _read_options(words[len(given) :])
                if "-n" in options:
                    assert (options["-g"], options["-n"]) == (GROUP, APP)
                return play(options)
        raise AssertionError(f"Nobody knows how to run: {command}")

    def _run_tool(self, words: Sequence[str]) -> str:
        """Run a command of the tool kit; what it prints for Exchange is done there."""
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            code = main(list(words))
        text = output.getvalue()
        assert code == 0, text
        self._run_in_exchange(_EXCHANGE.findall(text))
        return text

    def _run_in_exchange(self, commands: Sequence[str]) -> None:
        """Play Exchange's PowerShell: marks, scopes, and roles of an app within a scope."""
        marked: dict[str, list[str]] = {}
        scopes: dict[str, str] = {}
        tenant = self.sim.entra.tenants[sample.TENANT_ID]
        for command in commands:
            name, *rest = shlex.split(command.partition(" | ")[0])
            options = _read_options(rest)
            match name:
                case "Set-Mailbox":
                    marked.setdefault(options["-CustomAttribute1"], []).append(options["-Identity"].lower())
                case "New-ManagementScope":
                    found = re.fullmatch(r"CustomAttribute1 -eq '([^']+)'", options["-RecipientRestrictionFilter"])
                    assert found is not None
                    scopes[options["-Name"]] = found[1]
                case "New-ManagementRoleAssignment":
                    [holder] = [one for one in tenant.principals.values() if one.object_id == options["-App"]]
                    holder.exchange_roles |= {options["-Role"].removeprefix("Application ")}
                    own = self.sim.mail.scopes.get((tenant.id, holder.app_id))
                    if own is not None:
                        opened = [*own, *marked.get(scopes[options["-CustomResourceScope"]], [])]
                        self.sim.mail.restrict(holder.app_id, tenant.id, opened)
                case _:
                    assert name in _WITHOUT_EFFECT

    def _plays(self) -> Mapping[str, Callable[[Mapping[str, str]], str]]:
        vaults, app = self.sim.vaults, self.sim.entra.app
        return {
            "az functionapp config appsettings set": self._set_app_settings,
            "az functionapp restart": self._restart,
            "az functionapp identity assign": self._assign_identity,
            "az keyvault list": lambda _: "\n".join(one.url for one in vaults.by_host.values()),
            "az keyvault show": lambda given: f"/vaults/{vaults.vault(given['--name']).name}",
            "az keyvault secret set": self._store_secret,
            "az keyvault network-rule add": self._open_firewall,
            "az role assignment create": self._assign_role,
            "az ad app credential reset": lambda given: app(given["--id"]).add_secret().value,
            "az ad app list": lambda _: "\n".join(self.sim.entra.apps),
            "az account show": lambda _: sample.TENANT_ID,
            "npx azurite": self._start_storage,
        }

    def _set(self, settings: Mapping[str, str]) -> None:
        self.settings |= settings
        self.installation.configure(**self.settings)

    def _set_app_settings(self, given: Mapping[str, str]) -> str:
        name, _, value = given["--settings"].partition("=")
        self._set({name: value})
        return ""

    def _restart(self, _: Mapping[str, str]) -> str:
        """Move the app to another machine, whose clock is right: in the simulated world, the services' clocks move."""
        self.sim.world.clock.follow_machine()
        self._set({})
        return ""

    def _assign_identity(self, given: Mapping[str, str]) -> str:
        name = given["--identities"].rpartition("/")[2]
        self.sim.world.state(Identities).assign(
            name,
            client_id=sample.IDENTITY_CLIENT_ID,
            principal_id=sample.IDENTITY_PRINCIPAL_ID,
            tenant_id=sample.TENANT_ID,
        )
        return ""

    def _store_secret(self, given: Mapping[str, str]) -> str:
        value = given["--value"] if "--value" in given else Path(given["--file"]).read_text()
        self.sim.vaults.vault(given["--vault-name"]).set_secret(given["--name"], value)
        return ""

    def _open_firewall(self, given: Mapping[str, str]) -> str:
        assert given["--ip-address"] == "127.0.0.1"
        self.sim.vaults.vault(given["--name"]).network_open = True
        return ""

    def _assign_role(self, given: Mapping[str, str]) -> str:
        assert given["--assignee-principal-type"] == "ServicePrincipal"
        vault = self.sim.vaults.vault(given["--scope"].rpartition("/")[2])
        vault.assign_role(given["--assignee-object-id"], given["--role"])
        return ""

    def _start_storage(self, given: Mapping[str, str]) -> str:
        """Start the emulator where the settings look for it: that of the tests takes its place."""
        wanted = dict(part.split("=", 1) for part in os.environ[STORAGE].split(";") if "=" in part)
        for kind in ("blob", "queue", "table"):
            assert wanted[f"{kind.title()}Endpoint"].startswith(f"http://127.0.0.1:{given[f'--{kind}Port']}/")
        os.environ[STORAGE] = self.emulator
        return ""


def _read_options(words: Sequence[str]) -> dict[str, str]:
    """Return options with their values; the last word after several is taken for each, "" for a switch."""
    options: dict[str, str] = {}
    for number, word in enumerate(words):
        if word.startswith("-"):
            after = words[number + 1] if number + 1 < len(words) else ""
            options[word] = "" if after.startswith("-") else after
    return options
