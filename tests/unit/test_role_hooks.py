"""The hooks about roles, with stand-ins for the Azure CLI and azd."""

import importlib.util
import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.house.source import ROOT

STAND_IN = """
import json, pathlib, sys
folder = pathlib.Path(__file__).parent
with (folder / "asked.txt").open("a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
answer = json.loads((folder / "answer.json").read_text())
sys.stdout.write(answer["out"])
sys.stderr.write(answer["error"])
sys.exit(1 if answer["error"] else 0)
"""
NOW = 1_700_000_000.0
PRINCIPAL = "11111111-2222-3333-4444-555555555555"
GROUP = "/subscriptions/s/resourceGroups/rg-gateway"
STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stx"
ROLES = ("Storage Blob Data Owner", "Storage Queue Data Contributor")


def command(role: str, scope: str) -> str:
    """The command as infra/modules/roles.bicep makes it."""
    text = (ROOT / "infra/modules/roles.bicep").read_text()
    values = dict(re.findall(r"^var (\w+) = '(.*)'$", text, flags=re.MULTILINE))
    found: list[str] = re.findall(
        r"^var storageCommands = \[for role in onStorage: '(.*)'\]$", text, flags=re.MULTILINE
    )
    [made] = found
    values |= {"role": role, "storage.id": scope, "gatewayPrincipalId": PRINCIPAL}
    while "${" in made:
        made = re.sub(r"\$\{([\w.]+)\}", lambda found: str(values[found[1]]), made)
    return made


def assignment(role: str, scope: str, age: float) -> dict[str, str]:
    made = time.strftime("%Y-%m-%dT%H:%M:%S.123456+00:00", time.gmtime(NOW - age))
    return {"roleDefinitionName": role, "scope": scope, "createdOn": made}


class Programs:
    """az and azd: both answer the same, and write down what they were asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.slept: list[float] = []
        for name in ("az", "azd"):
            (folder / f"{name}.py").write_text(STAND_IN)
            (folder / name).write_text(f'#!/bin/sh\nexec {sys.executable} -IS {folder / name}.py "$@"\n')
            (folder / name).chmod(0o755)
        self.answer()

    def answer(self, out: Any = "", error: str = "") -> None:
        text = out if isinstance(out, str) else json.dumps(out)
        (self.folder / "answer.json").write_text(json.dumps({"out": text, "error": error}))

    @property
    def asked(self) -> list[list[str]]:
        log = self.folder / "asked.txt"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    monkeypatch.setenv("PATH", str(tmp_path))
    return Programs(tmp_path)


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch, programs: Programs) -> ModuleType:
    spec = importlib.util.spec_from_file_location("roles", ROOT / "infra/hooks/roles.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # its own clock: other threads of this process sleep with the genuine one
    clock = SimpleNamespace(time=lambda: NOW, sleep=programs.slept.append, strptime=time.strptime)
    monkeypatch.setattr(module, "time", clock)
    for name in ("ROLES_ASSIGNED", "ROLE_CHECK", "DEPLOYER_RIGHTS", "DEPLOYER_ROLE_ID", "DEPLOYER_ROLE_COMMANDS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ROLE_COMMANDS", json.dumps([command(role, STORAGE) for role in ROLES]))
    monkeypatch.setenv("GATEWAY_IDENTITY_PRINCIPAL_ID", PRINCIPAL)
    monkeypatch.setenv("AZURE_SUBSCRIPTION_ID", "s")
    return module


@pytest.mark.parametrize(
    ("ages", "left"),
    [((700, 8000), None), ((700, 60), 540), ((-30, 700), 600), ((0, 0), 600), ((599, 601), 1)],
    ids=["old", "one is new", "this clock is behind", "both are new", "almost old"],
)
def test_a_deployment_waits_until_the_youngest_role_is_ten_minutes_old(
    hook: ModuleType, programs: Programs, capfd: pytest.CaptureFixture[str], ages: tuple[float, ...], left: float | None
) -> None:
    programs.answer([assignment(role, STORAGE, age) for role, age in zip(ROLES, ages, strict=True)])
    assert hook.main(["wait"]) == 0
    assert programs.slept == ([] if left is None else [left])
    assert ("403" in capfd.readouterr().out) == (left is not None)
    [asked] = programs.asked
    assert asked[:3] == ["role", "assignment", "list"]
    assert asked[asked.index("--assignee") + 1] == PRINCIPAL


def test_a_role_on_the_group_counts_and_one_on_another_account_does_not(hook: ModuleType, programs: Programs) -> None:
    programs.answer([assignment(role, GROUP.upper(), 9000) for role in ROLES])
    assert hook.main(["wait"]) == 0
    programs.answer([assignment(role, f"{STORAGE}2", 9000) for role in ROLES])
    assert hook.main(["wait"]) == 1


def test_a_missing_role_ends_the_deployment_with_its_command(
    hook: ModuleType, programs: Programs, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.answer([assignment(ROLES[0], STORAGE, 9000)])
    assert hook.main(["wait"]) == 1
    shown = capfd.readouterr().out
    [line] = [line for line in shown.splitlines() if line.startswith("az ")]
    assert shlex.split(line) == shlex.split(command(ROLES[1], STORAGE))
    monkeypatch.setenv("ROLE_CHECK", "off")
    assert hook.main(["wait"]) == 0


def test_what_cannot_be_read_does_not_stop_a_deployment(
    hook: ModuleType, programs: Programs, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.answer(error="ERROR: Please run 'az login' to setup account.")
    assert hook.main(["wait"]) == 0
    seen = capfd.readouterr()
    assert "az login" in seen.err
    assert "azd deploy" in seen.out
    (programs.folder / "az").unlink()
    assert hook.main(["wait"]) == 0
    assert "az is not installed" in capfd.readouterr().out
    monkeypatch.delenv("ROLE_COMMANDS")
    assert hook.main(["wait"]) == 0


def test_commands_are_shown_if_roles_were_left_out_and_only_then(
    hook: ModuleType, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hook.main(["show"]) == 0
    assert capfd.readouterr().out == ""
    monkeypatch.setenv("ROLES_ASSIGNED", "false")
    monkeypatch.setenv("DEPLOYER_ROLE_COMMANDS", '["az role assignment create --role \\"Key Vault Secrets Officer\\""]')
    assert hook.main(["show"]) == 0
    shown = capfd.readouterr().out.splitlines()
    assert [line for line in shown if line.startswith("az ")] == [
        *(command(role, STORAGE) for role in ROLES),
        'az role assignment create --role "Key Vault Secrets Officer"',
    ]


def test_the_deployers_right_ends_and_is_not_given_again(
    hook: ModuleType, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOYER_ROLE_ID", f"{STORAGE}/x")
    monkeypatch.setenv("DEPLOYER_RIGHTS", "kept")
    assert (hook.main(["give-up"]), programs.asked) == (0, [])
    monkeypatch.setenv("DEPLOYER_RIGHTS", "for-a-time")
    assert hook.main(["give-up"]) == 0
    assert programs.asked == [
        ["role", "assignment", "delete", "--ids", f"{STORAGE}/x"],
        ["env", "set", "DEPLOYER_RIGHTS", "none"],
    ]


def test_a_right_that_cannot_be_ended_is_reported(
    hook: ModuleType, programs: Programs, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOYER_ROLE_ID", "/role/one")
    programs.answer(error="ERROR: (AuthorizationFailed)")
    assert hook.main(["give-up"]) == 0
    seen = capfd.readouterr()
    assert "AuthorizationFailed" in seen.err
    assert "az role assignment delete --ids /role/one" in seen.out
    assert len(programs.asked) == 1


def test_another_word_is_refused(hook: ModuleType) -> None:
    assert (hook.main(["tidy"]), hook.main([])) == (2, 2)


def run_as_azd(event: str, programs: Programs, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command that azure.yaml has for an event, in its shell, with the outputs of a deployment."""
    section = (ROOT / "azure.yaml").read_text().partition(f"\n  {event}:\n")[2]
    run = re.search(r"^      run: (.+)$", section, flags=re.MULTILINE)
    assert run
    (programs.folder / "python3").unlink(missing_ok=True)
    (programs.folder / "python3").symlink_to(sys.executable)
    outputs = {
        "PATH": str(programs.folder),
        "ROLE_COMMANDS": json.dumps([command(role, STORAGE) for role in ROLES]),
        "GATEWAY_IDENTITY_PRINCIPAL_ID": PRINCIPAL,
        "KEY_VAULT_NAME": "kv-one",
    }
    line = ["/bin/sh", "-c", run[1]]
    return subprocess.run(line, cwd=ROOT, env=outputs | environ, capture_output=True, text=True, check=False)


def test_a_contributor_who_may_not_assign_roles_sees_the_commands_and_what_follows(programs: Programs) -> None:
    """Provisioned, refused by the vault; refused before the deployment; then, with the roles, let through."""
    given = {"ROLES_ASSIGNED": "false", "DEPLOYER_ROLE_COMMANDS": '["az role assignment create --role one"]'}
    programs.answer(error="ERROR: (Forbidden) Caller is not authorized. Inner error: ForbiddenByRbac")
    seen = run_as_azd("postprovision", programs, **given)
    assert seen.returncode == 1
    shown = [line for line in seen.stdout.splitlines() if line.startswith("az ")]
    assert shown == [*(command(role, STORAGE) for role in ROLES), "az role assignment create --role one"]
    assert "Assign yourself the role Key Vault Secrets Officer" in seen.stderr
    assert [asked[:2] for asked in programs.asked] == [["keyvault", "secret"]]

    programs.answer([])
    seen = run_as_azd("predeploy", programs, **given)
    assert seen.returncode == 1
    assert [shlex.split(line) for line in seen.stdout.splitlines() if line.startswith("az ")] == [
        shlex.split(command(role, STORAGE)) for role in ROLES
    ]

    programs.answer([assignment(role, GROUP, 0) for role in ROLES])  # in 2023
    assert run_as_azd("predeploy", programs, **given).returncode == 0


def test_after_the_first_deployment_the_key_is_stored_and_the_right_ends(programs: Programs) -> None:
    programs.answer()
    seen = run_as_azd("postprovision", programs, ROLES_ASSIGNED="true", DEPLOYER_ROLE_ID="/role/one")
    assert (seen.returncode, seen.stderr) == (0, "")
    assert [asked[:3] for asked in programs.asked] == [
        ["keyvault", "secret", "show"],
        ["role", "assignment", "delete"],
        ["env", "set", "DEPLOYER_RIGHTS"],
    ]
