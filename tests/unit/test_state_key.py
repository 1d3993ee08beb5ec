"""The hook that stores the state key, with a stand-in for the Azure CLI."""

import base64
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.house.source import ROOT

STAND_IN = """
import json, pathlib, sys
folder = pathlib.Path(__file__).parent
answers = json.loads((folder / "answers.json").read_text())
answer = answers.pop(0)
(folder / "answers.json").write_text(json.dumps(answers))
with (folder / "asked.txt").open("a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
if "--file" in sys.argv:
    (folder / "key.txt").write_text(pathlib.Path(sys.argv[sys.argv.index("--file") + 1]).read_text())
sys.stderr.write(answer)
sys.exit(1 if answer else 0)
"""
FORBIDDEN = "ERROR: (Forbidden) Caller is not authorized. Inner error: ForbiddenByRbac"


class Cli:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "az.py").write_text(STAND_IN)
        (folder / "az").write_text(f'#!/bin/sh\nexec {sys.executable} {folder / "az.py"} "$@"\n')
        (folder / "az").chmod(0o755)

    def answers(self, *answers: str) -> None:
        (self.folder / "answers.json").write_text(json.dumps(answers))

    @property
    def asked(self) -> list[list[str]]:
        log = self.folder / "asked.txt"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("state_key", ROOT / "infra/hooks/state_key.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "PAUSE", 0.0)
    monkeypatch.setattr(module, "TRIES", 3)
    monkeypatch.setenv("KEY_VAULT_NAME", "kv-one")
    for name in ("STATE_KEY_NAME", "ROLES_ASSIGNED", "DEPLOYER_RIGHTS"):
        monkeypatch.delenv(name, raising=False)
    return module


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("PATH", str(tmp_path))
    return Cli(tmp_path)


def test_a_missing_key_is_created_and_never_shown(
    hook: ModuleType, cli: Cli, capfd: pytest.CaptureFixture[str]
) -> None:
    cli.answers("ERROR: (SecretNotFound) A secret with (name/id) gateway-state-key was not found", "")
    assert hook.main() == 0
    key = (cli.folder / "key.txt").read_text()
    assert len(base64.b64decode(key, validate=True)) == 32
    assert [asked[2] for asked in cli.asked] == ["show", "set"]
    assert not [part for asked in cli.asked for part in asked if key in part]
    assert key not in "".join(capfd.readouterr())


def test_an_existing_key_stays(hook: ModuleType, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_KEY_NAME", "another")
    cli.answers("")
    assert hook.main() == 0
    assert [asked[2] for asked in cli.asked] == ["show"]
    assert cli.asked[0][cli.asked[0].index("--name") + 1] == "another"


def test_the_hook_waits_for_a_role_that_was_just_assigned(hook: ModuleType, cli: Cli) -> None:
    cli.answers(FORBIDDEN, "ERROR: (SecretNotFound)", FORBIDDEN, "")
    assert hook.main() == 0
    assert [asked[2] for asked in cli.asked] == ["show", "show", "set", "show"]


def test_it_does_not_wait_for_a_role_that_nobody_assigned(
    hook: ModuleType, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLES_ASSIGNED", "false")
    cli.answers(FORBIDDEN)
    assert hook.main() == 1
    assert len(cli.asked) == 1


def test_nothing_is_stored_without_the_right_to(
    hook: ModuleType, cli: Cli, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOYER_RIGHTS", "none")
    assert (hook.main(), cli.asked) == (0, [])
    assert "doctor" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("answer", "reported"),
    [
        (FORBIDDEN, "Key Vault Secrets Officer"),
        ("ERROR: (Forbidden) Inner error: ForbiddenByFirewall", "azd hooks run postprovision"),
        ("ERROR: (Forbidden) Public network access is disabled and request is not from a trusted", "closed"),
        ("ERROR: Please run 'az login' to setup account.", "az login"),
    ],
)
def test_errors_of_the_cli_are_reported(
    hook: ModuleType, cli: Cli, capfd: pytest.CaptureFixture[str], answer: str, reported: str
) -> None:
    cli.answers(*[answer] * 3)
    assert hook.main() == 1
    assert reported in capfd.readouterr().err


def test_a_missing_cli_or_vault_is_reported(
    hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert hook.main() == 1
    assert "Azure CLI" in capfd.readouterr().err
    monkeypatch.delenv("KEY_VAULT_NAME")
    assert hook.main() == 1
    assert "KEY_VAULT_NAME" in capfd.readouterr().err
