"""Store the key that signs paging cursors, unless the vault has one: 32 random bytes in Base64, never shown.

azd runs this after `azd provision` with the deployment's outputs in the environment. It needs only the standard library
and the Azure CLI. The deployer's role on the vault takes minutes to work, so a refused call is repeated. If the vault
is closed to this machine, the message says what to do.

Source: https://learn.microsoft.com/cli/azure/keyvault/secret
"""
# ruff: noqa: INP001, T201 - a script beside the Bicep files, which talks to the person who deploys

import base64
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRIES = 20
PAUSE = 30.0
_KEY_BYTES = 32


class NotStoredError(Exception):
    """The key could not be stored; the message says what to do."""


def main() -> int:
    """Store a key if there is none; return 0 if the vault has one at the end."""
    if os.environ.get("DEPLOYER_RIGHTS") == "none":
        print("DEPLOYER_RIGHTS is none, so no state key is stored. Whether there is one, the doctor's step vault says.")
        return 0
    try:
        print(_ensure(os.environ.get("KEY_VAULT_NAME"), os.environ.get("STATE_KEY_NAME") or "gateway-state-key"))
    except NotStoredError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _ensure(vault: str | None, name: str) -> str:
    az = shutil.which("az")
    if not vault:
        raise NotStoredError("KEY_VAULT_NAME is not set. Run this script as `azd hooks run postprovision`.")
    if az is None:
        raise NotStoredError("The Azure CLI is not installed. Install it, run `az login`, and `azd provision` again.")
    where = ["--vault-name", vault, "--name", name, "--output", "none"]
    tries = 1 if os.environ.get("ROLES_ASSIGNED") == "false" else TRIES  # then a person assigns them, later
    for tried in range(tries):
        if tried:
            print(f"The vault refuses access ({tried} of {tries} tries); a new role takes minutes to work.", flush=True)
            time.sleep(PAUSE)
        answer = _run([az, "keyvault", "secret", "show", *where])
        if answer.returncode == 0:
            return f"The state key {name} is in the vault {vault}."
        if "SecretNotFound" in answer.stderr:
            answer = _store([az, "keyvault", "secret", "set", *where])
            if answer.returncode == 0:
                return f"Stored a new state key as {name} in the vault {vault}."
        if "ForbiddenByFirewall" in answer.stderr or "Public network access is disabled" in answer.stderr:
            raise NotStoredError(
                f"The network of {vault} is closed to this machine. Run `azd hooks run postprovision` from a network "
                "that the vault allows."
            )
        if "Forbidden" not in answer.stderr:
            raise NotStoredError(answer.stderr.strip())
    raise NotStoredError(
        f"{vault} still refuses access. Assign yourself the role Key Vault Secrets Officer on it, and run "
        "`azd hooks run postprovision`."
    )


def _store(command: list[str]) -> "subprocess.CompletedProcess[str]":
    """Store a new key. It is passed in a private file, because every user of the machine can read arguments."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "key"
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode())
        return _run([*command, "--file", str(file), "--encoding", "utf-8"])


def _run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the Azure CLI


if __name__ == "__main__":
    sys.exit(main())
